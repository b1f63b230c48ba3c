#include "agent/targets_json.h"

#include "agent/node/section.h"
#include "baro/base/strings.h"

namespace baro::agent {

void AppendJsonString(std::string_view text, std::string* json) {
  constexpr char kHex[] = "0123456789abcdef";
  json->push_back('"');
  for (const char c : ValidUtf8(text)) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      json->push_back('\\');
      json->push_back(c);
    } else if (byte < 0x20) {
      json->append("\\u00");
      json->push_back(kHex[byte >> 4]);
      json->push_back(kHex[byte & 15]);
    } else {
      json->push_back(c);
    }
  }
  json->push_back('"');
}

void AppendDeliveryJson(std::string_view collector, const DeliveryStats& stats, std::string* json) {
  *json += "{\"collector\":";
  AppendJsonString(collector, json);
  base::StrAppend(json, ",\"connected\":", stats.push.connected ? "true" : "false",
                  ",\"epoch\":", stats.identity.epoch, ",\"nextSequence\":", stats.next_sequence,
                  ",\"acknowledgedSequence\":", stats.push.acknowledged_sequence,
                  ",\"unacknowledgedFrames\":", stats.spool.unacknowledged_frames,
                  ",\"spoolBytes\":", stats.spool.bytes, ",\"lastFailure\":");
  AppendJsonString(stats.push.last_failure, json);
  *json += ",\"lastReject\":";
  AppendJsonString(stats.push.last_reject, json);
  *json += ",\"lastWriteError\":";
  AppendJsonString(stats.last_write_error, json);
  *json += "}";
}

void AppendNodeJson(const NodeState& state, std::string* json) {
  *json += "{\"labels\":{\"instance\":";
  AppendJsonString(state.instance, json);
  *json += ",\"job\":";
  AppendJsonString(state.job, json);
  base::StrAppend(json, "},\"lastPassMs\":", state.last_pass_ms,
                  ",\"layoutChanges\":", state.layout_changes, ",\"collectors\":[");
  for (size_t i = 0; i < state.collectors.size(); ++i) {
    const CollectorState& collector = state.collectors[i];
    *json += i == 0 ? "{\"name\":" : ",{\"name\":";
    AppendJsonString(collector.name, json);
    base::StrAppend(json, ",\"health\":", collector.healthy ? "\"up\"" : "\"down\"",
                    ",\"intervalMs\":", collector.interval_ms,
                    ",\"lastDurationUs\":", collector.last_duration_us,
                    ",\"columns\":", collector.columns, ",\"lastError\":");
    AppendJsonString(collector.last_error, json);
    *json += "}";
  }
  *json += "]}";
}

void AppendPodsJson(const PodsLoop* pods, std::string* json) {
  if (pods == nullptr) {
    *json += "null";
    return;
  }
  const PodsStats stats = pods->stats();
  base::StrAppend(json, "{\"lastPassMs\":", stats.last_pass_ms,
                  ",\"lastDurationUs\":", stats.last_pass_us, ",\"passes\":", stats.passes,
                  ",\"groups\":", stats.groups, ",\"groupsUnknown\":", stats.groups_unknown,
                  ",\"groupsLeftOut\":", stats.groups_left_out, ",\"pods\":", stats.pods,
                  ",\"rowsRefused\":", stats.rows_refused, ",\"kubeletError\":");
  AppendJsonString(stats.kubelet_error, json);
  *json += ",\"nodeError\":";
  AppendJsonString(stats.node_error, json);
  *json += "}";
}

void AppendClusterJson(const ClusterCollector* cluster, std::string* json) {
  if (cluster == nullptr) {
    *json += "null";
    return;
  }
  const ClusterState state = cluster->state();
  base::StrAppend(json, "{\"leading\":", state.leading ? "true" : "false",
                  ",\"lastPassMs\":", state.last_pass_ms, ",\"leaseError\":");
  AppendJsonString(state.lease_error, json);
  *json += ",\"resources\":[";
  for (size_t i = 0; i < state.resources.size(); ++i) {
    const ResourceState& resource = state.resources[i];
    *json += i == 0 ? "{\"name\":" : ",{\"name\":";
    AppendJsonString(resource.name, json);
    base::StrAppend(json, ",\"synced\":", resource.watch.synced ? "true" : "false",
                    ",\"objects\":", resource.rows.objects, ",\"series\":", resource.rows.series,
                    ",\"seriesLeftOut\":", resource.rows.series_left_out,
                    ",\"objectsRefused\":", resource.watch.objects_refused,
                    ",\"lists\":", resource.watch.lists, ",\"lastError\":");
    AppendJsonString(resource.watch.last_error, json);
    *json += "}";
  }
  *json += "]}";
}

}  // namespace baro::agent
