// The writing side of a column, in steps: runs of equal values, the form that fits the numbers,
// the bytes. Of column.cc and column_group.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bytes.h"
#include "column_format.h"
#include "integers.h"

namespace baro::codec {

// Of one thread; what each step leaves for the next.
struct ColumnScratch {
  std::vector<uint64_t> bits;       // of the numbers to write: all values, or one a run
  std::vector<uint32_t> positions;  // where runs begin
  std::vector<uint64_t> plain;      // `bits` without the special ones
  std::vector<uint64_t> mantissas;
  std::vector<uint64_t> ulps;
  std::vector<SpecialKind> specials;
  ByteSink sink;
};

// How plain doubles are written as integers.
struct Form {
  uint8_t exponent = 0;  // kBitsForm: as their own bits
  bool with_ulp = false;
};

// Another column's mantissas at the exponent of this one, and how far back it lies.
struct Reference {
  size_t back = 0;
  std::span<const uint64_t> mantissas;  // of all rows
};

// Finds the runs of equal values: their first positions but the very first, and their values.
void FindRuns(std::span<const double> values, ColumnScratch* scratch);
// Whether runs are written; beyond 3/8 of the values a difference of zero is as cheap.
bool WorthRuns(size_t runs, size_t values);
// `bits` becomes all values.
void TakeAll(std::span<const double> values, ColumnScratch* scratch);
// The form of `bits`; fills specials, mantissas and ulps.
Form PlanForm(ColumnScratch* scratch);

// All of these append to the sink.
void AppendConstant(uint64_t bits, ColumnScratch* scratch);
// What PlanForm() planned; `reference` is given where the shape is kRelated, and the form is not
// kBitsForm then. Spoils the mantissas.
void AppendPlanned(Shape shape, size_t value_count, Form form, const Reference* reference,
                   Effort effort, ColumnScratch* scratch);

}  // namespace baro::codec
