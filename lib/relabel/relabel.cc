#include "baro/relabel/relabel.h"

#include <openssl/evp.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "baro/base/check.h"
#include "baro/base/strings.h"

namespace baro::relabel {
namespace {

constexpr std::pair<std::string_view, RelabelAction> kActions[] = {
    {"replace", RelabelAction::kReplace},     {"keep", RelabelAction::kKeep},
    {"drop", RelabelAction::kDrop},           {"keepequal", RelabelAction::kKeepEqual},
    {"dropequal", RelabelAction::kDropEqual}, {"hashmod", RelabelAction::kHashMod},
    {"labelmap", RelabelAction::kLabelMap},   {"labeldrop", RelabelAction::kLabelDrop},
    {"labelkeep", RelabelAction::kLabelKeep}, {"lowercase", RelabelAction::kLowercase},
    {"uppercase", RelabelAction::kUppercase}};

std::optional<RelabelAction> ActionOf(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(base::ToAbsl(name));
  for (const auto& [word, action] : kActions) {
    if (word == lower) return action;
  }
  return std::nullopt;
}

std::string_view NameOf(RelabelAction action) {
  return kActions[static_cast<size_t>(action)].first;
}

re2::StringPiece ToRe2(std::string_view text) { return {text.data(), text.size()}; }

std::shared_ptr<const re2::RE2> Compile(std::string_view regex) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  return std::make_shared<const re2::RE2>(ToRe2(regex), options);
}

// What a rule's expression has captured; index 0 is the whole.
struct Captures {
  const re2::RE2& regex;
  std::vector<re2::StringPiece> groups;

  std::string_view Group(std::string_view name) const {
    size_t index = 0;
    const bool number = std::all_of(name.begin(), name.end(), [](char c) {
      return absl::ascii_isdigit(static_cast<unsigned char>(c));
    });
    if (number && name.size() <= 4) {
      index = static_cast<size_t>(std::stoul(std::string(name)));
    } else {
      const auto it = regex.NamedCapturingGroups().find(std::string(name));
      if (it == regex.NamedCapturingGroups().end()) return {};
      index = static_cast<size_t>(it->second);
    }
    if (index >= groups.size()) return {};
    return {groups[index].data(), groups[index].size()};
  }
};

std::optional<Captures> Match(const re2::RE2& regex, std::string_view text) {
  Captures captures{regex, {}};
  captures.groups.resize(1 + static_cast<size_t>(regex.NumberOfCapturingGroups()));
  if (!regex.Match(ToRe2(text), 0, text.size(), re2::RE2::ANCHOR_BOTH, captures.groups.data(),
                   static_cast<int>(captures.groups.size()))) {
    return std::nullopt;
  }
  return captures;
}

bool IsWordChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// $1, ${1}, $name, ${name} and $$, as Go's Regexp.Expand has them: $1x is the group named "1x".
std::string Expand(std::string_view pattern, const Captures& captures) {
  std::string text;
  while (!pattern.empty()) {
    const size_t dollar = std::min(pattern.find('$'), pattern.size());
    text += pattern.substr(0, dollar);
    pattern.remove_prefix(dollar);
    if (pattern.empty()) break;
    pattern.remove_prefix(1);
    const bool braces = !pattern.empty() && pattern.front() == '{';
    const std::string_view rest = braces ? pattern.substr(1) : pattern;
    size_t size = 0;
    while (size < rest.size() && IsWordChar(rest[size])) ++size;
    const bool closed = !braces || (size < rest.size() && rest[size] == '}');
    if (!pattern.empty() && pattern.front() == '$') {
      text += '$';
      pattern.remove_prefix(1);
    } else if (size == 0 || !closed) {
      text += '$';  // no reference: Go leaves it as it is
    } else {
      text += captures.Group(rest.substr(0, size));
      pattern.remove_prefix(size + (braces ? 2 : 0));
    }
  }
  return text;
}

// The last eight bytes of MD5, for Prometheus' sharding to come out the same.
uint64_t HashOf(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  BARO_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr) == 1);
  uint64_t hash = 0;
  for (size_t i = 8; i < 16; ++i) hash = (hash << 8) | digest[i];
  return hash;
}

bool NeedsTargetLabel(RelabelAction action) {
  return action != RelabelAction::kKeep && action != RelabelAction::kDrop &&
         action != RelabelAction::kLabelMap && action != RelabelAction::kLabelDrop &&
         action != RelabelAction::kLabelKeep;
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, RelabelRule* rule) {
  base::YamlMap map(node);
  std::string action(NameOf(rule->action_));
  map.Optional("action", &action);
  map.Optional("source_labels", &rule->source_labels_);
  map.Optional("separator", &rule->separator_);
  map.Optional("regex", &rule->regex_);
  map.Optional("modulus", &rule->modulus_);
  map.Optional("target_label", &rule->target_label_);
  map.Optional("replacement", &rule->replacement_);
  const auto known = ActionOf(action);
  if (known) {
    rule->action_ = *known;
  } else {
    map.Fail("action", base::StrCat("\"", action, "\" is not a relabel action"));
  }
  rule->compiled_ = Compile(rule->regex_);
  if (!rule->compiled_->ok()) {
    map.Fail("regex",
             base::StrCat("cannot compile \"", rule->regex_, "\": ", rule->compiled_->error()));
  }
  absl::Status status = map.Finish();
  return status.ok() ? rule->CheckKeys(node) : status;
}

