#include <bit>

#include "absl/functional/function_ref.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/otlp.h"
#include "otlp_fields.h"
#include "proto_reader.h"

namespace baro::wire {
namespace {

constexpr uint32_t kGaugeField = 5;
constexpr uint32_t kSumField = 7;
constexpr uint32_t kHistogramField = 9;
constexpr uint32_t kExponentialField = 10;
constexpr uint32_t kSummaryField = 11;

OtlpKind KindOf(uint32_t field) {
  switch (field) {
    case kGaugeField:
      return OtlpKind::kGauge;
    case kSumField:
      return OtlpKind::kSum;
    case kHistogramField:
      return OtlpKind::kHistogram;
    case kExponentialField:
      return OtlpKind::kExponentialHistogram;
    case kSummaryField:
      return OtlpKind::kSummary;
    default:
      return OtlpKind::kNone;
  }
}

// Field numbers differ from one kind of point to the next; what they mean does not.
struct PointFields {
  uint32_t attributes;
  uint32_t exemplars;  // 0: none
  uint32_t flags;
};
constexpr PointFields kNumberFields = {7, 5, 8};
constexpr PointFields kHistogramFields = {9, 8, 10};
constexpr PointFields kExponentialFields = {1, 11, 10};
constexpr PointFields kSummaryFields = {7, 0, 8};

bool ReadDouble(ProtoReader* reader, double* value) {
  uint64_t bits = 0;
  if (!reader->Fixed64(&bits)) return false;
  *value = std::bit_cast<double>(bits);
  return true;
}

int32_t ZigZag(uint64_t value) {
  const auto low = static_cast<uint32_t>(value);
  return static_cast<int32_t>((low >> 1) ^ (0u - (low & 1)));
}

bool ReadSigned(ProtoReader* reader, int32_t* value) {
  uint64_t raw = 0;
  if (!reader->Varint(&raw)) return false;
  *value = ZigZag(raw);
  return true;
}

uint64_t Bits(uint64_t bits, uint64_t) { return bits; }
double Bits(uint64_t bits, double) { return std::bit_cast<double>(bits); }

// Repeated fixed64 or double of one field, packed or not. False: damaged.
template <typename T>
bool ReadFixedList(ProtoReader* reader, uint32_t field, bool* taken, std::vector<T>* list) {
  uint64_t bits = 0;
  *taken = true;
  if (reader->Is(field, WireType::kFixed64)) {
    if (!reader->Fixed64(&bits)) return false;
    list->push_back(Bits(bits, T{}));
    return true;
  }
  *taken = reader->Is(field, WireType::kBytes);
  std::string_view packed;
  if (!*taken) return true;
  if (!reader->Bytes(&packed) || packed.size() % sizeof(bits) != 0) return false;
  for (ProtoReader values(packed); !values.AtEnd();) {
    if (!values.Fixed64(&bits)) return false;
    list->push_back(Bits(bits, T{}));
  }
  return true;
}

// Buckets of an exponential histogram; told twice, they merge: the last offset, all counts.
bool ReadBuckets(std::string_view message, int32_t* offset, std::vector<uint64_t>* counts) {
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    if (!reader.Tag()) return false;
    uint64_t count = 0;
    std::string_view packed;
    if (reader.Is(1, WireType::kVarint)) {
      if (!ReadSigned(&reader, offset)) return false;
    } else if (reader.Is(2, WireType::kVarint)) {
      if (!reader.Varint(&count)) return false;
      counts->push_back(count);
    } else if (reader.Is(2, WireType::kBytes)) {
      if (!reader.Bytes(&packed)) return false;
      for (ProtoReader values(packed); !values.AtEnd();) {
        if (!values.Varint(&count)) return false;
        counts->push_back(count);
      }
    } else if (!reader.Skip()) {
      return false;
    }
  }
  return true;
}

bool ReadQuantile(std::string_view message, OtlpQuantile* quantile) {
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    if (!reader.Tag()) return false;
    if (reader.Is(1, WireType::kFixed64)) {
      if (!ReadDouble(&reader, &quantile->quantile)) return false;
    } else if (reader.Is(2, WireType::kFixed64)) {
      if (!ReadDouble(&reader, &quantile->value)) return false;
    } else if (!reader.Skip()) {
      return false;
    }
  }
  return true;
}

// Reads one request; keeps its buffers from point to point.
class RequestReader {
 public:
  RequestReader(std::string_view request, OtlpVisitor* visitor)
      : request_(request), visitor_(visitor) {}

  absl::Status Read();

