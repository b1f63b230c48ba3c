#include "baro/codec/histogram_chunk.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "baro/base/strings.h"
#include "baro/codec/xor_chunk.h"
#include "baro/model/sample.h"
#include "histogram_layout.h"

namespace baro::codec {
namespace {

using model::Histogram;
using model::ResetHint;

// Two bytes of sample count, and the upper two bits of a third: what is known of a reset.
constexpr size_t kHeaderBytes = 3;
constexpr uint8_t kHeaderReset = 0x80;
constexpr uint8_t kHeaderNotReset = 0x40;
constexpr uint8_t kHeaderGauge = 0xc0;
constexpr uint8_t kHeaderMask = 0xc0;

bool IsInteger(double count) { return count >= 0 && count < 0x1p63 && count == std::floor(count); }

// True when a bucket of `before` has more than that of `after`.
bool Falls(const std::vector<Histogram::Bucket>& before,
           const std::vector<Histogram::Bucket>& after) {
  auto next = after.begin();
  for (const auto& [index, count] : before) {
    while (next != after.end() && next->index < index) ++next;
    const double now = next != after.end() && next->index == index ? next->count : 0;
    if (count > now) return true;
  }
  return false;
}

bool IsReset(const Histogram& before, const Histogram& after) {
  return after.reset_hint == ResetHint::kReset || after.count < before.count ||
         after.zero_count < before.zero_count || Falls(before.positive, after.positive) ||
         Falls(before.negative, after.negative);
}

bool IsGauge(const Histogram& histogram) { return histogram.reset_hint == ResetHint::kGauge; }

bool FitTogether(const Histogram& before, const Histogram& after) {
  if (after.schema != before.schema || after.zero_threshold != before.zero_threshold ||
      after.custom_bounds != before.custom_bounds || IsGauge(after) != IsGauge(before)) {
    return false;
  }
  return HasFloatCounts(after) == HasFloatCounts(before) &&
         (IsGauge(after) || !IsReset(before, after));
}

uint8_t HeaderOf(const Histogram& first) {
  if (first.reset_hint == ResetHint::kReset) return kHeaderReset;
  if (first.reset_hint == ResetHint::kNotReset) return kHeaderNotReset;
  return IsGauge(first) ? kHeaderGauge : 0;
}

// A whole number told by how its growth has changed; all modulo 2^64.
class GrowthWriter {
 public:
  void First(uint64_t value) { value_ = value; }
  void Next(uint64_t value, BitWriter* out) {
    const uint64_t delta = value - value_;
    WriteVarbit(static_cast<int64_t>(delta - delta_), out);
    value_ = value;
    delta_ = delta;
  }

 private:
  uint64_t value_ = 0;
  uint64_t delta_ = 0;
};

class GrowthReader {
 public:
  void First(uint64_t value) { value_ = value; }
  bool Next(BitReader* in) {
    int64_t step = 0;
    if (!ReadVarbit(in, &step)) return false;
    delta_ += static_cast<uint64_t>(step);
    value_ += delta_;
    return true;
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0;
  uint64_t delta_ = 0;
};

// The numbers of one histogram but for its time: counts of the layout's buckets in its order.
struct Numbers {
  std::vector<double> counts;  // count, zero count, positive, negative

  void Take(const HistogramLayout& layout, const Histogram& histogram) {
    counts = {histogram.count, histogram.zero_count};
    std::vector<double> part;
    CountsAt(histogram.positive, layout.positive, &part);
    counts.insert(counts.end(), part.begin(), part.end());
    CountsAt(histogram.negative, layout.negative, &part);
    counts.insert(counts.end(), part.begin(), part.end());
  }
  // Bucket counts of integers are told against the bucket before, each sign from 0.
  std::vector<uint64_t> Deltas(const HistogramLayout& layout) const {
    std::vector<uint64_t> deltas(counts.size());
    for (size_t i = 0; i < counts.size(); ++i) {
      const bool first = i <= 2 || i == 2 + layout.positive.size();
      const uint64_t before = first ? 0 : static_cast<uint64_t>(counts[i - 1]);
      deltas[i] = static_cast<uint64_t>(counts[i]) - before;
    }
    return deltas;
  }
};

class IntegerWriter {
 public:
  void Write(size_t index, const HistogramLayout& layout, const Numbers& numbers, double sum,
             BitWriter* out) {
    const std::vector<uint64_t> deltas = numbers.Deltas(layout);
    if (index == 0) {
      fields_.resize(deltas.size());
      WriteVarbitUnsigned(deltas[0], out);
      WriteVarbitUnsigned(deltas[1], out);
      sum_.First(sum, out);
      for (size_t i = 0; i < deltas.size(); ++i) {
        if (i >= 2) WriteVarbit(static_cast<int64_t>(deltas[i]), out);
        fields_[i].First(deltas[i]);
      }
      return;
    }
    for (size_t i = 0; i < deltas.size(); ++i) {
      if (i == 2) sum_.Next(sum, out);
      fields_[i].Next(deltas[i], out);
    }
    if (deltas.size() == 2) sum_.Next(sum, out);
  }

