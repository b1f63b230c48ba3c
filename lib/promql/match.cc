// Vector matching: arithmetic and comparisons between two vectors. Series with equal matching
// labels form a pair; at each step at most one series of the "one" side may be there.

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "binary_op.h"
#include "evaluator.h"
#include "group_keys.h"
#include "histogram_binary.h"
#include "histogram_row.h"
#include "number_text.h"

namespace baro::promql {
namespace {

// {a="b", c="d"} with the metric name as a label, as Prometheus' errors show series.
std::string ShowLabels(const model::Labels& labels) {
  std::string text;
  for (const model::Label& label : labels) {
    base::StrAppend(&text, text.empty() ? "" : ", ",
                    model::IsClassicLabelName(label.name) ? label.name : Quote(label.name), "=",
                    Quote(label.value));
  }
  return base::StrCat("{", text, "}");
}

LabelChoice SignatureOf(const VectorMatching& matching) {
  LabelChoice choice{matching.on, matching.labels};
  if (!matching.on) choice.names.emplace_back(model::kMetricName);
  return choice;
}

// Which labels of the "many" side the result keeps, before labels are included.
LabelChoice ResultChoice(const BinaryExpr& binary) {
  const VectorMatching& matching = *binary.matching;
  const bool one_to_one = matching.cardinality == Cardinality::kOneToOne;
  LabelChoice choice{false, {}};
  if (one_to_one) choice = {matching.on, matching.labels};
  if (!IsArithmetic(binary.op)) return choice;
  // The result of arithmetic is another metric.
  static constexpr std::string_view kIdentity[] = {model::kMetricName, "__type__", "__unit__"};
  for (const std::string_view name : kIdentity) {
    if (choice.keep) {
      std::erase(choice.names, name);
    } else {
      choice.names.emplace_back(name);
    }
  }
  return choice;
}

class Matching {
 public:
  Matching(Evaluator* evaluator, const BinaryExpr& binary)
      : evaluator_(evaluator),
        query_(&evaluator->query()),
        binary_(binary),
        matching_(*binary.matching),
        swapped_(matching_.cardinality == Cardinality::kOneToMany),
        keys_(query_, SignatureOf(matching_)),
        projection_(query_, ResultChoice(binary)),
        many_(query_, evaluator->grid().count),
        one_(query_, evaluator->grid().count),
        out_(query_, evaluator->grid().count) {}

  absl::Status Run(RowSink sink);

 private:
  struct Signature {
    std::vector<size_t> many;
    std::vector<size_t> one;
  };
  // Where the values of one pair of series go in out_.
  struct Pair {
    size_t many = 0;
    int64_t one = 0;  // kFilled: a fill value
    size_t out = 0;
  };
  static constexpr int64_t kFilled = -1;

  size_t steps() const { return evaluator_->grid().count; }
  Signature* SignatureAt(size_t key) {
    if (key >= signatures_.size()) signatures_.resize(key + 1);
    return &signatures_[key];
  }
  template <typename Operation>
  double Compute(Operation operation, double many, double one) const {
    return swapped_ ? operation(one, many) : operation(many, one);
  }

  template <typename Operation>
  absl::Status RunWith(Operation operation, RowSink sink);
  template <typename Operation>
  absl::Status MatchPair(const Signature& signature, Operation operation, RowSink sink);
  template <typename Operation>
  absl::Status MatchMany(size_t key, const Signature& signature, Operation operation);
  template <typename Operation>
  absl::Status FillMany(size_t key, const Signature& signature, Operation operation);

  template <typename Operation>
  absl::Status MatchMixedPair(const Signature& signature, Operation operation, RowSink sink);
  // Histograms on a side, or an operator for them.
  template <typename Operation>
  MixedResult ComputeMixed(Operation operation, const MixedCell& many, const MixedCell& one);
  absl::Status SetCell(size_t out, size_t step, MixedCell cell);
  // Of all that operations at one step have to say Prometheus tells the last. `rank` is their
  // order: the many side's rows, then what is filled.
  void KeepNote(size_t step, size_t rank, MixedNote note);
  void TellNotes();

  // What arithmetic makes has no name left to drop.
  bool DropsName(size_t many) const {
    return binary_.return_bool || (!IsArithmetic(binary_.op) && many_.drop_name(many));
  }

  absl::Status FindOnes(const Signature& signature);
  bool AnyManyAt(size_t step);
  absl::StatusOr<size_t> OutRow(size_t key, size_t many, int64_t one);
  absl::Status CheckUnique();
  // What fails first when steps are looked at one after the other, as Prometheus does. Only asked
  // when something is known to fail.
  absl::Status FirstError();
  absl::Status DuplicateAt(size_t step);
  absl::Status AmbiguousAt(size_t step);
  model::LabelsRef ResultLabels(model::LabelsRef many, model::LabelsRef one);