absl::Status RelabelRule::CheckKeys(const base::YamlNode& node) const {
  const auto refuse = [&](std::string_view what) {
    return node.ErrorAt(base::StrCat("relabel action ", NameOf(action_), " ", what));
  };
  const RelabelRule plain;
  const bool equal = action_ == RelabelAction::kKeepEqual || action_ == RelabelAction::kDropEqual;
  const bool case_change =
      action_ == RelabelAction::kLowercase || action_ == RelabelAction::kUppercase;
  const bool names = action_ == RelabelAction::kLabelDrop || action_ == RelabelAction::kLabelKeep;
  if (action_ == RelabelAction::kHashMod && modulus_ == 0) return refuse("needs a modulus");
  if (NeedsTargetLabel(action_) && target_label_.empty()) return refuse("needs a target_label");
  if (action_ == RelabelAction::kLabelMap && replacement_.empty()) {
    return refuse("needs a replacement");
  }
  if ((equal || case_change) && replacement_ != plain.replacement_) {
    return refuse("takes no replacement");
  }
  if (equal && (regex_ != plain.regex_ || modulus_ != 0 || separator_ != plain.separator_)) {
    return refuse("takes source_labels and target_label only");
  }
  if (names && (!source_labels_.empty() || !target_label_.empty() || modulus_ != 0 ||
                separator_ != plain.separator_ || replacement_ != plain.replacement_)) {
    return refuse("takes a regex only");
  }
  return absl::OkStatus();
}

bool RelabelRule::operator==(const RelabelRule& other) const {
  return action_ == other.action_ && source_labels_ == other.source_labels_ &&
         separator_ == other.separator_ && regex_ == other.regex_ && modulus_ == other.modulus_ &&
         target_label_ == other.target_label_ && replacement_ == other.replacement_;
}

std::string RelabelRule::ToString() const {
  const RelabelRule plain;
  std::string text = base::StrCat("{action: ", NameOf(action_));
  const auto put = [&](std::string_view key, std::string_view value, std::string_view usual) {
    if (value != usual) base::StrAppend(&text, ", ", key, ": ", base::QuotedYaml(value));
  };
  std::string sources;
  for (const std::string& label : source_labels_) {
    base::StrAppend(&sources, sources.empty() ? "" : ", ", label);
  }
  if (!sources.empty()) base::StrAppend(&text, ", source_labels: [", sources, "]");
  put("separator", separator_, plain.separator_);
  put("regex", regex_, plain.regex_);
  if (modulus_ != 0) base::StrAppend(&text, ", modulus: ", modulus_);
  put("target_label", target_label_, "");
  put("replacement", replacement_, plain.replacement_);
  return text + "}";
}

std::string RelabelRule::SourceValue(const model::Labels& labels) const {
  std::string value;
  for (size_t i = 0; i < source_labels_.size(); ++i) {
    if (i > 0) value += separator_;
    value += labels.Get(source_labels_[i]);
  }
  return value;
}

bool RelabelRule::Matches(std::string_view text) const {
  return re2::RE2::FullMatch(ToRe2(text), *compiled_);
}

bool RelabelRule::Apply(model::Labels* labels) const {
  const std::string value = SourceValue(*labels);
  switch (action_) {
    case RelabelAction::kReplace:
      Replace(value, labels);
      break;
    case RelabelAction::kKeep:
      return Matches(value);
    case RelabelAction::kDrop:
      return !Matches(value);
    case RelabelAction::kKeepEqual:
      return labels->Get(target_label_) == value;
    case RelabelAction::kDropEqual:
      return labels->Get(target_label_) != value;
    case RelabelAction::kHashMod:
      labels->Set(target_label_, std::to_string(HashOf(value) % modulus_));
      break;
    case RelabelAction::kLabelMap:
      MapLabels(labels);
      break;
    case RelabelAction::kLabelDrop:
      KeepLabels(false, labels);
      break;
    case RelabelAction::kLabelKeep:
      KeepLabels(true, labels);
      break;
    case RelabelAction::kLowercase:
      labels->Set(target_label_, absl::AsciiStrToLower(value));
      break;
    case RelabelAction::kUppercase:
      labels->Set(target_label_, absl::AsciiStrToUpper(value));
      break;
  }
  return true;
}

void RelabelRule::Replace(const std::string& value, model::Labels* labels) const {
  const auto captures = Match(*compiled_, value);
  if (!captures) return;
  const std::string target = Expand(target_label_, *captures);
  if (!target.empty()) labels->Set(target, Expand(replacement_, *captures));
}

void RelabelRule::MapLabels(model::Labels* labels) const {
  const model::Labels before = *labels;
  for (const model::Label& label : before) {
    const auto captures = Match(*compiled_, label.name);
    if (captures) labels->Set(Expand(replacement_, *captures), label.value);
  }
}

void RelabelRule::KeepLabels(bool matching, model::Labels* labels) const {
  const model::Labels before = *labels;
  for (const model::Label& label : before) {
    if (Matches(label.name) != matching) labels->Remove(label.name);
  }
}

bool Relabel(std::span<const RelabelRule> rules, model::Labels* labels) {
  return std::all_of(rules.begin(), rules.end(),
                     [&](const RelabelRule& rule) { return rule.Apply(labels); });
}

}  // namespace baro::relabel
