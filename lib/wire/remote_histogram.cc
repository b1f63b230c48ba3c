#include "baro/wire/remote_histogram.h"

#include <bit>
#include <cmath>
#include <limits>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "proto_reader.h"

namespace baro::wire {
namespace {

using Buckets = std::vector<model::Histogram::Bucket>;

constexpr int32_t kSchemaMin = -4;
constexpr int32_t kSchemaMax = 8;
constexpr int32_t kSchemaReservedMax = 52;

int64_t UnZigZag(uint64_t coded) { return static_cast<int64_t>((coded >> 1) ^ (0 - (coded & 1))); }
int32_t UnZigZag32(uint64_t coded) {
  const auto low = static_cast<uint32_t>(coded);  // as protobuf cuts sint32
  return static_cast<int32_t>((low >> 1) ^ (0 - (low & 1)));
}

bool ReadDouble(ProtoReader* reader, double* value) {
  uint64_t bits = 0;
  if (!reader->Fixed64(&bits)) return false;
  *value = std::bit_cast<double>(bits);
  return true;
}

bool ReadSpan(std::string_view message, std::vector<BucketSpan>* spans) {
  ProtoReader reader(message);
  BucketSpan span;
  while (!reader.AtEnd()) {
    uint64_t number = 0;
    if (!reader.Tag()) return false;
    if (reader.Is(1, WireType::kVarint)) {
      if (!reader.Varint(&number)) return false;
      span.offset = UnZigZag32(number);
    } else if (reader.Is(2, WireType::kVarint)) {
      if (!reader.Varint(&number)) return false;
      span.length = static_cast<uint32_t>(number);
    } else if (!reader.Skip()) {
      return false;
    }
  }
  spans->push_back(span);
  return spans->size() <= kHistogramBucketsMax;
}

// The three fields of one sign; `first` is the number of the spans' field.
enum class FieldRead { kOther, kGood, kDamaged };
FieldRead ReadBuckets(ProtoReader* reader, uint32_t first, WireBuckets* buckets) {
  const auto add_delta = [buckets](uint64_t value) { buckets->deltas.push_back(UnZigZag(value)); };
  const auto add_count = [buckets](uint64_t bits) {
    buckets->counts.push_back(std::bit_cast<double>(bits));
  };
  bool good = false;
  uint64_t number = 0;
  if (std::string_view message; reader->Is(first, WireType::kBytes)) {
    good = reader->Bytes(&message) && ReadSpan(message, &buckets->spans);
  } else if (reader->Is(first + 1, WireType::kBytes)) {
    good = reader->PackedVarints(add_delta);
  } else if (reader->Is(first + 1, WireType::kVarint)) {
    if ((good = reader->Varint(&number))) add_delta(number);
  } else if (reader->Is(first + 2, WireType::kBytes)) {
    good = reader->PackedFixed64(add_count);
  } else if (reader->Is(first + 2, WireType::kFixed64)) {
    if ((good = reader->Fixed64(&number))) add_count(number);
  } else {
    return FieldRead::kOther;
  }
  good = good && buckets->deltas.size() <= kHistogramBucketsMax &&
         buckets->counts.size() <= kHistogramBucketsMax;
  return good ? FieldRead::kGood : FieldRead::kDamaged;
}

FieldRead ReadCount(ProtoReader* reader, uint32_t first, WireCount* count) {
  if (reader->Is(first, WireType::kVarint)) {
    *count = {WireCount::Kind::kInteger, 0, 0};
    return reader->Varint(&count->integer) ? FieldRead::kGood : FieldRead::kDamaged;
  }
  if (reader->Is(first + 1, WireType::kFixed64)) {
    *count = {WireCount::Kind::kFloat, 0, 0};
    return ReadDouble(reader, &count->number) ? FieldRead::kGood : FieldRead::kDamaged;
  }
  return FieldRead::kOther;
}

FieldRead ReadNumber(ProtoReader* reader, WireHistogram* histogram) {
  uint64_t number = 0;
  bool good = false;
  if (reader->Is(3, WireType::kFixed64)) {
    good = ReadDouble(reader, &histogram->sum);
  } else if (reader->Is(4, WireType::kVarint)) {
    good = reader->Varint(&number);
    histogram->schema = UnZigZag32(number);
  } else if (reader->Is(5, WireType::kFixed64)) {
    good = ReadDouble(reader, &histogram->zero_threshold);
  } else if (reader->Is(14, WireType::kVarint)) {
    good = reader->Varint(&number);
    histogram->reset_hint = static_cast<int32_t>(number);
  } else if (reader->Is(15, WireType::kVarint)) {
    good = reader->Varint(&number);
    histogram->time_ms = static_cast<int64_t>(number);
  } else if (reader->Is(17, WireType::kVarint)) {
    good = reader->Varint(&number);
    histogram->start_ms = static_cast<int64_t>(number);
  } else {
    return FieldRead::kOther;
  }
  return good ? FieldRead::kGood : FieldRead::kDamaged;
}

FieldRead ReadCustomBounds(ProtoReader* reader, std::vector<double>* bounds) {
  const auto add = [bounds](uint64_t bits) { bounds->push_back(std::bit_cast<double>(bits)); };
  bool good = false;
  if (reader->Is(16, WireType::kBytes)) {
    good = reader->PackedFixed64(add);
  } else if (uint64_t bits = 0; reader->Is(16, WireType::kFixed64)) {
    if ((good = reader->Fixed64(&bits))) add(bits);
  } else {
    return FieldRead::kOther;
  }
  return good && bounds->size() <= kCustomBoundsMax ? FieldRead::kGood : FieldRead::kDamaged;
}

bool ReadField(ProtoReader* reader, WireHistogram* histogram) {
  FieldRead read = ReadCount(reader, 1, &histogram->count);
  if (read == FieldRead::kOther) read = ReadCount(reader, 6, &histogram->zero_count);
  if (read == FieldRead::kOther) read = ReadNumber(reader, histogram);
  if (read == FieldRead::kOther) read = ReadBuckets(reader, 8, &histogram->negative);
  if (read == FieldRead::kOther) read = ReadBuckets(reader, 11, &histogram->positive);
  if (read == FieldRead::kOther) read = ReadCustomBounds(reader, &histogram->custom_bounds);
  return read == FieldRead::kOther ? reader->Skip() : read == FieldRead::kGood;
}

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("histogram is not valid: ", what));
}