 private:
  absl::Status ReadResource(std::string_view message);
  absl::Status ReadScope(std::string_view message);
  absl::Status ReadScopeHead(std::string_view message, OtlpScope* scope);
  absl::Status ReadMetric(std::string_view message);
  absl::Status ReadData(std::string_view data, OtlpMetric* metric);
  absl::Status ReadPoint(OtlpKind kind, std::string_view message, bool shown);
  absl::Status ReadNumber(std::string_view message, bool shown);
  absl::Status ReadHistogram(std::string_view message, bool shown);
  absl::Status ReadExponential(std::string_view message, bool shown);
  absl::Status ReadSummary(std::string_view message, bool shown);

  // Takes one of the fields all points have; false in *taken when it is none of them.
  absl::Status ReadCommon(const PointFields& fields, ProtoReader* reader, const char* field,
                          bool* taken, OtlpPoint* point);
  absl::Status Damaged(const char* where, std::string_view what) const;

  const std::string_view request_;
  OtlpVisitor* const visitor_;
  FieldRun attributes_;
  FieldRun exemplars_;
  std::vector<uint64_t> counts_;
  std::vector<uint64_t> negative_counts_;
  std::vector<double> bounds_;
  std::vector<OtlpQuantile> quantiles_;
};

absl::Status RequestReader::Damaged(const char* where, std::string_view what) const {
  const bool inside = where >= request_.data() && where <= request_.data() + request_.size();
  return absl::InvalidArgumentError(
      inside
          ? base::StrCat("cannot read OTLP request: ", what, " at byte ", where - request_.data())
          : base::StrCat("cannot read OTLP request: ", what, " in a message told in pieces"));
}

absl::Status RequestReader::Read() {
  ProtoReader reader(request_);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    std::string_view message;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (reader.Is(1, WireType::kBytes)) {
      if (!reader.Bytes(&message)) return Damaged(field, "resource metrics are cut off");
      BARO_TRY(ReadResource(message));
    } else if (!reader.Skip()) {
      return Damaged(field, "an unknown field is damaged");
    }
  }
  return absl::OkStatus();
}

// The resource may stand behind the metrics it explains: two passes.
absl::Status RequestReader::ReadResource(std::string_view message) {
  FieldRun attributes;
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view part;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (!reader.Is(1, WireType::kBytes)) {
      if (!reader.Skip()) return Damaged(field, "a field of resource metrics is damaged");
      continue;
    }
    if (!reader.Bytes(&part)) return Damaged(field, "the resource is cut off");
    // Told twice, it is merged: its attributes follow each other.
    if (!GatherFields(part, 1, &attributes)) return Damaged(field, "the resource is damaged");
  }
  BARO_TRY(visitor_->OnResource({attributes.bytes()}));
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view part;
    reader.Tag();
    if (!reader.Is(2, WireType::kBytes)) {
      reader.Skip();
      continue;
    }
    if (!reader.Bytes(&part)) return Damaged(field, "scope metrics are cut off");
    BARO_TRY(ReadScope(part));
  }
  return visitor_->OnResourceEnd();
}

absl::Status RequestReader::ReadScope(std::string_view message) {
  OtlpScope scope;
  FieldRun attributes;
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view part;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (reader.Is(1, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Damaged(field, "the scope is cut off");
      if (!GatherFields(part, 3, &attributes)) return Damaged(field, "the scope is damaged");
      BARO_TRY(ReadScopeHead(part, &scope));
    } else if (reader.Is(3, WireType::kBytes)) {
      if (!reader.Bytes(&scope.schema_url)) return Damaged(field, "the schema URL is cut off");
    } else if (!reader.Skip()) {
      return Damaged(field, "a field of scope metrics is damaged");
    }
  }
  scope.attributes = attributes.bytes();
  BARO_TRY(visitor_->OnScope(scope));
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view part;
    reader.Tag();
    if (!reader.Is(2, WireType::kBytes)) {
      reader.Skip();
      continue;
    }
    if (!reader.Bytes(&part)) return Damaged(field, "a metric is cut off");
    BARO_TRY(ReadMetric(part));
  }
  return absl::OkStatus();
}

absl::Status RequestReader::ReadScopeHead(std::string_view message, OtlpScope* scope) {
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    reader.Tag();
    if (reader.Is(1, WireType::kBytes)) {
      if (!reader.Bytes(&scope->name)) return Damaged(field, "the scope's name is cut off");
    } else if (reader.Is(2, WireType::kBytes)) {
      if (!reader.Bytes(&scope->version)) return Damaged(field, "the scope's version is cut off");
    } else if (!reader.Skip()) {
      return Damaged(field, "a field of the scope is damaged");
    }
  }
  return absl::OkStatus();
}

