#include "scrape_loop.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <fstream>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/exposition/protobuf.h"
#include "baro/model/labels.h"
#include "json_text.h"
#include "scrape_protocol.h"
#include "spdlog/spdlog.h"

namespace baro::agent {

namespace asio = boost::asio;
using exposition::Format;

namespace {

// The first scrape comes soon after the start, spread over this, whatever the interval.
constexpr int64_t kFirstSpreadMs = 400;
// A scrape that starts this little late (or a hundredth of the interval) carries the time at which
// it was due: evenly spaced times cost next to nothing to store.
constexpr int64_t kDueToleranceMs = 10;
// As many targets share a moment, unless that makes fewer moments than this.
constexpr uint64_t kTargetsPerMoment = 8;
constexpr uint64_t kMomentsMin = 10;

ScrapeFailure ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return ScrapeFailure::kTimeout;
    case absl::StatusCode::kResourceExhausted:
      return ScrapeFailure::kBodyLimit;
    default:
      return ScrapeFailure::kConnection;
  }
}

std::vector<net::HttpHeader> FixedHeaders(const Target& target) {
  return {{"Accept", AcceptHeader(*target.job)},
          {"X-Prometheus-Scrape-Timeout-Seconds",
           absl::StrFormat("%g", static_cast<double>(target.timeout.count()) / 1000)}};
}

TargetStatus StatusOf(const Target& target) {
  TargetStatus status;
  status.job = target.job->job_name;
  status.url = target.url;
  status.discovered = target.discovered;
  status.labels = target.labels;
  status.interval_ms = target.interval.count();
  status.timeout_ms = target.timeout.count();
  return status;
}

}  // namespace

ScrapeLoop::ScrapeLoop(asio::any_io_executor executor, Target target, ScrapeContext* context)
    : target_(std::move(target)),
      context_(context),
      phase_ms_(PhaseMs()),
      timer_(executor),
      client_(executor),
      tls_(std::make_shared<net::TlsOptions>(target_.job->http.tls)),
      rows_(context->sink, &target_, &context->counters),
      headers_(FixedHeaders(target_)),
      board_(std::make_shared<TargetBoard>(StatusOf(target_))) {}

void ScrapeLoop::Stop(bool gone) {
  stopping_ = true;
  gone_ = gone;
  timer_.cancel();
  client_.Close();
}

// A fixed moment within the interval, by the target's labels. Some targets share one: waking up for
// a scrape costs several times what the scrape itself does while its code is still in the caches.
int64_t ScrapeLoop::PhaseMs() const {
  const auto interval = static_cast<uint64_t>(target_.interval.count());
  const uint64_t moments = std::clamp<uint64_t>(context_->targets / kTargetsPerMoment, kMomentsMin,
                                                std::max(kMomentsMin, interval));
  return static_cast<int64_t>(target_.labels.Hash() % moments * interval / moments);
}

int64_t ScrapeLoop::IntervalMs() const {
  const auto interval = static_cast<double>(target_.interval.count());
  return static_cast<int64_t>(interval * (target_.job->critical ? 1 : context_->stretch));
}

// The first time after `now_ms` that has the target's phase.
int64_t ScrapeLoop::NextTimeMs(int64_t now_ms) const {
  const int64_t interval = IntervalMs();
  const int64_t since = (now_ms - phase_ms_) % interval;
  return now_ms + interval - (since < 0 ? since + interval : since);
}

