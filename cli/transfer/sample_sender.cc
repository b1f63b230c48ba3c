#include "transfer/sample_sender.h"

#include <poll.h>
#include <snappy.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "api/client.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/remote_read.h"

namespace baro::cli {
namespace {

// About 200 MB while they are sorted.
constexpr size_t kGatheredSamplesMax = 4'000'000;
constexpr size_t kRequestSamplesMax = 5'000;
constexpr size_t kRequestBytesMax = size_t{4} << 20;
// A collector that is busy or restarts is asked again; each try has the transport's deadline.
constexpr int kTriesMax = 5;
constexpr int kPauseMs = 100;

}  // namespace

absl::Status SampleSender::Add(SeriesSamples series) {
  gathered_samples_ += series.values.size();
  gathered_.push_back(std::move(series));
  return gathered_samples_ < kGatheredSamplesMax ? absl::OkStatus() : Flush();
}

absl::Status SampleSender::Flush() {
  std::vector<Place> places;
  places.reserve(gathered_samples_);
  for (uint32_t i = 0; i < gathered_.size(); ++i) {
    for (uint32_t j = 0; j < gathered_[i].times_ms.size(); ++j) {
      places.push_back({gathered_[i].times_ms[j], i, j});
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.time_ms, a.series) < std::tie(b.time_ms, b.series);
  });
  std::string message;
  size_t samples = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    const SeriesSamples& series = gathered_[places[i].series];
    const uint32_t at = places[i].sample;
    const model::Histogram* const histogram =
        series.histograms.empty() ? nullptr : series.histograms[at].get();
    wire::ReadSeries one{{&series.times_ms[at], 1}, {&series.values[at], 1}, {}};
    if (histogram != nullptr) one.histograms = {&histogram, 1};
    // A series of a read answer and of a write request are the same message in the same field.
    message += wire::WriteReadSeries(series.labels, one);
    ++samples;
    const bool full = samples >= kRequestSamplesMax || message.size() >= kRequestBytesMax;
    if (!full && i + 1 < places.size()) continue;
    BARO_TRY(Post(message));
    samples_sent_ += samples;
    message.clear();
    samples = 0;
  }
  gathered_.clear();
  gathered_samples_ = 0;
  return absl::OkStatus();
}

absl::Status SampleSender::Post(const std::string& message) {
  ApiRequest post;
  post.path = "/api/v1/write";
  post.content_type = "application/x-protobuf";
  post.headers = {{"Content-Encoding", "snappy"}, {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  snappy::Compress(message.data(), message.size(), &post.body);
  absl::Status status;
  for (int attempt = 0; attempt < kTriesMax; ++attempt) {
    if (attempt > 0) ::poll(nullptr, 0, kPauseMs << attempt);
    const absl::StatusOr<ApiResponse> answer = transport_->Send(post);
    status = answer.status();
    if (!status.ok()) continue;
    if (answer->status == 400) {  // a part was refused, the rest is stored
      if (requests_refused_++ == 0) refusal_ = answer->body;
      return absl::OkStatus();
    }
    status = CheckStatus(*answer);
    if (answer->status < 500) return status;
  }
  return status;
}

}  // namespace baro::cli
