#include "receiver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "baro/base/strings.h"

namespace baro::notify {
namespace {

// An answer's body is only read for its words.
constexpr size_t kAnswerBytesMax = size_t{1} << 20;
constexpr size_t kWordsMax = 300;
// A receiver may ask for more patience than our own, but not for ever.
constexpr int64_t kRetryAfterMsMax = 10 * 60'000;

// Seconds or a date; 0 when there is none.
int64_t RetryAfterMs(std::string_view text, int64_t now_ms) {
  int64_t seconds = 0;
  if (absl::SimpleAtoi(base::ToAbsl(text), &seconds)) {
    return std::clamp<int64_t>(seconds, 0, kRetryAfterMsMax / 1'000) * 1'000;
  }
  absl::Time at;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", std::string(text), &at, nullptr)) return 0;
  return std::clamp<int64_t>(absl::ToUnixMillis(at) - now_ms, 0, kRetryAfterMsMax);
}

// What cannot be cured by sending it again. Other refusals (401, 404, …) are of the way, not of the
// alerts: somebody will repair it, and then they are told.
Verdict VerdictOf(int status) {
  if (status / 100 == 2) return Verdict::kDelivered;
  if (status == 400 || status == 413 || status == 422) return Verdict::kRefused;
  return Verdict::kRetry;
}

std::string WordsOf(const net::HttpResponse& response) {
  const std::string body(absl::StripAsciiWhitespace(response.body.substr(0, kWordsMax)));
  return base::StrCat(response.status, " ", response.reason, body.empty() ? "" : ": ", body);
}

absl::StatusOr<net::HttpRequest> RequestOf(const Endpoint& endpoint, std::string body) {
  net::HttpRequest request;
  request.method = "POST";
  request.url = endpoint.url;
  auto headers = net::RequestHeaders(endpoint.http);
  if (!headers.ok()) return headers.status();
  request.headers = *std::move(headers);
  request.headers.push_back({"Content-Type", "application/json"});
  for (const auto& [name, value] : endpoint.headers) request.headers.push_back({name, value});
  request.body = std::move(body);
  request.timeout_ms = endpoint.timeout_ms;
  request.body_bytes_max = kAnswerBytesMax;
  request.gzip = net::GzipUse::kNever;
  request.follow_redirects = endpoint.http.follow_redirects;
  request.repeatable = true;
  request.tls = std::make_shared<const net::TlsOptions>(endpoint.http.tls);
  return request;
}

Parcel Part(const Parcel& parcel, size_t first, size_t last) {
  Parcel part{parcel.group, parcel.now_ms, {}};
  part.items.assign(parcel.items.begin() + static_cast<std::ptrdiff_t>(first),
                    parcel.items.begin() + static_cast<std::ptrdiff_t>(last));
  return part;
}

}  // namespace

Attempt PostOnce(const Endpoint& endpoint, std::string body, const base::Clock* clock,
                 HttpSender* sender) {
  Attempt attempt;
  const int64_t start_ns = clock->MonotonicNs();
  auto request = RequestOf(endpoint, std::move(body));
  if (!request.ok()) {
    attempt.error = base::FromAbsl(request.status().message());
    return attempt;
  }
  const auto response = sender->Send(*std::move(request));
  attempt.seconds = static_cast<double>(clock->MonotonicNs() - start_ns) / 1e9;
  if (!response.ok()) {
    attempt.error = base::FromAbsl(response.status().message());
    return attempt;
  }
  attempt.status = response->status;
  attempt.verdict = VerdictOf(response->status);
  if (attempt.verdict == Verdict::kDelivered) return attempt;
  attempt.error = WordsOf(*response);
  attempt.retry_after_ms = RetryAfterMs(response->Header("retry-after"), clock->NowMs());
  return attempt;
}

Receiver::Receiver(ReceiverOptions options, Endpoint endpoint, std::unique_ptr<Outbox> outbox)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      outbox_(std::move(outbox)),
      random_(static_cast<std::minstd_rand::result_type>(options_.seed)) {}

Receiver::~Receiver() {
  BeginStop(0);
  Stop();
}

void Receiver::Start() {
  started_ = tasks_.Start("notify", [this] { Run(); });
}

absl::Status Receiver::Put(const std::vector<model::Alert>& alerts) {
  base::MutexLock lock(&mutex_);
  const absl::Status status = outbox_->Put(alerts, options_.clock->NowMs());
  wake_.SignalAll();
  if (status.ok()) return status;
  return absl::Status(status.code(), base::StrCat("cannot keep alerts for ", options_.name, ": ",
                                                  base::FromAbsl(status.message())));
}

void Receiver::Configure(Endpoint endpoint) {
  base::MutexLock lock(&mutex_);
  endpoint_ = std::move(endpoint);
  // It may be what was wrong.
  stats_.retry_at_ms = 0;
  wake_.SignalAll();
}

void Receiver::Regroup(const GroupOptions& groups) {
  base::MutexLock lock(&mutex_);
  outbox_->Regroup(groups, options_.clock->NowMs());
  wake_.SignalAll();
}

Endpoint Receiver::endpoint() const {
  base::MutexLock lock(&mutex_);
  return endpoint_;
}

ReceiverStats Receiver::GetStats() const {
  base::MutexLock lock(&mutex_);
  ReceiverStats stats = stats_;
  stats.outbox = outbox_->GetStats();
  return stats;
}

void Receiver::Run() {
  while (const std::optional<Parcel> parcel = AwaitParcel()) Deliver(*parcel);
  base::MutexLock lock(&mutex_);
  ended_ = true;
  wake_.SignalAll();
}

// Nothing: the end.
std::optional<Parcel> Receiver::AwaitParcel() {
  base::MutexLock lock(&mutex_);
  while (true) {
    if (stopping_ && (drain_failed_ || options_.clock->MonotonicNs() >= drain_until_ns_)) break;
    const int64_t now_ms = options_.clock->NowMs();
    const std::optional<int64_t> sleep_ms = SleepMs(now_ms);
    if (sleep_ms && *sleep_ms <= 0) {
      std::optional<Parcel> parcel = outbox_->Take(now_ms);
      if (parcel) return parcel;
      continue;
    }
    if (stopping_) break;
    const int64_t ms = std::min(sleep_ms.value_or(options_.poll_ms), options_.poll_ms);
    wake_.WaitWithTimeout(&mutex_, absl::Milliseconds(ms));
  }
  return std::nullopt;
}

// Nothing: until something comes.
std::optional<int64_t> Receiver::SleepMs(int64_t now_ms) {
  const std::optional<int64_t> due_ms = outbox_->NextDueMs();
  if (!due_ms) return std::nullopt;
  // At the end everything is tried once, whatever was said about later.
  const int64_t retry_at_ms = stopping_ ? 0 : stats_.retry_at_ms;
  // A clock set back must not stretch the wait.
  const int64_t wait_ms = std::min(retry_at_ms - now_ms, kRetryAfterMsMax);
  return std::max(*due_ms - now_ms, wait_ms);
}

bool Receiver::Deliver(const Parcel& parcel) {
  Endpoint endpoint;
  std::string body;
  {
    base::MutexLock lock(&mutex_);
    endpoint = endpoint_;
    body = outbox_->Body(parcel);
  }
  const Attempt attempt = PostOnce(endpoint, std::move(body), options_.clock, &sender_);
  Record(parcel, attempt);
  bool may_split = false;
  {
    base::MutexLock lock(&mutex_);
    may_split = outbox_->MaySplit();
  }
  if (attempt.verdict == Verdict::kRefused && may_split && parcel.items.size() > 1) {
    return DeliverHalves(parcel);
  }
  Settle(parcel, attempt);
  return attempt.verdict != Verdict::kRetry;
}

// One bad alert must not cost the others: log2(batch) requests find it.
bool Receiver::DeliverHalves(const Parcel& parcel) {
  const size_t middle = parcel.items.size() / 2;
  return Deliver(Part(parcel, 0, middle)) && Deliver(Part(parcel, middle, parcel.items.size()));
}

void Receiver::Settle(const Parcel& parcel, const Attempt& attempt) {
  base::MutexLock lock(&mutex_);
  const int64_t now_ms = options_.clock->NowMs();
  ++stats_.attempts_total;
  if (attempt.verdict == Verdict::kDelivered) {
    const auto bound =
        std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), attempt.seconds);
    ++stats_.latency_counts[static_cast<size_t>(bound - kLatencyBounds.begin())];
    stats_.latency_seconds_sum += attempt.seconds;
    stats_.sent_total += parcel.items.size();
    stats_.failures = 0;
    stats_.retry_at_ms = 0;
    stats_.last_success_ms = now_ms;
    return outbox_->Delivered(parcel, now_ms);
  }
  stats_.errors_total += parcel.items.size();
  stats_.last_error_ms = now_ms;
  stats_.last_error = attempt.error;
  drain_failed_ = stopping_;
  if (attempt.verdict == Verdict::kRefused) {
    outbox_->Refused(parcel, now_ms);
  } else {
    outbox_->Failed(parcel, now_ms);
    SetBack(attempt, now_ms);
  }
}

