#include <algorithm>
#include <vector>

#include "baro/base/check.h"
#include "baro/codec/column.h"
#include "bytes.h"
#include "column_writer.h"

namespace baro::codec {
namespace {

// What is looked at of two columns to see whether they move together: rows in this many stretches.
constexpr size_t kStretches = 4;
constexpr size_t kStretchRows = 32;
// A rarely changing column is no better off with a number for each value.
constexpr size_t kRarely = 16;

// A column that later ones may refer to.
struct Kept {
  uint8_t exponent = kBitsForm;     // of the mantissas; kBitsForm: it is no reference
  uint8_t depth = 0;                // how many others it needs itself
  std::vector<uint64_t> mantissas;  // of all rows, 0 for special values
};

// Bits that the steps of a column take, or those of its difference to another; of some rows.
uint64_t StepBits(std::span<const uint64_t> column, const uint64_t* other) {
  uint64_t bits = 0;
  const size_t stride = std::max(kStretchRows, column.size() / kStretches);
  for (size_t begin = 0; begin + 1 < column.size(); begin += stride) {
    const size_t end = std::min(column.size(), begin + kStretchRows + 1);
    for (size_t i = begin + 1; i < end; ++i) {
      uint64_t step = column[i] - column[i - 1];
      if (other != nullptr) step -= other[i] - other[i - 1];
      bits += static_cast<uint64_t>(std::bit_width(ZigZag(step)));
    }
  }
  return bits;
}

}  // namespace

class ColumnGroupEncoder::State {
 public:
  void Append(std::span<const double> values, std::string* bytes) {
    columns_.emplace_back();
    scratch_.sink.Clear();
    FindRuns(values, &scratch_);
    if (scratch_.bits.size() == 1) {
      AppendConstant(scratch_.bits[0], &scratch_);
      bytes->append(scratch_.sink.bytes());
      return;
    }
    best_.clear();
    const size_t runs = scratch_.bits.size();
    const bool with_runs = WorthRuns(runs, values.size());
    if (with_runs) {
      const Form form = PlanForm(&scratch_);
      AppendPlanned(kRuns, values.size(), form, nullptr, Effort::kSmall, &scratch_);
      TakeWhenBest();
    }
    TakeAll(values, &scratch_);
    const Form form = PlanForm(&scratch_);
    Keep(form);
    if (!with_runs || runs * kRarely > values.size()) {
      AppendPlanned(kPlain, values.size(), form, nullptr, Effort::kSmall, &scratch_);
      TakeWhenBest();
    }
    if (form.exponent != kBitsForm) AppendRelated(form);
    bytes->append(best_);
  }

 private:
  // Takes what is in the sink where that is smaller than the best so far.
  bool TakeWhenBest() {
    const bool is_best = best_.empty() || scratch_.sink.size() < best_.size();
    if (is_best) best_.assign(scratch_.sink.bytes());
    scratch_.sink.Clear();
    return is_best;
  }

  void Keep(Form form) {
    Kept& kept = columns_.back();
    kept.exponent = form.exponent;
    if (form.exponent == kBitsForm) return;
    kept.mantissas.resize(scratch_.bits.size());
    size_t plain = 0;
    for (size_t i = 0; i < kept.mantissas.size(); ++i) {
      kept.mantissas[i] = IsSpecial(scratch_.bits[i]) ? 0 : scratch_.mantissas[plain++];
    }
  }

  void AppendRelated(Form form) {
    const size_t back = FindReference();
    if (back == 0) return;
    Kept& column = columns_.back();
    size_t plain = 0;  // the mantissas once more: what was written before has spoilt them
    for (size_t i = 0; i < column.mantissas.size(); ++i) {
      if (!IsSpecial(scratch_.bits[i])) scratch_.mantissas[plain++] = column.mantissas[i];
    }
    const Kept& other = columns_[columns_.size() - 1 - back];
    const Reference reference{back, other.mantissas};
    AppendPlanned(kRelated, column.mantissas.size(), form, &reference, Effort::kSmall, &scratch_);
    if (TakeWhenBest()) column.depth = static_cast<uint8_t>(other.depth + 1);
  }

  // The column before that this one moves with, as a distance; 0: none.
  size_t FindReference() const {
    const Kept& column = columns_.back();
    const uint64_t alone = StepBits(column.mantissas, nullptr);
    uint64_t least = alone - alone / 16;
    size_t found = 0;
    for (size_t back = 1; back < columns_.size(); ++back) {
      const Kept& other = columns_[columns_.size() - 1 - back];
      if (other.exponent != column.exponent || other.depth >= kReferenceDepthMax) continue;
      const uint64_t bits = StepBits(column.mantissas, other.mantissas.data());
      if (bits >= least) continue;
      least = bits;
      found = back;
    }
    return found;
  }

  ColumnScratch scratch_;
  std::vector<Kept> columns_;
  std::string best_;
};

ColumnGroupEncoder::ColumnGroupEncoder() : state_(std::make_unique<State>()) {}
ColumnGroupEncoder::ColumnGroupEncoder(ColumnGroupEncoder&&) noexcept = default;
ColumnGroupEncoder::~ColumnGroupEncoder() = default;

void ColumnGroupEncoder::Append(std::span<const double> values, std::string* bytes) {
  BARO_CHECK_LE(values.size(), kColumnValuesMax);
  BARO_CHECK(!values.empty());
  state_->Append(values, bytes);
}

}  // namespace baro::codec
