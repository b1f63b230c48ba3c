#include "template_parser.h"

#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "go_format.h"
#include "template_functions.h"
#include "template_lexer.h"
#include "template_limits.h"
#include "template_number.h"

namespace baro::rules {
namespace {

using Kind = TemplateNode::Kind;
using Token = TemplateToken::Kind;
using NodeOr = absl::StatusOr<TemplateNodePtr>;

// True when a tree holds nothing but space.
bool IsEmptyTree(const TemplateNode& list) {
  for (const TemplateNodePtr& node : list.children) {
    if (node->kind != Kind::kText) return false;
    if (node->value.find_first_not_of(" \t\r\n\v\f") != std::string::npos) return false;
  }
  return true;
}

// Thread-compatible; one parse.
class Parser {
 public:
  explicit Parser(TemplateSet* set) : set_(set), lexer_(set->text) {}

  absl::Status Run();

 private:
  // Errors with the place.
  absl::Status Error(std::string_view message) const {
    return absl::InvalidArgumentError(
        base::StrCat("template: ", set_->name, ":", token_.line, ": ", message));
  }
  absl::Status Unexpected(const TemplateToken& token, std::string_view context) const;

  const TemplateToken& Take();
  void Back() { pending_.push_back(token_); }
  const TemplateToken& TakeNonSpace();
  const TemplateToken& Peek();
  const TemplateToken& PeekNonSpace();
  absl::Status Expect(Token kind, std::string_view context);

  TemplateNodePtr Make(Kind kind, size_t place) const {
    return std::make_unique<TemplateNode>(kind, place);
  }
  absl::Status AddTree(const std::string& name, TemplateNodePtr tree);

  absl::Status Definition();
  // Nodes up to {{end}} or {{else}}, which goes into `end`.
  NodeOr List(TemplateNodePtr* end);
  NodeOr TextOrAction();
  NodeOr Action();
  NodeOr LoopControl(Kind kind, const char* context);
  NodeOr Branch(Kind kind, const char* word);
  absl::Status Else(Kind kind, TemplateNode* branch);
  NodeOr ElseControl();
  NodeOr Block();
  NodeOr Call();
  absl::StatusOr<std::string> Name(const TemplateToken& token, std::string_view context);
  NodeOr Pipeline(std::string_view context, Token end);
  absl::Status Declarations(std::string_view context, TemplateNode* pipe);
  absl::Status CheckPipeline(const TemplateNode& pipe, std::string_view context) const;
  NodeOr Command();
  NodeOr Operand();
  absl::StatusOr<TemplateNodePtr> Term();
  NodeOr Literal(const TemplateToken& token);
  NodeOr Variable(const TemplateToken& token);