// Twice as long each time, by a random half shorter, so that many collectors do not come at once.
void Receiver::SetBack(const Attempt& attempt, int64_t now_ms) {
  const int doublings = std::min(stats_.failures++, 20);
  const int64_t longest = std::min(options_.retry_min_ms << doublings, options_.retry_max_ms);
  const int64_t wait_ms =
      std::uniform_int_distribution<int64_t>(longest - longest / 2, longest)(random_);
  stats_.retry_at_ms = now_ms + std::max(wait_ms, attempt.retry_after_ms);
}

// Repetitions that were taken are not worth a line.
void Receiver::Record(const Parcel& parcel, const Attempt& attempt) const {
  DeliveryRecord record;
  record.time_ms = options_.clock->NowMs();
  record.receiver = options_.name;
  record.status = attempt.status;
  record.error = attempt.error;
  record.seconds = attempt.seconds;
  const bool delivered = attempt.verdict == Verdict::kDelivered;
  record.outcome = delivered                              ? "delivered"
                   : attempt.verdict == Verdict::kRefused ? "refused"
                                                          : "failed";
  for (const ParcelItem& item : parcel.items) {
    ++(item.resolved ? record.resolved : record.firing);
    if (item.news) record.fingerprints.push_back(item.fingerprint);
  }
  if (options_.history != nullptr && (!delivered || !record.fingerprints.empty())) {
    options_.history->AddDelivery(record);
  }
  if (!delivered && options_.on_trouble) {
    options_.on_trouble(base::StrCat("cannot tell ", options_.name, " of ", parcel.items.size(),
                                     " alerts: ", attempt.error));
  }
}

void Receiver::BeginStop(int64_t drain_ms) {
  base::MutexLock lock(&mutex_);
  if (stopping_) return;
  stopping_ = true;
  drain_until_ns_ = options_.clock->MonotonicNs() + drain_ms * 1'000'000;
  wake_.SignalAll();
}

void Receiver::Stop() {
  {
    base::MutexLock lock(&mutex_);
    while (started_ && !ended_) {
      const int64_t left_ns = drain_until_ns_ - options_.clock->MonotonicNs();
      if (left_ns <= 0) break;
      const int64_t ms = std::clamp<int64_t>(left_ns / 1'000'000, 1, options_.poll_ms);
      wake_.WaitWithTimeout(&mutex_, absl::Milliseconds(ms));
    }
  }
  sender_.Cancel();
  tasks_.Stop();
}

}  // namespace baro::notify
