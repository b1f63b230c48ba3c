// The table of resources that become kube_* families: where they are listed, how their objects are
// named, and what each object tells.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "baro/kubernetes/json.h"
#include "baro/model/labels.h"
#include "object_series.h"

namespace baro::agent {

struct Resource {
  std::string_view name;       // "deployments", as --resources has it
  std::string_view path;       // "/apis/apps/v1/deployments"
  std::string_view label;      // "deployment": the label with the object's name
  bool has_uid = false;        // its series have a label uid
  bool metadata_only = false;  // nothing but metadata is asked for (secrets, config maps)
  KubeFamily labels_family;    // kube_…_labels
  std::span<const SimpleFamily> simple;
  void (*extra)(const kubernetes::Json& object, ObjectSeries* series) = nullptr;
};

// By name.
std::span<const Resource> AllResources();
// Null when there is no such resource.
const Resource* FindResource(std::string_view name);

// namespace, the name's label, uid; and `common` (job, instance).
model::Labels ObjectLabels(const Resource& resource, const kubernetes::Json& object,
                           const model::Labels& common);
// All series of one object. `labels` switches the kube_…_labels family.
ObjectSeries SeriesOf(const Resource& resource, const kubernetes::Json& object, bool labels);

// Larger resources.
extern const std::span<const SimpleFamily> kPodSimple;
void AddPod(const kubernetes::Json& pod, ObjectSeries* series);
extern const std::span<const SimpleFamily> kNodeSimple;
void AddNode(const kubernetes::Json& node, ObjectSeries* series);

}  // namespace baro::agent
