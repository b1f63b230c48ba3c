// Token stream: integers of which most are small and some are not, near their entropy. A number is
// a token (small ones one each, larger ones by their width and the bit below the highest) and its
// remaining bits. Tokens are coded with a tabled asymmetric numeral system (Duda, arXiv:1311.2540)
// whose states lie as in Collet's FSE; the remaining bits are as they are. Bytes:
// docs/formats/column.md, "Tokens".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bytes.h"

namespace baro::codec {

// How numbers would be written. Thread-compatible.
class TokenPlan {
 public:
  static constexpr size_t kTokens = 136;

  // Bits that `numbers` would take, rounded up; SIZE_MAX when they are too few or too diverse for a
  // table to pay.
  size_t Make(std::span<const uint64_t> numbers);
  // Writes the numbers that the last plan was made for, which was not SIZE_MAX. The count is not
  // written.
  void Append(std::span<const uint64_t> numbers, ByteSink* sink) const;

 private:
  size_t CostBits() const;

  std::array<uint32_t, kTokens> counts_;
  std::array<uint8_t, kTokens> classes_;
  std::array<uint32_t, kTokens> frequencies_;
  unsigned log_ = 0;
  unsigned first_ = 0;  // token
  unsigned end_ = 0;
};

// False when the bytes are damaged; `numbers` is then unspecified.
bool ReadTokens(ByteSource* source, std::span<uint64_t> numbers);

}  // namespace baro::codec
