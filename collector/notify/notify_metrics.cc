#include "notify/notify_metrics.h"

#include <functional>
#include <string>
#include <utility>

#include "self_metrics.h"

namespace baro::collector {
namespace {

using notify::NotifierStatus;
using notify::ReceiverStatus;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric::Label ReceiverLabel(const ReceiverStatus& receiver) {
  const bool is_webhook = receiver.kind == notify::ReceiverKind::kWebhook;
  return {is_webhook ? "webhook" : "alertmanager", receiver.name};
}

ClientMetric Labelled(const ReceiverStatus& receiver) {
  ClientMetric metric;
  metric.label.push_back(ReceiverLabel(receiver));
  return metric;
}

void SetValue(MetricType type, double value, ClientMetric* metric) {
  if (type == MetricType::Counter) {
    metric->counter.value = value;
  } else {
    metric->gauge.value = value;
  }
}

struct Column {
  const char* name;
  const char* help;
  MetricType type;
  std::function<double(const ReceiverStatus&)> value;
};

// One series per receiver each.
const std::vector<Column>& Columns() {
  static const std::vector<Column> columns = {
      {"baro_notifications_sent_total", "Alerts that a receiver has taken.", MetricType::Counter,
       [](const ReceiverStatus& one) { return static_cast<double>(one.sent_total); }},
      {"baro_notifications_errors_total", "Alerts in attempts that failed; they are tried again.",
       MetricType::Counter,
       [](const ReceiverStatus& one) { return static_cast<double>(one.errors_total); }},
      {"baro_notifications_attempts_total", "Requests to receivers.", MetricType::Counter,
       [](const ReceiverStatus& one) { return static_cast<double>(one.attempts_total); }},
      {"baro_notifications_queue_length", "Alerts that wait to be told.", MetricType::Gauge,
       [](const ReceiverStatus& one) { return static_cast<double>(one.queue_alerts); }},
      {"baro_notifications_queue_capacity", "Alerts that a queue may hold.", MetricType::Gauge,
       [](const ReceiverStatus& one) { return static_cast<double>(one.queue_capacity); }},
      {"baro_notifications_queue_bytes", "What a queue holds.", MetricType::Gauge,
       [](const ReceiverStatus& one) { return static_cast<double>(one.queue_bytes); }},
      {"baro_notifications_queue_disk_errors_total",
       "Changes of a queue that the disk has not taken.", MetricType::Counter,
       [](const ReceiverStatus& one) { return static_cast<double>(one.disk_errors_total); }},
      {"baro_notifications_consecutive_failures", "Attempts that failed since one did not.",
       MetricType::Gauge, [](const ReceiverStatus& one) { return one.failures; }},
      {"baro_notifications_last_success_timestamp_seconds", "When a receiver last took alerts.",
       MetricType::Gauge,
       [](const ReceiverStatus& one) { return static_cast<double>(one.last_success_ms) / 1000; }},
  };
  return columns;
}

MetricFamily FamilyOf(const Column& column, const NotifierStatus& status) {
  MetricFamily family;
  family.name = column.name;
  family.help = column.help;
  family.type = column.type;
  for (const ReceiverStatus& receiver : status.receivers) {
    ClientMetric metric = Labelled(receiver);
    SetValue(column.type, column.value(receiver), &metric);
    family.metric.push_back(std::move(metric));
  }
  return family;
}

MetricFamily Dropped(const NotifierStatus& status) {
  MetricFamily family;
  family.name = "baro_notifications_dropped_total";
  family.help = "Alert states that a receiver will never hear.";
  family.type = MetricType::Counter;
  for (const ReceiverStatus& receiver : status.receivers) {
    for (const auto& [reason, count] : receiver.dropped_total) {
      ClientMetric metric = Labelled(receiver);
      metric.label.push_back({"reason", reason});
      metric.counter.value = static_cast<double>(count);
      family.metric.push_back(std::move(metric));
    }
  }
  return family;
}

MetricFamily Suppressed(const NotifierStatus& status) {
  MetricFamily family;
  family.name = "baro_notifications_suppressed_total";
  family.help = "Alerts that went to no receiver: relabelling dropped them, or they are unfit.";
  family.type = MetricType::Counter;
  for (const char* reason : {"relabel", "too_large", "no_labels"}) {
    const auto found = status.suppressed_total.find(reason);
    ClientMetric metric;
    metric.label.push_back({"reason", reason});
    metric.counter.value =
        found == status.suppressed_total.end() ? 0 : static_cast<double>(found->second);
    family.metric.push_back(std::move(metric));
  }
  return family;
}

MetricFamily Latency(const NotifierStatus& status) {
  MetricFamily family;
  family.name = "baro_notifications_latency_histogram_seconds";
  family.help = "How long receivers take for a request that they accept.";
  family.type = MetricType::Histogram;
  for (const ReceiverStatus& receiver : status.receivers) {
    ClientMetric metric = Labelled(receiver);
    uint64_t below = 0;
    for (size_t i = 0; i < receiver.latency_counts.size(); ++i) {
      below += receiver.latency_counts[i];
      if (i < receiver.latency_bounds.size()) {
        metric.histogram.bucket.push_back({below, receiver.latency_bounds[i]});
      }
    }
    metric.histogram.sample_count = below;
    metric.histogram.sample_sum = receiver.latency_seconds_sum;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

// A histogram for each severity.
MetricFamily Responses(const char* name, const char* help,
                       const std::map<std::string, notify::ResponseTimes>& all,
                       const std::vector<double>& bounds) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = MetricType::Histogram;
  for (const auto& [severity, times] : all) {
    ClientMetric metric;
    metric.label.push_back({"severity", severity});
    uint64_t below = 0;
    for (size_t i = 0; i < times.counts.size(); ++i) {
      below += times.counts[i];
      if (i < bounds.size()) metric.histogram.bucket.push_back({below, bounds[i]});
    }
    metric.histogram.sample_count = below;
    metric.histogram.sample_sum = times.seconds_sum;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

MetricFamily Unacknowledged(const notify::ResponseStats& stats) {
  MetricFamily family;
  family.name = "baro_alerts_unacknowledged";
  family.help = "Alerts that fire and that nobody has acknowledged.";
  family.type = MetricType::Gauge;
  for (const auto& [severity, count] : stats.unacknowledged) {
    ClientMetric metric;
    metric.label.push_back({"severity", severity});
    metric.gauge.value = static_cast<double>(count);
    family.metric.push_back(std::move(metric));
  }
  return family;
}

void CollectResponses(const notify::ResponseStats& stats, std::vector<MetricFamily>* families) {
  families->push_back(Responses("baro_alerts_time_to_acknowledge_seconds",
                                "From the start of an alert to somebody's word that they look.",
                                stats.to_acknowledge, stats.bounds_seconds));
  families->push_back(Responses("baro_alerts_time_to_resolve_seconds",
                                "From the start of an alert to its end.", stats.to_resolve,
                                stats.bounds_seconds));
  families->push_back(Unacknowledged(stats));
}

}  // namespace

void CollectNotify(const NotifierStatus& status, std::vector<MetricFamily>* families) {
  for (const Column& column : Columns()) families->push_back(FamilyOf(column, status));
  families->push_back(Dropped(status));
  families->push_back(Suppressed(status));
  families->push_back(Latency(status));
  families->push_back(OneGauge("baro_notifications_alertmanagers_discovered",
                               "Alertmanagers that alerts go to.",
                               static_cast<double>(status.active_alertmanagers.size())));
  families->push_back(OneCounter("baro_notifications_queues_removed_total",
                                 "Queues of receivers that are gone for an hour.",
                                 static_cast<double>(status.queues_removed_total)));
  families->push_back(OneGauge("baro_notifications_history_bytes", "The history of alerts.",
                               static_cast<double>(status.history_bytes)));
  families->push_back(OneCounter("baro_notifications_history_errors_total",
                                 "Records of the history that the disk has not taken.",
                                 static_cast<double>(status.history_errors_total)));
  families->push_back(OneCounter("baro_notifications_notices_received_total",
                                 "Webhooks that Alertmanagers have sent.",
                                 static_cast<double>(status.notices_total)));
  CollectResponses(status.responses, families);
}

}  // namespace baro::collector
