#include "otlp/otlp_labels.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/remote_write.h"
#include "otlp/otlp_names.h"

namespace baro::collector {
namespace {

constexpr std::string_view kServiceName = "service.name";
constexpr std::string_view kServiceNamespace = "service.namespace";
constexpr std::string_view kServiceInstance = "service.instance.id";

struct Attribute {
  std::string key;
  std::string value;
  size_t position = 0;  // as it came: keeps the order of what has one key
};

absl::Status ReadAttributes(wire::OtlpAttributes bytes, std::vector<Attribute>* attributes) {
  thread_local std::vector<wire::OtlpAttribute> views;
  BARO_TRY(wire::ReadOtlpAttributes(bytes, &views));
  if (views.size() > kOtlpAttributesMax) {
    return absl::ResourceExhaustedError(base::StrCat(views.size(), " attributes are more than the ",
                                                     kOtlpAttributesMax, " allowed"));
  }
  attributes->reserve(views.size());
  for (const wire::OtlpAttribute& view : views) {
    Attribute& attribute = attributes->emplace_back();
    attribute.key = view.key;
    attribute.position = attributes->size();
    BARO_TRY(wire::AppendOtlpText(view.value, &attribute.value));
  }
  return absl::OkStatus();
}

// Of a key told twice the first one counts.
const std::string* Find(const std::vector<Attribute>& attributes, std::string_view key) {
  for (const Attribute& attribute : attributes) {
    if (attribute.key == key) return &attribute.value;
  }
  return nullptr;
}

void SortByKey(std::vector<Attribute>* attributes) {
  std::sort(attributes->begin(), attributes->end(), [](const Attribute& a, const Attribute& b) {
    return std::tie(a.key, a.position) < std::tie(b.key, b.position);
  });
}

// In the order of their keys, so that what falls together is joined in one way.
void JoinInto(std::vector<Attribute> attributes, const OtlpConfig& config, LabelMap* labels) {
  SortByKey(&attributes);
  for (Attribute& attribute : attributes) {
    const auto [label, inserted] =
        labels->try_emplace(PrometheusLabelName(attribute.key, config), attribute.value);
    if (inserted) continue;
    base::StrAppend(&label->second, label->second.empty() ? "" : ";", attribute.value);
  }
}

bool IsPromoted(const std::string& key, const OtlpConfig& config) {
  const auto holds = [&key](const std::vector<std::string>& keys) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  if (config.promote_all_resource_attributes) return !holds(config.ignore_resource_attributes);
  return holds(config.promote_resource_attributes);
}

bool IsIdentity(const std::string& key) {
  return key == kServiceName || key == kServiceNamespace || key == kServiceInstance;
}

// An empty label is none: it stands in nobody's way.
bool Has(const LabelMap& labels, const std::string& name) {
  const auto label = labels.find(name);
  return label != labels.end() && !label->second.empty();
}

void SetIdentity(const ResourceLabels& resource, LabelMap* labels) {
  if (!resource.job.value_or("").empty()) labels->insert_or_assign("job", *resource.job);
  if (!resource.instance.value_or("").empty()) {
    labels->insert_or_assign("instance", *resource.instance);
  }
}

std::optional<LabelMap> TargetLabels(std::vector<Attribute> attributes,
                                     const ResourceLabels& resource, const OtlpConfig& config) {
  size_t others = attributes.size();
  for (const std::string_view key : {kServiceName, kServiceNamespace, kServiceInstance}) {
    if (Find(attributes, key) != nullptr) --others;
  }
  if (others == 0) return std::nullopt;
  if (!config.keep_identifying_resource_attributes) {
    std::erase_if(attributes, [](const Attribute& a) { return IsIdentity(a.key); });
  }
  LabelMap labels;
  JoinInto(std::move(attributes), config, &labels);
  SetIdentity(resource, &labels);
  if (!Has(labels, "job") && !Has(labels, "instance")) return std::nullopt;
  return labels;
}

absl::Status Invalid(std::string_view metric_name, std::string_view what) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot accept a point of metric \"", metric_name, "\": ", what));
}

}  // namespace

