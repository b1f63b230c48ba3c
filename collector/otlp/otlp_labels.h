// Labels of a data point's series: from its attributes, its resource's and its scope's.
//
// Only for series that are not known yet; an export that repeats itself never comes here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "baro/wire/otlp.h"
#include "otlp/otlp_config.h"

namespace baro::collector {

// More attributes of one thing are refused: no store takes as many labels.
inline constexpr size_t kOtlpAttributesMax = 512;

using LabelMap = std::map<std::string, std::string, std::less<>>;

// What a resource gives to all of its series.
struct ResourceLabels {
  LabelMap promoted;
  std::optional<std::string> job;       // service.namespace/service.name
  std::optional<std::string> instance;  // service.instance.id
  // None: the resource has no identity, or nothing but it.
  std::optional<LabelMap> target_info;
};

// Errors, of all three: InvalidArgument (damaged), ResourceExhausted (kOtlpAttributesMax).
absl::StatusOr<ResourceLabels> ReadResourceLabels(wire::OtlpAttributes attributes,
                                                  const OtlpConfig& config);
// Empty unless scopes are promoted and this one has a name.
absl::StatusOr<LabelMap> ReadScopeLabels(const wire::OtlpScope& scope, const OtlpConfig& config);
// The labels of a point but for __name__, le and quantile. Attributes whose names fall together
// are joined by ";"; those of the resource give way to them, job and instance do not.
absl::StatusOr<LabelMap> ReadPointLabels(wire::OtlpAttributes attributes,
                                         const ResourceLabels& resource, const LabelMap& scope,
                                         const OtlpConfig& config);

// Adds the metric name and `extra` (le or quantile; none when its name is empty) and checks.
// Errors: InvalidArgument: not UTF-8, a name that is empty, `extra` is there already.
absl::StatusOr<model::Labels> SeriesLabelsOf(const LabelMap& labels, std::string_view metric_name,
                                             const model::Label& extra);

}  // namespace baro::collector