absl::Status RequestReader::ReadMetric(std::string_view message) {
  OtlpMetric metric;
  std::string_view data;
  std::string merged;  // of data told in pieces, which is legal and never seen
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    if (!reader.Tag()) return Damaged(field, "no field begins");
    bool good = true;
    if (reader.Is(1, WireType::kBytes)) {
      good = reader.Bytes(&metric.name);
    } else if (reader.Is(2, WireType::kBytes)) {
      good = reader.Bytes(&metric.description);
    } else if (reader.Is(3, WireType::kBytes)) {
      good = reader.Bytes(&metric.unit);
    } else if (const OtlpKind kind = KindOf(reader.field());
               kind != OtlpKind::kNone && reader.Is(reader.field(), WireType::kBytes)) {
      std::string_view part;
      good = reader.Bytes(&part);
      // Of a oneof the last kind counts; the same kind again is merged.
      if (good && kind == metric.kind) {
        merged = base::StrCat(data, part);
        data = merged;
      } else {
        data = part;
      }
      metric.kind = kind;
    } else {
      good = reader.Skip();
    }
    if (!good) return Damaged(field, "a field of a metric is damaged");
  }
  return ReadData(data, &metric);
}

absl::Status RequestReader::ReadData(std::string_view data, OtlpMetric* metric) {
  const bool summed = metric->kind == OtlpKind::kSum || metric->kind == OtlpKind::kHistogram ||
                      metric->kind == OtlpKind::kExponentialHistogram;
  for (ProtoReader reader(data); !reader.AtEnd();) {
    const char* const field = reader.next();
    uint64_t number = 0;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (summed && reader.Is(2, WireType::kVarint)) {
      if (!reader.Varint(&number)) return Damaged(field, "the temporality is damaged");
      const auto temporality = static_cast<uint32_t>(number);
      metric->temporality = temporality <= 2 ? static_cast<OtlpTemporality>(temporality)
                                             : OtlpTemporality::kUnspecified;
    } else if (metric->kind == OtlpKind::kSum && reader.Is(3, WireType::kVarint)) {
      if (!reader.Varint(&number)) return Damaged(field, "is_monotonic is damaged");
      metric->monotonic = number != 0;
    } else {
      metric->points += reader.Is(1, WireType::kBytes);
      if (!reader.Skip()) return Damaged(field, "a data point is cut off");
    }
  }
  BARO_TRY_ASSIGN(const bool shown, visitor_->OnMetric(*metric));
  for (ProtoReader reader(data); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view point;
    reader.Tag();
    if (!reader.Is(1, WireType::kBytes)) {
      reader.Skip();
      continue;
    }
    if (!reader.Bytes(&point)) return Damaged(field, "a data point is cut off");
    BARO_TRY(ReadPoint(metric->kind, point, shown));
  }
  return absl::OkStatus();
}

absl::Status RequestReader::ReadPoint(OtlpKind kind, std::string_view message, bool shown) {
  attributes_.Clear();
  exemplars_.Clear();
  switch (kind) {
    case OtlpKind::kGauge:
    case OtlpKind::kSum:
      return ReadNumber(message, shown);
    case OtlpKind::kHistogram:
      return ReadHistogram(message, shown);
    case OtlpKind::kExponentialHistogram:
      return ReadExponential(message, shown);
    case OtlpKind::kSummary:
      return ReadSummary(message, shown);
    case OtlpKind::kNone:
      break;
  }
  return absl::OkStatus();
}

absl::Status RequestReader::ReadCommon(const PointFields& fields, ProtoReader* reader,
                                       const char* field, bool* taken, OtlpPoint* point) {
  *taken = true;
  std::string_view bytes;
  uint64_t number = 0;
  if (reader->Is(fields.attributes, WireType::kBytes)) {
    if (!reader->Bytes(&bytes)) return Damaged(field, "an attribute is cut off");
    attributes_.Add(field, reader->next());
  } else if (reader->Is(2, WireType::kFixed64)) {
    if (!reader->Fixed64(&point->start_ns)) return Damaged(field, "the start time is cut off");
  } else if (reader->Is(3, WireType::kFixed64)) {
    if (!reader->Fixed64(&point->time_ns)) return Damaged(field, "the time is cut off");
  } else if (reader->Is(fields.flags, WireType::kVarint)) {
    if (!reader->Varint(&number)) return Damaged(field, "the flags are damaged");
    point->flags = static_cast<uint32_t>(number);
  } else if (fields.exemplars != 0 && reader->Is(fields.exemplars, WireType::kBytes)) {
    if (!reader->Bytes(&bytes)) return Damaged(field, "an exemplar is cut off");
    exemplars_.Add(field, reader->next());
  } else {
    *taken = false;
  }
  return absl::OkStatus();
}

