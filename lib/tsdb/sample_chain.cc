#include "sample_chain.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "bytes.h"

namespace baro::tsdb {
namespace {

// A journal with more series than this starts its chain anew: bounds what both ends hold.
constexpr size_t kSeriesMax = size_t{32} << 20;
// A sample takes a bit at least, and series a byte a run: what a damaged count can make us hold.
constexpr uint64_t kSamplesPerByteMax = 8;

constexpr uint64_t kResetFlag = 1;
constexpr uint64_t kFlagsKnown = kResetFlag;

// How a changed value is told: the low bits of its first byte.
enum Way : uint8_t {
  kWhole = 0,       // difference of whole numbers
  kHundredths = 1,  // …of hundredths
  kThousandths = 2,
  kBits = 3,  // bytes of the bits that differ: their number - 1, zero bytes below, the bytes
};
constexpr unsigned kWayBits = 2;
constexpr double kScales[] = {1, 100, 1000};
// Beyond these a double has not every whole number of the scale.
constexpr double kScaledMax = 4'503'599'627'370'496;  // 2^52

uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

// `value` as a whole number of 1/scale; false when it is too large or none.
bool Scale(double value, Way way, int64_t* scaled) {
  const double wide = value * kScales[way];
  if (!(std::abs(wide) < kScaledMax)) return false;
  *scaled = std::llrint(wide);
  return true;
}

double Unscale(int64_t scaled, Way way) {
  // A whole number by itself; zero keeps no sign, and the encoder sees that.
  return way == kWhole ? static_cast<double>(scaled) : static_cast<double>(scaled) / kScales[way];
}

bool TryWay(Way way, double before, double value, uint64_t* word) {
  int64_t from = 0;
  int64_t to = 0;
  if (!Scale(before, way, &from) || !Scale(value, way, &to)) return false;
  if (Bits(Unscale(to, way)) != Bits(value)) return false;
  *word = ZigZag(to - from) << kWayBits | way;
  return true;
}

void PutValue(double before, double value, std::string* bytes) {
  // What two varints' worth of digits do not tell, bits do as well.
  constexpr uint64_t kWordMax = uint64_t{1} << 42;
  for (const Way way : {kWhole, kHundredths, kThousandths}) {
    uint64_t word = 0;
    if (TryWay(way, before, value, &word) && word < kWordMax) {
      PutVarint(word, bytes);
      return;
    }
  }
  const uint64_t differs = Bits(before) ^ Bits(value);
  const auto below = static_cast<unsigned>(std::countr_zero(differs)) / 8;
  const auto size = 8 - below - static_cast<unsigned>(std::countl_zero(differs)) / 8;
  bytes->push_back(static_cast<char>(below << 5 | (size - 1) << kWayBits | kBits));
  for (unsigned i = 0; i < size; ++i) {
    bytes->push_back(static_cast<char>(differs >> (8 * (below + i))));
  }
}

bool TakeBits(std::string_view* bytes, double before, double* value) {
  const auto head = static_cast<uint8_t>(bytes->front());
  const unsigned below = head >> 5;
  const unsigned size = ((head >> kWayBits) & 7) + 1;
  if (below + size > 8 || bytes->size() < 1 + size) return false;
  uint64_t differs = 0;
  for (unsigned i = 0; i < size; ++i) {
    differs |= uint64_t{static_cast<uint8_t>((*bytes)[1 + i])} << (8 * (below + i));
  }
  *value = std::bit_cast<double>(Bits(before) ^ differs);
  bytes->remove_prefix(1 + size);
  return true;
}

bool TakeValue(std::string_view* bytes, double before, double* value) {
  if (bytes->empty()) return false;
  const auto way = static_cast<Way>(bytes->front() & ((1 << kWayBits) - 1));
  if (way == kBits) return TakeBits(bytes, before, value);
  uint64_t word = 0;
  int64_t from = 0;
  if (!TakeVarint(bytes, &word) || !Scale(before, way, &from)) return false;
  const int64_t step = UnZigZag(word >> kWayBits);
  *value =
      Unscale(static_cast<int64_t>(static_cast<uint64_t>(from) + static_cast<uint64_t>(step)), way);
  return true;
}

// Counts neighbours that go on in the same way and puts the run when one does not.
class TimeRuns {
 public:
  TimeRuns(uint64_t before, std::string* bytes) : time_ms_(before), bytes_(bytes) {}
  void Add(uint64_t time_ms) {
    if (length_ != 0 && time_ms == time_ms_) {
      ++length_;
      return;
    }
    Flush();
    step_ = time_ms - time_ms_;
    time_ms_ = time_ms;
    length_ = 1;
  }
  void Flush() {
    if (length_ == 0) return;
    PutVarint(length_, bytes_);
    PutVarint(ZigZag(static_cast<int64_t>(step_)), bytes_);
    length_ = 0;
  }
  uint64_t time_ms() const { return time_ms_; }

