// RelabelRule: one entry of relabel_configs or metric_relabel_configs; Prometheus' eleven actions
// with Prometheus' meaning.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/base/yaml.h"
#include "baro/model/labels.h"

namespace re2 {
class RE2;
}

namespace baro::relabel {

enum class RelabelAction : uint8_t {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

// Immutable once read, thread-safe, cheap to copy (the compiled expression is shared).
// Expressions are RE2's, anchored at both ends, and a dot matches a line break. lowercase and
// uppercase change ASCII letters only, where Prometheus changes all of Unicode's.
class RelabelRule {
 public:
  // False when the labels are to be dropped.
  bool Apply(model::Labels* labels) const;

  // For people: the rule as one line of YAML, defaults left out.
  std::string ToString() const;

  friend absl::Status ReadYaml(const base::YamlNode& node, RelabelRule* rule);
  bool operator==(const RelabelRule& other) const;

 private:
  absl::Status CheckKeys(const base::YamlNode& node) const;
  std::string SourceValue(const model::Labels& labels) const;
  void Replace(const std::string& value, model::Labels* labels) const;
  void MapLabels(model::Labels* labels) const;
  void KeepLabels(bool matching, model::Labels* labels) const;
  bool Matches(std::string_view text) const;

  RelabelAction action_ = RelabelAction::kReplace;
  std::vector<std::string> source_labels_;
  std::string separator_ = ";";
  std::string regex_ = "(.*)";
  uint64_t modulus_ = 0;
  std::string target_label_;
  std::string replacement_ = "$1";
  std::shared_ptr<const re2::RE2> compiled_;
};

// Applies the rules in order. False when one of them drops the labels.
bool Relabel(std::span<const RelabelRule> rules, model::Labels* labels);

}  // namespace baro::relabel
