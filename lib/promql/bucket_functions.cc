// histogram_quantile, histogram_quantiles and histogram_fraction, over classic and native
// histograms.

#include <algorithm>
#include <cmath>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bucket.h"
#include "evaluator.h"
#include "group_keys.h"
#include "histogram_quantile.h"
#include "histogram_row.h"
#include "number_text.h"

namespace baro::promql {
namespace {

constexpr std::string_view kBucketLabel = "le";

// The histograms of a vector: native ones, and bucket series gathered into classic ones that have
// equal labels but for `le`.
class Histograms {
 public:
  Histograms(Evaluator* evaluator, const Expr& vector, Place node)
      : query_(&evaluator->query()),
        place_(NoteOn(vector, node)),
        keys_(query_, {false, {std::string(kBucketLabel)}}),
        table_(query_, evaluator->grid().count),
        natives_(query_, evaluator->grid().count) {}

  absl::Status Gather(Evaluator* evaluator, const Expr& vector) {
    const auto take = [&](Row row) {
      if (!row.histograms.empty()) [[unlikely]] {
        BARO_TRY(AddNative(row));
        DropHistograms(&row);
        if (!HasValues(row.values)) return absl::OkStatus();
      }
      return Add(row);
    };
    BARO_TRY(evaluator->Rows(vector, take));
    if (natives_.size() > 0) DropAmbiguous();
    for (std::vector<Member>& members : members_) {
      std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
        return a.upper != b.upper ? a.upper < b.upper : a.row < b.row;
      });
    }
    return absl::OkStatus();
  }

  size_t natives() const { return natives_.size(); }
  model::LabelsRef native_labels(size_t native) const { return natives_.labels(native); }
  const HistogramPtr& native(size_t native, size_t step) {
    return natives_.histogram(native, step);
  }

  size_t size() const { return members_.size(); }
  size_t steps() const { return table_.steps(); }
  model::LabelsRef labels(size_t histogram) const { return keys_.labels_ref(histogram); }
  const model::Labels& full_labels(size_t histogram) const { return keys_.labels(histogram); }
  // The buckets there are at a step.
  void At(size_t histogram, size_t step, std::vector<Bucket>* buckets) {
    buckets->clear();
    for (const Member& member : members_[histogram]) {
      const double count = table_.values(member.row)[step];
      if (!IsAbsent(count)) buckets->push_back({member.upper, count});
    }
  }

 private:
  struct Member {
    double upper = 0;
    size_t row = 0;
  };

  absl::Status Add(const Row& row) {
    const std::string_view le = row.labels.Get(kBucketLabel);
    double upper = 0;
    if (!ParseFloat(le, &upper) || std::isnan(upper)) {
      query_->annotations().BadBucketLabel(row.labels.Get(model::kMetricName), le, place_);
      return absl::OkStatus();
    }
    const size_t histogram = keys_.GroupOf(row.labels);
    if (histogram >= members_.size()) members_.resize(histogram + 1);
    members_[histogram].push_back({upper, table_.size()});
    return table_.Add(row);
  }

  absl::Status AddNative(const Row& row) {
    BARO_TRY(natives_.AddEmpty(row.labels, row.drop_name));
    for (size_t step = 0; step < row.values.size(); ++step) {
      const HistogramPtr* const histogram = HistogramAt(row, step);
      if (histogram == nullptr) continue;
      BARO_TRY(natives_.SetHistogram(natives_.size() - 1, step, *histogram));
    }
    return absl::OkStatus();
  }

  // Of a classic and a native histogram of the same labels at one time nobody knows which is meant.
  void DropAmbiguous() {
    for (size_t native = 0; native < natives_.size(); ++native) {
      const size_t group = keys_.GroupOf(natives_.labels(native));
      if (group >= members_.size()) continue;
      for (size_t step = 0; step < natives_.steps(); ++step) {
        if (natives_.histogram(native, step) == nullptr || !DropBuckets(group, step)) continue;
        natives_.values(native)[step] = kNoValue;
        query_->annotations().MixedClassicAndNative(natives_.labels(native).Get(model::kMetricName),
                                                    place_);
      }
    }
  }
  bool DropBuckets(size_t group, size_t step) {
    bool any = false;
    for (const Member& member : members_[group]) {
      double& count = table_.values(member.row)[step];
      any |= !IsAbsent(count);
      count = kNoValue;
    }
    return any;
  }

