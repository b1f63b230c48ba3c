#include "watch.h"

#include "absl/numeric/int128.h"
#include "describe.h"

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

absl::Status NodeCosts::Watch(const Expr& expr, RowSink sink, Produce produce) {
  Cost* const cost = &costs_[&expr];
  Cost* const consumer = at_work_;
  Switch(cost);
  const absl::Status status = produce([&](const Row& row) {
    ++cost->rows;
    Switch(consumer);
    absl::Status taken = sink(row);
    Switch(cost);
    return taken;
  });
  Switch(consumer);
  return status;
}

void NodeCosts::Switch(Cost* next) {
  const int64_t now_ns = clock_->MonotonicNs();
  const int64_t samples = query_->samples_looked_at();
  at_work_->ns += now_ns - since_ns_;
  at_work_->samples += samples - since_samples_;
  since_ns_ = now_ns;
  since_samples_ = samples;
  at_work_ = next;
}

NodeStats NodeCosts::Tree(const Expr& expr) const {
  NodeStats stats;
  stats.node = NodeName(expr);
  stats.text = NodeText(expr);
  stats.expression = ShortText(expr);
  if (const auto it = costs_.find(&expr); it != costs_.end()) {
    stats.series = it->second.rows;
    stats.samples = it->second.samples;
    stats.seconds = static_cast<double>(it->second.ns) / 1e9;
  }
  // A range belongs to the function over it, but its text is worth seeing.
  if (expr.kind == Expr::Kind::kMatrixSelector) return stats;
  for (const Expr* child : Children(const_cast<Expr&>(expr))) {  // NOLINT(*-const-cast)
    stats.children.push_back(Tree(*child));
  }
  return stats;
}

// Halves stay where they are until the query ends.
uint64_t RowOrder::HashOf(const model::Labels* half) {
  const auto [it, inserted] = halves_.try_emplace(half, 0);
  if (inserted) it->second = half->Hash();
  return it->second;
}

}  // namespace baro::promql
