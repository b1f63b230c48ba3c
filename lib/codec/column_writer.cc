#include "column_writer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "decimal.h"

namespace baro::codec {
namespace {

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

void AppendSpecial(uint64_t bits, ByteSink* sink) {
  const auto known = std::find(kSpecials.begin(), kSpecials.end(), bits);
  sink->Byte(static_cast<uint8_t>(known - kSpecials.begin()));
  if (known != kSpecials.end()) return;
  sink->Bytes({reinterpret_cast<const char*>(&bits), sizeof(bits)});
}

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
bool ComputeMantissas(Form form, ColumnScratch* scratch) {
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
bool SplitSpecials(ColumnScratch* scratch) {
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

void AppendRunPositions(Shape shape, size_t value_count, ColumnScratch* scratch) {
  if (shape == kRuns) AppendPositions(scratch->positions, value_count, &scratch->sink);
}

// Takes the reference's mantissas away from those of the plain values.
void Subtract(const Reference& reference, ColumnScratch* scratch) {
  size_t plain = 0;
  for (size_t i = 0; i < scratch->bits.size(); ++i) {
    if (!IsSpecial(scratch->bits[i])) scratch->mantissas[plain++] -= reference.mantissas[i];
  }
}

}  // namespace

// Finds the runs of equal values: their first positions but the very first, and their values.
void FindRuns(std::span<const double> values, ColumnScratch* scratch) {
  scratch->positions.clear();
  scratch->bits.assign(1, BitsOf(values[0]));
  for (size_t i = 1; i < values.size(); ++i) {
    if (BitsOf(values[i]) == BitsOf(values[i - 1])) continue;
    scratch->positions.push_back(static_cast<uint32_t>(i - 1));
    scratch->bits.push_back(BitsOf(values[i]));
  }
}

bool WorthRuns(size_t runs, size_t values) { return runs * 8 <= values * 3; }

void TakeAll(std::span<const double> values, ColumnScratch* scratch) {
  scratch->bits.resize(values.size());
  std::memcpy(scratch->bits.data(), values.data(), values.size_bytes());
}

Form PlanForm(ColumnScratch* scratch) {
  constexpr Form kBits{kBitsForm, false};
  if (!SplitSpecials(scratch)) return kBits;
  const Form form = ChooseForm(scratch->plain);
  return form.exponent == kBitsForm || !ComputeMantissas(form, scratch) ? kBits : form;
}

void AppendConstant(uint64_t bits, ColumnScratch* scratch) {
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

void AppendPlanned(Shape shape, size_t value_count, Form form, const Reference* reference,
                   Effort effort, ColumnScratch* scratch) {
  ByteSink* const sink = &scratch->sink;
  if (form.exponent == kBitsForm) {
    AppendHeader(shape, kBitsForm, sink);
    AppendRunPositions(shape, value_count, scratch);
    return AppendIntegers(scratch->bits, effort, sink);
  }
  if (reference != nullptr) Subtract(*reference, scratch);
  const uint64_t divisor = Divide(&scratch->mantissas);
  uint8_t extension = form.exponent;
  if (form.with_ulp) extension |= kWithUlp;
  if (divisor != 1) extension |= kWithDivisor;
  if (!scratch->specials.empty()) extension |= kWithSpecials;
  const bool extended = extension != form.exponent;
  AppendHeader(shape, extended ? kExtendedForm : form.exponent, sink);
  if (extended) sink->Byte(extension);
  if (reference != nullptr) sink->Varint(reference->back);
  AppendRunPositions(shape, value_count, scratch);
  if (extension & kWithSpecials) AppendSpecials(scratch->specials, scratch->bits.size(), sink);
  if (extension & kWithDivisor) sink->Varint(divisor);
  AppendIntegers(scratch->mantissas, effort, sink);
  if (extension & kWithUlp) AppendIntegers(scratch->ulps, effort, sink);
}

}  // namespace baro::codec