  Query* const query_;
  const NotePlace place_;
  GroupKeys keys_;
  Table table_;
  Table natives_;
  std::vector<std::vector<Member>> members_;
};

class Quantiles {
 public:
  Quantiles(Evaluator* evaluator, const Call& call, size_t vector_arg)
      : evaluator_(evaluator),
        call_(call),
        place_(NoteOn(*call.args[vector_arg], call.place)),
        histograms_(evaluator, *call.args[vector_arg], call.place) {}

  absl::Status Gather(size_t vector_arg) {
    return histograms_.Gather(evaluator_, *call_.args[vector_arg]);
  }

  // The quantile given by argument `arg`; with `label` it becomes a label of the result.
  absl::Status Emit(size_t arg, NotePlace repair_place, const std::string& label, RowSink sink) {
    BARO_TRY_ASSIGN(const std::vector<double> quantiles, evaluator_->Scalars(*call_.args[arg]));
    for (const double quantile : quantiles) {
      if (std::isnan(quantile) || quantile < 0 || quantile > 1) {
        evaluator_->query().annotations().InvalidQuantile(quantile,
                                                          NoteOn(*call_.args[arg], call_.place));
      }
    }
    std::vector<double> values(histograms_.steps());
    BARO_TRY(EmitNatives(quantiles, label, &values, sink));
    std::vector<Bucket> buckets;
    for (size_t histogram = 0; histogram < histograms_.size(); ++histogram) {
      BARO_TRY(evaluator_->query().CheckAlive());
      for (size_t step = 0; step < values.size(); ++step) {
        histograms_.At(histogram, step, &buckets);
        values[step] = kNoValue;
        if (buckets.empty()) continue;
        const BucketResult result = BucketQuantile(quantiles[step], &buckets);
        values[step] = result.value;
        if (result.repaired) Note(histogram, step, result, repair_place);
      }
      if (label.empty()) {
        if (HasValues(values)) BARO_TRY(sink({histograms_.labels(histogram), true, values}));
      } else {
        BARO_TRY(EmitLabelled(histograms_.full_labels(histogram), quantiles, label, values, sink));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status EmitNatives(const std::vector<double>& quantiles, const std::string& label,
                           std::vector<double>* values, RowSink sink) {
    for (size_t native = 0; native < histograms_.natives(); ++native) {
      BARO_TRY(evaluator_->query().CheckAlive());
      const model::LabelsRef labels = histograms_.native_labels(native);
      for (size_t step = 0; step < values->size(); ++step) {
        const HistogramPtr& histogram = histograms_.native(native, step);
        (*values)[step] = kNoValue;
        if (histogram == nullptr) continue;
        const HistogramResult result = HistogramQuantile(quantiles[step], *histogram);
        (*values)[step] = result.value;
        evaluator_->query().annotations().NanObservations(
            result.note, labels.Get(model::kMetricName), NoteOn(*call_.args[0], call_.place));
      }
      if (!label.empty()) {
        BARO_TRY(EmitLabelled(labels.Merge(), quantiles, label, *values, sink));
      } else if (HasValues(*values)) {
        BARO_TRY(sink({labels, true, *values}));
      }
    }
    return absl::OkStatus();
  }

  void Note(size_t histogram, size_t step, const BucketResult& result, NotePlace place) {
    evaluator_->query().annotations().ForcedMonotonicity(
        histograms_.full_labels(histogram).Get(model::kMetricName), place,
        {evaluator_->grid().Time(step), result.repaired_min, result.repaired_max,
         result.repaired_by});
  }

  // A quantile that changes from step to step makes a series for each of its values.
  absl::Status EmitLabelled(const model::Labels& full_labels, const std::vector<double>& quantiles,
                            const std::string& label, const std::vector<double>& values,
                            RowSink sink) {
    std::vector<uint8_t> done(values.size(), 0);
    std::vector<double> part(values.size());
    for (size_t begin = 0; begin < values.size(); ++begin) {
      if (done[begin] != 0) continue;
      const std::string text = FormatOpenMetrics(quantiles[begin]);
      for (size_t step = 0; step < values.size(); ++step) {
        const bool same = done[step] == 0 && (quantiles[step] == quantiles[begin] ||
                                              FormatOpenMetrics(quantiles[step]) == text);
        part[step] = same ? values[step] : kNoValue;
        if (same) done[step] = 1;
      }
      if (!HasValues(part)) continue;
      model::Labels labels = full_labels;
      labels.Set(label, text);
      BARO_TRY(sink({{evaluator_->query().Keep(std::move(labels)), &NoLabels()}, true, part}));
    }
    return absl::OkStatus();
  }

  Evaluator* const evaluator_;
  const Call& call_;
  const NotePlace place_;
  Histograms histograms_;
};

absl::Status NativeFractionRows(Evaluator* evaluator, const Call& call,
                                const std::vector<double>& lower, const std::vector<double>& upper,
                                Histograms* histograms, RowSink sink) {
  std::vector<double> values(histograms->steps());
  for (size_t native = 0; native < histograms->natives(); ++native) {
    BARO_TRY(evaluator->query().CheckAlive());
    const model::LabelsRef labels = histograms->native_labels(native);
    for (size_t step = 0; step < values.size(); ++step) {
      const HistogramPtr& histogram = histograms->native(native, step);
      values[step] = kNoValue;
      if (histogram == nullptr) continue;
      const HistogramResult result = HistogramFraction(lower[step], upper[step], *histogram);
      values[step] = result.value;
      evaluator->query().annotations().NanObservations(result.note, labels.Get(model::kMetricName),
                                                       NoteOn(*call.args[0], call.place));
    }
    if (HasValues(values)) BARO_TRY(sink({labels, true, values}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BucketQuantileRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  Quantiles quantiles(evaluator, call, 1);
  BARO_TRY(quantiles.Gather(1));
  return quantiles.Emit(0, NoteOn(*call.args[1], call.place), "", sink);
}

absl::Status BucketQuantilesRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const std::string& label = As<StringLiteral>(Unwrap(*call.args[1])).value;
  Quantiles quantiles(evaluator, call, 0);
  BARO_TRY(quantiles.Gather(0));
  for (size_t arg = 2; arg < call.args.size(); ++arg) {
    BARO_TRY(quantiles.Emit(arg, NoteOn(*call.args[0], call.place), label, sink));
  }
  return absl::OkStatus();
}

absl::Status BucketFractionRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  BARO_TRY_ASSIGN(const std::vector<double> lower, evaluator->Scalars(*call.args[0]));
  BARO_TRY_ASSIGN(const std::vector<double> upper, evaluator->Scalars(*call.args[1]));
  Histograms histograms(evaluator, *call.args[2], call.place);
  BARO_TRY(histograms.Gather(evaluator, *call.args[2]));
  std::vector<double> values(histograms.steps());
  BARO_TRY(NativeFractionRows(evaluator, call, lower, upper, &histograms, sink));
  std::vector<Bucket> buckets;
  for (size_t histogram = 0; histogram < histograms.size(); ++histogram) {
    BARO_TRY(evaluator->query().CheckAlive());
    for (size_t step = 0; step < values.size(); ++step) {
      histograms.At(histogram, step, &buckets);
      values[step] =
          buckets.empty() ? kNoValue : BucketFraction(lower[step], upper[step], &buckets);
    }
    if (HasValues(values)) BARO_TRY(sink({histograms.labels(histogram), true, values}));
  }
  return absl::OkStatus();
}

}  // namespace baro::promql
