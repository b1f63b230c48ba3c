#include "watch.h"

#include "absl/numeric/int128.h"

namespace baro::promql {
namespace {

// A multiplication of 64 × 64 bits, both halves of it folded: every bit reaches every other.
uint64_t Mix(uint64_t a, uint64_t b) {
  const absl::uint128 product = absl::uint128(a ^ 0x9E3779B97F4A7C15) * (b ^ 0xD6E8FEB86659FD93);
  return absl::Uint128High64(product) ^ absl::Uint128Low64(product);
}

}  // namespace

absl::Status RowOrder::Watch(const Expr& expr, RowSink sink, Produce produce) {
  const uint64_t node =
      expr.place.begin << 32 | expr.place.end << 8 | static_cast<uint64_t>(expr.kind);
  return produce([&](const Row& row) {
    const uint64_t labels = HashOf(row.labels.target) + HashOf(row.labels.column);
    fingerprint_ = Mix(fingerprint_ + node, labels);
    return sink(row);
  });
}

// Halves stay where they are until the query ends.
uint64_t RowOrder::HashOf(const model::Labels* half) {
  const auto [it, inserted] = halves_.try_emplace(half, 0);
  if (inserted) it->second = half->Hash();
  return it->second;
}

}  // namespace baro::promql
