// ObjectSeries: the series that one Kubernetes object makes, as columns and values of its target.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baro/kubernetes/json.h"
#include "baro/model/layout.h"

namespace baro::agent {

// A family of kube-state-metrics, whose names, labels and help are a contract.
struct KubeFamily {
  std::string_view name;
  std::string_view help;
  model::MetricType type = model::MetricType::kGauge;
};

struct KubeLabel {
  std::string_view name;
  std::string_view value;
};

// Of one object; 100 containers make about 3,000. Beyond, series are left out and counted.
inline constexpr size_t kSeriesOfObjectMax = 10'000;

// Thread-compatible.
class ObjectSeries {
 public:
  // A series that was added before (two labels that read alike once they are made valid) counts
  // once.
  void Add(const KubeFamily& family, std::initializer_list<KubeLabel> labels, double value);
  void Add(const KubeFamily& family, const std::vector<std::pair<std::string, std::string>>& labels,
           double value);
  void Add(const KubeFamily& family, double value) { Add(family, {}, value); }

  std::vector<model::Column> TakeColumns() { return std::move(columns_); }
  std::vector<double> TakeValues() { return std::move(values_); }
  const std::vector<model::Column>& columns() const { return columns_; }
  const std::vector<double>& values() const { return values_; }
  uint64_t left_out() const { return left_out_; }

 private:
  void AddColumn(const KubeFamily& family, std::vector<model::Label> labels, double value);

  std::vector<model::Column> columns_;
  std::vector<double> values_;
  std::vector<uint64_t> hashes_;
  uint64_t left_out_ = 0;
};

// What a path into an object means as a number.
enum class Reading : uint8_t {
  kNumber,     // no series when absent
  kCount,      // 0 when absent (a Go int32 of a status)
  kTime,       // RFC 3339; no series when absent
  kFlag,       // 0 when absent
  kFlagIfSet,  // no series when absent
  kQuantity,   // no series when absent
  kItems,      // length of a list; 0 when absent
  kOne,        // 1, whatever is there
};

struct SimpleFamily {
  KubeFamily family;
  std::string_view path;  // "status.replicas"
  Reading reading = Reading::kCount;
};

void AddSimple(const SimpleFamily& simple, const kubernetes::Json& object, ObjectSeries* series);

// Three series, "true", "false", "unknown", one of which is 1.
void AddCondition(const KubeFamily& family, std::initializer_list<KubeLabel> labels,
                  std::string_view status_label, std::string_view status, ObjectSeries* series);
// All of status.conditions, with labels condition and status.
void AddConditions(const KubeFamily& family, const kubernetes::Json& object, ObjectSeries* series);
// One series a phase, 1 for the object's; none when it has none.
void AddPhases(const KubeFamily& family, std::initializer_list<std::string_view> phases,
               std::string_view label, std::string_view phase, ObjectSeries* series);
// owner_kind, owner_name, owner_is_controller; one series without them when there is no owner.
void AddOwners(const KubeFamily& family, const kubernetes::Json& object, ObjectSeries* series);
// One series with all of the object's labels as label_….
void AddLabels(const KubeFamily& family, const kubernetes::Json& object, ObjectSeries* series);
// Quantities by resource name ("cpu", "memory", "nvidia.com/gpu"), with labels resource and unit.
void AddResources(const KubeFamily& family, std::initializer_list<KubeLabel> labels,
                  const kubernetes::Json& resources, ObjectSeries* series);

// "app.kubernetes.io/name" → "app_kubernetes_io_name".
std::string SanitizedName(std::string_view name);

}  // namespace baro::agent
