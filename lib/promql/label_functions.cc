// label_replace and label_join.

#include <re2/re2.h>

#include <string>

#include "absl/strings/ascii.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "evaluator.h"
#include "number_text.h"

namespace baro::promql {
namespace {

const std::string& StringArg(const Call& call, size_t index) {
  return As<StringLiteral>(Unwrap(*call.args[index])).value;
}

absl::Status CheckName(std::string_view name, std::string_view what, std::string_view function) {
  if (IsValidLabelName(name)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      base::StrCat("invalid ", what, " label name in ", function, "(): ", name));
}

// A replacement like "$1-${name}", cut up once.
class Template {
 public:
  Template(std::string_view text, const RE2& regex) {
    while (!text.empty()) {
      const size_t dollar = text.find('$');
      AddLiteral(text.substr(0, dollar));
      if (dollar == std::string_view::npos) break;
      text.remove_prefix(dollar);
      text.remove_prefix(AddReference(text, regex));
    }
  }

  std::string Expand(const std::vector<re2::StringPiece>& groups) const {
    std::string out;
    for (const Part& part : parts_) {
      out += part.literal;
      if (part.group < 0 || static_cast<size_t>(part.group) >= groups.size()) continue;
      const re2::StringPiece& group = groups[static_cast<size_t>(part.group)];
      out.append(group.data() == nullptr ? "" : group.data(), group.size());
    }
    return out;
  }

 private:
  struct Part {
    std::string literal;
    int group = -1;
  };

  void AddLiteral(std::string_view text) {
    if (!text.empty()) parts_.push_back({std::string(text), -1});
  }
  // `text` begins with a dollar. Returns how much of it the reference took.
  size_t AddReference(std::string_view text, const RE2& regex) {
    if (text.size() > 1 && text[1] == '$') {
      AddLiteral("$");
      return 2;
    }
    const bool braces = text.size() > 1 && text[1] == '{';
    size_t end = braces ? 2 : 1;
    const size_t begin = end;
    while (end < text.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) {
      ++end;
    }
    const std::string name(text.substr(begin, end - begin));
    if (name.empty() || (braces && (end >= text.size() || text[end] != '}'))) {
      AddLiteral("$");  // not a reference: a dollar as it is
      return 1;
    }
    parts_.push_back({"", GroupOf(name, regex)});
    return braces ? end + 1 : end;
  }
  static int GroupOf(const std::string& name, const RE2& regex) {
    const bool number = name.find_first_not_of("0123456789") == std::string::npos;
    if (number) return name.size() > 6 ? -1 : std::stoi(name);
    const auto found = regex.NamedCapturingGroups().find(name);
    return found == regex.NamedCapturingGroups().end() ? -1 : found->second;
  }

  std::vector<Part> parts_;
};

// Sets `destination` on a row. A name given anew is not to be dropped.
void Relabel(Query* query, const std::string& destination, const std::string& value, Row* row) {
  if (destination == model::kMetricName) row->drop_name = false;
  if (row->labels.Get(destination) == value) return;
  model::Labels labels = row->labels.Merge();
  labels.Set(destination, value);
  row->labels = {query->Keep(std::move(labels)), &NoLabels()};
}

absl::Status Emit(Table* table, RowSink sink) {
  BARO_TRY(table->MergeEqual());
  for (size_t i = 0; i < table->size(); ++i) BARO_TRY(sink(table->row(i)));
  return absl::OkStatus();
}

}  // namespace

absl::Status LabelReplaceRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const std::string& destination = StringArg(call, 1);
  const std::string& source = StringArg(call, 3);
  const std::string& expression = StringArg(call, 4);
  RE2::Options options(RE2::Quiet);
  options.set_dot_nl(true);
  const RE2 regex(model::ToRe2Syntax(expression), options);
  if (!regex.ok()) {
    return absl::FailedPreconditionError(
        base::StrCat("invalid regular expression in label_replace(): ", expression));
  }
  BARO_TRY(CheckName(destination, "destination", "label_replace"));
  const Template replacement(StringArg(call, 2), regex);
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  Query* const query = &evaluator->query();
  Table table(query, evaluator->grid().count);
  BARO_TRY(evaluator->Rows(*call.args[0], [&](Row row) {
    const std::string_view value = row.labels.Get(source);
    const bool matched =
        regex.Match(re2::StringPiece(value.data(), value.size()), 0, value.size(), RE2::ANCHOR_BOTH,
                    groups.data(), static_cast<int>(groups.size()));
    if (matched) Relabel(query, destination, replacement.Expand(groups), &row);
    return table.Add(row);
  }));
  return Emit(&table, sink);
}

absl::Status LabelJoinRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const std::string& destination = StringArg(call, 1);
  const std::string& separator = StringArg(call, 2);
  for (size_t i = 3; i < call.args.size(); ++i) {
    BARO_TRY(CheckName(StringArg(call, i), "source", "label_join"));
  }
  BARO_TRY(CheckName(destination, "destination", "label_join"));
  Query* const query = &evaluator->query();
  Table table(query, evaluator->grid().count);
  BARO_TRY(evaluator->Rows(*call.args[0], [&](Row row) {
    std::string joined;
    for (size_t i = 3; i < call.args.size(); ++i) {
      if (i > 3) joined += separator;
      joined += row.labels.Get(StringArg(call, i));
    }
    Relabel(query, destination, joined, &row);
    return table.Add(row);
  }));
  return Emit(&table, sink);
}

}  // namespace baro::promql
