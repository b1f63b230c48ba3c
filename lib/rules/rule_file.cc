#include "baro/rules/rule_file.h"

#include <glob.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/promql/parse.h"
#include "baseline_spec.h"
#include "go_format.h"

namespace baro::rules {
namespace {

using base::YamlMap;
using base::YamlNode;
using Texts = std::map<std::string, std::string>;

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t before = text.size();
    if (TakeRune(&text) == 0xfffd && before - text.size() == 1) return false;
  }
  return true;
}

bool IsName(std::string_view name) { return !name.empty() && IsUtf8(name); }

// Collects what is wrong with a file: one mistake does not hide the next rule's.
class Problems {
 public:
  explicit Problems(std::vector<std::string>* all) : all_(all) {}

  void Add(const absl::Status& status) {
    if (status.ok()) return;
    if (first_.ok()) first_ = status;
    if (all_ != nullptr) all_->emplace_back(status.message().data(), status.message().size());
  }
  void Add(const YamlNode& node, std::string_view message) { Add(node.ErrorAt(message)); }
  const absl::Status& first() const { return first_; }

 private:
  std::vector<std::string>* const all_;
  absl::Status first_;
};

// Which rule an error is about: group "g", rule 1, "Name": …
struct RulePlace {
  std::string group;
  size_t number = 0;
  std::string name;

  std::string Text(std::string_view message) const {
    return base::StrCat("group ", GoQuote(group), ", rule ", number, ", ", GoQuote(name), ": ",
                        message);
  }
};

struct RuleNodes {
  const YamlNode* record = nullptr;
  const YamlNode* alert = nullptr;
  const YamlNode* expr = nullptr;
  const YamlNode* labels = nullptr;
  const YamlNode* annotations = nullptr;
  const YamlNode* hold = nullptr;
  const YamlNode* resolve = nullptr;
};

// The key of a map whose value is `name`; the map itself when it is not there.
const YamlNode& KeyOf(const YamlNode& map, std::string_view name) {
  for (const YamlNode::Entry& entry : map.entries()) {
    if (entry.key.scalar() == name) return entry.key;
  }
  return map;
}

absl::Status ReadHold(const YamlNode& node, RuleSpec* rule) {
  if (node.kind() != YamlNode::Kind::kMap) {
    std::chrono::milliseconds hold{0};
    BARO_TRY(ReadYaml(node, &hold));
    rule->hold_ms = hold.count();
    return absl::OkStatus();
  }
  YamlMap map(node);
  map.Required("of", &rule->hold_of);
  map.Required("at_least", &rule->hold_at_least);
  if (map.ok() && (rule->hold_of < 1 || rule->hold_of > kHoldEvaluationsMax)) {
    map.Fail("of", base::StrCat("must be 1 to ", kHoldEvaluationsMax));
  }
  if (map.ok() && (rule->hold_at_least < 1 || rule->hold_at_least > rule->hold_of)) {
    map.Fail("at_least", "must be 1 to the value of `of`");
  }
  return map.Finish();
}

absl::Status ReadNoData(const YamlNode& node, NoData* policy) {
  for (const NoData one : {NoData::kOk, NoData::kKeep, NoData::kAlert}) {
    if (node.scalar() == NoDataName(one)) {
      *policy = one;
      return absl::OkStatus();
    }
  }
  return node.ErrorAt("expected keep, alert or ok");
}

class FileReader {
 public:
  FileReader(std::string file, Problems* problems) : file_(std::move(file)), problems_(problems) {}

  std::vector<GroupSpec> Read(const YamlNode& root);

 private:
  void ReadGroup(const YamlNode& node);
  void CheckGroup(const YamlNode& node, const GroupSpec& group, const Texts& labels,
                  const YamlNode* label_node);
  void ReadRule(const YamlNode& node, const Texts& group_labels, RulePlace place, GroupSpec* group);
  void CheckNames(const YamlNode& node, const RuleNodes& nodes, const RulePlace& place);
  void CheckRecording(const RuleNodes& nodes, const RulePlace& place, const RuleSpec& rule);
  void CheckLabels(const RuleNodes& nodes, const RulePlace& place, const Texts& labels,
                   const RuleSpec& rule);
  void ParseTemplates(const RuleNodes& nodes, const RulePlace& place, RuleSpec* rule);
  void ParseTemplate(const YamlNode& node, const RulePlace& place, const char* what,
                     const std::pair<const std::string, std::string>& one, const std::string& alert,
                     std::vector<NamedTemplate>* templates);
  std::string ReadExpression(const YamlNode& node, const RulePlace& place);