  TemplateSet* const set_;
  TemplateLexer lexer_;
  TemplateToken token_;                 // taken last
  std::vector<TemplateToken> pending_;  // put back, the next one last
  std::vector<std::string> variables_ = {"$"};
  int range_depth_ = 0;
  int nesting_ = 0;
  int action_line_ = 0;
};

const TemplateToken& Parser::Take() {
  if (pending_.empty()) {
    token_ = lexer_.Next();
  } else {
    token_ = std::move(pending_.back());
    pending_.pop_back();
  }
  return token_;
}

const TemplateToken& Parser::TakeNonSpace() {
  while (Take().kind == Token::kSpace) {
  }
  return token_;
}

const TemplateToken& Parser::Peek() {
  Take();
  Back();
  return token_;
}

const TemplateToken& Parser::PeekNonSpace() {
  TakeNonSpace();
  Back();
  return token_;
}

absl::Status Parser::Unexpected(const TemplateToken& token, std::string_view context) const {
  if (token.kind != Token::kError) {
    return Error(base::StrCat("unexpected ", token.Shown(), " in ", context));
  }
  if (action_line_ == 0 || action_line_ == token.line) return Error(token.text);
  return Error(base::StrCat(token.text, token.text.ends_with(" action") ? "" : " in action",
                            " started at ", set_->name, ":", action_line_));
}

absl::Status Parser::Expect(Token kind, std::string_view context) {
  if (TakeNonSpace().kind != kind) return Unexpected(token_, context);
  return absl::OkStatus();
}

absl::Status Parser::AddTree(const std::string& name, TemplateNodePtr tree) {
  TemplateNodePtr& known = set_->trees[name];
  if (known == nullptr || IsEmptyTree(*known)) {
    known = std::move(tree);
    return absl::OkStatus();
  }
  if (IsEmptyTree(*tree)) return absl::OkStatus();
  return Error(base::StrCat("template: multiple definition of template ", GoQuote(name)));
}

absl::Status Parser::Run() {
  TemplateNodePtr root = Make(Kind::kList, Peek().place);
  while (Peek().kind != Token::kEnd) {
    if (Peek().kind == Token::kLeftDelimiter) {
      const TemplateToken delimiter = Take();
      if (TakeNonSpace().kind == Token::kDefine) {
        BARO_TRY(Definition());
        continue;
      }
      Back();
      pending_.push_back(delimiter);
    }
    BARO_TRY_ASSIGN(TemplateNodePtr node, TextOrAction());
    if (node->kind == Kind::kEnd || node->kind == Kind::kElse) {
      return Error(base::StrCat("unexpected ", node->Shown()));
    }
    root->children.push_back(std::move(node));
  }
  return AddTree(set_->name, std::move(root));
}

absl::Status Parser::Definition() {
  constexpr std::string_view kContext = "define clause";
  const TemplateToken token = TakeNonSpace();
  BARO_TRY_ASSIGN(const std::string name, Name(token, kContext));
  BARO_TRY(Expect(Token::kRightDelimiter, kContext));
  // A definition sees no variables of its surroundings.
  std::vector<std::string> outer = std::exchange(variables_, {"$"});
  const int depth = std::exchange(range_depth_, 0);
  TemplateNodePtr end;
  BARO_TRY_ASSIGN(TemplateNodePtr list, List(&end));
  if (end->kind != Kind::kEnd) {
    return Error(base::StrCat("unexpected ", end->Shown(), " in ", kContext));
  }
  variables_ = std::move(outer);
  range_depth_ = depth;
  return AddTree(name, std::move(list));
}

NodeOr Parser::List(TemplateNodePtr* end) {
  TemplateNodePtr list = Make(Kind::kList, PeekNonSpace().place);
  while (PeekNonSpace().kind != Token::kEnd) {
    BARO_TRY_ASSIGN(TemplateNodePtr node, TextOrAction());
    if (node->kind == Kind::kEnd || node->kind == Kind::kElse) {
      *end = std::move(node);
      return list;
    }
    list->children.push_back(std::move(node));
  }
  return Error("unexpected EOF");
}

NodeOr Parser::TextOrAction() {
  const TemplateToken token = TakeNonSpace();
  if (token.kind == Token::kText) {
    TemplateNodePtr text = Make(Kind::kText, token.place);
    text->value = token.text;
    return text;
  }
  if (token.kind != Token::kLeftDelimiter) return Unexpected(token, "input");
  if (nesting_ >= kTemplateNestingMax) return Error("max expression depth exceeded");
  ++nesting_;
  action_line_ = token.line;
  NodeOr node = Action();
  action_line_ = 0;
  --nesting_;
  return node;
}

NodeOr Parser::Action() {
  switch (TakeNonSpace().kind) {
    case Token::kBlock:
      return Block();
    case Token::kBreak:
      return LoopControl(Kind::kBreak, "{{break}}");
    case Token::kContinue:
      return LoopControl(Kind::kContinue, "{{continue}}");
    case Token::kElse:
      return ElseControl();
    case Token::kEndWord: {
      BARO_TRY(Expect(Token::kRightDelimiter, "end"));
      return Make(Kind::kEnd, token_.place);
    }
    case Token::kIf:
      return Branch(Kind::kIf, "if");
    case Token::kRange:
      return Branch(Kind::kRange, "range");
    case Token::kWith:
      return Branch(Kind::kWith, "with");
    case Token::kTemplate:
      return Call();
    default:
      break;
  }
  Back();
  TemplateNodePtr action = Make(Kind::kAction, Peek().place);
  BARO_TRY_ASSIGN(action->pipe, Pipeline("command", Token::kRightDelimiter));
  return action;
}

NodeOr Parser::LoopControl(Kind kind, const char* context) {
  const size_t place = token_.place;
  if (TakeNonSpace().kind != Token::kRightDelimiter) return Unexpected(token_, context);
  if (range_depth_ == 0) return Error(base::StrCat(context, " outside {{range}}"));
  return Make(kind, place);
}

NodeOr Parser::Branch(Kind kind, const char* word) {
  const size_t variables = variables_.size();
  BARO_TRY_ASSIGN(TemplateNodePtr pipe, Pipeline(word, Token::kRightDelimiter));
  TemplateNodePtr branch = Make(kind, pipe->place);
  branch->pipe = std::move(pipe);
  if (kind == Kind::kRange) ++range_depth_;
  TemplateNodePtr end;
  BARO_TRY_ASSIGN(branch->list, List(&end));
  if (kind == Kind::kRange) --range_depth_;
  if (end->kind == Kind::kElse) BARO_TRY(Else(kind, branch.get()));
  variables_.resize(variables);
  return branch;
}

// {{else if}} is an {{else}} with an {{if}} in it, whose {{end}} ends both.
absl::Status Parser::Else(Kind kind, TemplateNode* branch) {
  const Token next = Peek().kind;
  if ((kind == Kind::kIf && next == Token::kIf) || (kind == Kind::kWith && next == Token::kWith)) {
    branch->else_list = Make(Kind::kList, Take().place);
    if (nesting_ >= kTemplateNestingMax) return Error("max expression depth exceeded");
    ++nesting_;
    BARO_TRY_ASSIGN(TemplateNodePtr inner, Branch(kind, kind == Kind::kIf ? "if" : "with"));
    --nesting_;
    branch->else_list->children.push_back(std::move(inner));
    return absl::OkStatus();
  }
  TemplateNodePtr end;
  BARO_TRY_ASSIGN(branch->else_list, List(&end));
  if (end->kind == Kind::kEnd) return absl::OkStatus();
  return Error(base::StrCat("expected end; found ", end->Shown()));
}

NodeOr Parser::ElseControl() {
  const TemplateToken next = PeekNonSpace();
  if (next.kind == Token::kIf || next.kind == Token::kWith) return Make(Kind::kElse, next.place);
  BARO_TRY(Expect(Token::kRightDelimiter, "else"));
  return Make(Kind::kElse, token_.place);
}

NodeOr Parser::Block() {
  constexpr std::string_view kContext = "block clause";
  const TemplateToken token = TakeNonSpace();
  TemplateNodePtr call = Make(Kind::kCall, token.place);
  BARO_TRY_ASSIGN(call->value, Name(token, kContext));
  BARO_TRY_ASSIGN(call->pipe, Pipeline(kContext, Token::kRightDelimiter));
  std::vector<std::string> outer = std::exchange(variables_, {"$"});
  const int depth = std::exchange(range_depth_, 0);
  TemplateNodePtr end;
  BARO_TRY_ASSIGN(TemplateNodePtr list, List(&end));
  if (end->kind != Kind::kEnd) {
    return Error(base::StrCat("unexpected ", end->Shown(), " in ", kContext));
  }
  variables_ = std::move(outer);
  range_depth_ = depth;
  BARO_TRY(AddTree(call->value, std::move(list)));
  return call;
}

NodeOr Parser::Call() {
  constexpr std::string_view kContext = "template clause";
  const TemplateToken token = TakeNonSpace();
  TemplateNodePtr call = Make(Kind::kCall, token.place);
  BARO_TRY_ASSIGN(call->value, Name(token, kContext));
  if (TakeNonSpace().kind == Token::kRightDelimiter) return call;
  Back();
  BARO_TRY_ASSIGN(call->pipe, Pipeline(kContext, Token::kRightDelimiter));
  return call;
}

absl::StatusOr<std::string> Parser::Name(const TemplateToken& token, std::string_view context) {
  if (token.kind != Token::kString && token.kind != Token::kRawString) {
    return Unexpected(token, context);
  }
  std::optional<std::string> name = GoUnquote(token.text);
  if (!name) return Error("invalid syntax");
  return *std::move(name);
}

absl::Status Parser::Declarations(std::string_view context, TemplateNode* pipe) {
  for (;;) {
    if (PeekNonSpace().kind != Token::kVariable) return absl::OkStatus();
    const TemplateToken variable = TakeNonSpace();
    const TemplateToken after = Peek();
    const TemplateToken next = TakeNonSpace();
    if (next.kind == Token::kAssign || next.kind == Token::kDeclare) {
      pipe->assigns = next.kind == Token::kAssign;
      pipe->declared.push_back(variable.text);
      variables_.push_back(variable.text);
      return absl::OkStatus();
    }
    if (next.kind != Token::kComma || next.text != ",") {
      Back();
      if (after.kind == Token::kSpace) pending_.push_back(after);
      pending_.push_back(variable);
      return absl::OkStatus();
    }
    pipe->declared.push_back(variable.text);
    variables_.push_back(variable.text);
    if (context != "range" || pipe->declared.size() >= 2) {
      return Error(base::StrCat("too many declarations in ", context));
    }
    const Token then = PeekNonSpace().kind;
    if (then != Token::kVariable && then != Token::kRightDelimiter && then != Token::kRightParen) {
      return Error("range can only initialize variables");
    }
  }
}

NodeOr Parser::Pipeline(std::string_view context, Token end) {
  TemplateNodePtr pipe = Make(Kind::kPipe, PeekNonSpace().place);
  BARO_TRY(Declarations(context, pipe.get()));
  for (;;) {
    const Token kind = TakeNonSpace().kind;
    if (kind == end) {
      BARO_TRY(CheckPipeline(*pipe, context));
      return pipe;
    }
    const bool operand = (kind >= Token::kBool && kind <= Token::kIdentifier) ||
                         kind == Token::kDot || kind == Token::kNil || kind == Token::kLeftParen;
    if (!operand) return Unexpected(token_, context);
    Back();
    BARO_TRY_ASSIGN(TemplateNodePtr command, Command());
    pipe->children.push_back(std::move(command));
  }
}

absl::Status Parser::CheckPipeline(const TemplateNode& pipe, std::string_view context) const {
  if (pipe.children.empty()) return Error(base::StrCat("missing value for ", context));
  for (size_t i = 1; i < pipe.children.size(); ++i) {
    switch (pipe.children[i]->children[0]->kind) {
      case Kind::kBool:
      case Kind::kDot:
      case Kind::kNil:
      case Kind::kNumber:
      case Kind::kString:
        return Error(base::StrCat("non executable command in pipeline stage ", i + 1));
      default:
        break;
    }
  }
  return absl::OkStatus();
}

NodeOr Parser::Command() {
  TemplateNodePtr command = Make(Kind::kCommand, PeekNonSpace().place);
  for (;;) {
    PeekNonSpace();
    BARO_TRY_ASSIGN(TemplateNodePtr operand, Operand());
    if (operand != nullptr) command->children.push_back(std::move(operand));
    const TemplateToken& next = Take();
    if (next.kind == Token::kSpace) continue;
    if (next.kind == Token::kRightDelimiter || next.kind == Token::kRightParen) {
      Back();
    } else if (next.kind != Token::kPipe) {
      return Unexpected(next, "operand");
    }
    break;
  }
  if (command->children.empty()) return Error("empty command");
  return command;
}

NodeOr Parser::Operand() {
  BARO_TRY_ASSIGN(TemplateNodePtr node, Term());
  if (node == nullptr || Peek().kind != Token::kField) return node;
  const size_t place = Peek().place;
  std::vector<std::string> names;
  while (Peek().kind == Token::kField) names.push_back(Take().text.substr(1));
  switch (node->kind) {
    case Kind::kField:
    case Kind::kVariable: {
      TemplateNodePtr longer = Make(node->kind, place);
      longer->names = std::move(node->names);
      for (std::string& name : names) longer->names.push_back(std::move(name));
      return longer;
    }
    case Kind::kBool:
    case Kind::kString:
    case Kind::kNumber:
    case Kind::kNil:
    case Kind::kDot:
      return Error(base::StrCat("unexpected . after term ", GoQuote(node->Shown())));
    default: {
      TemplateNodePtr chain = Make(Kind::kChain, place);
      chain->children.push_back(std::move(node));
      chain->names = std::move(names);
      return chain;
    }
  }
}

// Null when the next token is no operand.
absl::StatusOr<TemplateNodePtr> Parser::Term() {
  const TemplateToken token = TakeNonSpace();
  switch (token.kind) {
    case Token::kIdentifier: {
      if (FindTemplateFunction(token.text) == nullptr) {
        return Error(base::StrCat("function ", GoQuote(token.text), " not defined"));
      }
      TemplateNodePtr node = Make(Kind::kIdentifier, token.place);
      node->text = token.text;
      return node;
    }
    case Token::kField: {
      TemplateNodePtr node = Make(Kind::kField, token.place);
      node->names.push_back(token.text.substr(1));
      return node;
    }
    case Token::kVariable:
      return Variable(token);
    case Token::kLeftParen: {
      if (nesting_ >= kTemplateNestingMax) return Error("max expression depth exceeded");
      ++nesting_;
      NodeOr pipe = Pipeline("parenthesized pipeline", Token::kRightParen);
      --nesting_;
      return pipe;
    }
    case Token::kDot:
    case Token::kNil:
    case Token::kBool:
    case Token::kCharacter:
    case Token::kComplex:
    case Token::kNumber:
    case Token::kString:
    case Token::kRawString:
      return Literal(token);
    default:
      Back();
      return TemplateNodePtr();
  }
}

NodeOr Parser::Literal(const TemplateToken& token) {
  Kind kind = Kind::kNumber;
  if (token.kind == Token::kDot) kind = Kind::kDot;
  if (token.kind == Token::kNil) kind = Kind::kNil;
  if (token.kind == Token::kBool) kind = Kind::kBool;
  if (token.kind == Token::kString || token.kind == Token::kRawString) kind = Kind::kString;
  TemplateNodePtr node = Make(kind, token.place);
  node->text = token.text;
  if (kind == Kind::kBool) node->integer = token.text == "true" ? 1 : 0;
  if (kind == Kind::kString) {
    std::optional<std::string> value = GoUnquote(token.text);
    if (!value) return Error("invalid syntax");
    node->value = *std::move(value);
  }
  if (kind == Kind::kNumber) {
    const absl::Status status = ReadTemplateNumber(token, node.get());
    if (!status.ok()) return Error(base::FromAbsl(status.message()));
  }
  return node;
}

NodeOr Parser::Variable(const TemplateToken& token) {
  for (const std::string& name : variables_) {
    if (name != token.text) continue;
    TemplateNodePtr node = Make(Kind::kVariable, token.place);
    node->names.push_back(token.text);
    return node;
  }
  return Error(base::StrCat("undefined variable ", GoQuote(token.text)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TemplateSet>> ParseTemplate(std::string name,
                                                                 std::string_view text) {
  if (text.size() > kTemplateTextBytesMax) {
    return absl::InvalidArgumentError(base::StrCat("template: ", name, ":1: text of ", text.size(),
                                                   " bytes, the limit is ", kTemplateTextBytesMax));
  }
  auto set = std::make_shared<TemplateSet>();
  set->name = std::move(name);
  set->text = text;
  BARO_TRY(Parser(set.get()).Run());
  return std::shared_ptr<const TemplateSet>(std::move(set));
}

}  // namespace baro::rules
