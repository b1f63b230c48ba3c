#include "series_mapping.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "baro/agent/row_sink.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/relabel/relabel.h"

namespace baro::agent {
namespace {

// As Prometheus words it: which limit, how far, and by which series.
absl::Status LabelLimit(std::string_view limit, std::string_view what, size_t size, uint64_t max,
                        const model::Labels& labels) {
  return absl::ResourceExhaustedError(base::StrCat("cannot take series ",
                                                   CutUtf8(labels.ToString(), 200), ": ", what, " ",
                                                   size, " exceeds ", limit, " ", max));
}

bool HasLegacyNamesOnly(const model::Labels& labels) {
  return std::all_of(labels.begin(), labels.end(), [](const model::Label& label) {
    return label.name == model::kMetricName ? model::IsClassicMetricName(label.value)
                                            : model::IsClassicLabelName(label.name);
  });
}

}  // namespace

std::string_view CutUtf8(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  while (bytes_max > 0 && continues(text[bytes_max])) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string Oversize(const model::Labels& labels) {
  if (labels.size() > kLabelsMax) {
    return base::StrCat(labels.size(), " labels are more than ", kLabelsMax);
  }
  for (const auto& [name, value] : labels) {
    if (name.size() > kLabelBytesMax) {
      return base::StrCat("a label name of ", name.size(), " bytes is longer than ",
                          kLabelBytesMax);
    }
    if (value.size() > kLabelBytesMax) {
      return base::StrCat("the value of label \"", CutUtf8(name, 100), "\" has ", value.size(),
                          " bytes, more than ", kLabelBytesMax);
    }
  }
  return {};
}

// Scraped labels whose names the target has as well become exported_<name>.
void SeriesMapping::RenameConflicts(model::Labels* scraped) const {
  for (const model::Label& label : target_.labels) {
    if (!scraped->Has(label.name)) continue;
    const std::string value(scraped->Get(label.name));
    scraped->Remove(label.name);
    std::string name = "exported_" + label.name;
    while (scraped->Has(name) || target_.labels.Has(name)) name = "exported_" + name;
    scraped->Set(name, value);
  }
}

absl::Status SeriesMapping::Check(const model::Labels& labels) const {
  if (labels.Get(model::kMetricName).empty()) {
    last_failure_ = ScrapeFailure::kParse;
    return absl::InvalidArgumentError(base::StrCat("cannot take series ", labels.ToString(),
                                                   ": metric relabelling left it without a name"));
  }
  if (job_.legacy_names_only && !HasLegacyNamesOnly(labels)) {
    last_failure_ = ScrapeFailure::kParse;
    return absl::InvalidArgumentError(base::StrCat("cannot take series ",
                                                   CutUtf8(labels.ToString(), 200),
                                                   ": invalid metric name or label names"));
  }
  last_failure_ = ScrapeFailure::kLabelLimit;
  return CheckLimits(labels);
}

absl::Status SeriesMapping::CheckLimits(const model::Labels& labels) const {
  if (job_.label_limit > 0 && labels.size() > job_.label_limit) {
    return LabelLimit("label_limit", "number of labels", labels.size(), job_.label_limit, labels);
  }
  const uint64_t name_max = job_.label_name_length_limit;
  const uint64_t value_max = job_.label_value_length_limit;
  if (name_max == 0 && value_max == 0) return absl::OkStatus();
  for (const auto& [name, value] : labels) {
    if (name_max > 0 && name.size() > name_max) {
      return LabelLimit("label_name_length_limit", "length of a label name", name.size(), name_max,
                        labels);
    }
    if (value_max > 0 && value.size() > value_max) {
      return LabelLimit("label_value_length_limit", "length of a label value", value.size(),
                        value_max, labels);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<MappedSeries> SeriesMapping::Map(model::Labels scraped) const {
  MappedSeries mapped;
  const bool checked = job_.label_limit > 0 || job_.label_name_length_limit > 0 ||
                       job_.label_value_length_limit > 0 || job_.legacy_names_only;
  const bool conflicts =
      std::any_of(target_.labels.begin(), target_.labels.end(),
                  [&](const model::Label& label) { return scraped.Has(label.name); });
  if (job_.metric_relabel_configs.empty() && !checked && !conflicts) {
    mapped.column = std::move(scraped);
    return mapped;
  }
  if (!job_.honor_labels) RenameConflicts(&scraped);
  model::Labels all = model::LabelsRef{&target_.labels, &scraped}.Merge();
  if (!relabel::Relabel(job_.metric_relabel_configs, &all) || all.empty()) {
    mapped.dropped = true;
    return mapped;
  }
  BARO_TRY(Check(all));
  std::vector<model::Label> target;
  std::vector<model::Label> column;
  for (const model::Label& label : all) {
    const bool of_target = target_.labels.Get(label.name) == label.value;
    (of_target ? target : column).push_back(label);
  }
  mapped.whole = target.size() == target_.labels.size();
  mapped.target = model::Labels::FromUnsorted(std::move(target));
  mapped.column = model::Labels::FromUnsorted(std::move(column));
  return mapped;
}

}  // namespace baro::agent