// NaNs that mean something to the store itself become ordinary ones.
double Foreign(double value) {
  return model::IsNoSample(value) || model::IsHistogramMark(value) ? model::kNormalNan : value;
}

// Walks over the buckets that spans name, in order.
class SpanIndexes {
 public:
  explicit SpanIndexes(const std::vector<BucketSpan>& spans) : spans_(spans) {}

  // The next bucket's index, which may be beyond 32 bits. Spans have that many buckets.
  int64_t Next() {
    while (left_ == 0) {
      next_ += spans_[span_].offset;
      left_ = spans_[span_++].length;
    }
    --left_;
    return next_++;
  }

 private:
  const std::vector<BucketSpan>& spans_;
  size_t span_ = 0;
  uint32_t left_ = 0;
  int64_t next_ = 0;
};

absl::Status CheckSpans(const std::vector<BucketSpan>& spans, size_t buckets) {
  uint64_t named = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return Invalid(base::StrCat("span ", i, " has a negative offset of ", spans[i].offset));
    }
    named += spans[i].length;
  }
  if (named == buckets) return absl::OkStatus();
  return Invalid(base::StrCat("spans need ", named, " buckets, have ", buckets));
}

// Buckets of two neighbouring indexes fall together when a finer schema becomes schema 8.
int64_t IndexIn(int32_t schema, int64_t index) {
  return schema <= kSchemaMax ? index : ((index - 1) >> (schema - kSchemaMax)) + 1;
}

absl::Status AddBucket(int64_t index, double count, Buckets* buckets) {
  if (count < 0) return Invalid(base::StrCat("bucket ", index, " has a count of ", count));
  if (count == 0) return absl::OkStatus();
  if (index < std::numeric_limits<int32_t>::min() || index > std::numeric_limits<int32_t>::max()) {
    return Invalid(base::StrCat("there is no bucket ", index));
  }
  if (!buckets->empty() && buckets->back().index == index) {
    buckets->back().count = Foreign(buckets->back().count + count);
  } else {
    buckets->push_back({static_cast<int32_t>(index), Foreign(count)});
  }
  return absl::OkStatus();
}

absl::Status AddIntegers(const WireBuckets& wire, int32_t schema, Buckets* buckets,
                         uint64_t* total) {
  BARO_TRY(CheckSpans(wire.spans, wire.deltas.size()));
  SpanIndexes indexes(wire.spans);
  int64_t count = 0;
  for (const int64_t delta : wire.deltas) {
    if (__builtin_add_overflow(count, delta, &count) ||
        __builtin_add_overflow(*total, static_cast<uint64_t>(std::max<int64_t>(count, 0)), total)) {
      return Invalid("its counts are beyond 64 bits");
    }
    BARO_TRY(AddBucket(IndexIn(schema, indexes.Next()), static_cast<double>(count), buckets));
  }
  return absl::OkStatus();
}

absl::Status AddFloats(const WireBuckets& wire, int32_t schema, Buckets* buckets) {
  BARO_TRY(CheckSpans(wire.spans, wire.counts.size()));
  SpanIndexes indexes(wire.spans);
  for (const double count : wire.counts) {
    BARO_TRY(AddBucket(IndexIn(schema, indexes.Next()), count, buckets));
  }
  return absl::OkStatus();
}