 private:
  std::vector<GrowthWriter> fields_;
  XorValueWriter sum_;
};

class FloatWriter {
 public:
  void Write(size_t index, const Numbers& numbers, double sum, BitWriter* out) {
    fields_.resize(numbers.counts.size());
    const auto write = [&](double value, XorValueWriter* field) {
      index == 0 ? field->First(value, out) : field->Next(value, out);
    };
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (i == 2) write(sum, &sum_);
      write(numbers.counts[i], &fields_[i]);
    }
    if (fields_.size() == 2) write(sum, &sum_);
  }

 private:
  std::vector<XorValueWriter> fields_;
  XorValueWriter sum_;
};

HistogramLayout LayoutOf(std::span<const HistogramAt> histograms) {
  const Histogram& first = *histograms[0].histogram;
  HistogramLayout layout{first.schema, first.zero_threshold, first.custom_bounds, {}, {}};
  for (const HistogramAt& at : histograms) layout.Cover(*at.histogram);
  return layout;
}

std::string EncodeRun(std::span<const HistogramAt> histograms, bool float_counts) {
  const HistogramLayout layout = LayoutOf(histograms);
  BitWriter out;
  out.Bits(histograms.size(), 16);
  out.Bits(HeaderOf(*histograms[0].histogram), 8);
  layout.Write(&out);
  GrowthWriter time;
  IntegerWriter integers;
  FloatWriter floats;
  Numbers numbers;
  for (size_t i = 0; i < histograms.size(); ++i) {
    const auto time_ms = static_cast<uint64_t>(histograms[i].time_ms);
    if (i == 0) {
      WriteVarbit(histograms[i].time_ms, &out);
      time.First(time_ms);
    } else {
      time.Next(time_ms, &out);
    }
    numbers.Take(layout, *histograms[i].histogram);
    const double sum = histograms[i].histogram->sum;
    if (float_counts) {
      floats.Write(i, numbers, sum, &out);
    } else {
      integers.Write(i, layout, numbers, sum, &out);
    }
  }
  return out.Finish();
}

// Reads the fields of either kind; `counts` as Numbers has them.
class FieldReader {
 public:
  FieldReader(const HistogramLayout& layout, bool float_counts)
      : layout_(layout),
        float_counts_(float_counts),
        integers_(2 + layout.positive.size() + layout.negative.size()),
        floats_(integers_.size()) {}

  bool Read(size_t index, BitReader* in, std::vector<double>* counts, double* sum) {
    counts->resize(integers_.size());
    const auto read_sum = [&] { return index == 0 ? sum_.First(in, sum) : sum_.Next(in, sum); };
    for (size_t i = 0; i < integers_.size(); ++i) {
      if (i == 2 && !read_sum()) return false;
      if (!(float_counts_ ? ReadFloat(index, i, in, counts) : ReadInteger(index, i, in, counts))) {
        return false;
      }
    }
    return integers_.size() > 2 || read_sum();
  }

 private:
  bool ReadFloat(size_t index, size_t i, BitReader* in, std::vector<double>* counts) {
    double* const count = &(*counts)[i];
    return index == 0 ? floats_[i].First(in, count) : floats_[i].Next(in, count);
  }

  bool ReadInteger(size_t index, size_t i, BitReader* in, std::vector<double>* counts) {
    GrowthReader& field = integers_[i];
    if (index > 0) {
      if (!field.Next(in)) return false;
    } else if (uint64_t number = 0; i < 2) {
      if (!ReadVarbitUnsigned(in, &number)) return false;
      field.First(number);
    } else {
      int64_t delta = 0;
      if (!ReadVarbit(in, &delta)) return false;
      field.First(static_cast<uint64_t>(delta));
    }
    if (i < 2) {
      (*counts)[i] = static_cast<double>(field.value());
      return true;
    }
    if (i == 2 || i == 2 + layout_.positive.size()) bucket_ = 0;
    bucket_ += field.value();
    (*counts)[i] = static_cast<double>(static_cast<int64_t>(bucket_));
    return true;
  }

