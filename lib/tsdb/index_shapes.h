// Shapes of fleets for the index benchmarks: generated, but with the labels, the cardinalities and
// the repetition of the real thing.
//
//   exporters   equal processes on many hosts: metrics and label values are the same everywhere
//   cluster     what kube-state-metrics and cAdvisor expose: one line a pod, container or image
//   paths       applications whose path and status labels differ from pod to pod
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/strings.h"
#include "baro/model/labels.h"

namespace baro::tsdb::shapes {

// Calls visit(target labels, labels of one series beside them).
using Visit = std::function<void(const model::Labels&, const model::Labels&)>;

inline std::string Hex(uint64_t seed, size_t digits) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < digits) text += "0123456789abcdef"[random() % 16];
  return text;
}

inline model::Labels With(std::initializer_list<model::Label> labels) { return labels; }

// The metrics of one exporter: families with and without labels, as node_exporter has them.
inline std::vector<model::Labels> ExporterColumns(const std::string& exporter, size_t count) {
  std::vector<model::Labels> columns;
  for (size_t family = 0; columns.size() < count; ++family) {
    const std::string name = base::StrCat(exporter, "_subsystem_", family % 40, "_metric_", family);
    if (family % 3 == 0) {
      columns.push_back(With({{"__name__", name + "_total"}}));
    } else if (family % 3 == 1) {
      for (int device = 0; device < 8; ++device) {
        columns.push_back(
            With({{"__name__", name + "_bytes"}, {"device", base::StrCat("nvme", device, "n1")}}));
      }
    } else {
      for (int bound = 0; bound < 12; ++bound) {
        columns.push_back(With({{"__name__", name + "_bucket"},
                                {"handler", base::StrCat("/api/v1/handler/", family % 7)},
                                {"le", std::to_string(0.001 * (1 << bound))}}));
      }
    }
  }
  columns.resize(count);
  return columns;
}

// 2,551 series an instance over five exporters, as the captured corpus has.
inline void Exporters(size_t series, const Visit& visit) {
  const std::vector<std::pair<std::string, size_t>> exporters = {
      {"node", 1'003}, {"pg", 521}, {"prometheus", 478}, {"vm", 412}, {"alertmanager", 137}};
  std::vector<std::vector<model::Labels>> columns;
  for (const auto& [name, count] : exporters) columns.push_back(ExporterColumns(name, count));
  for (size_t instance = 0; series > 0; ++instance) {
    for (size_t e = 0; e < exporters.size() && series > 0; ++e) {
      const model::Labels target =
          With({{"cluster", base::StrCat("eu-", instance % 4)},
                {"instance", base::StrCat("host-", instance, ".fleet.example:9", 100 + e)},
                {"job", exporters[e].first},
                {"rack", base::StrCat("r", instance / 40)}});
      for (const model::Labels& column : columns[e]) {
        if (series == 0) return;
        visit(target, column);
        --series;
      }
    }
  }
}

// One pod as the two cluster exporters show it: about 34 series over two containers.
inline void Pod(uint64_t number, const Visit& visit) {
  const std::string space = base::StrCat("team-", number % 60);
  const std::string pod = base::StrCat(number % 5 == 0 ? "api-" : "worker-", number % 700, "-",
                                       Hex(number, 10), "-", Hex(number + 7, 5));
  const std::string uid = base::StrCat(Hex(number, 8), "-", Hex(number + 1, 4), "-",
                                       Hex(number + 2, 4), "-", Hex(number + 3, 12));
  const model::Labels ksm = With({{"instance", "10.0.0.7:8080"}, {"job", "kube-state-metrics"}});
  const auto state = [&](const std::string& metric, std::vector<model::Label> more) {
    more.insert(more.end(),
                {{"__name__", metric}, {"namespace", space}, {"pod", pod}, {"uid", uid}});
    visit(ksm, model::Labels::FromUnsorted(std::move(more)));
  };
  state("kube_pod_info",
        {{"node", base::StrCat("node-", number % 100)},
         {"pod_ip", base::StrCat("10.", number % 250, ".", number / 250 % 250, ".9")},
         {"created_by_name", pod.substr(0, pod.size() - 6)}});
  for (const char* metric :
       {"kube_pod_created", "kube_pod_start_time", "kube_pod_restart_policy"}) {
    state(metric, {});
  }
  for (const char* phase : {"Pending", "Succeeded", "Failed", "Unknown", "Running"}) {
    state("kube_pod_status_phase", {{"phase", phase}});
  }
  const model::Labels kubelet =
      With({{"instance", base::StrCat("node-", number % 100, ":10250")}, {"job", "kubelet"}});
  for (const char* container : {"app", "sidecar"}) {
    for (const char* metric :
         {"kube_pod_container_status_ready", "kube_pod_container_status_restarts_total",
          "kube_pod_container_status_running", "kube_pod_container_status_waiting"}) {
      state(metric, {{"container", container}});
    }
    for (const char* resource : {"cpu", "memory"}) {
      state("kube_pod_container_resource_limits",
            {{"container", container}, {"resource", resource}});
    }
    const std::string id = base::StrCat("/kubepods/burstable/pod", uid, "/", Hex(number + 9, 64));
    for (const char* metric :
         {"container_cpu_usage_seconds_total", "container_memory_working_set_bytes",
          "container_memory_rss", "container_cpu_cfs_throttled_periods_total",
          "container_fs_reads_total", "container_fs_writes_total", "container_threads"}) {
      visit(kubelet,
            With({{"__name__", metric},
                  {"container", container},
                  {"id", id},
                  {"image", base::StrCat("registry.example/", space, "/", container, ":1.4")},
                  {"name", Hex(number + 9, 64)},
                  {"namespace", space},
                  {"pod", pod}}));
    }
  }
}
inline constexpr size_t kPodSeries = 35;

inline void Cluster(size_t series, const Visit& visit) {
  for (uint64_t pod = 0; pod < series / kPodSeries; ++pod) Pod(pod, visit);
}

// 1,000 series a pod: request counts and latencies by path, half of the paths the pod's own.
inline void Paths(size_t series, const Visit& visit) {
  for (size_t pod = 0; series > 0; ++pod) {
    const model::Labels target =
        With({{"instance", base::StrCat("10.1.", pod / 250, ".", pod % 250, ":8080")},
              {"job", base::StrCat("shop-", pod % 20)},
              {"namespace", base::StrCat("team-", pod % 20)},
              {"pod", base::StrCat("api-", pod % 20, "-", Hex(pod, 10))}});
    for (int path = 0; path < 50; ++path) {
      const std::string text =
          path % 2 == 0 ? base::StrCat("/items/", path)
                        : base::StrCat("/u/", Hex(pod * 50 + static_cast<size_t>(path), 12));
      for (const char* status : {"200", "404", "500", "503"}) {
        for (const char* metric :
             {"http_requests_total", "http_request_duration_seconds_sum",
              "http_request_duration_seconds_count", "http_response_size_bytes_sum",
              "http_response_size_bytes_count"}) {
          if (series == 0) return;
          visit(
              target,
              With({{"__name__", metric}, {"method", "GET"}, {"path", text}, {"status", status}}));
          --series;
        }
      }
    }
  }
}

inline model::Labels Merged(const model::Labels& target, const model::Labels& column) {
  return model::LabelsRef{&target, &column}.Merge();
}

}  // namespace baro::tsdb::shapes