absl::Status CheckCustomBounds(const WireHistogram& wire) {
  double before = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < wire.custom_bounds.size(); ++i) {
    const double bound = wire.custom_bounds[i];
    if (std::isnan(bound) || (i > 0 && bound <= before)) {
      return Invalid(
          base::StrCat("custom bound ", i, " of ", bound, " is not above the one before"));
    }
    before = bound;
  }
  if (std::isinf(before) && before > 0) return Invalid("the last custom bound is +Inf");
  if (wire.zero_count.integer != 0 || wire.zero_count.number != 0 || wire.zero_threshold != 0) {
    return Invalid("custom bounds have no zero bucket");
  }
  if (!wire.negative.spans.empty() || !wire.negative.deltas.empty() ||
      !wire.negative.counts.empty()) {
    return Invalid("custom bounds have no negative buckets");
  }
  return absl::OkStatus();
}

absl::Status CheckCustomIndexes(const model::Histogram& histogram) {
  const auto& buckets = histogram.positive;
  const auto bounds = static_cast<int64_t>(histogram.custom_bounds.size());
  if (buckets.empty() || (buckets.front().index >= 0 && buckets.back().index <= bounds)) {
    return absl::OkStatus();
  }
  return Invalid(base::StrCat("buckets ", buckets.front().index, " to ", buckets.back().index,
                              " do not fit ", bounds, " custom bounds"));
}

absl::Status CheckSchema(const WireHistogram& wire) {
  if (wire.schema == model::kCustomBoundsSchema) return CheckCustomBounds(wire);
  if (wire.schema < kSchemaMin || wire.schema > kSchemaReservedMax) {
    return Invalid(base::StrCat("schema ", wire.schema, " is not known"));
  }
  if (!wire.custom_bounds.empty()) {
    return Invalid(base::StrCat("schema ", wire.schema, " has no custom bounds"));
  }
  return absl::OkStatus();
}

absl::Status ReadIntegers(const WireHistogram& wire, model::Histogram* histogram) {
  uint64_t total = 0;
  BARO_TRY(AddIntegers(wire.positive, wire.schema, &histogram->positive, &total));
  BARO_TRY(AddIntegers(wire.negative, wire.schema, &histogram->negative, &total));
  // A float here was told by mistake; protobuf's accessors read it as 0, too.
  const uint64_t zero_count = wire.zero_count.integer;
  if (__builtin_add_overflow(total, zero_count, &total)) {
    return Invalid("its counts are beyond 64 bits");
  }
  // Observations of NaN are in the count and in no bucket.
  const bool good =
      std::isnan(wire.sum) ? total <= wire.count.integer : total == wire.count.integer;
  if (!good) {
    return Invalid(
        base::StrCat(total, " observations are in its buckets, its count is ", wire.count.integer));
  }
  histogram->count = static_cast<double>(wire.count.integer);
  histogram->zero_count = static_cast<double>(zero_count);
  return absl::OkStatus();
}

// Sums of floats are not held against the count: rounding would refuse good ones.
absl::Status ReadFloats(const WireHistogram& wire, model::Histogram* histogram) {
  BARO_TRY(AddFloats(wire.positive, wire.schema, &histogram->positive));
  BARO_TRY(AddFloats(wire.negative, wire.schema, &histogram->negative));
  const double zero_count = wire.zero_count.number;
  if (wire.count.number < 0 || zero_count < 0) {
    return Invalid(
        base::StrCat("its count is ", wire.count.number, ", its zero bucket's count ", zero_count));
  }
  histogram->float_counts = true;
  histogram->count = Foreign(wire.count.number);
  histogram->zero_count = Foreign(zero_count);
  return absl::OkStatus();
}

}  // namespace

bool WireHistogram::IsStale() const { return model::IsStaleNan(sum); }

void WireHistogram::Clear() {
  for (WireBuckets* buckets : {&positive, &negative}) {
    buckets->spans.clear();
    buckets->deltas.clear();
    buckets->counts.clear();
  }
  custom_bounds.clear();
  time_ms = start_ms = 0;
  schema = reset_hint = 0;
  zero_threshold = sum = 0;
  count = zero_count = {};
}

bool ReadHistogram(std::string_view message, WireHistogram* histogram) {
  histogram->Clear();
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    if (!reader.Tag() || !ReadField(&reader, histogram)) return false;
  }
  return true;
}

absl::StatusOr<model::Histogram> HistogramFromWire(const WireHistogram& wire) {
  BARO_TRY(CheckSchema(wire));
  model::Histogram histogram;
  BARO_TRY(wire.has_float_counts() ? ReadFloats(wire, &histogram) : ReadIntegers(wire, &histogram));
  histogram.schema = std::min(wire.schema, kSchemaMax);
  histogram.zero_threshold = Foreign(wire.zero_threshold);
  histogram.sum = Foreign(wire.sum);
  histogram.custom_bounds = wire.custom_bounds;
  if (wire.reset_hint >= 0 && wire.reset_hint <= static_cast<int32_t>(model::ResetHint::kGauge)) {
    histogram.reset_hint = static_cast<model::ResetHint>(wire.reset_hint);
  }
  if (wire.schema == model::kCustomBoundsSchema) BARO_TRY(CheckCustomIndexes(histogram));
  return histogram;
}

}  // namespace baro::wire
