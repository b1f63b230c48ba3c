// SampleChain: how the journal tells samples whose series are known by id (remote write, OTLP):
// what came after each series the last time, and what it was then, need not be told again.
//
//   runs of series   a known series is followed by the one that followed it before
//   runs of times    the same time for all of a scrape
//   changed          one bit a sample: its value is not the series' last
//   values           of those: the difference, in whole numbers, hundredths, thousandths, or bits
//
// A journal is one chain: both ends carry the same state, from record to record. It depends on
// nothing but the records, so a replay under another clock, retention or limit comes to the same.
// Bytes: docs/formats/journal.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {

// What both ends know. About 28 bytes a series.
class SampleChainState {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  SampleChainState() : index_(0, HashOf{&series_}, Same{&series_}) {}
  SampleChainState(const SampleChainState&) = delete;
  SampleChainState& operator=(const SampleChainState&) = delete;

  void Clear();
  size_t size() const { return series_.size(); }
  SeriesId series(uint32_t index) const { return series_[index]; }
  double& last(uint32_t index) { return last_[index]; }
  bool Is(uint32_t index, SeriesId series) const {
    return index < series_.size() && series_[index].target == series.target &&
           series_[index].column == series.column;
  }
  uint32_t Find(SeriesId series) const;  // kNone: not told yet
  uint32_t Add(SeriesId series, bool indexed);

  uint32_t next = 0;     // the series expected next
  SeriesId newest;       // the one added last
  uint64_t time_ms = 0;  // of the last sample; wraps

 private:
  static uint64_t Mix(SeriesId series) {
    const uint64_t wide = (uint64_t{series.target} << 32 | series.column) * 0x9e3779b97f4a7c15;
    return wide ^ (wide >> 32);
  }
  struct HashOf {
    using is_transparent = void;
    const std::vector<SeriesId>* all = nullptr;
    size_t operator()(uint32_t index) const { return Mix((*all)[index]); }
    size_t operator()(SeriesId series) const { return Mix(series); }
  };
  struct Same {
    using is_transparent = void;
    const std::vector<SeriesId>* all = nullptr;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t index, SeriesId series) const {
      return (*all)[index].target == series.target && (*all)[index].column == series.column;
    }
  };

  std::vector<SeriesId> series_;  // in the order they were told
  std::vector<double> last_;
  absl::flat_hash_set<uint32_t, HashOf, Same> index_;  // the encoder's
};

// Thread-compatible.
class SampleEncoder {
 public:
  // Appends the samples of a batch (not its histograms and exemplars).
  void Encode(const SampleBatch& batch, std::string* bytes);
  // The next record starts the chain anew: at the begin of a journal, and when it is not known
  // whether the last one is in it.
  void Reset() { reset_ = true; }
  size_t series_count() const { return state_.size(); }

 private:
  void PutSeries(const SampleBatch& batch, std::string* bytes);
  void PutTimes(const SampleBatch& batch, std::string* bytes);
  void PutValues(const SampleBatch& batch, std::string* bytes);
  uint32_t Place(SeriesId series, bool* added);

  SampleChainState state_;
  bool reset_ = true;
  std::vector<uint32_t> places_;  // scratch: of each sample
};

// Thread-compatible.
class SampleDecoder {
 public:
  // Drops what it reads from `bytes`, which may come from a damaged disk; false: damaged, `bytes`
  // then begins where. A record that does not start the chain needs the ones before it.
  bool Decode(std::string_view* bytes, SampleBatch* batch);

 private:
  bool TakeSeries(std::string_view* bytes, size_t count, SampleBatch* batch);
  bool TakeTimes(std::string_view* bytes, size_t count, SampleBatch* batch);
  bool TakeValues(std::string_view* bytes, size_t count, SampleBatch* batch);

  SampleChainState state_;
  bool begun_ = false;
  std::vector<uint32_t> places_;
};

}  // namespace baro::tsdb
