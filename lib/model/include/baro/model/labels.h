// Labels: the identity of a series, and the two halves it is stored as.
//
// A series belongs to a target. The labels that all series of a target share (job, instance, pod …)
// are its target labels; the rest (__name__, le, mode …) are its column labels. LabelsRef is that
// pair by reference: 100,000 series of one metric cost one column and a few thousand targets, never
// 100,000 label sets.
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace baro::model {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string name;
  std::string value;
  auto operator<=>(const Label&) const = default;
};

// A sorted set of labels; no name twice; an empty value is the same as no label and is never kept.
// Value type, thread-compatible.
class Labels {
 public:
  Labels() = default;
  Labels(std::initializer_list<Label> labels);
  // Sorts. Of a name that occurs twice the last one wins; callers that must refuse duplicates check
  // first.
  static Labels FromUnsorted(std::vector<Label> labels);

  bool empty() const { return labels_.empty(); }
  size_t size() const { return labels_.size(); }
  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }

  // Empty when there is no such label.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // An empty value removes the label.
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name) { Set(name, {}); }

  // Independent of order, and additive: Hash(a ∪ b) == Hash(a) + Hash(b) for disjoint a and b.
  uint64_t Hash() const;
  // {__name__="up", job="node"} as PromQL writes it: up{job="node"}.
  std::string ToString() const;

  auto operator<=>(const Labels&) const = default;

 private:
  std::vector<Label> labels_;
};

// One label's contribution to Labels::Hash().
uint64_t HashLabel(std::string_view name, std::string_view value);

// The two halves of a series' labels, by reference; disjoint in names (a column's label wins where
// they are not). The owner of both halves outlives the reference (SeriesSet says for how long).
struct LabelsRef {
  const Labels* target = nullptr;
  const Labels* column = nullptr;

  std::string_view Get(std::string_view name) const;
  Labels Merge() const;
  uint64_t Hash() const;
};

// True for names that PromQL can write without quotes: [a-zA-Z_][a-zA-Z0-9_]*; metric names may
// hold ':' as well.
bool IsClassicLabelName(std::string_view name);
bool IsClassicMetricName(std::string_view name);

}  // namespace baro::model
