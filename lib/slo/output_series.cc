#include "output_series.h"

#include <cmath>
#include <cstdio>

#include "baro/base/strings.h"

namespace baro::slo {
namespace {

class SeriesWriter {
 public:
  SeriesWriter(model::Labels base, int64_t time_ms, std::vector<SloSample>* samples)
      : base_(std::move(base)), time_ms_(time_ms), samples_(samples) {}

  void Add(std::string_view name, double value) { Add(name, {}, {}, value); }
  void Add(std::string_view name, std::string_view label, std::string_view text, double value) {
    SloSample sample{base_, time_ms_, value};
    sample.labels.Set(model::kMetricName, name);
    if (!label.empty()) sample.labels.Set(label, text);
    samples_->push_back(std::move(sample));
  }

 private:
  const model::Labels base_;
  const int64_t time_ms_;
  std::vector<SloSample>* const samples_;
};

void AppendOwn(const SloSpec& spec, const GroupStatus& group, int64_t time_ms,
               std::vector<SloSample>* samples) {
  SeriesWriter out(BaseLabels(spec, group.labels), time_ms, samples);
  out.Add("baro_slo_objective_ratio", group.objective);
  for (const WindowStatus& window : group.windows) {
    const std::string text = DurationText(window.window_ms);
    out.Add("baro_slo_sli_ratio", "window", text, window.sli);
    out.Add("baro_slo_burn_rate", "window", text, window.burn_rate);
  }
  out.Add("baro_slo_error_budget_remaining_ratio", group.remaining);
  out.Add("baro_slo_events_total", "kind", "good", group.total_ever - group.bad_ever);
  out.Add("baro_slo_events_total", "kind", "bad", group.bad_ever);
  if (group.exhausted_ms) {
    out.Add("baro_slo_exhaustion_timestamp_seconds",
            static_cast<double>(*group.exhausted_ms) / 1000);
  }
  for (const SloState state : {SloState::kOk, SloState::kNoTraffic, SloState::kNoData}) {
    out.Add("baro_slo_state", "state", SloStateName(state), state == group.state ? 1 : 0);
  }
}

void AppendSloth(const SloSpec& spec, const GroupStatus& group, int64_t time_ms,
                 std::vector<SloSample>* samples) {
  model::Labels base = group.labels;
  for (const auto& [name, value] : spec.labels) base.Set(name, value);
  AddSlothLabels(spec, &base);
  SeriesWriter out(base, time_ms, samples);
  for (const WindowStatus& window : group.windows) {
    const std::string text = DurationText(window.window_ms);
    out.Add(base::StrCat("slo:sli_error:ratio_rate", text), "sloth_window", text, 1 - window.sli);
  }
  out.Add("slo:objective:ratio", group.objective);
  out.Add("slo:error_budget:ratio", 1 - group.objective);
  out.Add("slo:time_period:days",
          static_cast<double>(spec.window.length_ms) / static_cast<double>(kDayMs));
  out.Add("slo:current_burn_rate:ratio", group.windows.front().burn_rate);
  out.Add("slo:period_burn_rate:ratio", group.period.burn_rate);
  out.Add("slo:period_error_budget_remaining:ratio", group.remaining);
  model::Labels info = base;
  info.Set("sloth_mode", "barograph");
  info.Set("sloth_spec", "prometheus/v1");
  info.Set("sloth_objective", NumberText(group.objective * 100));
  SeriesWriter(info, time_ms, samples).Add("sloth_slo_info", 1);
}

void AppendPyrra(const SloSpec& spec, const GroupStatus& group, int64_t time_ms,
                 std::vector<SloSample>* samples) {
  model::Labels base = group.labels;
  for (const auto& [name, value] : spec.labels) base.Set(name, value);
  base.Set("slo", spec.name);
  SeriesWriter out(base, time_ms, samples);
  out.Add("pyrra_objective", group.objective);
  out.Add("pyrra_window", static_cast<double>(spec.window.length_ms) / 1000);
  out.Add("pyrra_availability", group.period.sli);
  const double seconds = static_cast<double>(group.recent.window_ms) / 1000;
  out.Add("pyrra_requests:rate5m", group.recent.total / seconds);
  out.Add("pyrra_errors:rate5m", group.recent.bad / seconds);
  out.Add("pyrra_requests_total", group.total_ever);
  out.Add("pyrra_errors_total", group.bad_ever);
}

void AppendAlert(const SloAlert& alert, int64_t time_ms, std::vector<SloSample>* samples) {
  SeriesWriter out(alert.labels, time_ms, samples);
  const bool firing = alert.state == SloAlertState::kFiring;
  out.Add("ALERTS", "alertstate", firing ? "firing" : "pending", 1);
  out.Add("ALERTS_FOR_STATE", static_cast<double>(alert.active_since_ms / 1000));
}

}  // namespace

model::Labels BaseLabels(const SloSpec& spec, const model::Labels& group) {
  model::Labels labels = group;
  for (const auto& [name, value] : spec.labels) labels.Set(name, value);
  labels.Set("slo", spec.name);
  labels.Set("service", spec.service);
  return labels;
}

void AddSlothLabels(const SloSpec& spec, model::Labels* labels) {
  labels->Set("sloth_id", spec.name);
  labels->Set("sloth_service", spec.service);
  labels->Set("sloth_slo", spec.sloth_name.empty() ? spec.name : spec.sloth_name);
}

void AppendSeries(const SloStatus& status, int64_t time_ms, std::vector<SloSample>* samples) {
  for (const GroupStatus& group : status.groups) {
    AppendOwn(*status.spec, group, time_ms, samples);
    if (status.spec->export_sloth) AppendSloth(*status.spec, group, time_ms, samples);
    if (status.spec->export_pyrra) AppendPyrra(*status.spec, group, time_ms, samples);
    for (const SloAlert& alert : group.alerts) AppendAlert(alert, time_ms, samples);
  }
}

std::string ExpandAnnotation(const std::string& text, const model::Labels& labels, double value) {
  std::string out;
  size_t at = 0;
  for (;;) {
    const size_t begin = text.find("{{", at);
    const size_t end = begin == std::string::npos ? begin : text.find("}}", begin);
    if (end == std::string::npos) return out + text.substr(at);
    out += text.substr(at, begin - at);
    std::string inner;
    for (const char c : text.substr(begin + 2, end - begin - 2)) {
      if (c != ' ') inner += c;
    }
    if (inner == "$value") {
      out += NumberText(value);
    } else if (inner.starts_with("$labels.")) {
      out += labels.Get(std::string_view(inner).substr(8));
    } else {
      out += text.substr(begin, end + 2 - begin);
    }
    at = end + 2;
  }
}

std::string AlertQuery(const SloSpec& spec, const std::string& alertname,
                       const std::string& severity) {
  if (alertname == "SloErrorBudgetExhausted") {
    return base::StrCat("baro_slo_error_budget_remaining_ratio{slo=\"", spec.name, "\"} <= 0");
  }
  if (alertname == "SloNoData") {
    return base::StrCat("baro_slo_state{slo=\"", spec.name, "\",state=\"no_data\"} == 1");
  }
  std::string query;
  const auto burn_rate = [&](int64_t window_ms, double rate) {
    return base::StrCat("baro_slo_burn_rate{slo=\"", spec.name, "\",window=\"",
                        DurationText(window_ms), "\"} >= ", NumberText(rate));
  };
  for (const PolicySpec& policy : spec.alerting.policies) {
    if (policy.severity != severity) continue;
    base::StrAppend(&query, query.empty() ? "" : " or ", "(",
                    burn_rate(policy.long_ms, policy.burn_rate), " and ignoring (window) ",
                    burn_rate(policy.short_ms, policy.burn_rate), ")");
  }
  return query;
}

std::string NumberText(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.6g", value);
  return buffer;
}

}  // namespace baro::slo