  const std::string file_;
  Problems* const problems_;
  std::vector<GroupSpec> groups_;
  std::set<std::string> names_;
};

std::vector<GroupSpec> FileReader::Read(const YamlNode& root) {
  YamlMap map(root);
  const YamlNode* groups = map.Take("groups");
  problems_->Add(map.Finish());
  if (groups == nullptr || groups->IsNull()) return {};
  if (groups->kind() != YamlNode::Kind::kList) {
    problems_->Add(*groups, "expected a list");
    return {};
  }
  for (const YamlNode& group : groups->elements()) ReadGroup(group);
  return std::move(groups_);
}

void FileReader::ReadGroup(const YamlNode& node) {
  GroupSpec group;
  group.file = file_;
  std::chrono::milliseconds interval{0};
  std::optional<std::chrono::milliseconds> offset;
  Texts labels;
  YamlMap map(node);
  map.Optional("name", &group.name);
  map.Optional("interval", &interval);
  map.Optional("limit", &group.limit);
  map.Optional("query_offset", &offset);
  map.Optional("labels", &labels);
  const YamlNode* label_node = map.Take("labels");
  const YamlNode* rules = map.Take("rules");
  problems_->Add(map.Finish());
  group.interval_ms = interval.count();
  if (offset) group.query_offset_ms = offset->count();
  CheckGroup(node, group, labels, label_node);
  if (rules != nullptr && !rules->IsNull() && rules->kind() != YamlNode::Kind::kList) {
    problems_->Add(*rules, "expected a list");
  } else if (rules != nullptr) {
    size_t number = 0;
    for (const YamlNode& rule : rules->elements()) {
      ReadRule(rule, labels, {group.name, ++number, ""}, &group);
    }
  }
  groups_.push_back(std::move(group));
}

void FileReader::CheckGroup(const YamlNode& node, const GroupSpec& group, const Texts& labels,
                            const YamlNode* label_node) {
  if (group.name.empty()) problems_->Add(node, "Groupname must not be empty");
  if (!names_.insert(group.name).second) {
    problems_->Add(node,
                   base::StrCat("groupname: \"", group.name, "\" is repeated in the same file"));
  }
  for (const auto& [name, value] : labels) {
    const YamlNode& key = KeyOf(*label_node, name);
    if (!IsName(name) || name == model::kMetricName) {
      problems_->Add(key, base::StrCat("invalid label name: ", name));
    }
    if (!IsUtf8(value)) problems_->Add(key, base::StrCat("invalid label value: ", value));
  }
}