asio::awaitable<void> ScrapeLoop::WaitUntil(int64_t time_ms) {
  while (!stopping_) {
    const int64_t left_ms = time_ms - context_->clock->NowMs();
    if (left_ms <= 0) co_return;
    // A wall clock that is set back must not keep us waiting for longer than an interval.
    if (left_ms > 2 * IntervalMs()) co_return;
    timer_.expires_after(std::chrono::milliseconds(left_ms));
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> ScrapeLoop::Run() {
  const base::Clock& clock = *context_->clock;
  const int64_t spread = std::min(kFirstSpreadMs, target_.interval.count());
  int64_t due_ms = clock.NowMs() + phase_ms_ % spread;
  while (!stopping_) {
    co_await WaitUntil(due_ms);
    if (stopping_) break;
    co_await ScrapeOnce(due_ms);
    due_ms = NextTimeMs(std::max(clock.NowMs(), due_ms));
  }
  client_.Close();
  if (gone_) rows_.AppendGone(clock.NowMs());
}

asio::awaitable<void> ScrapeLoop::ScrapeOnce(int64_t due_ms) {
  const base::Clock& clock = *context_->clock;
  const int64_t now_ms = clock.NowMs();
  const int64_t tolerance = std::min(kDueToleranceMs, target_.interval.count() / 100);
  const int64_t time_ms = std::abs(now_ms - due_ms) <= tolerance ? due_ms : now_ms;
  const int64_t start_ns = clock.MonotonicNs();
  report_ = {};
  absl::StatusOr<net::HttpResponse> response = co_await Fetch();
  if (stopping_) co_return;
  double seconds = static_cast<double>(clock.MonotonicNs() - start_ns) * 1e-9;
  absl::Status status = response.status();
  if (status.ok()) status = Take(*response, time_ms, seconds);
  seconds = static_cast<double>(clock.MonotonicNs() - start_ns) * 1e-9;
  ++context_->counters.scrapes;
  if (!status.ok()) {
    report_.up = false;
    report_.duration_seconds = seconds;
    report_.series_added = 0;
    report_.body_too_large = forced_error_.empty() && absl::IsResourceExhausted(response.status());
    rows_.AppendFailure(time_ms, report_).IgnoreError();  // counted where it is refused
    LogFailure(status);
  }
  Publish(time_ms, seconds, report_, status);
}

absl::Status ScrapeLoop::Fail(ScrapeFailure reason, absl::Status status) {
  context_->counters.Count(reason);
  return status;
}

asio::awaitable<absl::StatusOr<net::HttpResponse>> ScrapeLoop::Fetch() {
  if (!forced_error_.empty()) {
    co_return Fail(ScrapeFailure::kTargetLimit, absl::ResourceExhaustedError(forced_error_));
  }
  absl::StatusOr<net::HttpRequest> request = BuildRequest();
  if (!request.ok()) co_return Fail(ScrapeFailure::kCredentials, request.status());
  absl::StatusOr<net::HttpResponse> response = co_await client_.Send(*std::move(request));
  if (!response.ok() && !stopping_) context_->counters.Count(ReasonOf(response.status()));
  co_return response;
}

absl::StatusOr<net::HttpRequest> ScrapeLoop::BuildRequest() {
  const ScrapeJob& job = *target_.job;
  net::HttpRequest request;
  request.url = target_.url;
  request.timeout_ms = target_.timeout.count();
  request.follow_redirects = job.http.follow_redirects;
  request.gzip = job.enable_compression ? net::GzipUse::kOffNode : net::GzipUse::kNever;
  request.body_bytes_max = static_cast<size_t>(context_->options.body_bytes_max);
  if (job.body_size_limit > 0) {
    request.body_bytes_max = std::min(request.body_bytes_max, size_t{job.body_size_limit});
  }
  request.tls = tls_;
  BARO_TRY_ASSIGN(request.headers, net::RequestHeaders(job.http));
  request.headers.insert(request.headers.end(), headers_.begin(), headers_.end());
  net::SetProxy(job.http, &request);
  return request;
}

// 200, and a format that we read. Sets format_.
absl::Status ScrapeLoop::CheckResponse(const net::HttpResponse& response) {
  if (response.status != 200) {
    return Fail(ScrapeFailure::kHttpStatus,
                absl::UnavailableError(base::StrCat("server returned HTTP status ", response.status,
                                                    " ", response.reason)));
  }
  const std::string_view content_type = response.Header("content-type");
  auto format = FormatOfAnswer(content_type);
  if (!format && target_.job->fallback_scrape_protocol) {
    format = FormatOf(*target_.job->fallback_scrape_protocol);
  }
  // As in Prometheus an answer of nothing is an exposition of nothing, whatever it says it is.
  if (!format && response.body.empty()) format = format_;
  if (!format) {
    return Fail(ScrapeFailure::kContentType,
                absl::InvalidArgumentError(base::StrCat(
                    "cannot read Content-Type \"", content_type.substr(0, 100),
                    "\": it is no exposition format, and there is no fallback_scrape_protocol")));
  }
  if (!cache_ || *format != format_) {
    cache_.emplace(*format, CacheLimits());
    rows_.Forget();
  }
  format_ = *format;
  return absl::OkStatus();
}

exposition::Limits ScrapeLoop::CacheLimits() const {
  exposition::Limits limits;
  limits.series_max = static_cast<size_t>(context_->options.series_max);
  // TargetRows leaves out what is too much for a collector; here it would fail the scrape.
  limits.labels_max = 16 * kLabelsMax;
  return limits;
}

// What the layout cache is to read of the body; native histograms apart.
absl::StatusOr<std::string_view> ScrapeLoop::TextOf(
    std::string_view body, std::vector<exposition::NativeSample>* natives) {
  if (format_ != Format::kProtobuf) {
    return body.empty() && format_ == Format::kOpenMetrics ? std::string_view("# EOF\n") : body;
  }
  const ScrapeJob& job = *target_.job;
  BARO_TRY(exposition::ReadProtobuf(
      body, {job.scrape_native_histograms, job.always_scrape_classic_histograms}, CacheLimits(),
      &protobuf_));
  *natives = std::move(protobuf_.histograms);
  return std::string_view(protobuf_.text);
}

absl::Status ScrapeLoop::Take(const net::HttpResponse& response, int64_t time_ms, double seconds) {
  context_->counters.body_bytes += response.body.size();
  report_.body_bytes = response.body.size();
  BARO_TRY(CheckResponse(response));
  std::vector<exposition::NativeSample> natives;
  const auto text = TextOf(response.body, &natives);
  if (!text.ok()) return Fail(ScrapeFailure::kParse, text.status());
  const auto stats = cache_->Parse(*text);
  if (!stats.ok()) {
    // As in Prometheus: what was read before the mistake. What metric relabelling would have left
    // of it nobody has worked out.
    report_.samples_scraped = cache_->samples_read();
    if (target_.job->metric_relabel_configs.empty()) {
      report_.samples_post_relabeling = report_.samples_scraped;
    }
    return Fail(ScrapeFailure::kParse, stats.status());
  }
  context_->counters.Count(SampleDrop::kDuplicate, stats->duplicates);
  report_.up = true;
  report_.duration_seconds = seconds;
  report_.samples_scraped = stats->samples;
  report_.series_added = stats->series_added;
  absl::Status status =
      rows_.Append(*cache_, std::move(natives), stats->layout_changed, time_ms, &report_);
  if (!status.ok()) return Fail(rows_.last_failure(), std::move(status));
  if (cache_->wants_compaction()) {
    rows_.Forget();
    return cache_->Compact(*text);
  }
  return absl::OkStatus();
}

// scrape_failure_log_file: one line of JSON a failure.
void ScrapeLoop::LogFailure(const absl::Status& status) const {
  const std::string& path = target_.job->scrape_failure_log_file;
  if (path.empty()) return;
  const std::string time = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(context_->clock->NowMs()), absl::UTCTimeZone());
  std::ofstream(path, std::ios::app) << base::StrCat(
      "{\"time\":\"", time,
      "\",\"level\":\"ERROR\",\"msg\":", QuotedJson(base::FromAbsl(status.message())),
      ",\"job_name\":", QuotedJson(target_.job->job_name), ",\"target\":", QuotedJson(target_.url),
      "}\n");
}

// A scrape that fails is told by `up`; what is missing in one that does not, by the log alone.
void ScrapeLoop::WarnOnce() {
  const std::string_view warning = rows_.warning();
  if (warning.empty() || warning == warned_) return;
  warned_ = warning;
  spdlog::warn("target {} of job \"{}\": {}", target_.url, target_.job->job_name, warning);
}

void ScrapeLoop::Publish(int64_t time_ms, double seconds, const ScrapeReport& report,
                         const absl::Status& status) {
  WarnOnce();
  board_->Update([&](TargetStatus* told, size_t* template_bytes) {
    told->health = report.up ? "up" : "down";
    told->last_error = status.ok() ? rows_.warning() : base::FromAbsl(status.message());
    told->last_scrape_ms = time_ms;
    told->last_duration_seconds = seconds;
    told->last_samples = report.samples_scraped;
    told->columns = cache_ ? cache_->column_count() : 0;
    told->layout_changes = rows_.layout_changes();
    *template_bytes = cache_ ? cache_->memory_bytes() : 0;
  });
}

}  // namespace baro::agent
