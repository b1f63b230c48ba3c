// The walk over a template's tree that writes its output.
#include <span>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/rules/template.h"
#include "go_format.h"
#include "template_functions.h"
#include "template_limits.h"
#include "template_parser.h"
#include "template_tree.h"
#include "template_value.h"

namespace baro::rules {
namespace {

using Kind = TemplateNode::Kind;
using ValueOr = absl::StatusOr<Value>;

enum class Flow : uint8_t { kOn, kBreak, kContinue };
using FlowOr = absl::StatusOr<Flow>;

// Values of the stage before, or nothing.
using Piped = const Value*;

// One expansion. Thread-compatible.
class Executor {
 public:
  Executor(const TemplateSet& set, const TemplateInput& input) : set_(set), input_(input) {}

  absl::StatusOr<std::string> Run() {
    const Value dot = Value::Input(&input_);
    template_name_ = set_.name;
    variables_.emplace_back("$", dot);
    BARO_TRY(Walk(dot, *set_.trees.find(set_.name)->second).status());
    return std::move(out_);
  }

 private:
  absl::Status Error(std::string_view message) const {
    if (node_ == nullptr) {
      return absl::InvalidArgumentError(base::StrCat("template: ", template_name_, ": ", message));
    }
    return absl::InvalidArgumentError(base::StrCat("template: ", set_.PlaceOf(*node_),
                                                   ": executing ", GoQuote(template_name_), " at <",
                                                   node_->Shown(), ">: ", message));
  }
  absl::Status Write(std::string_view text) {
    if (out_.size() + text.size() > kTemplateOutputBytesMax) {
      return Error(base::StrCat("more than ", kTemplateOutputBytesMax, " bytes of output"));
    }
    out_ += text;
    return absl::OkStatus();
  }
  // Texts that double from stage to stage would not end before the memory does.
  absl::Status CheckSize(std::span<const Value> values) const {
    size_t bytes = 0;
    for (const Value& value : values) bytes += value.is_text() ? value.text().size() : 0;
    if (bytes <= kTemplateArgumentBytesMax) return absl::OkStatus();
    return Error(base::StrCat("more than ", kTemplateArgumentBytesMax, " bytes of text"));
  }
  void At(const TemplateNode& node) { node_ = &node; }

  FlowOr Walk(const Value& dot, const TemplateNode& node);
  FlowOr WalkNode(const Value& dot, const TemplateNode& node);
  FlowOr WalkBranch(const Value& dot, const TemplateNode& node);
  FlowOr WalkRange(const Value& dot, const TemplateNode& node);
  FlowOr WalkCall(const Value& dot, const TemplateNode& node);
  FlowOr Iterate(const TemplateNode& range, const Value& value, bool* ran);
  FlowOr OneRound(const TemplateNode& range, const Value& index, const Value& element);

  ValueOr Pipeline(const Value& dot, const TemplateNode& pipe);
  ValueOr Command(const Value& dot, const TemplateNode& command, Piped piped);
  ValueOr FieldChain(const Value& dot, Value receiver, const TemplateNode& node, size_t first,
                     const TemplateNode* command, Piped piped);
  ValueOr Field(const Value& dot, const std::string& name, const Value& receiver,
                const TemplateNode* command, Piped piped);
  ValueOr Method(const Value& dot, const std::string& name, const Value& receiver,
                 const TemplateNode* command, Piped piped);
  ValueOr Function(const Value& dot, const TemplateNode& name, const TemplateNode* command,
                   Piped piped);
  ValueOr AndOr(const Value& dot, bool is_or, const TemplateNode* command, Piped piped);
  ValueOr Argument(const Value& dot, ArgumentType type, const TemplateNode& node);
  ValueOr Literal(ArgumentType type, const TemplateNode& node);
  ValueOr Checked(Value value, ArgumentType type) const;
  ValueOr Constant(const TemplateNode& node);
  absl::Status CheckNoArguments(const TemplateNode& command, Piped piped) const;

  Value* FindVariable(const std::string& name) {
    for (size_t i = variables_.size(); i-- > 0;) {
      if (variables_[i].first == name) return &variables_[i].second;
    }
    return nullptr;
  }

