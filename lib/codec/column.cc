#include "baro/codec/column.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "bytes.h"
#include "column_format.h"
#include "column_writer.h"
#include "decimal.h"
#include "integers.h"

namespace baro::codec {
namespace {

struct ReadScratch {
  std::vector<uint32_t> positions;  // where runs begin
  std::vector<uint64_t> mantissas;
  std::vector<uint64_t> ulps;
  std::vector<uint8_t> special_at;
  std::vector<SpecialKind> specials;
};

struct Scratch {
  ColumnScratch write;
  ReadScratch read;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

bool ReadPositions(ByteSource* source, size_t domain, std::vector<uint32_t>* positions) {
  uint64_t count = 0;
  if (!source->Varint(&count) || count > domain) return false;
  positions->clear();
  if (ThinSet(count, domain)) {
    for (uint64_t next = 0; count != 0; --count) {
      uint64_t gap = 0;
      if (!source->Varint(&gap) || gap >= domain - next) return false;
      next += gap;
      positions->push_back(static_cast<uint32_t>(next++));
    }
    return true;
  }
  std::string_view bitmap;
  if (!source->Bytes((domain + 7) / 8, &bitmap)) return false;
  for (size_t i = 0; i < bitmap.size(); ++i) {
    for (unsigned byte = static_cast<uint8_t>(bitmap[i]); byte != 0; byte &= byte - 1) {
      positions->push_back(static_cast<uint32_t>(i * 8) +
                           static_cast<uint32_t>(std::countr_zero(byte)));
    }
  }
  return positions->size() == count && (count == 0 || positions->back() < domain);
}

bool ReadSpecial(ByteSource* source, uint64_t* bits) {
  uint8_t kind = 0;
  if (!source->Byte(&kind) || kind > kOtherSpecial) return false;
  if (kind < kOtherSpecial) {
    *bits = kSpecials[kind];
    return true;
  }
  std::string_view bytes;
  if (!source->Bytes(sizeof(*bits), &bytes)) return false;
  std::memcpy(bits, bytes.data(), sizeof(*bits));
  return true;
}

// Reads one column; says what is wrong with a damaged one.
class ColumnReader {
 public:
  // `reference`: the values of the column that this one may refer to; empty: there are none.
  ColumnReader(std::string_view bytes, std::span<const double> reference, ReadScratch* scratch)
      : source_(bytes), reference_(reference), scratch_(scratch) {}

  bool Read(std::span<double> values);
  const char* fault() const { return fault_; }
  const ByteSource& source() const { return source_; }

 private:
  bool Fail(const char* fault) {
    fault_ = fault;
    return false;
  }
  bool ReadConstant(uint8_t form, std::span<double> values);
  bool ReadRuns(std::span<double> values);
  bool ReadNumbers(uint8_t form, uint8_t extension, std::span<double> numbers);
  bool ReadDecimals(uint8_t extension, std::span<double> decimals);
  bool ReadSpecials(size_t number_count, size_t* plain_count);
  void SpreadAroundSpecials(std::span<double> numbers);
  bool ReadBack(uint8_t form, size_t value_count);
  void AddReference(double scale, bool with_specials, uint64_t divisor);

