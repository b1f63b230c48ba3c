#include "series_labels.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "baro/base/strings.h"
#include "number.h"
#include "text.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace baro::exposition {
namespace {

using model::MetricType;

std::span<const std::string_view> SuffixesOf(MetricType type) {
  static constexpr std::string_view kHistogram[] = {"_bucket", "_sum", "_count", "_created"};
  static constexpr std::string_view kGaugeHistogram[] = {"_bucket", "_gsum", "_gcount", "_sum",
                                                         "_count"};
  static constexpr std::string_view kSummary[] = {"_sum", "_count", "_created"};
  static constexpr std::string_view kCounter[] = {"_total", "_created"};
  static constexpr std::string_view kInfo[] = {"_info"};
  switch (type) {
    case MetricType::kHistogram:
      return kHistogram;
    case MetricType::kGaugeHistogram:
      return kGaugeHistogram;
    case MetricType::kSummary:
      return kSummary;
    case MetricType::kCounter:
      return kCounter;
    case MetricType::kInfo:
      return kInfo;
    default:
      return {};
  }
}

// As OpenMetrics wants floats in labels: shortest digits, an exponent below 1e-4 and from 1e6 on,
// and a point in any case.
std::string CanonicalFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  const double size = std::abs(value);
  const bool fixed = value == 0 || (size >= 1e-4 && size < 1e6);
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

bool IsFloatLabel(MetricType type, std::string_view name) {
  return (type == MetricType::kHistogram && name == "le") ||
         (type == MetricType::kSummary && name == "quantile");
}

constexpr size_t kPairwiseMax = 12;

}  // namespace

std::string_view PlainName(std::string_view text, bool escaped, std::string* scratch) {
  if (!escaped) return text;
  *scratch = Unescape(text);
  return *scratch;
}

void FamilyInEffect::Apply(Entry entry, const MetaView& meta) {
  std::string scratch;
  const std::string_view name = PlainName(meta.family, meta.family_escaped, &scratch);
  if (name != metadata_.family) {
    metadata_.family = name;
    metadata_.type = MetricType::kUnknown;
    metadata_.help.clear();
    metadata_.unit.clear();
    restarted_ = true;
  }
  const bool escaped = meta.text.find('\\') != std::string_view::npos;
  if (entry == Entry::kType) {
    metadata_.type = meta.type;
  } else if (entry == Entry::kUnit) {
    metadata_.unit = meta.text;
  } else if (escaped) {
    metadata_.help = meta.quotes_escaped ? Unescape(meta.text) : UnescapeHelp(meta.text);
  } else {
    metadata_.help = meta.text;
  }
}

bool FamilyInEffect::Owns(std::string_view metric) const {
  const std::string& family = metadata_.family;
  if (family.empty() || !metric.starts_with(family)) return false;
  const std::string_view suffix = metric.substr(family.size());
  if (suffix.empty()) return true;
  const auto suffixes = SuffixesOf(metadata_.type);
  return std::find(suffixes.begin(), suffixes.end(), suffix) != suffixes.end();
}

uint64_t FamilyInEffect::Hash() const {
  uint64_t hash = static_cast<uint64_t>(metadata_.type);
  for (const std::string* text : {&metadata_.family, &metadata_.help, &metadata_.unit}) {
    hash = XXH3_64bits_withSeed(text->data(), text->size(), hash);
  }
  return hash;
}

std::string_view SeriesLabels::Keep(std::string text) {
  kept_.push_back(std::move(text));
  return kept_.back();
}

void SeriesLabels::Add(const LabelView& label, MetricType type) {
  std::string_view name = label.name;
  std::string_view value = label.value;
  if (label.escaped) {
    name = Keep(Unescape(name));
    value = Keep(Unescape(value));
  }
  double number = 0;
  const char* end = value.data() + value.size();
  if (IsFloatLabel(type, name) && !value.empty() && ReadNumber(value.data(), end, &number) == end) {
    value = Keep(CanonicalFloat(number));
  }
  labels_.emplace_back(name, value);
}

absl::Status SeriesLabels::Resolve(const SampleView& sample, MetricType type) {
  labels_.clear();
  kept_.clear();
  labels_.emplace_back(model::kMetricName,
                       sample.metric_escaped ? Keep(Unescape(sample.metric)) : sample.metric);
  for (const LabelView& label : sample.labels) Add(label, type);
  return CheckNames();
}

absl::Status SeriesLabels::Resolve(const ExemplarView& exemplar) {
  labels_.clear();
  kept_.clear();
  for (const LabelView& label : exemplar.labels) Add(label, MetricType::kUnknown);
  return CheckNames();
}

absl::Status SeriesLabels::CheckNames() {
  const auto refuse = [](std::string_view name) {
    return absl::InvalidArgumentError(base::StrCat("label \"", name, "\" occurs twice"));
  };
  if (labels_.size() <= kPairwiseMax) {
    for (size_t i = 1; i < labels_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (labels_[i].first == labels_[j].first) return refuse(labels_[i].first);
      }
    }
    return absl::OkStatus();
  }
  sorted_.clear();
  for (const auto& [name, value] : labels_) sorted_.push_back(name);
  std::sort(sorted_.begin(), sorted_.end());
  const auto twice = std::adjacent_find(sorted_.begin(), sorted_.end());
  return twice == sorted_.end() ? absl::OkStatus() : refuse(*twice);
}

uint64_t SeriesLabels::Hash() const {
  uint64_t hash = 0;
  for (const auto& [name, value] : labels_) {
    if (!value.empty()) hash += model::HashLabel(name, value);
  }
  return hash;
}

model::Labels SeriesLabels::ToLabels() const {
  std::vector<model::Label> labels;
  labels.reserve(labels_.size());
  for (const auto& [name, value] : labels_) {
    labels.push_back({std::string(name), std::string(value)});
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

}  // namespace baro::exposition
