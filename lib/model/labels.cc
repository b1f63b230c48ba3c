#include "baro/model/labels.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace baro::model {
namespace {

bool NameLess(const Label& label, std::string_view name) { return label.name < name; }

// As Go's strconv.Quote writes the characters that matter in a label value.
std::string Quote(std::string_view value) {
  std::string quoted = "\"";
  for (const char c : value) {
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\r':
        quoted += "\\r";
        break;
      default:
        quoted += c;
    }
  }
  return quoted + "\"";
}

// Stable, so that the last of equal names stays last. Not std::stable_sort: clang refuses what
// libstdc++ 12 does inside it.
void SortByName(std::vector<Label>* labels) {
  const auto less = [](const Label& a, const Label& b) { return a.name < b.name; };
  if (std::is_sorted(labels->begin(), labels->end(), less)) return;
  std::vector<size_t> order(labels->size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [labels](size_t a, size_t b) {
    return std::tie((*labels)[a].name, a) < std::tie((*labels)[b].name, b);
  });
  std::vector<Label> sorted;
  sorted.reserve(labels->size());
  for (const size_t index : order) sorted.push_back(std::move((*labels)[index]));
  *labels = std::move(sorted);
}

}  // namespace

Labels::Labels(std::initializer_list<Label> labels) : Labels(FromUnsorted(labels)) {}

Labels Labels::FromUnsorted(std::vector<Label> labels) {
  SortByName(&labels);
  Labels result;
  const auto same_name = [](const Label& a, const Label& b) { return a.name == b.name; };
  const auto is_empty = [](const Label& label) { return label.value.empty(); };
  if (std::adjacent_find(labels.begin(), labels.end(), same_name) == labels.end() &&
      std::none_of(labels.begin(), labels.end(), is_empty)) {
    result.labels_ = std::move(labels);
    return result;
  }
  for (Label& label : labels) {
    if (!result.labels_.empty() && result.labels_.back().name == label.name) {
      result.labels_.back() = std::move(label);
    } else {
      result.labels_.push_back(std::move(label));
    }
  }
  std::erase_if(result.labels_, [](const Label& label) { return label.value.empty(); });
  return result;
}

std::string_view Labels::Get(std::string_view name) const {
  const auto it = std::lower_bound(labels_.begin(), labels_.end(), name, NameLess);
  return it != labels_.end() && it->name == name ? std::string_view(it->value) : std::string_view();
}

bool Labels::Has(std::string_view name) const { return !Get(name).empty(); }

void Labels::Set(std::string_view name, std::string_view value) {
  const auto it = std::lower_bound(labels_.begin(), labels_.end(), name, NameLess);
  const bool found = it != labels_.end() && it->name == name;
  if (value.empty()) {
    if (found) labels_.erase(it);
  } else if (found) {
    it->value = value;
  } else {
    labels_.insert(it, Label{std::string(name), std::string(value)});
  }
}

uint64_t HashLabel(std::string_view name, std::string_view value) {
  return XXH3_64bits_withSeed(value.data(), value.size(), XXH3_64bits(name.data(), name.size()));
}

uint64_t Labels::Hash() const {
  uint64_t hash = 0;
  for (const Label& label : labels_) hash += HashLabel(label.name, label.value);
  return hash;
}

std::string Labels::ToString() const {
  const std::string_view metric = Get(kMetricName);
  const bool bare = IsClassicMetricName(metric);
  std::string text(bare ? metric : std::string_view());
  std::string inside = bare || metric.empty() ? "" : Quote(metric);
  for (const Label& label : labels_) {
    if (label.name == kMetricName) continue;
    const std::string name = IsClassicLabelName(label.name) ? label.name : Quote(label.name);
    base::StrAppend(&inside, inside.empty() ? "" : ", ", name, "=", Quote(label.value));
  }
  if (!inside.empty() || text.empty()) base::StrAppend(&text, "{", inside, "}");
  return text;
}

std::string_view LabelsRef::Get(std::string_view name) const {
  const std::string_view value = column->Get(name);
  return value.empty() ? target->Get(name) : value;
}

Labels LabelsRef::Merge() const {
  std::vector<Label> merged;
  merged.reserve(target->size() + column->size());
  merged.insert(merged.end(), target->begin(), target->end());
  merged.insert(merged.end(), column->begin(), column->end());
  return Labels::FromUnsorted(std::move(merged));
}

uint64_t LabelsRef::Hash() const { return target->Hash() + column->Hash(); }

bool IsClassicLabelName(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name.front()))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c == '_' || absl::ascii_isalnum(static_cast<unsigned char>(c));
  });
}

bool IsClassicMetricName(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name.front()))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c == '_' || c == ':' || absl::ascii_isalnum(static_cast<unsigned char>(c));
  });
}

}  // namespace baro::model
