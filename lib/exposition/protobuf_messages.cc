// The messages of io.prometheus.client, field by field.

#include "protobuf_messages.h"

#include <cstring>

#include "wire_fields.h"

namespace baro::exposition {
namespace {

// A field of the wrong encoding is an unknown field, as protobuf has it.
bool ReadTime(std::string_view message, int64_t* time_ms) {
  WireFields fields(message);
  int64_t seconds = 0;
  int64_t nanos = 0;
  while (fields.Next()) {
    if (fields.number() == 1 && fields.is_varint())
      seconds = static_cast<int64_t>(fields.integer());
    if (fields.number() == 2 && fields.is_varint()) nanos = static_cast<int64_t>(fields.integer());
  }
  *time_ms = static_cast<int64_t>(static_cast<uint64_t>(seconds) * 1000) + nanos / 1'000'000;
  return fields.ok();
}

}  // namespace

bool ReadLabel(std::string_view message, LabelPair* label) {
  WireFields fields(message);
  while (fields.Next()) {
    if (!fields.is_message()) continue;
    if (fields.number() == 1) label->name = fields.bytes();
    if (fields.number() == 2) label->value = fields.bytes();
  }
  return fields.ok();
}

bool ReadExemplar(std::string_view message, ExemplarMessage* exemplar) {
  WireFields fields(message);
  while (fields.Next()) {
    if (fields.number() == 1 && fields.is_message()) {
      if (!ReadLabel(fields.bytes(), &exemplar->labels.emplace_back())) return false;
    } else if (fields.number() == 2 && fields.is_fixed64()) {
      exemplar->value = fields.number_value();
    } else if (fields.number() == 3 && fields.is_message()) {
      int64_t time_ms = 0;
      if (!ReadTime(fields.bytes(), &time_ms)) return false;
      exemplar->time_ms = time_ms;
    }
  }
  return fields.ok();
}

namespace {

bool ReadSpan(std::string_view message, Span* span) {
  WireFields fields(message);
  while (fields.Next()) {
    if (fields.number() == 1 && fields.is_varint()) {
      span->offset = static_cast<int32_t>(fields.zigzag());
    }
    if (fields.number() == 2 && fields.is_varint()) {
      span->length = static_cast<uint32_t>(fields.integer());
    }
  }
  return fields.ok();
}

bool ReadBucket(std::string_view message, ClassicBucket* bucket) {
  WireFields fields(message);
  double float_count = 0;
  while (fields.Next()) {
    if (fields.number() == 1 && fields.is_varint()) {
      bucket->count = static_cast<double>(fields.integer());
    } else if (fields.number() == 4 && fields.is_fixed64()) {
      float_count = fields.number_value();
    } else if (fields.number() == 2 && fields.is_fixed64()) {
      bucket->upper_bound = fields.number_value();
    } else if (fields.number() == 3 && fields.is_message()) {
      if (!ReadExemplar(fields.bytes(), &bucket->exemplar.emplace())) return false;
    }
  }
  if (float_count != 0) bucket->count = float_count;
  return fields.ok();
}

// Repeated numbers come packed or one by one.
bool ReadDeltas(const WireFields& field, std::vector<int64_t>* deltas) {
  if (field.is_varint()) {
    deltas->push_back(field.zigzag());
    return true;
  }
  std::string_view bytes = field.bytes();
  uint64_t value = 0;
  while (!bytes.empty()) {
    if (!WireFields::TakeVarint(&bytes, &value)) return false;
    deltas->push_back(static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1));
  }
  return true;
}

bool ReadCounts(const WireFields& field, std::vector<double>* counts) {
  if (field.is_fixed64()) {
    counts->push_back(field.number_value());
    return true;
  }
  const std::string_view bytes = field.bytes();
  if (bytes.size() % 8 != 0) return false;
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes.data() + i, 8);
    counts->push_back(std::bit_cast<double>(bits));
  }
  return true;
}

bool ReadBucketField(const WireFields& field, uint32_t first_number, NativeBuckets* buckets) {
  if (field.number() == first_number) {
    return field.is_message() && ReadSpan(field.bytes(), &buckets->spans.emplace_back());
  }
  if (field.number() == first_number + 1) return ReadDeltas(field, &buckets->deltas);
  return ReadCounts(field, &buckets->counts);
}

}  // namespace

bool ReadHistogram(std::string_view message, HistogramMessage* histogram) {
  WireFields fields(message);
  while (fields.Next()) {
    const uint32_t number = fields.number();
    if (number == 1 && fields.is_varint()) {
      histogram->count = static_cast<double>(fields.integer());
    } else if (number == 4 && fields.is_fixed64()) {
      histogram->float_count = fields.number_value();
    } else if (number == 2 && fields.is_fixed64()) {
      histogram->sum = fields.number_value();
    } else if (number == 3 && fields.is_message()) {
      if (!ReadBucket(fields.bytes(), &histogram->buckets.emplace_back())) return false;
    } else if (number == 5 && fields.is_varint()) {
      histogram->schema = fields.zigzag();
    } else if (number == 6 && fields.is_fixed64()) {
      histogram->zero_threshold = fields.number_value();
    } else if (number == 7 && fields.is_varint()) {
      histogram->zero_count = static_cast<double>(fields.integer());
    } else if (number == 8 && fields.is_fixed64()) {
      histogram->float_zero_count = fields.number_value();
    } else if (number >= 9 && number <= 11) {
      if (!ReadBucketField(fields, 9, &histogram->negative)) return false;
    } else if (number >= 12 && number <= 14) {
      if (!ReadBucketField(fields, 12, &histogram->positive)) return false;
    } else if (number == 16 && fields.is_message()) {
      if (!ReadExemplar(fields.bytes(), &histogram->exemplars.emplace_back())) return false;
    }
  }
  return fields.ok();
}

bool ReadFamily(std::string_view message, FamilyMessage* family) {
  WireFields fields(message);
  while (fields.Next()) {
    if (fields.number() == 3 && fields.is_varint()) family->type = fields.integer();
    if (!fields.is_message()) continue;
    if (fields.number() == 1) family->name = fields.bytes();
    if (fields.number() == 2) family->help = fields.bytes();
    if (fields.number() == 4) family->metrics.push_back(fields.bytes());
    if (fields.number() == 5) family->unit = fields.bytes();
  }
  return fields.ok();
}

}  // namespace baro::exposition
