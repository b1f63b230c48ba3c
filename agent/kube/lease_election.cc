#include "lease_election.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::agent {

namespace asio = boost::asio;

namespace {

std::string LeasesPath(const LeaseOptions& options) {
  return base::StrCat("/apis/coordination.k8s.io/v1/namespaces/", options.space, "/leases");
}

// A MicroTime.
std::string TimeText(int64_t now_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMillis(now_ms),
                          absl::UTCTimeZone());
}

}  // namespace

LeaseElection::LeaseElection(asio::any_io_executor executor, kubernetes::ClientConfig config,
                             LeaseOptions options, const base::Clock* clock,
                             std::function<void(bool leading)> on_change)
    : options_(std::move(options)),
      clock_(clock),
      on_change_(std::move(on_change)),
      client_(executor,
              [&] {
                config.timeout_ms = std::min(config.timeout_ms, options_.renew_deadline_ms / 2);
                return std::move(config);
              }()),
      timer_(executor) {}

void LeaseElection::Close() {
  closing_ = true;
  client_.Close();
  timer_.cancel();
}

asio::awaitable<void> LeaseElection::Run() {
  while (!closing_) {
    const int64_t asked_ns = clock_->MonotonicNs();
    const absl::Status status = co_await TryOnce();
    if (closing_) break;
    Settle(status, asked_ns);
    timer_.expires_after(std::chrono::milliseconds(options_.retry_ms));
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  SetLeading(false);
}

// OK: the lease is ours, as of `asked_ns`. Unavailable and others: it may be; only so long.
void LeaseElection::Settle(const absl::Status& status, int64_t asked_ns) {
  last_error_ = status.ok() ? "" : std::string(status.message());
  if (status.ok()) {
    renewed_ns_ = asked_ns;
    SetLeading(true);
    return;
  }
  const bool held_by_another = absl::IsFailedPrecondition(status);
  const int64_t since_ms = (clock_->MonotonicNs() - renewed_ns_) / 1'000'000;
  if (held_by_another || since_ms >= options_.renew_deadline_ms) SetLeading(false);
}

void LeaseElection::SetLeading(bool leading) {
  if (leading_ == leading) return;
  leading_ = leading;
  on_change_(leading);
}

// Remembers since when the holder has not renewed, by our own clock: theirs may be wrong.
void LeaseElection::Observe(const kubernetes::Json& lease) {
  const kubernetes::Json spec = lease["spec"];
  std::string now = base::StrCat(spec["holderIdentity"].Text(), " ", spec["renewTime"].Text());
  if (now == observed_ && observed_ns_ != 0) return;
  observed_ = std::move(now);
  observed_ns_ = clock_->MonotonicNs();
}

asio::awaitable<absl::Status> LeaseElection::TryOnce() {
  kubernetes::ApiRequest request;
  request.path = base::StrCat(LeasesPath(options_), "/", options_.name);
  const auto answer = co_await client_.Send(std::move(request));
  if (absl::IsNotFound(answer.status())) co_return co_await Create();
  if (!answer.ok()) co_return answer.status();
  BARO_CO_TRY_ASSIGN(const kubernetes::Json lease, parser_.Parse(*answer, "a Lease"));
  Observe(lease);
  const kubernetes::Json spec = lease["spec"];
  const std::string holder(spec["holderIdentity"].Text());
  const bool is_ours = holder == options_.identity;
  const int64_t waited_ms = (clock_->MonotonicNs() - observed_ns_) / 1'000'000;
  const auto duration_ms = static_cast<int64_t>(spec["leaseDurationSeconds"].NumberOr(0) * 1000);
  if (!is_ours && !holder.empty() && waited_ms < std::max(duration_ms, options_.duration_ms)) {
    co_return absl::FailedPreconditionError(base::StrCat("the lease is held by ", holder));
  }
  const auto transitions = static_cast<int64_t>(spec["leaseTransitions"].NumberOr(0));
  // Named: gcc 12 destroys temporaries inside co_await twice.
  std::string version(lease["metadata"]["resourceVersion"].Text());
  std::string acquired(is_ours ? spec["acquireTime"].Text() : std::string_view());
  co_return co_await Replace(std::move(version), transitions + (is_ours ? 0 : 1),
                             std::move(acquired));
}

std::string LeaseElection::LeaseJson(std::string_view resource_version, int64_t transitions,
                                     std::string_view acquire_time) const {
  const std::string now = TimeText(clock_->NowMs());
  const std::string version =
      resource_version.empty() ? ""
                               : base::StrCat(R"("resourceVersion":")", resource_version, R"(",)");
  return base::StrCat(R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{)",
                      version, R"("name":")", options_.name, R"(","namespace":")", options_.space,
                      R"("},"spec":{"holderIdentity":")", options_.identity,
                      R"(","leaseDurationSeconds":)",
                      std::max<int64_t>(1, options_.duration_ms / 1000), R"(,"acquireTime":")",
                      acquire_time.empty() ? std::string_view(now) : acquire_time,
                      R"(","renewTime":")", now, R"(","leaseTransitions":)", transitions, "}}");
}

asio::awaitable<absl::Status> LeaseElection::Send(std::string method, std::string path,
                                                  std::string body) {
  kubernetes::ApiRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  const auto answer = co_await client_.Send(std::move(request));
  // Aborted (409): somebody else was faster.
  co_return answer.status();
}

asio::awaitable<absl::Status> LeaseElection::Create() {
  std::string path = LeasesPath(options_);
  std::string body = LeaseJson("", 0, "");
  co_return co_await Send("POST", std::move(path), std::move(body));
}

asio::awaitable<absl::Status> LeaseElection::Replace(std::string resource_version,
                                                     int64_t transitions,
                                                     std::string acquire_time) {
  std::string path = base::StrCat(LeasesPath(options_), "/", options_.name);
  std::string body = LeaseJson(resource_version, transitions, acquire_time);
  co_return co_await Send("PUT", std::move(path), std::move(body));
}

}  // namespace baro::agent