  Evaluator* const evaluator_;
  Query* const query_;
  const BinaryExpr& binary_;
  const VectorMatching& matching_;
  const bool swapped_;  // the right side is the many side
  bool mixed_ = false;  // not of floats alone
  GroupKeys keys_;
  HalfProjection projection_;
  Table many_;
  Table one_;
  Table out_;
  std::vector<Signature> signatures_;
  std::optional<double> fill_one_;
  std::optional<double> fill_many_;
  std::vector<int64_t> one_at_;   // per step: the row of one_, or kFilled
  std::vector<uint8_t> matched_;  // per step: some row of the many side has been used
  std::vector<Pair> pairs_;
  struct StepNote {
    MixedNote note = MixedNote::kNone;
    size_t rank = 0;
  };
  std::vector<StepNote> notes_;  // by step; empty while there are none
};

absl::Status Matching::Run(RowSink sink) {
  // Prometheus does not turn these round for group_right.
  fill_many_ = matching_.fill_left;
  fill_one_ = matching_.fill_right;
  Table* const left = swapped_ ? &one_ : &many_;
  BARO_TRY(evaluator_->Fill(*binary_.lhs, left));
  // What the other side has to say is told, even when nothing can match.
  if (left->size() == 0 && !fill_many_ && !fill_one_) return evaluator_->Discard(*binary_.rhs);
  BARO_TRY(evaluator_->Fill(*binary_.rhs, swapped_ ? &many_ : &one_));
  mixed_ = many_.has_histograms() || one_.has_histograms() || IsTrim(binary_.op);
  for (size_t i = 0; i < many_.size(); ++i) {
    SignatureAt(keys_.GroupOf(many_.labels(i)))->many.push_back(i);
  }
  for (size_t i = 0; i < one_.size(); ++i) {
    SignatureAt(keys_.GroupOf(one_.labels(i)))->one.push_back(i);
  }
  return WithOperation(binary_, Kept::kLeft,
                       [&](auto operation) { return RunWith(operation, sink); });
}

template <typename Operation>
absl::Status Matching::RunWith(Operation operation, RowSink sink) {
  const bool fills = fill_one_ || fill_many_;
  const bool one_to_one = matching_.cardinality == Cardinality::kOneToOne;
  for (size_t key = 0; key < signatures_.size(); ++key) {
    const Signature& signature = signatures_[key];
    if (key % 1024 == 0) BARO_TRY(query_->CheckAlive());
    if (signature.one.size() == 1 && signature.many.size() == 1 && one_to_one && !fills) {
      BARO_TRY(MatchPair(signature, operation, sink));
      continue;
    }
    BARO_TRY(FindOnes(signature));
    pairs_.clear();
    matched_.assign(steps(), 0);
    BARO_TRY(MatchMany(key, signature, operation));
    if (fill_many_) BARO_TRY(FillMany(key, signature, operation));
    if (!one_to_one) BARO_TRY(CheckUnique());
  }
  TellNotes();
  BARO_TRY(out_.MergeEqual());
  for (size_t i = 0; i < out_.size(); ++i) {
    if (HasValues(out_.values(i))) BARO_TRY(sink(out_.row(i)));
  }
  return absl::OkStatus();
}

// The common case: one series on each side.
template <typename Operation>
absl::Status Matching::MatchPair(const Signature& signature, Operation operation, RowSink sink) {
  if (mixed_) [[unlikely]] {
    return MatchMixedPair(signature, operation, sink);
  }
  const size_t many = signature.many[0];
  const std::span<double> left = many_.values(many);
  const std::span<const double> right = one_.values(signature.one[0]);
  bool any = false;
  for (size_t step = 0; step < left.size(); ++step) {
    const bool both = !IsAbsent(left[step]) && !IsAbsent(right[step]);
    left[step] = both ? operation(left[step], right[step]) : kNoValue;
    any |= !IsAbsent(left[step]);
  }
  if (!any) return absl::OkStatus();
  const bool drop_name = DropsName(many);
  return sink({ResultLabels(many_.labels(many), one_.labels(signature.one[0])), drop_name, left});
}

template <typename Operation>
absl::Status Matching::MatchMixedPair(const Signature& signature, Operation operation,
                                      RowSink sink) {
  const size_t many = signature.many[0];
  const size_t one = signature.one[0];
  MixedRow result(steps());
  result.Clear();
  for (size_t step = 0; step < steps(); ++step) {
    const MixedCell left{many_.values(many)[step], many_.histogram(many, step)};
    const MixedCell right{one_.values(one)[step], one_.histogram(one, step)};
    if (IsAbsent(left.value) || IsAbsent(right.value)) continue;
    MixedResult mixed = ComputeMixed(operation, left, right);
    KeepNote(step, many, mixed.note);
    MixedCell& cell = mixed.cell;
    if (cell.histogram != nullptr) {
      result.Set(step, std::move(cell.histogram));
    } else {
      result.Set(step, cell.value);
    }
  }
  if (!result.any()) return absl::OkStatus();
  const bool drop_name = DropsName(many);
  return sink(result.row(ResultLabels(many_.labels(many), one_.labels(one)), drop_name));
}

template <typename Operation>
MixedResult Matching::ComputeMixed(Operation operation, const MixedCell& many,
                                   const MixedCell& one) {
  const MixedCell& lhs = swapped_ ? one : many;
  const MixedCell& rhs = swapped_ ? many : one;
  const bool floats = lhs.histogram == nullptr && rhs.histogram == nullptr;
  if (floats && !IsTrim(binary_.op)) return {true, {operation(lhs.value, rhs.value), nullptr}};
  return MixedOperation(binary_, lhs, rhs);
}

void Matching::KeepNote(size_t step, size_t rank, MixedNote note) {
  if (note == MixedNote::kNone) return;
  notes_.resize(steps());
  if (notes_[step].note == MixedNote::kNone || rank >= notes_[step].rank) {
    notes_[step] = {note, rank};
  }
}

void Matching::TellNotes() {
  for (const StepNote& step : notes_) TellMixed(binary_, step.note, &query_->annotations());
}

absl::Status Matching::SetCell(size_t out, size_t step, MixedCell cell) {
  if (cell.histogram != nullptr) return out_.SetHistogram(out, step, std::move(cell.histogram));
  out_.values(out)[step] = cell.value;
  return absl::OkStatus();
}

bool Matching::AnyManyAt(size_t step) {
  for (size_t i = 0; i < many_.size(); ++i) {
    if (!IsAbsent(many_.values(i)[step])) return true;
  }
  return fill_many_.has_value() || fill_one_.has_value();
}

absl::Status Matching::FindOnes(const Signature& signature) {
  one_at_.assign(steps(), kFilled);
  for (const size_t one : signature.one) {
    const std::span<const double> values = one_.values(one);
    for (size_t step = 0; step < values.size(); ++step) {
      if (IsAbsent(values[step])) continue;
      // With nothing to match against, even duplicates do no harm.
      if (one_at_[step] != kFilled && AnyManyAt(step)) return FirstError();
      one_at_[step] = static_cast<int64_t>(one);
    }
  }
  return absl::OkStatus();
}

template <typename Operation>
absl::Status Matching::MatchMany(size_t key, const Signature& signature, Operation operation) {
  for (const size_t many : signature.many) {
    int64_t last_one = kFilled - 1;
    size_t out = 0;
    for (size_t step = 0; step < steps(); ++step) {
      const double left = many_.values(many)[step];
      const int64_t one = one_at_[step];
      if (IsAbsent(left) || (one == kFilled && !fill_one_)) continue;
      const auto one_row = static_cast<size_t>(one);
      MixedResult mixed;
      if (mixed_) [[unlikely]] {
        const MixedCell filled{fill_one_.value_or(0), nullptr};
        mixed = ComputeMixed(
            operation, {left, many_.histogram(many, step)},
            one == kFilled ? filled
                           : MixedCell{one_.values(one_row)[step], one_.histogram(one_row, step)});
        KeepNote(step, many, mixed.note);
        if (!mixed.possible) continue;
      }
      if (matched_[step] != 0 && matching_.cardinality == Cardinality::kOneToOne) {
        return FirstError();
      }
      matched_[step] = 1;
      if (one != last_one) {
        last_one = one;
        BARO_TRY_ASSIGN(out, OutRow(key, many, one));
      }
      if (mixed_) [[unlikely]] {
        BARO_TRY(SetCell(out, step, std::move(mixed.cell)));
        continue;
      }
      const double right = one == kFilled ? *fill_one_ : one_.values(one_row)[step];
      out_.values(out)[step] = Compute(operation, left, right);
    }
  }
  return absl::OkStatus();
}

// Series of the one side that nothing has matched meet the fill value.
template <typename Operation>
absl::Status Matching::FillMany(size_t key, const Signature& signature, Operation operation) {
  for (const size_t one : signature.one) {
    bool made = false;
    for (size_t step = 0; step < steps(); ++step) {
      const double right = one_.values(one)[step];
      if (IsAbsent(right) || matched_[step] != 0) continue;
      MixedResult mixed;
      if (mixed_) [[unlikely]] {
        mixed = ComputeMixed(operation, {*fill_many_, nullptr}, {right, one_.histogram(one, step)});
        KeepNote(step, many_.size() + one, mixed.note);
        if (!mixed.possible) continue;
      }
      if (!std::exchange(made, true)) {
        BARO_TRY(out_.AddEmpty(ResultLabels(keys_.labels_ref(key), one_.labels(one)),
                               binary_.return_bool));
      }
      if (mixed_) [[unlikely]] {
        BARO_TRY(SetCell(out_.size() - 1, step, std::move(mixed.cell)));
        continue;
      }
      out_.values(out_.size() - 1)[step] = Compute(operation, *fill_many_, right);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Matching::OutRow(size_t key, size_t many, int64_t one) {
  for (const Pair& pair : pairs_) {
    if (pair.many == many && pair.one == one) return pair.out;
  }
  const model::LabelsRef one_labels =
      one == kFilled ? keys_.labels_ref(key) : one_.labels(static_cast<size_t>(one));
  BARO_TRY(out_.AddEmpty(ResultLabels(many_.labels(many), one_labels), DropsName(many)));
  pairs_.push_back({many, one, out_.size() - 1});
  return out_.size() - 1;
}

// Two series of the many side must not give one and the same result series at one step.
absl::Status Matching::CheckUnique() {
  if (pairs_.size() < 2) return absl::OkStatus();
  absl::flat_hash_map<uint64_t, std::vector<const Pair*>> by_hash;
  for (const Pair& pair : pairs_) {
    std::vector<const Pair*>& same = by_hash[out_.labels(pair.out).Hash()];
    for (const Pair* other : same) {
      if (other->many == pair.many ||
          !EqualLabels(out_.labels(other->out), out_.labels(pair.out))) {
        continue;
      }
      for (size_t step = 0; step < steps(); ++step) {
        const bool both =
            !IsAbsent(many_.values(pair.many)[step]) && !IsAbsent(many_.values(other->many)[step]);
        if (both && (one_at_[step] != kFilled || fill_one_)) {
          return FirstError();
        }
      }
    }
    same.push_back(&pair);
  }
  return absl::OkStatus();
}

absl::Status Matching::FirstError() {
  for (size_t step = 0; step < steps(); ++step) {
    if (!AnyManyAt(step)) continue;
    BARO_TRY(DuplicateAt(step));
    BARO_TRY(AmbiguousAt(step));
  }
  return absl::InternalError("cannot tell which series do not match");
}

absl::Status Matching::DuplicateAt(size_t step) {
  absl::flat_hash_map<size_t, size_t> seen;  // signature → row of one_
  for (size_t one = 0; one < one_.size(); ++one) {
    if (IsAbsent(one_.values(one)[step])) continue;
    const size_t key = keys_.GroupOf(one_.labels(one));
    const auto [it, inserted] = seen.try_emplace(key, one);
    if (inserted) continue;
    return absl::FailedPreconditionError(base::StrCat(
        "found duplicate series for the match group ", ShowLabels(keys_.labels(key)), " on the ",
        swapped_ ? "left" : "right", " hand-side of the operation: [",
        ShowLabels(one_.labels(one).Merge()), ", ", ShowLabels(one_.labels(it->second).Merge()),
        "];many-to-many matching not allowed: matching labels must be unique on one side"));
  }
  return absl::OkStatus();
}

absl::Status Matching::AmbiguousAt(size_t step) {
  const bool one_to_one = matching_.cardinality == Cardinality::kOneToOne;
  absl::flat_hash_map<size_t, model::LabelsRef> ones;
  for (size_t one = 0; one < one_.size(); ++one) {
    if (IsAbsent(one_.values(one)[step])) continue;
    ones.emplace(keys_.GroupOf(one_.labels(one)), one_.labels(one));
  }
  std::set<std::pair<size_t, model::Labels>> results;
  for (size_t many = 0; many < many_.size(); ++many) {
    if (IsAbsent(many_.values(many)[step])) continue;
    const size_t key = keys_.GroupOf(many_.labels(many));
    const auto one = ones.find(key);
    if (one == ones.end() && !fill_one_) continue;
    const model::LabelsRef one_labels = one == ones.end() ? keys_.labels_ref(key) : one->second;
    model::Labels labels;
    if (!one_to_one) labels = ResultLabels(many_.labels(many), one_labels).Merge();
    if (results.emplace(key, std::move(labels)).second) continue;
    return absl::FailedPreconditionError(
        one_to_one ? "multiple matches for labels: many-to-one matching must be explicit "
                     "(group_left/group_right)"
                   : "multiple matches for labels: grouping labels must ensure unique matches");
  }
  return absl::OkStatus();
}

model::LabelsRef Matching::ResultLabels(model::LabelsRef many, model::LabelsRef one) {
  const model::LabelsRef base = projection_.Apply(many);
  if (matching_.include.empty()) return base;
  model::Labels labels = base.Merge();
  for (const std::string& name : matching_.include) labels.Set(name, one.Get(name));
  return {query_->Keep(std::move(labels)), &NoLabels()};
}

}  // namespace

absl::Status MatchedRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink) {
  return Matching(evaluator, binary).Run(sink);
}

}  // namespace baro::promql
