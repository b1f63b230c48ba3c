#include "object_series.h"

#include <algorithm>
#include <optional>

#include "agent/node/section.h"
#include "baro/base/strings.h"
#include "baro/kubernetes/quantity.h"

namespace baro::agent {
namespace {

using kubernetes::Json;

Json At(Json object, std::string_view path) {
  while (!path.empty()) {
    const size_t dot = path.find('.');
    object = object[path.substr(0, dot)];
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return object;
}

std::optional<double> Read(const Json& json, Reading reading) {
  switch (reading) {
    case Reading::kNumber:
      return json.Number();
    case Reading::kCount:
      return json.NumberOr(0);
    case Reading::kTime:
      return kubernetes::ParseTime(json.Text());
    case Reading::kFlag:
      return json.IsTrue() ? 1 : 0;
    case Reading::kFlagIfSet:
      if (!json.Bool()) return std::nullopt;
      return *json.Bool() ? 1 : 0;
    case Reading::kQuantity:
      return kubernetes::ParseQuantity(json.Text());
    case Reading::kItems:
      return static_cast<double>(json.Items().size());
    case Reading::kOne:
      return 1;
  }
  return std::nullopt;
}

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// "teamName" → "team_name", as kube-state-metrics makes label names.
std::string SnakeCase(std::string_view name) {
  std::string snake;
  for (size_t i = 0; i < name.size(); ++i) {
    if (i > 0 && IsUpper(name[i]) && IsLowerOrDigit(name[i - 1])) snake += '_';
    snake += IsUpper(name[i]) ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
  }
  return snake;
}

// kube-state-metrics' units; empty for a resource that it leaves out.
std::string_view UnitOf(std::string_view resource) {
  if (resource == "cpu") return "core";
  if (resource == "memory" || resource == "storage" || resource == "ephemeral-storage" ||
      resource.starts_with("hugepages-") || resource.starts_with("attachable-volumes-")) {
    return "byte";
  }
  const bool is_extended = resource.find('/') != std::string_view::npos &&
                           resource.find("kubernetes.io/") == std::string_view::npos &&
                           !resource.starts_with("requests.");
  return resource == "pods" || is_extended ? "integer" : "";
}

}  // namespace

std::string SanitizedName(std::string_view name) {
  std::string sanitized(name);
  std::replace_if(
      sanitized.begin(), sanitized.end(),
      [](char c) { return !IsUpper(c) && !IsLowerOrDigit(c) && c != '_'; }, '_');
  return sanitized;
}

void ObjectSeries::AddColumn(const KubeFamily& family, std::vector<model::Label> labels,
                             double value) {
  if (columns_.size() >= kSeriesOfObjectMax) {
    ++left_out_;
    return;
  }
  labels.push_back({std::string(model::kMetricName), std::string(family.name)});
  model::Column column{model::Labels::FromUnsorted(std::move(labels)),
                       {std::string(family.name), family.type, std::string(family.help), ""}};
  const uint64_t hash = column.labels.Hash();
  if (std::find(hashes_.begin(), hashes_.end(), hash) != hashes_.end()) return;
  hashes_.push_back(hash);
  columns_.push_back(std::move(column));
  values_.push_back(value);
}

void ObjectSeries::Add(const KubeFamily& family, std::initializer_list<KubeLabel> labels,
                       double value) {
  std::vector<model::Label> own;
  for (const KubeLabel& label : labels) {
    own.push_back({std::string(label.name), ValidUtf8(label.value)});
  }
  AddColumn(family, std::move(own), value);
}

void ObjectSeries::Add(const KubeFamily& family,
                       const std::vector<std::pair<std::string, std::string>>& labels,
                       double value) {
  std::vector<model::Label> own;
  for (const auto& [name, text] : labels) own.push_back({name, ValidUtf8(text)});
  AddColumn(family, std::move(own), value);
}

void AddSimple(const SimpleFamily& simple, const Json& object, ObjectSeries* series) {
  const std::optional<double> value = Read(At(object, simple.path), simple.reading);
  if (value) series->Add(simple.family, *value);
}

void AddCondition(const KubeFamily& family, std::initializer_list<KubeLabel> labels,
                  std::string_view status_label, std::string_view status, ObjectSeries* series) {
  constexpr std::pair<std::string_view, std::string_view> kStatuses[] = {
      {"True", "true"}, {"False", "false"}, {"Unknown", "unknown"}};
  for (const auto& [theirs, ours] : kStatuses) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const KubeLabel& label : labels) {
      all.emplace_back(std::string(label.name), std::string(label.value));
    }
    all.emplace_back(std::string(status_label), std::string(ours));
    series->Add(family, all, status == theirs ? 1 : 0);
  }
}

void AddConditions(const KubeFamily& family, const Json& object, ObjectSeries* series) {
  for (const Json& condition : object["status"]["conditions"].Items()) {
    AddCondition(family, {{"condition", condition["type"].Text()}}, "status",
                 condition["status"].Text(), series);
  }
}

void AddPhases(const KubeFamily& family, std::initializer_list<std::string_view> phases,
               std::string_view label, std::string_view phase, ObjectSeries* series) {
  if (phase.empty()) return;
  for (const std::string_view one : phases) {
    series->Add(family, {{label, one}}, one == phase ? 1 : 0);
  }
}

void AddOwners(const KubeFamily& family, const Json& object, ObjectSeries* series) {
  const std::vector<Json> owners = object["metadata"]["ownerReferences"].Items();
  if (owners.empty()) series->Add(family, 1);
  for (const Json& owner : owners) {
    series->Add(family,
                {{"owner_kind", owner["kind"].Text()},
                 {"owner_name", owner["name"].Text()},
                 {"owner_is_controller", owner["controller"].IsTrue() ? "true" : "false"}},
                1);
  }
}

void AddLabels(const KubeFamily& family, const Json& object, ObjectSeries* series) {
  std::vector<std::pair<std::string, std::string>> labels;
  object["metadata"]["labels"].ForEachField([&](std::string_view key, const Json& value) {
    labels.emplace_back("label_" + SnakeCase(SanitizedName(key)), std::string(value.Text()));
  });
  // Names that read alike now: the first is kept, in the order of the names.
  std::stable_sort(labels.begin(), labels.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  labels.erase(std::unique(labels.begin(), labels.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; }),
               labels.end());
  constexpr size_t kLabelsOfObjectMax =
      48;  // a collector takes 64 of a series, identity among them
  if (labels.size() > kLabelsOfObjectMax) labels.resize(kLabelsOfObjectMax);
  series->Add(family, labels, 1);
}

void AddResources(const KubeFamily& family, std::initializer_list<KubeLabel> labels,
                  const Json& resources, ObjectSeries* series) {
  resources.ForEachField([&](std::string_view resource, const Json& quantity) {
    const std::string_view unit = UnitOf(resource);
    const std::optional<double> value = kubernetes::ParseQuantity(quantity.Text());
    if (unit.empty() || !value) return;
    std::vector<std::pair<std::string, std::string>> all;
    for (const KubeLabel& label : labels) {
      all.emplace_back(std::string(label.name), std::string(label.value));
    }
    all.emplace_back("resource", SanitizedName(resource));
    all.emplace_back("unit", std::string(unit));
    series->Add(family, all, *value);
  });
}

}  // namespace baro::agent