  const TemplateSet& set_;
  const TemplateInput& input_;
  std::string_view template_name_;
  const TemplateNode* node_ = nullptr;
  std::vector<std::pair<std::string, Value>> variables_;
  int depth_ = 0;
  int walk_depth_ = 0;
  size_t steps_ = 0;
  std::string out_;
};

FlowOr Executor::Walk(const Value& dot, const TemplateNode& node) {
  At(node);
  if (++steps_ > kTemplateStepsMax) {
    return Error(base::StrCat("more than ", kTemplateStepsMax, " steps"));
  }
  if (walk_depth_ >= kTemplateWalkDepthMax) {
    return Error(base::StrCat("exceeded maximum template depth (", kTemplateWalkDepthMax, ")"));
  }
  ++walk_depth_;
  FlowOr flow = WalkNode(dot, node);
  --walk_depth_;
  return flow;
}

FlowOr Executor::WalkNode(const Value& dot, const TemplateNode& node) {
  switch (node.kind) {
    case Kind::kText:
      BARO_TRY(Write(node.value));
      return Flow::kOn;
    case Kind::kAction: {
      BARO_TRY_ASSIGN(const Value value, Pipeline(dot, *node.pipe));
      if (node.pipe->declared.empty()) {
        At(node);
        BARO_TRY(Write(PrintedText(value)));
      }
      return Flow::kOn;
    }
    case Kind::kList:
      for (const TemplateNodePtr& child : node.children) {
        BARO_TRY_ASSIGN(const Flow flow, Walk(dot, *child));
        if (flow != Flow::kOn) return flow;
      }
      return Flow::kOn;
    case Kind::kIf:
    case Kind::kWith:
      return WalkBranch(dot, node);
    case Kind::kRange:
      return WalkRange(dot, node);
    case Kind::kCall:
      return WalkCall(dot, node);
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
    default:
      return Error(base::StrCat("unknown node: ", node.Shown()));
  }
}

FlowOr Executor::WalkBranch(const Value& dot, const TemplateNode& node) {
  const size_t mark = variables_.size();
  BARO_TRY_ASSIGN(const Value value, Pipeline(dot, *node.pipe));
  FlowOr flow = Flow::kOn;
  if (value.Truth()) {
    flow = Walk(node.kind == Kind::kWith ? value : dot, *node.list);
  } else if (node.else_list != nullptr) {
    flow = Walk(dot, *node.else_list);
  }
  variables_.resize(mark);
  return flow;
}

FlowOr Executor::WalkRange(const Value& dot, const TemplateNode& node) {
  const size_t mark = variables_.size();
  BARO_TRY_ASSIGN(const Value value, Pipeline(dot, *node.pipe));
  bool ran = false;
  BARO_TRY(Iterate(node, value, &ran).status());
  FlowOr flow = Flow::kOn;
  if (!ran && node.else_list != nullptr) flow = Walk(dot, *node.else_list);
  variables_.resize(mark);
  return flow;
}

FlowOr Executor::Iterate(const TemplateNode& range, const Value& value, bool* ran) {
  const auto round = [&](const Value& index, const Value& element) {
    *ran = true;
    return OneRound(range, index, element);
  };
  switch (value.kind()) {
    case Value::Kind::kNone:
      return Flow::kOn;
    case Value::Kind::kStrings:
      for (const auto& [key, element] : value.strings()) {
        BARO_TRY_ASSIGN(const Flow flow, round(Value::String(key), Value::String(element)));
        if (flow == Flow::kBreak) break;
      }
      return Flow::kOn;
    case Value::Kind::kArguments:
      for (const auto& [key, element] : value.arguments()) {
        BARO_TRY_ASSIGN(const Flow flow, round(Value::String(key), Value(element).Boxed()));
        if (flow == Flow::kBreak) break;
      }
      return Flow::kOn;
    case Value::Kind::kSamples: {
      const Value::Samples samples = *value.samples();
      for (size_t i = 0; i < samples.size(); ++i) {
        BARO_TRY_ASSIGN(const Flow flow,
                        round(Value::Int(static_cast<int64_t>(i)), Value::Sample(samples[i])));
        if (flow == Flow::kBreak) break;
      }
      return Flow::kOn;
    }
    default:
      break;
  }
  if (!value.is_integer()) {
    return Error(base::StrCat("range can't iterate over ", FormattedText(value)));
  }
  if (range.pipe->declared.size() > 1) {
    return Error(base::StrCat("can't use ", FormattedText(value),
                              " to iterate over more than one variable"));
  }
  for (int64_t i = 0; i < value.int_value(); ++i) {
    BARO_TRY_ASSIGN(const Flow flow, round(Value(), Value::Integer(value.kind(), i)));
    if (flow == Flow::kBreak) break;
  }
  return Flow::kOn;
}

FlowOr Executor::OneRound(const TemplateNode& range, const Value& index, const Value& element) {
  const std::vector<std::string>& declared = range.pipe->declared;
  if (declared.size() == 1) *FindVariable(declared[0]) = element;
  if (declared.size() == 2) {
    *FindVariable(declared[0]) = index;
    *FindVariable(declared[1]) = element;
  }
  const size_t mark = variables_.size();
  FlowOr flow = Walk(element, *range.list);
  variables_.resize(mark);
  return flow;
}

FlowOr Executor::WalkCall(const Value& dot, const TemplateNode& node) {
  const auto tree = set_.trees.find(node.value);
  if (tree == set_.trees.end()) {
    return Error(base::StrCat("template ", GoQuote(node.value), " not defined"));
  }
  if (depth_ == kTemplateCallDepthMax) {
    return Error(base::StrCat("exceeded maximum template depth (", kTemplateCallDepthMax, ")"));
  }
  Value argument;
  if (node.pipe != nullptr) {
    BARO_TRY_ASSIGN(argument, Pipeline(dot, *node.pipe));
  }
  auto outer = std::exchange(variables_, {});
  const std::string_view outer_name = std::exchange(template_name_, tree->first);
  variables_.emplace_back("$", argument);
  ++depth_;
  const FlowOr flow = Walk(argument, *tree->second);
  --depth_;
  BARO_TRY(flow.status());
  variables_ = std::move(outer);
  template_name_ = outer_name;
  return Flow::kOn;
}

ValueOr Executor::Pipeline(const Value& dot, const TemplateNode& pipe) {
  At(pipe);
  Value value;
  Piped piped = nullptr;
  for (const TemplateNodePtr& command : pipe.children) {
    BARO_TRY_ASSIGN(Value next, Command(dot, *command, piped));
    value = std::move(next);
    value.Unbox();
    piped = &value;
  }
  for (const std::string& name : pipe.declared) {
    if (!pipe.assigns) {
      variables_.emplace_back(name, value);
    } else if (Value* variable = FindVariable(name); variable != nullptr) {
      *variable = value;
    } else {
      return Error(base::StrCat("undefined variable: ", name));
    }
  }
  return value;
}

absl::Status Executor::CheckNoArguments(const TemplateNode& command, Piped piped) const {
  if (command.children.size() == 1 && piped == nullptr) return absl::OkStatus();
  return Error(base::StrCat("can't give argument to non-function ", command.children[0]->Shown()));
}

ValueOr Executor::Command(const Value& dot, const TemplateNode& command, Piped piped) {
  const TemplateNode& first = *command.children[0];
  switch (first.kind) {
    case Kind::kField:
      At(first);
      return FieldChain(dot, dot, first, 0, &command, piped);
    case Kind::kChain: {
      At(first);
      if (first.children[0]->kind == Kind::kNil) {
        return Error(base::StrCat("indirection through explicit nil in ", first.Shown()));
      }
      BARO_TRY_ASSIGN(Value receiver, Argument(dot, ArgumentType::kAny, *first.children[0]));
      return FieldChain(dot, std::move(receiver), first, 0, &command, piped);
    }
    case Kind::kIdentifier:
      return Function(dot, first, &command, piped);
    case Kind::kPipe:
      BARO_TRY(CheckNoArguments(command, piped));
      return Pipeline(dot, first);
    case Kind::kVariable: {
      At(first);
      if (first.names.size() == 1) BARO_TRY(CheckNoArguments(command, piped));
      const Value* variable = FindVariable(first.names[0]);
      if (variable == nullptr) {
        return Error(base::StrCat("undefined variable: ", first.names[0]));
      }
      return FieldChain(dot, *variable, first, 1, &command, piped);
    }
    default:
      break;
  }
  At(first);
  BARO_TRY(CheckNoArguments(command, piped));
  switch (first.kind) {
    case Kind::kBool:
      return Value::Bool(*first.integer != 0);
    case Kind::kDot:
      return dot;
    case Kind::kNil:
      return Error("nil is not a command");
    case Kind::kNumber:
      return Constant(first);
    case Kind::kString:
      return Value::String(first.value);
    default:
      return Error(base::StrCat("can't evaluate command ", GoQuote(first.Shown())));
  }
}

// A number without a type of its own.
ValueOr Executor::Constant(const TemplateNode& node) {
  At(node);
  if (node.rune) return Value::Integer(Value::Kind::kRune, *node.integer);
  const bool hex = node.text.starts_with("0x") || node.text.starts_with("0X");
  const bool real = node.text.find_first_of(hex ? ".pP" : ".eEpP") != std::string::npos;
  if (real) return Value::Float(*node.real);
  if (node.integer) return Value::Int(*node.integer);
  return Error(base::StrCat(node.text, " overflows int"));
}

ValueOr Executor::FieldChain(const Value& dot, Value receiver, const TemplateNode& node,
                             size_t first, const TemplateNode* command, Piped piped) {
  for (size_t i = first; i < node.names.size(); ++i) {
    const bool last = i + 1 == node.names.size();
    BARO_TRY_ASSIGN(Value next, Field(dot, node.names[i], receiver, last ? command : nullptr,
                                      last ? piped : nullptr));
    receiver = std::move(next);
  }
  return receiver;
}

ValueOr Executor::Field(const Value& dot, const std::string& name, const Value& receiver,
                        const TemplateNode* command, Piped piped) {
  const bool arguments = piped != nullptr || (command != nullptr && command->children.size() > 1);
  const auto number_or_text = [](const std::variant<double, std::string>& value) {
    const double* number = std::get_if<double>(&value);
    return (number != nullptr ? Value::Float(*number)
                              : Value::Text(Value::Kind::kHistogram, std::get<std::string>(value)))
        .Boxed();
  };
  const auto map_of = [](const Value::Strings* map) {
    return Value::Map(std::shared_ptr<const Value::Strings>(std::shared_ptr<void>(), map));
  };
  Value found;
  switch (receiver.kind()) {
    case Value::Kind::kNone:
      return Value();
    case Value::Kind::kTime:
    case Value::Kind::kDuration:
    case Value::Kind::kMonth:
    case Value::Kind::kWeekday:
      return Method(dot, name, receiver, command, piped);
    case Value::Kind::kStrings: {
      if (arguments) return Error(name + " is not a method but has arguments");
      const auto it = receiver.strings().find(name);
      return Value::String(it == receiver.strings().end() ? "" : it->second);
    }
    case Value::Kind::kArguments: {
      if (arguments) return Error(name + " is not a method but has arguments");
      const auto it = receiver.arguments().find(name);
      return it == receiver.arguments().end() ? Value() : Value(it->second).Boxed();
    }
    case Value::Kind::kSample:
      if (name != "Labels" && name != "Value") break;
      if (receiver.is_nil_pointer()) {
        return Error(base::StrCat("nil pointer evaluating ", receiver.TypeName(), ".", name));
      }
      found = name == "Value" ? number_or_text(receiver.sample()->value)
                              : Value::Map(std::shared_ptr<const Value::Strings>(
                                    receiver.sample(), &receiver.sample()->labels));
      break;
    case Value::Kind::kInput:
      if (name == "Labels") found = map_of(receiver.input().labels);
      if (name == "ExternalLabels") found = map_of(receiver.input().external_labels);
      if (name == "ExternalURL") found = Value::String(receiver.input().external_url);
      if (name == "Value") found = number_or_text(receiver.input().value);
      break;
    default:
      break;
  }
  if (found.is_none()) {
    return Error(base::StrCat("can't evaluate field ", name, " in type ", receiver.TypeName()));
  }
  if (arguments) return Error(name + " has arguments but cannot be invoked as function");
  return found;
}

ValueOr Executor::Method(const Value& dot, const std::string& name, const Value& receiver,
                         const TemplateNode* command, Piped piped) {
  std::vector<Value> arguments;
  for (size_t i = 1; command != nullptr && i < command->children.size(); ++i) {
    BARO_TRY_ASSIGN(Value argument, Argument(dot, ArgumentType::kAny, *command->children[i]));
    arguments.push_back(std::move(argument));
  }
  if (piped != nullptr) arguments.push_back(*piped);
  ValueOr result = CallTemplateMethod(receiver, name, arguments);
  if (absl::IsNotFound(result.status())) {
    return Error(base::StrCat("can't evaluate field ", name, " in type ", receiver.TypeName()));
  }
  if (!result.ok()) return Error(base::FromAbsl(result.status().message()));
  return result;
}

ValueOr Executor::AndOr(const Value& dot, bool is_or, const TemplateNode* command, Piped piped) {
  Value value;
  for (size_t i = 1; command != nullptr && i < command->children.size(); ++i) {
    BARO_TRY_ASSIGN(value, Argument(dot, ArgumentType::kAny, *command->children[i]));
    value.Unbox();
    if (value.Truth() == is_or) return value;
  }
  return piped != nullptr ? *piped : value;
}

ValueOr Executor::Function(const Value& dot, const TemplateNode& name, const TemplateNode* command,
                           Piped piped) {
  At(name);
  const TemplateFunction& function = *FindTemplateFunction(name.text);
  const size_t given = command == nullptr ? 0 : command->children.size() - 1;
  const size_t count = given + (piped != nullptr ? 1 : 0);
  const size_t fixed = function.arguments.size() - (function.variadic ? 1 : 0);
  if (function.variadic ? count < fixed : count != fixed) {
    return Error(base::StrCat("wrong number of args for ", name.text, ": want ",
                              function.variadic ? "at least " : "", fixed, " got ",
                              function.variadic ? given : count));
  }
  if (name.text == "and" || name.text == "or") {
    return AndOr(dot, name.text == "or", command, piped);
  }
  const auto type = [&](size_t i) {
    return function.arguments[std::min(i, function.arguments.size() - 1)];
  };
  std::vector<Value> arguments;
  for (size_t i = 0; i < given; ++i) {
    BARO_TRY_ASSIGN(Value argument, Argument(dot, type(i), *command->children[i + 1]));
    arguments.push_back(std::move(argument));
  }
  if (piped != nullptr) {
    BARO_TRY_ASSIGN(Value last, Checked(*piped, type(given)));
    arguments.push_back(std::move(last));
  }
  BARO_TRY(CheckSize(arguments));
  ValueOr result = function.call(input_, arguments);
  if (result.ok()) {
    BARO_TRY(CheckSize(std::span(&*result, 1)));
    return result;
  }
  At(command == nullptr ? name : *command);
  return Error(
      base::StrCat("error calling ", name.text, ": ", base::FromAbsl(result.status().message())));
}

ValueOr Executor::Checked(Value value, ArgumentType type) const {
  const auto wrong = [&] {
    return Error(base::StrCat("wrong type for value; expected ", ArgumentTypeName(type), "; got ",
                              value.InnerTypeName()));
  };
  switch (type) {
    case ArgumentType::kAny:
      return value;
    case ArgumentType::kString:
      if (value.is_none()) return Error("invalid value; expected string");
      if (value.kind() != Value::Kind::kString) return wrong();
      return value;
    case ArgumentType::kSample:
      if (value.is_none()) return Value::Sample(nullptr);
      if (value.kind() != Value::Kind::kSample) return wrong();
      return value;
    case ArgumentType::kSamples:
      if (value.is_none()) return Value::List(std::make_shared<Value::Samples>());
      if (value.kind() != Value::Kind::kSamples) return wrong();
      return value;
  }
  return value;
}

ValueOr Executor::Argument(const Value& dot, ArgumentType type, const TemplateNode& node) {
  At(node);
  ValueOr value = Value();
  switch (node.kind) {
    case Kind::kDot:
      value = dot;
      break;
    case Kind::kNil:
      if (type == ArgumentType::kString) return Error("cannot assign nil to string");
      break;
    case Kind::kField:
      value = FieldChain(dot, dot, node, 0, nullptr, nullptr);
      break;
    case Kind::kVariable: {
      const Value* variable = FindVariable(node.names[0]);
      if (variable == nullptr) return Error(base::StrCat("undefined variable: ", node.names[0]));
      value = FieldChain(dot, *variable, node, 1, nullptr, nullptr);
      break;
    }
    case Kind::kPipe:
      value = Pipeline(dot, node);
      break;
    case Kind::kIdentifier:
      value = Function(dot, node, nullptr, nullptr);
      break;
    case Kind::kChain: {
      BARO_TRY_ASSIGN(Value receiver, Argument(dot, ArgumentType::kAny, *node.children[0]));
      At(node);
      value = FieldChain(dot, std::move(receiver), node, 0, nullptr, nullptr);
      break;
    }
    default:
      return Literal(type, node);
  }
  BARO_TRY(value.status());
  return Checked(*std::move(value), type);
}

ValueOr Executor::Literal(ArgumentType type, const TemplateNode& node) {
  if (type == ArgumentType::kString) {
    if (node.kind == Kind::kString) return Value::String(node.value);
    return Error(base::StrCat("expected string; found ", node.Shown()));
  }
  if (type != ArgumentType::kAny) {
    return Error(
        base::StrCat("can't handle ", node.Shown(), " for arg of type ", ArgumentTypeName(type)));
  }
  if (node.kind == Kind::kBool) return Value::Bool(*node.integer != 0);
  if (node.kind == Kind::kString) return Value::String(node.value);
  return Constant(node);
}

}  // namespace

absl::StatusOr<Template> Template::Parse(std::string name, std::string_view text) {
  BARO_TRY_ASSIGN(std::shared_ptr<const TemplateSet> set, ParseTemplate(std::move(name), text));
  return Template(std::move(set));
}

absl::StatusOr<std::string> Template::Execute(const TemplateInput& input) const {
  return Executor(*set_, input).Run();
}

}  // namespace baro::rules