void FileReader::ReadRule(const YamlNode& node, const Texts& group_labels, RulePlace place,
                          GroupSpec* group) {
  RuleSpec rule;
  std::string record;
  std::string alert;
  std::string expression;
  std::chrono::milliseconds keep_firing{0};
  Texts labels;
  YamlMap map(node);
  map.Optional("record", &record);
  map.Optional("alert", &alert);
  const YamlNode* baseline = map.Take("baseline");
  if (baseline != nullptr && !baseline->IsNull()) {
    map.Keep(ReadBaseline(*baseline, &map, &record, &rule.baseline));
  }
  map.Optional("expr", &expression);
  map.Optional("keep_firing_for", &keep_firing);
  map.Optional("labels", &labels);
  map.Optional("annotations", &rule.annotations);
  RuleNodes nodes{baseline != nullptr ? baseline : map.Take("record"),
                  map.Take("alert"),
                  map.Take("expr"),
                  map.Take("labels"),
                  map.Take("annotations"),
                  map.Take("for"),
                  map.Take("resolve_expr")};
  const YamlNode* no_data = map.Take("no_data");
  const YamlNode* exclude = rule.baseline ? map.Take("exclude") : nullptr;
  if (nodes.hold != nullptr && map.ok()) map.Keep(ReadHold(*nodes.hold, &rule));
  if (no_data != nullptr && map.ok()) map.Keep(ReadNoData(*no_data, &rule.no_data));
  const absl::Status finished = map.Finish();
  if (!finished.ok()) return problems_->Add(finished);

  place.name = alert.empty() ? record : alert;
  rule.alerting = !alert.empty();
  rule.name = place.name;
  rule.keep_firing_for_ms = keep_firing.count();
  rule.where = node.where();
  CheckNames(node, nodes, place);
  if (expression.empty()) {
    problems_->Add(nodes.expr != nullptr ? *nodes.expr : node,
                   place.Text("field 'expr' must be set in rule"));
  } else {
    rule.query = ReadExpression(*nodes.expr, place);
  }
  if (nodes.resolve != nullptr && !nodes.resolve->IsNull()) {
    rule.resolve_query = ReadExpression(*nodes.resolve, place);
  }
  if (rule.baseline && !rule.baseline->exclude_query.empty()) {
    rule.baseline->exclude_query = ReadExpression(*exclude, place);
  }
  if (!record.empty()) CheckRecording(nodes, place, rule);
  CheckLabels(nodes, place, labels, rule);
  Texts all = group_labels;
  for (const auto& [name, value] : labels) all[name] = value;
  for (const auto& [name, value] : all) rule.labels.Set(name, value);
  rule.written_labels = std::move(all);
  if (rule.alerting) ParseTemplates(nodes, place, &rule);
  group->rules.push_back(std::move(rule));
}

void FileReader::CheckNames(const YamlNode& node, const RuleNodes& nodes, const RulePlace& place) {
  const bool record = nodes.record != nullptr && !nodes.record->scalar().empty();
  const bool alert = nodes.alert != nullptr && !nodes.alert->scalar().empty();
  if (record && alert) {
    problems_->Add(*nodes.record, place.Text("only one of 'record' and 'alert' must be set"));
  }
  if (!record && !alert) {
    problems_->Add(node, place.Text("one of 'record' or 'alert' must be set"));
  }
}

std::string FileReader::ReadExpression(const YamlNode& node, const RulePlace& place) {
  auto parsed = promql::ParseExpression(node.scalar());
  if (parsed.ok()) return promql::Print(**parsed);
  problems_->Add(node, place.Text(base::StrCat("could not parse expression: ",
                                               base::FromAbsl(parsed.status().message()))));
  return "";
}

void FileReader::CheckRecording(const RuleNodes& nodes, const RulePlace& place,
                                const RuleSpec& rule) {
  const auto refuse = [&](bool wrong, const char* field) {
    if (!wrong) return;
    problems_->Add(*nodes.record,
                   place.Text(base::StrCat("invalid field '", field, "' in recording rule")));
  };
  refuse(!rule.annotations.empty(), "annotations");
  refuse(rule.hold_ms != 0 || rule.hold_of != 0, "for");
  refuse(rule.keep_firing_for_ms != 0, "keep_firing_for");
  refuse(rule.no_data != NoData::kOk, "no_data");
  refuse(!rule.resolve_query.empty(), "resolve_expr");
  if (!IsName(rule.name)) {
    problems_->Add(*nodes.record,
                   place.Text(base::StrCat("invalid recording rule name: ", rule.name)));
  }
  if (rule.name.find_first_of("{}") != std::string::npos) {
    problems_->Add(*nodes.record,
                   place.Text(base::StrCat("braces present in the recording rule name; should it "
                                           "be in expr?: ",
                                           rule.name)));
  }
}

void FileReader::CheckLabels(const RuleNodes& nodes, const RulePlace& place, const Texts& labels,
                             const RuleSpec& rule) {
  for (const auto& [name, value] : labels) {
    const YamlNode& key = KeyOf(*nodes.labels, name);
    if (!IsName(name) || name == model::kMetricName) {
      problems_->Add(key, place.Text(base::StrCat("invalid label name: ", name)));
    }
    if (!IsUtf8(value)) {
      problems_->Add(key, place.Text(base::StrCat("invalid label value: ", value)));
    }
  }
  for (const auto& [name, value] : rule.annotations) {
    if (IsName(name)) continue;
    problems_->Add(KeyOf(*nodes.annotations, name),
                   place.Text(base::StrCat("invalid annotation name: ", name)));
  }
}

