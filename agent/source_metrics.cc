#include "agent/source_metrics.h"

#include <string>
#include <utility>

namespace baro::agent {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

void AddMetric(MetricFamily* family, std::vector<prometheus::ClientMetric::Label> labels,
               double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (family->type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family->metric.push_back(std::move(metric));
}

// Gathers families; each helper adds one.
class Families {
 public:
  void Counter(const char* name, const char* help, uint64_t value) {
    AddMetric(Add(name, help, MetricType::Counter), {}, static_cast<double>(value));
  }
  void Gauge(const char* name, const char* help, double value) {
    AddMetric(Add(name, help, MetricType::Gauge), {}, value);
  }
  MetricFamily* Add(const char* name, const char* help, MetricType type) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
    return &families_.back();
  }
  std::vector<MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void AddRows(const DeliveryStats& stats, Families* families) {
  families->Counter("baro_agent_rows_total", "Rows that delivery took.", stats.rows.rows_total);
  families->Counter("baro_agent_samples_total", "Values in these rows.", stats.rows.samples_total);
  MetricFamily* refused =
      families->Add("baro_agent_samples_dropped_total",
                    "Values that will never be delivered, by reason.", MetricType::Counter);
  AddMetric(refused, {{"reason", "queue_full"}},
            static_cast<double>(stats.rows.samples_refused_total));
  for (const auto& [reason, loss] : stats.spool.lost_total) {
    AddMetric(refused, {{"reason", reason}}, static_cast<double>(loss.samples));
  }
  families->Gauge("baro_agent_queue_bytes", "Rows that wait for the disk.",
                  static_cast<double>(stats.rows.bytes));
  families->Gauge("baro_agent_declared_targets", "Targets declared to delivery.",
                  static_cast<double>(stats.rows.targets));
  families->Gauge("baro_agent_declared_layouts", "Distinct layouts of these targets.",
                  static_cast<double>(stats.rows.layouts));
}

void AddSpool(const DeliveryStats& stats, Families* families) {
  families->Gauge("baro_agent_spool_bytes", "Size of the spool on disk.",
                  static_cast<double>(stats.spool.bytes));
  families->Gauge("baro_agent_spool_segments", "Segments of the spool.",
                  static_cast<double>(stats.spool.segments));
  families->Gauge("baro_agent_spool_unacknowledged_frames",
                  "Frames that the collector has not acknowledged.",
                  static_cast<double>(stats.spool.unacknowledged_frames));
  families->Counter("baro_agent_spool_syncs_total", "Times the spool was synced to disk.",
                    stats.writer.syncs_total);
  families->Counter("baro_agent_spool_write_failures_total",
                    "Failed writes to the spool; the rows were kept for the next try.",
                    stats.writer.write_failures_total);
  families->Counter("baro_agent_spool_quarantined_segments_total",
                    "Damaged segments set aside as FILE.damaged.",
                    stats.spool.quarantined_segments_total);
  families->Counter("baro_agent_spool_torn_bytes_total",
                    "Bytes cut off at start because they were never synced.",
                    stats.spool.torn_bytes_total);
  families->Counter("baro_agent_frame_raw_bytes_total", "Size of frames before compression.",
                    stats.writer.raw_bytes_total);
  families->Counter("baro_agent_frame_body_bytes_total", "Size of frames as they travel.",
                    stats.writer.body_bytes_total);
}

void AddPush(const DeliveryStats& stats, Families* families) {
  const PushStats& push = stats.push;
  families->Gauge("baro_agent_push_connected", "1 while the collector is connected.",
                  push.connected ? 1 : 0);
  families->Counter("baro_agent_push_connections_total", "Connections to the collector.",
                    push.connections_total);
  families->Counter("baro_agent_push_failures_total",
                    "Connections that failed or broke; delivery is tried again.",
                    push.failures_total);
  families->Counter("baro_agent_push_frames_sent_total", "Frames sent, repeated ones included.",
                    push.frames_sent_total);
  families->Counter("baro_agent_push_bytes_sent_total", "Bytes of frame batches sent.",
                    push.bytes_sent_total);
  families->Counter("baro_agent_push_declarations_sent_total",
                    "Layouts and targets declared to the collector.", push.declarations_sent_total);
  families->Counter("baro_agent_push_undecodable_frames_total",
                    "Frames that the collector could not read.", push.undecodable_frames_total);
  families->Gauge("baro_agent_push_credit_bytes", "What the collector is ready to take.",
                  static_cast<double>(push.credit_bytes));
  families->Gauge("baro_agent_push_last_ack_timestamp_seconds",
                  "When the collector last acknowledged frames.",
                  static_cast<double>(push.last_ack_ms) / 1e3);
  MetricFamily* rejects =
      families->Add("baro_agent_push_rejects_total",
                    "Declarations that the collector refused, by reason.", MetricType::Counter);
  for (const auto& [reason, count] : push.rejects_total) {
    AddMetric(rejects, {{"reason", reason}}, static_cast<double>(count));
  }
}

void AddByReason(const char* name, const char* help, const char* label,
                 const std::vector<std::pair<std::string, uint64_t>>& counts, Families* families) {
  MetricFamily* family = families->Add(name, help, MetricType::Counter);
  for (const auto& [reason, count] : counts) {
    AddMetric(family, {{label, reason}}, static_cast<double>(count));
  }
}

}  // namespace

std::vector<MetricFamily> DeliveryFamilies(const DeliveryStats& stats) {
  Families families;
  AddRows(stats, &families);
  AddSpool(stats, &families);
  AddPush(stats, &families);
  return families.Take();
}

std::vector<MetricFamily> ScrapeFamilies(const ScrapeStats& stats) {
  Families families;
  families.Gauge("baro_agent_scrape_targets", "Targets that are scraped.",
                 static_cast<double>(stats.targets));
  families.Gauge("baro_agent_scrape_targets_dropped", "Targets that relabelling leaves out.",
                 static_cast<double>(stats.targets_dropped));
  families.Counter("baro_agent_scrapes_total", "Scrapes, failed ones included.", stats.scrapes);
  families.Counter("baro_agent_scrape_samples_total", "Samples scraped and handed on.",
                   stats.samples);
  families.Counter("baro_agent_scrape_body_bytes_total", "Bytes of expositions, unpacked.",
                   stats.body_bytes);
  families.Gauge("baro_agent_scrape_interval_stretch",
                 "What the CPU governor multiplies the intervals of non-critical targets by.",
                 stats.interval_stretch);
  families.Gauge("baro_agent_scrape_template_bytes", "Memory of all layout caches.",
                 static_cast<double>(stats.template_bytes));
  AddByReason("baro_agent_scrape_failures_total", "Failed scrapes, by reason.", "reason",
              stats.failures, &families);
  AddByReason("baro_agent_scrape_samples_dropped_total", "Samples left out of rows, by reason.",
              "reason", stats.samples_dropped, &families);
  AddByReason("baro_agent_discovery_errors_total", "Failed discoveries, by job.", "job",
              stats.discovery_errors, &families);
  return families.Take();
}

}  // namespace baro::agent
