#include "target.h"

#include <algorithm>
#include <string_view>

#include "baro/agent/row_sink.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/net/url.h"

namespace baro::agent {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kScheme = "__scheme__";
constexpr std::string_view kMetricsPath = "__metrics_path__";
constexpr std::string_view kInterval = "__scrape_interval__";
constexpr std::string_view kTimeout = "__scrape_timeout__";
constexpr std::string_view kParam = "__param_";

// The first value of a parameter is the one that relabelling has left in __param_<name>.
std::string Query(const ScrapeJob& job, const model::Labels& labels) {
  std::map<std::string, std::vector<std::string>> params = job.params;
  for (const model::Label& label : labels) {
    if (!std::string_view(label.name).starts_with(kParam)) continue;
    std::vector<std::string>& values = params[label.name.substr(kParam.size())];
    if (values.empty()) values.emplace_back();
    values.front() = label.value;
  }
  std::string query;
  for (const auto& [name, values] : params) {
    for (const std::string& value : values) {
      base::StrAppend(&query, query.empty() ? "?" : "&", net::QueryEscape(name), "=",
                      net::QueryEscape(value));
    }
  }
  return query;
}

absl::Status ReadTimes(const model::Labels& labels, Target* target) {
  BARO_TRY_ASSIGN(target->interval, base::ParseDuration(labels.Get(kInterval)));
  BARO_TRY_ASSIGN(target->timeout, base::ParseDuration(labels.Get(kTimeout)));
  if (target->interval <= milliseconds(0) || target->timeout <= milliseconds(0)) {
    return absl::InvalidArgumentError("scrape interval and timeout must be longer than 0");
  }
  if (target->timeout > target->interval) {
    return absl::InvalidArgumentError(
        base::StrCat("scrape timeout ", base::FormatDuration(target->timeout),
                     " exceeds the scrape interval ", base::FormatDuration(target->interval)));
  }
  return absl::OkStatus();
}

absl::Status Complete(const model::Labels& labels, Target* target) {
  const std::string_view address = labels.Get(kAddress);
  if (address.empty()) return absl::InvalidArgumentError("it has no address");
  if (address.find('/') != std::string_view::npos) {
    return absl::InvalidArgumentError("an address is host:port and holds no '/'");
  }
  BARO_TRY(ReadTimes(labels, target));
  const std::string_view path = labels.Get(kMetricsPath);
  target->url = base::StrCat(labels.Get(kScheme), "://", address, path.starts_with('/') ? "" : "/",
                             path, Query(*target->job, labels));
  BARO_TRY(net::ParseUrl(target->url).status());
  for (const model::Label& label : labels) {
    if (!label.name.starts_with("__")) target->labels.Set(label.name, label.value);
  }
  if (!target->labels.Has("instance")) target->labels.Set("instance", address);
  for (const auto& [name, value] : target->labels) {
    if (std::max(name.size(), value.size()) <= kLabelBytesMax) continue;
    return absl::InvalidArgumentError(
        base::StrCat("a label has more than ", kLabelBytesMax, " bytes"));
  }
  if (target->labels.size() > kLabelsMax) {
    return absl::InvalidArgumentError(
        base::StrCat(target->labels.size(), " labels are more than ", kLabelsMax));
  }
  return absl::OkStatus();
}

}  // namespace

model::Labels DiscoveredLabels(const ScrapeJob& job, const TargetGroup& group,
                               const std::string& address) {
  model::Labels labels;
  labels.Set(kAddress, address);
  labels.Set("job", job.job_name);
  labels.Set(kInterval, base::FormatDuration(job.scrape_interval));
  labels.Set(kTimeout, base::FormatDuration(job.scrape_timeout));
  labels.Set(kMetricsPath, job.metrics_path);
  labels.Set(kScheme, job.scheme);
  for (const auto& [name, values] : job.params) {
    if (!values.empty()) labels.Set(base::StrCat(kParam, name), values.front());
  }
  for (const auto& [name, value] : group.labels) labels.Set(name, value);
  return labels;
}

std::string Target::Key() const {
  return base::StrCat(labels.ToString(), " ", url, " ", interval.count(), " ", timeout.count());
}

absl::StatusOr<std::optional<Target>> MakeTarget(std::shared_ptr<const ScrapeJob> job,
                                                 const TargetGroup& group,
                                                 const std::string& address) {
  Target target;
  target.job = std::move(job);
  target.discovered = DiscoveredLabels(*target.job, group, address);
  model::Labels labels = target.discovered;
  if (!Relabel(target.job->relabel_configs, &labels)) return std::nullopt;
  const absl::Status status = Complete(labels, &target);
  if (!status.ok()) {
    return absl::InvalidArgumentError(base::StrCat("cannot scrape target \"", address,
                                                   "\" of job \"", target.job->job_name,
                                                   "\": ", base::FromAbsl(status.message())));
  }
  return target;
}

}  // namespace baro::agent