absl::StatusOr<ResourceLabels> ReadResourceLabels(wire::OtlpAttributes bytes,
                                                  const OtlpConfig& config) {
  std::vector<Attribute> attributes;
  BARO_TRY(ReadAttributes(bytes, &attributes));
  ResourceLabels labels;
  if (const std::string* name = Find(attributes, kServiceName)) {
    const std::string* space = Find(attributes, kServiceNamespace);
    labels.job = space == nullptr ? *name : base::StrCat(*space, "/", *name);
  }
  if (const std::string* instance = Find(attributes, kServiceInstance)) labels.instance = *instance;
  std::vector<Attribute> promoted = attributes;
  std::erase_if(promoted, [&config](const Attribute& a) { return !IsPromoted(a.key, config); });
  SortByKey(&promoted);
  for (Attribute& attribute : promoted) {
    labels.promoted.try_emplace(PrometheusLabelName(attribute.key, config),
                                std::move(attribute.value));
  }
  labels.target_info = TargetLabels(std::move(attributes), labels, config);
  return labels;
}

absl::StatusOr<LabelMap> ReadScopeLabels(const wire::OtlpScope& scope, const OtlpConfig& config) {
  LabelMap labels;
  if (!config.promote_scope_metadata || scope.name.empty()) return labels;
  std::vector<Attribute> attributes;
  BARO_TRY(ReadAttributes(scope.attributes, &attributes));
  for (Attribute& attribute : attributes) {
    labels[PrometheusLabelName(base::StrCat("otel_scope_", attribute.key), config)] =
        std::move(attribute.value);
  }
  labels["otel_scope_name"] = scope.name;
  labels["otel_scope_version"] = scope.version;
  labels["otel_scope_schema_url"] = scope.schema_url;
  return labels;
}

absl::StatusOr<LabelMap> ReadPointLabels(wire::OtlpAttributes bytes, const ResourceLabels& resource,
                                         const LabelMap& scope, const OtlpConfig& config) {
  std::vector<Attribute> attributes;
  BARO_TRY(ReadAttributes(bytes, &attributes));
  LabelMap labels;
  JoinInto(std::move(attributes), config, &labels);
  for (const auto& [name, value] : resource.promoted) {
    if (!Has(labels, name)) labels.insert_or_assign(name, value);
  }
  for (const auto& [name, value] : scope) labels.insert_or_assign(name, value);
  SetIdentity(resource, &labels);
  return labels;
}

absl::StatusOr<model::Labels> SeriesLabelsOf(const LabelMap& labels, std::string_view metric_name,
                                             const model::Label& extra) {
  if (metric_name.empty()) return Invalid(metric_name, "the metric has no name");
  if (!wire::IsValidUtf8(metric_name)) {
    return Invalid("", "the name of the metric is not valid UTF-8");
  }
  std::vector<model::Label> all;
  all.reserve(labels.size() + 2);
  for (const auto& [name, value] : labels) {
    if (name.empty()) return Invalid(metric_name, "an attribute has no name");
    if (!wire::IsValidUtf8(name)) return Invalid(metric_name, "an attribute's name is not UTF-8");
    if (!wire::IsValidUtf8(value)) {
      return Invalid(metric_name, base::StrCat("the value of \"", name, "\" is not valid UTF-8"));
    }
    if (name == extra.name) {
      return Invalid(metric_name, base::StrCat("attribute \"", name, "\" is the bucket's label"));
    }
    if (name != model::kMetricName) all.push_back({name, value});
  }
  all.push_back({std::string(model::kMetricName), std::string(metric_name)});
  if (!extra.name.empty()) all.push_back(extra);
  return model::Labels::FromUnsorted(std::move(all));
}

}  // namespace baro::collector
