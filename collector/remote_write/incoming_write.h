// IncomingWrite: what one write request adds up to on its way into the store, and the answer that
// follows from what became of it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "baro/net/http_message.h"
#include "baro/tsdb/store.h"
#include "baro/wire/remote_series.h"
#include "remote_write/content.h"

namespace baro::collector {

// Why samples and histograms were refused; the words are the `reason` of
// baro_remote_write_refused_samples_total.
enum class Refusal : uint8_t { kInvalidLabels, kLimit, kTooOld, kTooNew, kInvalidHistogram };
inline constexpr std::array<std::string_view, 5> kRefusalNames = {
    "invalid_labels", "limit", "too_old", "too_new", "invalid_histogram"};

// The response headers of 2.0, of which the three counts are the values.
inline constexpr std::string_view kSamplesWritten = "X-Prometheus-Remote-Write-Samples-Written";
inline constexpr std::string_view kHistogramsWritten =
    "X-Prometheus-Remote-Write-Histograms-Written";
inline constexpr std::string_view kExemplarsWritten = "X-Prometheus-Remote-Write-Exemplars-Written";

struct WriteCounts {
  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
};

// Adds the headers of 2.0; an answer to 1.0 has none.
void AddWritten(WriteVersion version, const WriteCounts& written, net::ServerResponse* response);

// Thread-compatible.
class IncomingWrite {
 public:
  explicit IncomingWrite(WriteVersion version) : version_(version) {}

  // The values of a series the store knows. Histograms and exemplars that are not valid are refused
  // one by one; a stale histogram becomes the stale marker it stands for.
  void Accept(const wire::RemoteValues& values, tsdb::SeriesId series);
  // All of a series; `what` says what is wrong, kept of the first one only.
  void RefuseSeries(Refusal why, const wire::RemoteValues& values, std::string_view what);

  WriteVersion version() const { return version_; }
  // For the store; once. Empty when nothing is to be stored.
  tsdb::SampleBatch TakeBatch() { return std::move(batch_); }
  bool empty() const {
    return batch_.series.empty() && batch_.histograms.empty() && batch_.exemplars.empty();
  }

  // The store has it, or has refused a part: result.status is ok. Counts what it has refused. 204,
  // or 400 with the number and the first of each kind of refusal.
  net::ServerResponse Finish(const tsdb::AppendResult& result);

  const WriteCounts& received() const { return received_; }
  uint64_t nans_replaced() const { return nans_replaced_; }
  uint64_t refused(Refusal why) const { return refused_[static_cast<size_t>(why)].count; }
  uint64_t exemplars_refused() const { return exemplars_refused_.count; }

 private:
  struct Refused {
    bool any = false;  // a series of no sample at all may be refused, too
    uint64_t count = 0;
    std::string first;
  };

  void AcceptSamples(std::span<const model::Sample> samples, tsdb::SeriesId series);
  void AcceptHistograms(std::span<const wire::WireHistogram> histograms, tsdb::SeriesId series);
  void AcceptExemplars(std::span<const wire::RemoteExemplar> exemplars, tsdb::SeriesId series);
  void AddSample(int64_t time_ms, double value, tsdb::SeriesId series);
  void Refuse(Refusal why, uint64_t count, std::string_view what);
  WriteCounts Written(const tsdb::AppendResult& result) const;
  void TakeRefusals(const tsdb::AppendResult& result);
  std::string RefusalText() const;

  const WriteVersion version_;
  tsdb::SampleBatch batch_;
  WriteCounts received_;
  WriteCounts accepted_;  // handed to the store
  uint64_t nans_replaced_ = 0;
  std::array<Refused, kRefusalNames.size()> refused_;
  Refused exemplars_refused_;
};

}  // namespace baro::collector