  ByteSource source_;
  std::span<const double> reference_;
  ReadScratch* const scratch_;
  const char* fault_ = nullptr;
};

bool ColumnReader::Read(std::span<double> values) {
  uint8_t header = 0;
  if (!source_.Byte(&header)) return Fail("its header is cut off");
  const auto shape = ShapeOf(header);
  const auto form = static_cast<uint8_t>(header >> kShapeBits);
  if (shape == kConstant) return ReadConstant(form, values);
  uint8_t extension = form;
  if (form == kExtendedForm && !source_.Byte(&extension)) return Fail("its form is cut off");
  if (form > kExtendedForm) return Fail("its form is unknown");
  if (shape == kRelated) {
    return ReadBack(form, values.size()) && ReadNumbers(form, extension, values);
  }
  reference_ = {};
  if (shape == kPlain) return ReadNumbers(form, extension, values);
  if (!ReadPositions(&source_, values.size(), &scratch_->positions)) {
    return Fail("its runs are damaged");
  }
  const size_t runs = scratch_->positions.size() + 1;
  if (runs > values.size()) return Fail("it has more runs than values");
  if (!ReadNumbers(form, extension, values.first(runs))) return false;
  return ReadRuns(values);
}

// The distance to the reference is for who finds it: ColumnsBack().
bool ColumnReader::ReadBack(uint8_t form, size_t value_count) {
  uint64_t back = 0;
  if (form == kBitsForm || !source_.Varint(&back) || back == 0)
    return Fail("its reference is damaged");
  return reference_.size() == value_count || Fail("it refers to a column that is not at hand");
}

bool ColumnReader::ReadConstant(uint8_t form, std::span<double> values) {
  uint64_t number = 0;
  if (form < kBitsForm) {
    if (!source_.Varint(&number)) return Fail("its value is cut off");
    const auto mantissa = static_cast<int64_t>(UnZigZag(number));
    number = BitsOf(FromMantissa(mantissa, kPowersOfTen[form]));
  } else if (form != kSpecialForm || !ReadSpecial(&source_, &number)) {
    return Fail("its value is damaged");
  }
  std::fill(values.begin(), values.end(), DoubleOf(number));
  return true;
}

// Spreads the numbers at the front of `values` over their runs, last one first.
bool ColumnReader::ReadRuns(std::span<double> values) {
  size_t end = values.size();
  for (size_t run = scratch_->positions.size(); run > 0; --run) {
    const size_t begin = size_t{scratch_->positions[run - 1]} + 1;
    if (begin >= values.size()) return Fail("a run begins beyond the last value");
    std::fill(values.begin() + static_cast<ptrdiff_t>(begin),
              values.begin() + static_cast<ptrdiff_t>(end), values[run]);
    end = begin;
  }
  std::fill(values.begin(), values.begin() + static_cast<ptrdiff_t>(end), values[0]);
  return true;
}

bool ColumnReader::ReadNumbers(uint8_t form, uint8_t extension, std::span<double> numbers) {
  scratch_->mantissas.resize(numbers.size());
  if (form == kBitsForm) {
    if (!ReadIntegers(&source_, scratch_->mantissas)) return Fail("its numbers are damaged");
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = DoubleOf(scratch_->mantissas[i]);
    return true;
  }
  if ((extension & kExponentMask) >= kPowersOfTen.size()) return Fail("its exponent is unknown");
  if ((extension & kWithSpecials) == 0) return ReadDecimals(extension, numbers);
  size_t plain_count = 0;
  if (!ReadSpecials(numbers.size(), &plain_count)) return Fail("its special values are damaged");
  if (!ReadDecimals(extension, numbers.first(plain_count))) return false;
  SpreadAroundSpecials(numbers);
  return true;
}

bool ColumnReader::ReadDecimals(uint8_t extension, std::span<double> decimals) {
  uint64_t divisor = 1;
  if ((extension & kWithDivisor) && !source_.Varint(&divisor)) return Fail("no divisor");
  scratch_->mantissas.resize(decimals.size());
  if (!ReadIntegers(&source_, scratch_->mantissas)) return Fail("its numbers are damaged");
  const double scale = kPowersOfTen[extension & kExponentMask];
  if (!reference_.empty()) {
    AddReference(scale, (extension & kWithSpecials) != 0, std::exchange(divisor, 1));
  }
  const uint64_t* const mantissas = scratch_->mantissas.data();
  if (divisor == 1 && scale == 1) {
    for (size_t i = 0; i < decimals.size(); ++i) {
      decimals[i] = static_cast<double>(static_cast<int64_t>(mantissas[i]));
    }
  } else {
    for (size_t i = 0; i < decimals.size(); ++i) {
      decimals[i] = FromMantissa(static_cast<int64_t>(mantissas[i] * divisor), scale);
    }
  }
  if ((extension & kWithUlp) == 0) return true;
  scratch_->ulps.resize(decimals.size());
  if (!ReadIntegers(&source_, scratch_->ulps)) return Fail("its ulps are damaged");
  for (size_t i = 0; i < decimals.size(); ++i) {
    decimals[i] = DoubleOf(BitsOf(decimals[i]) + scratch_->ulps[i]);
  }
  return true;
}

// Differences become mantissas. A reference's are what its writer had: they follow from its values.
void ColumnReader::AddReference(double scale, bool with_specials, uint64_t divisor) {
  size_t plain = 0;
  for (size_t i = 0; i < reference_.size(); ++i) {
    if (with_specials && scratch_->special_at[i] != 0) continue;
    uint64_t& mantissa = scratch_->mantissas[plain++];
    mantissa = mantissa * divisor + static_cast<uint64_t>(MantissaOf(reference_[i], scale));
  }
}

bool ColumnReader::ReadSpecials(size_t number_count, size_t* plain_count) {
  uint8_t kinds = 0;
  if (!source_.Byte(&kinds) || kinds > kSpecialKindsMax) return false;
  scratch_->specials.resize(kinds);
  scratch_->special_at.assign(number_count, 0);
  *plain_count = number_count;
  for (uint8_t kind = 0; kind < kinds; ++kind) {
    SpecialKind& special = scratch_->specials[kind];
    if (!ReadSpecial(&source_, &special.bits)) return false;
    if (!ReadPositions(&source_, number_count, &special.positions)) return false;
    for (const uint32_t position : special.positions) {
      if (scratch_->special_at[position] != 0) return false;
      scratch_->special_at[position] = static_cast<uint8_t>(kind + 1);
      --*plain_count;
    }
  }
  return true;
}

// Moves the plain numbers from the front to their places, last one first.
void ColumnReader::SpreadAroundSpecials(std::span<double> numbers) {
  size_t plain = 0;
  for (const uint8_t special : scratch_->special_at) plain += special == 0;
  for (size_t i = numbers.size(); i > 0; --i) {
    const uint8_t special = scratch_->special_at[i - 1];
    numbers[i - 1] =
        special == 0 ? numbers[--plain] : DoubleOf(scratch_->specials[special - 1].bits);
  }
}

absl::Status Damaged(std::string_view what, const char* fault, const ByteSource& source) {
  return absl::DataLossError(
      base::StrCat("cannot decode ", what, ": ", fault, " at byte ", source.offset()));
}

}  // namespace

void EncodeColumn(std::span<const double> values, std::string* bytes) {
  BARO_CHECK_LE(values.size(), kColumnValuesMax);
  if (values.empty()) return;
  ColumnScratch& scratch = ThreadScratch().write;
  scratch.sink.Clear();
  FindRuns(values, &scratch);
  if (scratch.bits.size() == 1) {
    AppendConstant(scratch.bits[0], &scratch);
  } else {
    const Shape shape = WorthRuns(scratch.bits.size(), values.size()) ? kRuns : kPlain;
    if (shape == kPlain) TakeAll(values, &scratch);
    AppendPlanned(shape, values.size(), PlanForm(&scratch), nullptr, Effort::kFast, &scratch);
  }
  bytes->append(scratch.sink.bytes());
}

bool IsConstantColumn(std::string_view bytes) {
  return !bytes.empty() && ShapeOf(static_cast<uint8_t>(bytes[0])) == kConstant;
}

size_t ColumnsBack(std::string_view bytes) {
  ByteSource source(bytes);
  uint8_t header = 0;
  uint8_t extension = 0;
  uint64_t back = 0;
  if (!source.Byte(&header) || ShapeOf(header) != kRelated) return 0;
  if (header >> kShapeBits == kExtendedForm && !source.Byte(&extension)) return 0;
  return source.Varint(&back) ? back : 0;
}

absl::Status DecodeColumn(std::string_view* bytes, std::span<double> values,
                          std::span<const double> reference) {
  BARO_CHECK_LE(values.size(), kColumnValuesMax);
  if (values.empty()) return absl::OkStatus();
  ColumnReader reader(*bytes, reference, &ThreadScratch().read);
  if (!reader.Read(values)) return Damaged("column", reader.fault(), reader.source());
  *bytes = reader.source().rest();
  return absl::OkStatus();
}

void EncodeTimes(std::span<const int64_t> times_ms, std::string* bytes) {
  BARO_CHECK_LE(times_ms.size(), kColumnValuesMax);
  ByteSink& sink = ThreadScratch().write.sink;
  sink.Clear();
  AppendIntegers({reinterpret_cast<const uint64_t*>(times_ms.data()), times_ms.size()},
                 Effort::kFast, &sink);
  bytes->append(sink.bytes());
}

absl::Status DecodeTimes(std::string_view* bytes, std::span<int64_t> times_ms) {
  BARO_CHECK_LE(times_ms.size(), kColumnValuesMax);
  ByteSource source(*bytes);
  if (!ReadIntegers(&source, {reinterpret_cast<uint64_t*>(times_ms.data()), times_ms.size()})) {
    return Damaged("times", "they are damaged", source);
  }
  *bytes = source.rest();
  return absl::OkStatus();
}

}  // namespace baro::codec