  const HistogramLayout& layout_;
  const bool float_counts_;
  std::vector<GrowthReader> integers_;
  std::vector<XorValueReader> floats_;
  XorValueReader sum_;
  uint64_t bucket_ = 0;
};

ResetHint HintOf(uint8_t header, size_t index) {
  if (header == kHeaderGauge) return ResetHint::kGauge;
  if (index > 0) return ResetHint::kNotReset;
  return header == kHeaderReset ? ResetHint::kReset : ResetHint::kUnknown;
}

Histogram BuildHistogram(const HistogramLayout& layout, std::span<const double> counts,
                         double sum) {
  Histogram histogram;
  histogram.sum = sum;
  if (model::IsStaleNan(sum)) return histogram;
  histogram.schema = layout.schema;
  histogram.zero_threshold = layout.zero_threshold;
  histogram.custom_bounds = layout.custom_bounds;
  histogram.count = counts[0];
  histogram.zero_count = counts[1];
  const auto add = [](std::span<const int32_t> indexes, std::span<const double> part,
                      std::vector<Histogram::Bucket>* buckets) {
    for (size_t i = 0; i < indexes.size(); ++i) {
      if (part[i] != 0) buckets->push_back({indexes[i], part[i]});
    }
  };
  add(layout.positive, counts.subspan(2), &histogram.positive);
  add(layout.negative, counts.subspan(2 + layout.positive.size()), &histogram.negative);
  return histogram;
}

bool ReadTime(size_t index, BitReader* in, GrowthReader* time) {
  if (index > 0) return time->Next(in);
  int64_t first = 0;
  if (!ReadVarbit(in, &first)) return false;
  time->First(static_cast<uint64_t>(first));
  return true;
}

}  // namespace

bool HasFloatCounts(const Histogram& histogram) {
  if (histogram.float_counts) return true;
  const auto good = [](const Histogram::Bucket& bucket) { return IsInteger(bucket.count); };
  return !IsInteger(histogram.count) || !IsInteger(histogram.zero_count) ||
         !std::all_of(histogram.positive.begin(), histogram.positive.end(), good) ||
         !std::all_of(histogram.negative.begin(), histogram.negative.end(), good);
}

HistogramChunk EncodeHistogramChunk(std::span<const HistogramAt> histograms, size_t samples_max) {
  size_t count = 1;
  while (count < std::min(histograms.size(), samples_max) &&
         FitTogether(*histograms[count - 1].histogram, *histograms[count].histogram)) {
    ++count;
  }
  const bool float_counts = HasFloatCounts(*histograms[0].histogram);
  return {EncodeRun(histograms.first(count), float_counts), count, float_counts};
}

absl::Status DecodeHistogramChunk(std::string_view chunk, bool float_counts,
                                  std::vector<DecodedHistogram>* histograms) {
  const auto damaged = [chunk](std::string_view what) {
    return absl::DataLossError(
        base::StrCat("cannot decode histogram chunk of ", chunk.size(), " bytes: ", what));
  };
  if (chunk.size() < kHeaderBytes) return damaged("it has no header");
  const size_t count = size_t{static_cast<uint8_t>(chunk[0])} << 8 | static_cast<uint8_t>(chunk[1]);
  const uint8_t header = static_cast<uint8_t>(chunk[2]) & kHeaderMask;
  if (count == 0) return absl::OkStatus();
  BitReader in(chunk.substr(kHeaderBytes));
  HistogramLayout layout;
  if (!layout.Read(&in)) return damaged("its layout is cut off or damaged");
  FieldReader fields(layout, float_counts);
  GrowthReader time;
  std::vector<double> counts;
  for (size_t i = 0; i < count; ++i) {
    double sum = 0;
    if (!ReadTime(i, &in, &time) || !fields.Read(i, &in, &counts, &sum)) {
      return damaged(base::StrCat("sample ", i, " of ", count, " is cut off or damaged"));
    }
    DecodedHistogram& decoded = histograms->emplace_back();
    decoded.time_ms = static_cast<int64_t>(time.value());
    decoded.histogram = BuildHistogram(layout, counts, sum);
    decoded.histogram.float_counts = float_counts;
    decoded.histogram.reset_hint = HintOf(header, i);
  }
  return absl::OkStatus();
}

}  // namespace baro::codec