absl::Status RequestReader::ReadNumber(std::string_view message, bool shown) {
  OtlpNumber point;
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    uint64_t bits = 0;
    bool taken = false;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (reader.Is(4, WireType::kFixed64)) {
      if (!ReadDouble(&reader, &point.value)) return Damaged(field, "a value is cut off");
      continue;
    }
    if (reader.Is(6, WireType::kFixed64)) {
      if (!reader.Fixed64(&bits)) return Damaged(field, "a value is cut off");
      point.value = static_cast<double>(static_cast<int64_t>(bits));
      continue;
    }
    BARO_TRY(ReadCommon(kNumberFields, &reader, field, &taken, &point));
    if (!taken && !reader.Skip()) return Damaged(field, "a field of a data point is damaged");
  }
  point.attributes = attributes_.bytes();
  point.exemplars = exemplars_.bytes();
  return shown ? visitor_->OnNumber(point) : absl::OkStatus();
}

absl::Status RequestReader::ReadHistogram(std::string_view message, bool shown) {
  OtlpHistogram point;
  counts_.clear();
  bounds_.clear();
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    bool taken = false;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (reader.Is(4, WireType::kFixed64)) {
      if (!reader.Fixed64(&point.count)) return Damaged(field, "the count is cut off");
      continue;
    }
    if (reader.Is(5, WireType::kFixed64)) {
      if (!ReadDouble(&reader, &point.sum.emplace())) return Damaged(field, "the sum is cut off");
      continue;
    }
    if (!ReadFixedList(&reader, 6, &taken, &counts_)) {
      return Damaged(field, "the bucket counts are damaged");
    }
    if (!taken && !ReadFixedList(&reader, 7, &taken, &bounds_)) {
      return Damaged(field, "the bucket bounds are damaged");
    }
    if (!taken) BARO_TRY(ReadCommon(kHistogramFields, &reader, field, &taken, &point));
    if (!taken && !reader.Skip()) return Damaged(field, "a field of a histogram is damaged");
  }
  point.attributes = attributes_.bytes();
  point.exemplars = exemplars_.bytes();
  point.bucket_counts = counts_;
  point.bounds = bounds_;
  return shown ? visitor_->OnHistogram(point) : absl::OkStatus();
}

absl::Status RequestReader::ReadExponential(std::string_view message, bool shown) {
  OtlpExponential point;
  counts_.clear();
  negative_counts_.clear();
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view buckets;
    bool good = true;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (reader.Is(4, WireType::kFixed64)) {
      good = reader.Fixed64(&point.count);
    } else if (reader.Is(5, WireType::kFixed64)) {
      good = ReadDouble(&reader, &point.sum.emplace());
    } else if (reader.Is(6, WireType::kVarint)) {
      good = ReadSigned(&reader, &point.scale);
    } else if (reader.Is(7, WireType::kFixed64)) {
      good = reader.Fixed64(&point.zero_count);
    } else if (reader.Is(14, WireType::kFixed64)) {
      good = ReadDouble(&reader, &point.zero_threshold);
    } else if (reader.Is(8, WireType::kBytes)) {
      good = reader.Bytes(&buckets) && ReadBuckets(buckets, &point.positive.offset, &counts_);
    } else if (reader.Is(9, WireType::kBytes)) {
      good =
          reader.Bytes(&buckets) && ReadBuckets(buckets, &point.negative.offset, &negative_counts_);
    } else {
      bool taken = false;
      BARO_TRY(ReadCommon(kExponentialFields, &reader, field, &taken, &point));
      good = taken || reader.Skip();
    }
    if (!good) return Damaged(field, "a field of an exponential histogram is damaged");
  }
  point.attributes = attributes_.bytes();
  point.exemplars = exemplars_.bytes();
  point.positive.counts = counts_;
  point.negative.counts = negative_counts_;
  return shown ? visitor_->OnExponential(point) : absl::OkStatus();
}

absl::Status RequestReader::ReadSummary(std::string_view message, bool shown) {
  OtlpSummary point;
  quantiles_.clear();
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view part;
    bool good = true;
    if (!reader.Tag()) return Damaged(field, "no field begins");
    if (reader.Is(4, WireType::kFixed64)) {
      good = reader.Fixed64(&point.count);
    } else if (reader.Is(5, WireType::kFixed64)) {
      good = ReadDouble(&reader, &point.sum);
    } else if (reader.Is(6, WireType::kBytes)) {
      good = reader.Bytes(&part) && ReadQuantile(part, &quantiles_.emplace_back());
    } else {
      bool taken = false;
      BARO_TRY(ReadCommon(kSummaryFields, &reader, field, &taken, &point));
      good = taken || reader.Skip();
    }
    if (!good) return Damaged(field, "a field of a summary is damaged");
  }
  point.attributes = attributes_.bytes();
  point.quantiles = quantiles_;
  return shown ? visitor_->OnSummary(point) : absl::OkStatus();
}

}  // namespace

absl::Status ReadOtlp(std::string_view request, OtlpVisitor* visitor) {
  return RequestReader(request, visitor).Read();
}

}  // namespace baro::wire
