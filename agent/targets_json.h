// What GET /targets answers: each source of the agent and how it is doing.
#pragma once

#include <string>
#include <string_view>

#include "agent/kube/cluster_collector.h"
#include "agent/node/node_target.h"
#include "agent/pods/pods_loop.h"
#include "baro/agent/delivery.h"

namespace baro::agent {

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string* json);
void AppendDeliveryJson(std::string_view collector, const DeliveryStats& stats, std::string* json);
void AppendNodeJson(const NodeState& state, std::string* json);
// null when there is no such source.
void AppendPodsJson(const PodsLoop* pods, std::string* json);
void AppendClusterJson(const ClusterCollector* cluster, std::string* json);

}  // namespace baro::agent