void FileReader::ParseTemplates(const RuleNodes& nodes, const RulePlace& place, RuleSpec* rule) {
  for (const model::Label& label : rule->labels) {
    ParseTemplate(nodes.labels != nullptr ? *nodes.labels : *nodes.alert, place, "label",
                  {label.name, label.value}, rule->name, &rule->label_templates);
  }
  for (const auto& one : rule->annotations) {
    ParseTemplate(*nodes.annotations, place, "annotation", one, rule->name,
                  &rule->annotation_templates);
  }
}

void FileReader::ParseTemplate(const YamlNode& node, const RulePlace& place, const char* what,
                               const std::pair<const std::string, std::string>& one,
                               const std::string& alert, std::vector<NamedTemplate>* templates) {
  auto parsed = AlertTemplate::Parse(alert, one.second);
  if (parsed.ok()) {
    templates->push_back({one.first, *std::move(parsed)});
    return;
  }
  problems_->Add(KeyOf(node, one.first),
                 place.Text(base::StrCat(what, " ", GoQuote(one.first), ": ",
                                         base::FromAbsl(parsed.status().message()))));
}

absl::StatusOr<std::vector<GroupSpec>> FromNode(const absl::StatusOr<YamlNode>& node,
                                                const std::string& file,
                                                std::vector<std::string>* all) {
  Problems problems(all);
  problems.Add(node.status());
  std::vector<GroupSpec> groups;
  if (node.ok()) groups = FileReader(file, &problems).Read(*node);
  BARO_TRY(problems.first());
  return groups;
}

}  // namespace

std::string_view NoDataName(NoData policy) {
  switch (policy) {
    case NoData::kKeep:
      return "keep";
    case NoData::kAlert:
      return "alert";
    case NoData::kOk:
      break;
  }
  return "ok";
}

absl::StatusOr<std::vector<GroupSpec>> ParseRuleFile(std::string_view text, const std::string& file,
                                                     std::vector<std::string>* problems) {
  return FromNode(base::ParseYaml(text, file), file, problems);
}

absl::StatusOr<std::vector<GroupSpec>> ReadRuleFile(const std::string& path,
                                                    std::vector<std::string>* problems) {
  return FromNode(base::ReadYamlFile(path), path, problems);
}

absl::StatusOr<std::vector<std::string>> FindRuleFiles(const std::vector<std::string>& patterns,
                                                       const std::string& folder) {
  std::set<std::string> files;
  for (const std::string& pattern : patterns) {
    const bool relative = !pattern.starts_with('/') && !folder.empty();
    const std::string path = relative ? base::StrCat(folder, "/", pattern) : pattern;
    glob_t found{};
    // As in Go, an asterisk stands for names with a leading dot as well.
    const int result = glob(path.c_str(), GLOB_PERIOD, nullptr, &found);
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      const std::string_view file = found.gl_pathv[i];
      if (!file.ends_with("/.") && !file.ends_with("/..")) files.emplace(file);
    }
    globfree(&found);
    if (result != 0 && result != GLOB_NOMATCH) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot look for rule files \"", pattern, "\": they cannot be listed"));
    }
  }
  return std::vector<std::string>(files.begin(), files.end());
}

std::vector<std::string> DuplicateRules(const std::vector<GroupSpec>& groups) {
  std::set<std::pair<std::string, model::Labels>> known;
  std::vector<std::string> duplicates;
  for (const GroupSpec& group : groups) {
    for (const RuleSpec& rule : group.rules) {
      if (known.emplace(rule.name, rule.labels).second) continue;
      duplicates.push_back(
          base::StrCat(rule.where, ": ", rule.name, rule.labels.ToString(), " is there twice"));
    }
  }
  return duplicates;
}

}  // namespace baro::rules
