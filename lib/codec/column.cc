#include "baro/codec/column.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "bytes.h"
#include "decimal.h"
#include "integers.h"

namespace baro::codec {
namespace {

// Header byte: the shape in the lower two bits, the form of the numbers in the others.
enum Shape : uint8_t {
  kConstant = 0,  // one value for all
  kPlain = 1,     // a number for each value
  kRuns = 2,      // a number for each run of equal values
};
constexpr unsigned kShapeBits = 2;

// Forms 0 … 22 are decimals: m / 10^form.
constexpr uint8_t kBitsForm = 23;      // the double's own bits as an integer
constexpr uint8_t kExtendedForm = 24;  // decimals, and a byte of flags and exponent follows
constexpr uint8_t kSpecialForm = 25;   // constant only: a special value

constexpr uint8_t kExponentMask = 0x1f;
constexpr uint8_t kWithUlp = 0x20;       // a second stream says how many ulp to add
constexpr uint8_t kWithDivisor = 0x40;   // all m were divided by it
constexpr uint8_t kWithSpecials = 0x80;  // some values are not in the stream

// Values that are no decimals, by number; kOtherSpecial has its bits behind it.
constexpr std::array<uint64_t, 6> kSpecials = {model::kStaleNanBits,  model::kNoSampleBits,
                                               model::kNormalNanBits, 0x7ff0000000000000,
                                               0xfff0000000000000,    0x8000000000000000};
constexpr uint8_t kOtherSpecial = kSpecials.size();
// With more different ones than this the column is written as bits.
constexpr size_t kSpecialKindsMax = 8;

bool IsSpecial(uint64_t bits) {
  constexpr uint64_t kExponent = 0x7ff0000000000000;
  return (bits & kExponent) == kExponent || bits == 0x8000000000000000;
}

// A set of positions below `domain`: gaps where it is thin, a bitmap where that is smaller.
bool ThinSet(size_t count, size_t domain) { return count < domain / 8; }

// One special value and where it stands.
struct SpecialKind {
  uint64_t bits = 0;
  std::vector<uint32_t> positions;
};

struct Scratch {
  std::vector<uint64_t> bits;       // of the numbers to write: all values, or one a run
  std::vector<uint32_t> positions;  // where runs begin
  std::vector<uint64_t> plain;      // `bits` without the special ones
  std::vector<uint64_t> mantissas;
  std::vector<uint64_t> ulps;
  std::vector<uint8_t> special_at;
  std::vector<SpecialKind> specials;
  ByteSink sink;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

void AppendPositions(std::span<const uint32_t> positions, size_t domain, ByteSink* sink) {
  sink->Varint(positions.size());
  if (ThinSet(positions.size(), domain)) {
    uint32_t next = 0;
    for (const uint32_t position : positions) {
      sink->Varint(position - next);
      next = position + 1;
    }
    return;
  }
  const size_t size = (domain + 7) / 8;
  char* const out = sink->Room(size);
  std::memset(out, 0, size);
  for (const uint32_t position : positions) {
    out[position / 8] = static_cast<char>(out[position / 8] | 1 << (position % 8));
  }
  sink->Advance(out + size);
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

void AppendSpecial(uint64_t bits, ByteSink* sink) {
  const auto known = std::find(kSpecials.begin(), kSpecials.end(), bits);
  sink->Byte(static_cast<uint8_t>(known - kSpecials.begin()));
  if (known != kSpecials.end()) return;
  sink->Bytes({reinterpret_cast<const char*>(&bits), sizeof(bits)});
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

// How plain doubles are written as integers.
struct Form {
  uint8_t exponent = 0;  // kBitsForm: as their own bits
  bool with_ulp = false;
};

bool IsExact(double value, double scale) {
  const double scaled = value * scale;
  return std::fabs(scaled) < kMantissaLimit &&
         BitsOf(FromMantissa(RoundToInteger(scaled), scale)) == BitsOf(value);
}

// The least exponent with which every value is a decimal; kBitsForm when there is none. What is
// exact with one exponent is so with the next, as long as m stays in range, so one pass will do; a
// value that left the range shows when the mantissas are computed.
uint8_t ExactExponent(std::span<const uint64_t> plain) {
  uint8_t exponent = 0;
  for (const uint64_t bits : plain) {
    const double value = DoubleOf(bits);
    while (!IsExact(value, kPowersOfTen[exponent])) {
      if (++exponent == kPowersOfTen.size()) return kBitsForm;
      if (std::fabs(value * kPowersOfTen[exponent]) >= kMantissaLimit) return kBitsForm;
    }
  }
  return exponent;
}

uint64_t UlpAbove(uint64_t bits, double scale) {
  const int64_t mantissa = MantissaOf(DoubleOf(bits), scale);
  return bits - BitsOf(FromMantissa(mantissa, scale));
}

// The least exponent below `limit` that brings each of a few samples within 256 ulp; `limit` when
// there is none.
uint8_t ExponentWithUlp(std::span<const uint64_t> plain, uint8_t limit) {
  constexpr uint64_t kUlpMax = 256;
  constexpr size_t kSamples = 16;
  const size_t step = plain.size() / kSamples + 1;
  uint8_t exponent = 0;
  for (size_t i = 0; i < plain.size(); i += step) {
    while (exponent < limit && ZigZag(UlpAbove(plain[i], kPowersOfTen[exponent])) > 2 * kUlpMax) {
      ++exponent;
    }
  }
  return exponent;
}

// Exponents beyond this are rare in nature and usual in rounded sums.
constexpr uint8_t kNaturalExponentMax = 9;
// An exact decimal wins while it needs at most this many digits more.
constexpr uint8_t kDigitsWorthUlp = 3;

Form ChooseForm(std::span<const uint64_t> plain) {
  const uint8_t exact = ExactExponent(plain);
  if (exact <= kNaturalExponentMax) return {exact, false};
  const uint8_t limit =
      exact == kBitsForm ? uint8_t{16} : static_cast<uint8_t>(exact - kDigitsWorthUlp);
  const uint8_t exponent = ExponentWithUlp(plain, limit);
  if (exponent < limit) return {exponent, true};
  return {exact, false};
}

// False when a value does not fit the form after all.
bool ComputeMantissas(Form form, Scratch* scratch) {
  const size_t count = scratch->plain.size();
  const double scale = kPowersOfTen[form.exponent];
  scratch->mantissas.resize(count);
  scratch->ulps.resize(count);
  size_t far_off = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t bits = scratch->plain[i];
    const int64_t mantissa = MantissaOf(DoubleOf(bits), scale);
    const uint64_t ulp = bits - BitsOf(FromMantissa(mantissa, scale));
    scratch->mantissas[i] = static_cast<uint64_t>(mantissa);
    scratch->ulps[i] = ulp;
    far_off += ZigZag(ulp) >> 20 != 0;
    if (!form.with_ulp && ulp != 0) return false;
  }
  // Two streams of which the second has as many digits as the value are no gain.
  return far_off * 16 <= count;
}

// Divides the mantissas by what all have in common; returns it, or 1.
uint64_t Divide(std::vector<uint64_t>* mantissas) {
  uint64_t divisor = 0;
  for (const uint64_t mantissa : *mantissas) {
    const auto magnitude = static_cast<uint64_t>(std::abs(static_cast<int64_t>(mantissa)));
    if (divisor == 0 || magnitude % divisor != 0) divisor = std::gcd(divisor, magnitude);
    if (divisor == 1) return 1;
  }
  constexpr uint64_t kDivisorMin = 4;  // one saves nothing beyond the two bits it makes up for
  if (divisor < kDivisorMin) return 1;
  const auto signed_divisor = static_cast<int64_t>(divisor);
  for (uint64_t& mantissa : *mantissas) {
    mantissa = static_cast<uint64_t>(static_cast<int64_t>(mantissa) / signed_divisor);
  }
  return divisor;
}

// Moves what is no decimal from `bits` to `specials`; false when there are too many kinds.
bool SplitSpecials(Scratch* scratch) {
  scratch->plain.clear();
  scratch->specials.clear();
  for (size_t i = 0; i < scratch->bits.size(); ++i) {
    const uint64_t bits = scratch->bits[i];
    if (!IsSpecial(bits)) [[likely]] {
      scratch->plain.push_back(bits);
      continue;
    }
    auto kind = std::find_if(scratch->specials.begin(), scratch->specials.end(),
                             [bits](const SpecialKind& known) { return known.bits == bits; });
    if (kind == scratch->specials.end()) {
      if (scratch->specials.size() == kSpecialKindsMax) return false;
      kind = scratch->specials.insert(kind, SpecialKind{bits, {}});
    }
    kind->positions.push_back(static_cast<uint32_t>(i));
  }
  return true;
}

void AppendSpecials(const std::vector<SpecialKind>& specials, size_t domain, ByteSink* sink) {
  sink->Byte(static_cast<uint8_t>(specials.size()));
  for (const SpecialKind& kind : specials) {
    AppendSpecial(kind.bits, sink);
    AppendPositions(kind.positions, domain, sink);
  }
}

void AppendHeader(Shape shape, uint8_t form, ByteSink* sink) {
  sink->Byte(static_cast<uint8_t>(shape | form << kShapeBits));
}

void AppendRunPositions(Shape shape, size_t value_count, Scratch* scratch) {
  if (shape == kRuns) AppendPositions(scratch->positions, value_count, &scratch->sink);
}

// Writes header, run positions and `bits`.
void AppendNumbers(Shape shape, size_t value_count, Scratch* scratch) {
  ByteSink* const sink = &scratch->sink;
  Form form{kBitsForm, false};
  if (SplitSpecials(scratch)) form = ChooseForm(scratch->plain);
  if (form.exponent == kBitsForm || !ComputeMantissas(form, scratch)) {
    AppendHeader(shape, kBitsForm, sink);
    AppendRunPositions(shape, value_count, scratch);
    return AppendIntegers(scratch->bits, sink);
  }
  const uint64_t divisor = Divide(&scratch->mantissas);
  uint8_t extension = form.exponent;
  if (form.with_ulp) extension |= kWithUlp;
  if (divisor != 1) extension |= kWithDivisor;
  if (!scratch->specials.empty()) extension |= kWithSpecials;
  const bool extended = extension != form.exponent;
  AppendHeader(shape, extended ? kExtendedForm : form.exponent, sink);
  if (extended) sink->Byte(extension);
  AppendRunPositions(shape, value_count, scratch);
  if (extension & kWithSpecials) AppendSpecials(scratch->specials, scratch->bits.size(), sink);
  if (extension & kWithDivisor) sink->Varint(divisor);
  AppendIntegers(scratch->mantissas, sink);
  if (extension & kWithUlp) AppendIntegers(scratch->ulps, sink);
}

void AppendConstant(uint64_t bits, Scratch* scratch) {
  ByteSink* const sink = &scratch->sink;
  if (!IsSpecial(bits)) {
    const uint8_t exponent = ExactExponent({&bits, 1});
    if (exponent != kBitsForm) {
      AppendHeader(kConstant, exponent, sink);
      const int64_t mantissa = MantissaOf(DoubleOf(bits), kPowersOfTen[exponent]);
      return sink->Varint(ZigZag(static_cast<uint64_t>(mantissa)));
    }
  }
  AppendHeader(kConstant, kSpecialForm, sink);
  AppendSpecial(bits, sink);
}

// Finds the runs of equal values: their first positions but the very first, and their values.
void FindRuns(std::span<const double> values, Scratch* scratch) {
  scratch->positions.clear();
  scratch->bits.assign(1, BitsOf(values[0]));
  for (size_t i = 1; i < values.size(); ++i) {
    if (BitsOf(values[i]) == BitsOf(values[i - 1])) continue;
    scratch->positions.push_back(static_cast<uint32_t>(i - 1));
    scratch->bits.push_back(BitsOf(values[i]));
  }
}

// Reads one column; says what is wrong with a damaged one.
class ColumnReader {
 public:
  ColumnReader(std::string_view bytes, Scratch* scratch) : source_(bytes), scratch_(scratch) {}

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

  ByteSource source_;
  Scratch* const scratch_;
  const char* fault_ = nullptr;
};

bool ColumnReader::Read(std::span<double> values) {
  uint8_t header = 0;
  if (!source_.Byte(&header)) return Fail("its header is cut off");
  const auto shape = static_cast<Shape>(header & ((1 << kShapeBits) - 1));
  const auto form = static_cast<uint8_t>(header >> kShapeBits);
  if (shape == kConstant) return ReadConstant(form, values);
  uint8_t extension = form;
  if (form == kExtendedForm && !source_.Byte(&extension)) return Fail("its form is cut off");
  if (form > kExtendedForm) return Fail("its form is unknown");
  if (shape == kPlain) return ReadNumbers(form, extension, values);
  if (shape != kRuns) return Fail("its shape is unknown");
  if (!ReadPositions(&source_, values.size(), &scratch_->positions)) {
    return Fail("its runs are damaged");
  }
  const size_t runs = scratch_->positions.size() + 1;
  if (runs > values.size()) return Fail("it has more runs than values");
  if (!ReadNumbers(form, extension, values.first(runs))) return false;
  return ReadRuns(values);
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
  const uint64_t* const mantissas = scratch_->mantissas.data();
  const double scale = kPowersOfTen[extension & kExponentMask];
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
  Scratch& scratch = ThreadScratch();
  scratch.sink.Clear();
  FindRuns(values, &scratch);
  if (scratch.bits.size() == 1) {
    AppendConstant(scratch.bits[0], &scratch);
  } else if (scratch.bits.size() * 8 <= values.size() * 3) {
    // A run costs a bit for each value or a byte for its gap; beyond 3/8 a zero difference is as
    // cheap.
    AppendNumbers(kRuns, values.size(), &scratch);
  } else {
    scratch.bits.resize(values.size());
    std::memcpy(scratch.bits.data(), values.data(), values.size_bytes());
    AppendNumbers(kPlain, values.size(), &scratch);
  }
  bytes->append(scratch.sink.bytes());
}

bool IsConstantColumn(std::string_view bytes) {
  return !bytes.empty() && (static_cast<uint8_t>(bytes[0]) & ((1 << kShapeBits) - 1)) == kConstant;
}

absl::Status DecodeColumn(std::string_view* bytes, std::span<double> values) {
  BARO_CHECK_LE(values.size(), kColumnValuesMax);
  if (values.empty()) return absl::OkStatus();
  ColumnReader reader(*bytes, &ThreadScratch());
  if (!reader.Read(values)) return Damaged("column", reader.fault(), reader.source());
  *bytes = reader.source().rest();
  return absl::OkStatus();
}

void EncodeTimes(std::span<const int64_t> times_ms, std::string* bytes) {
  BARO_CHECK_LE(times_ms.size(), kColumnValuesMax);
  Scratch& scratch = ThreadScratch();
  scratch.sink.Clear();
  AppendIntegers({reinterpret_cast<const uint64_t*>(times_ms.data()), times_ms.size()},
                 &scratch.sink);
  bytes->append(scratch.sink.bytes());
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