 private:
  uint64_t time_ms_;
  std::string* const bytes_;
  uint64_t step_ = 0;
  uint64_t length_ = 0;
};

}  // namespace

void SampleChainState::Clear() {
  series_.clear();
  last_.clear();
  index_.clear();
  next = 0;
  newest = {};
  time_ms = 0;
}

uint32_t SampleChainState::Find(SeriesId series) const {
  const auto it = index_.find(series);
  return it == index_.end() ? kNone : *it;
}

uint32_t SampleChainState::Add(SeriesId series, bool indexed) {
  const auto index = static_cast<uint32_t>(series_.size());
  series_.push_back(series);
  last_.push_back(0);
  newest = series;
  if (indexed) index_.insert(index);
  return index;
}

void SampleEncoder::Encode(const SampleBatch& batch, std::string* bytes) {
  if (state_.size() >= kSeriesMax) reset_ = true;
  if (reset_) state_.Clear();
  PutVarint(reset_ ? kResetFlag : 0, bytes);
  reset_ = false;
  PutVarint(batch.series.size(), bytes);
  PutSeries(batch, bytes);
  PutTimes(batch, bytes);
  PutValues(batch, bytes);
}

uint32_t SampleEncoder::Place(SeriesId series, bool* added) {
  *added = false;
  if (state_.Is(state_.next, series)) return state_.next;
  const uint32_t found = state_.Find(series);
  if (found != SampleChainState::kNone) return found;
  *added = true;
  return state_.Add(series, true);
}

// Runs of known series as (length · 2, zigzag of how far from the expected one), of new ones as
// (length · 2 + 1, each one's target and column as differences to the new one before).
void SampleEncoder::PutSeries(const SampleBatch& batch, std::string* bytes) {
  const size_t count = batch.series.size();
  places_.resize(count);
  for (size_t begin = 0; begin < count;) {
    const uint32_t expected = state_.next;
    const SeriesId newest = state_.newest;
    bool is_new = false;
    places_[begin] = Place(batch.series[begin], &is_new);
    state_.next = places_[begin] + 1;
    size_t end = begin + 1;
    while (end < count) {
      if (is_new) {
        if (state_.Find(batch.series[end]) != SampleChainState::kNone) break;
        places_[end] = state_.Add(batch.series[end], true);
      } else {
        if (!state_.Is(state_.next, batch.series[end])) break;
        places_[end] = state_.next;
      }
      state_.next = places_[end++] + 1;
    }
    PutVarint(uint64_t{end - begin} << 1 | (is_new ? 1 : 0), bytes);
    if (is_new) {
      SeriesId before = newest;
      for (size_t i = begin; i < end; ++i) {
        const SeriesId series = batch.series[i];
        PutVarint(ZigZag(static_cast<int32_t>(series.target - before.target)), bytes);
        PutVarint(ZigZag(static_cast<int32_t>(series.column - before.column)), bytes);
        before = series;
      }
    } else {
      PutVarint(ZigZag(int64_t{places_[begin]} - int64_t{expected}), bytes);
    }
    begin = end;
  }
}

void SampleEncoder::PutTimes(const SampleBatch& batch, std::string* bytes) {
  TimeRuns runs(state_.time_ms, bytes);
  for (const int64_t time_ms : batch.times_ms) runs.Add(static_cast<uint64_t>(time_ms));
  runs.Flush();
  state_.time_ms = runs.time_ms();
}

void SampleEncoder::PutValues(const SampleBatch& batch, std::string* bytes) {
  const size_t count = batch.values.size();
  const size_t bitmap_at = bytes->size();
  bytes->resize(bitmap_at + (count + 7) / 8, '\0');
  for (size_t i = 0; i < count; ++i) {
    double& last = state_.last(places_[i]);
    const double value = batch.values[i];
    if (Bits(last) == Bits(value)) continue;
    (*bytes)[bitmap_at + i / 8] |= static_cast<char>(1 << (i % 8));
    PutValue(last, value, bytes);
    last = value;
  }
}

bool SampleDecoder::Decode(std::string_view* bytes, SampleBatch* batch) {
  uint64_t flags = 0;
  uint64_t count = 0;
  if (!TakeVarint(bytes, &flags) || flags > kFlagsKnown) return false;
  if (flags & kResetFlag) {
    state_.Clear();
    begun_ = true;
  }
  if (!begun_ || !TakeVarint(bytes, &count) || count / kSamplesPerByteMax > bytes->size()) {
    return false;
  }
  // After a damaged record the chain needs a new start.
  begun_ = TakeSeries(bytes, count, batch) && TakeTimes(bytes, count, batch) &&
           TakeValues(bytes, count, batch);
  return begun_;
}

bool SampleDecoder::TakeSeries(std::string_view* bytes, size_t count, SampleBatch* batch) {
  places_.clear();
  batch->series.clear();
  batch->series.reserve(count);
  while (places_.size() < count) {
    uint64_t head = 0;
    if (!TakeVarint(bytes, &head)) return false;
    const uint64_t length = head >> 1;
    if (length == 0 || length > count - places_.size()) return false;
    if (head & 1) {
      if (length > bytes->size() / 2 || state_.size() + length > kSeriesMax * 2) return false;
      for (uint64_t i = 0; i < length; ++i) {
        uint64_t target = 0;
        uint64_t column = 0;
        if (!TakeVarint(bytes, &target) || !TakeVarint(bytes, &column)) return false;
        SeriesId series = state_.newest;
        series.target += static_cast<uint32_t>(UnZigZag(target));
        series.column += static_cast<uint32_t>(UnZigZag(column));
        places_.push_back(state_.Add(series, false));
        batch->series.push_back(series);
      }
    } else {
      uint64_t step = 0;
      if (!TakeVarint(bytes, &step)) return false;
      const uint64_t first = state_.next + static_cast<uint64_t>(UnZigZag(step));
      if (first >= state_.size() || length > state_.size() - first) return false;
      for (uint64_t i = first; i < first + length; ++i) {
        places_.push_back(static_cast<uint32_t>(i));
        batch->series.push_back(state_.series(static_cast<uint32_t>(i)));
      }
    }
    state_.next = places_.back() + 1;
  }
  return true;
}

bool SampleDecoder::TakeTimes(std::string_view* bytes, size_t count, SampleBatch* batch) {
  batch->times_ms.clear();
  batch->times_ms.reserve(count);
  while (batch->times_ms.size() < count) {
    uint64_t length = 0;
    uint64_t step = 0;
    if (!TakeVarint(bytes, &length) || !TakeVarint(bytes, &step)) return false;
    if (length == 0 || length > count - batch->times_ms.size()) return false;
    state_.time_ms += static_cast<uint64_t>(UnZigZag(step));
    batch->times_ms.insert(batch->times_ms.end(), length, static_cast<int64_t>(state_.time_ms));
  }
  return true;
}

bool SampleDecoder::TakeValues(std::string_view* bytes, size_t count, SampleBatch* batch) {
  const size_t bitmap_size = (count + 7) / 8;
  if (bytes->size() < bitmap_size) return false;
  const std::string_view bitmap = bytes->substr(0, bitmap_size);
  bytes->remove_prefix(bitmap_size);
  batch->values.resize(count);
  for (size_t i = 0; i < count; ++i) {
    double& last = state_.last(places_[i]);
    if ((bitmap[i / 8] >> (i % 8)) & 1) {
      if (!TakeValue(bytes, last, &last)) return false;
    }
    batch->values[i] = last;
  }
  return true;
}

}  // namespace baro::tsdb
