#include "baro/wire/extras.h"

#include <zstd.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"

namespace baro::wire {
namespace {

constexpr int kZstdLevel = 3;

using Buckets = std::vector<model::Histogram::Bucket>;

// Numbers texts in the order they first occur; number 0 is the empty text.
class Symbols {
 public:
  explicit Symbols(v1::Extras* message) : message_(message) {
    message_->add_symbols();
    numbers_.emplace(absl::string_view(), 0);
  }
  // `text` outlives the table.
  uint32_t Number(std::string_view text) {
    const auto next = static_cast<uint32_t>(message_->symbols_size());
    const auto [it, is_new] = numbers_.emplace(base::ToAbsl(text), next);
    if (is_new) message_->add_symbols()->assign(text);
    return it->second;
  }
  template <typename Field>
  void PutLabels(const model::Labels& labels, Field* field) {
    for (const model::Label& label : labels) {
      field->Add(Number(label.name));
      field->Add(Number(label.value));
    }
  }

 private:
  v1::Extras* const message_;
  absl::flat_hash_map<absl::string_view, uint32_t> numbers_;
};

template <typename Steps, typename Counts>
void PutBuckets(const Buckets& buckets, Steps* steps, Counts* counts) {
  int64_t before = 0;
  for (const model::Histogram::Bucket& bucket : buckets) {
    // Wraps around, and back when it is read.
    steps->Add(static_cast<int32_t>(static_cast<uint32_t>(bucket.index - before)));
    counts->Add(bucket.count);
    before = bucket.index;
  }
}

void PutHistogram(const model::SeriesExtras::HistogramAt& at, v1::NativeHistogram* message) {
  const model::Histogram& histogram = at.histogram;
  message->set_time_ms(at.time_ms);
  message->set_ends_series(histogram.is_stale());
  if (histogram.is_stale()) return;
  message->set_schema(histogram.schema);
  message->set_reset_hint(static_cast<uint32_t>(histogram.reset_hint));
  message->set_float_counts(histogram.float_counts);
  message->set_zero_threshold(histogram.zero_threshold);
  message->set_zero_count(histogram.zero_count);
  message->set_count(histogram.count);
  message->set_sum(histogram.sum);
  PutBuckets(histogram.positive, message->mutable_positive_steps(),
             message->mutable_positive_counts());
  PutBuckets(histogram.negative, message->mutable_negative_steps(),
             message->mutable_negative_counts());
  message->mutable_custom_bounds()->Add(histogram.custom_bounds.begin(),
                                        histogram.custom_bounds.end());
}

template <typename Steps, typename Counts>
bool TakeBuckets(const Steps& steps, const Counts& counts, size_t buckets_max, Buckets* buckets) {
  if (steps.size() != counts.size() || static_cast<size_t>(steps.size()) > buckets_max)
    return false;
  uint32_t index = 0;
  for (int i = 0; i < steps.size(); ++i) {
    index += static_cast<uint32_t>(steps[i]);
    buckets->push_back({static_cast<int32_t>(index), counts[i]});
  }
  return true;
}

bool TakeHistogram(const v1::NativeHistogram& message, const ExtrasLimits& limits,
                   model::SeriesExtras::HistogramAt* at) {
  model::Histogram& histogram = at->histogram;
  at->time_ms = message.time_ms();
  if (message.ends_series()) {
    histogram.sum = model::kStaleNan;
    return true;
  }
  if (message.reset_hint() > static_cast<uint32_t>(model::ResetHint::kGauge) ||
      static_cast<size_t>(message.custom_bounds_size()) > limits.buckets_max) {
    return false;
  }
  histogram.schema = message.schema();
  histogram.reset_hint = static_cast<model::ResetHint>(message.reset_hint());
  histogram.float_counts = message.float_counts();
  histogram.zero_threshold = message.zero_threshold();
  histogram.zero_count = message.zero_count();
  histogram.count = message.count();
  histogram.sum = model::IsStaleNan(message.sum()) ? model::kNormalNan : message.sum();
  histogram.custom_bounds.assign(message.custom_bounds().begin(), message.custom_bounds().end());
  return TakeBuckets(message.positive_steps(), message.positive_counts(), limits.buckets_max,
                     &histogram.positive) &&
         TakeBuckets(message.negative_steps(), message.negative_counts(), limits.buckets_max,
                     &histogram.negative) &&
         model::CheckHistogram(histogram).ok();
}

// Reads the series of one message, whose symbols are checked where they are used.
class Reader {
 public:
  Reader(const v1::Extras& message, const ExtrasLimits& limits)
      : message_(message), limits_(limits) {}

  bool TakeSeries(const v1::SeriesExtras& message, model::SeriesExtras* series, size_t* refused) {
    if (!TakeLabels(message.label_symbols(), &series->labels)) return false;
    if (series->labels.Get(model::kMetricName).empty()) return false;
    if (message.type() > static_cast<uint32_t>(model::MetricType::kStateset)) return false;
    model::Metadata& metadata = series->metadata;
    metadata.type = static_cast<model::MetricType>(message.type());
    if (!Text(message.family_symbol(), &metadata.family) ||
        !Text(message.help_symbol(), &metadata.help) ||
        !Text(message.unit_symbol(), &metadata.unit)) {
      return false;
    }
    for (const v1::NativeHistogram& histogram : message.histograms()) {
      model::SeriesExtras::HistogramAt at;
      if (TakeHistogram(histogram, limits_, &at)) {
        series->histograms.push_back(std::move(at));
      } else {
        ++*refused;
      }
    }
    for (const v1::SeriesExemplar& exemplar : message.exemplars()) {
      model::Exemplar taken;
      taken.time_ms = exemplar.time_ms();
      taken.value = exemplar.value();
      if (TakeLabels(exemplar.label_symbols(), &taken.labels)) {
        series->exemplars.push_back(std::move(taken));
      } else {
        ++*refused;
      }
    }
    return true;
  }

 private:
  bool Text(uint32_t symbol, std::string* text) const {
    if (symbol >= static_cast<uint32_t>(message_.symbols_size())) return false;
    *text = message_.symbols(static_cast<int>(symbol));
    return text->size() <= limits_.labels.metadata_bytes_max;
  }

  template <typename Field>
  bool TakeLabels(const Field& symbols, model::Labels* labels) const {
    if (symbols.size() % 2 != 0 ||
        static_cast<size_t>(symbols.size() / 2) > limits_.labels.labels_max) {
      return false;
    }
    std::vector<model::Label> taken;
    for (int i = 0; i < symbols.size(); i += 2) {
      model::Label label;
      if (!Text(symbols[i], &label.name) || !Text(symbols[i + 1], &label.value)) return false;
      const size_t longest = std::max(label.name.size(), label.value.size());
      if (label.name.empty() || longest > limits_.labels.symbol_bytes_max) return false;
      if (!label.value.empty()) taken.push_back(std::move(label));
    }
    std::sort(taken.begin(), taken.end());
    const auto twice = std::adjacent_find(
        taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.name == b.name; });
    if (twice != taken.end()) return false;
    *labels = model::Labels::FromUnsorted(std::move(taken));
    return true;
  }

  const v1::Extras& message_;
  const ExtrasLimits& limits_;
};

}  // namespace

void WriteExtras(const std::vector<model::SeriesExtras>& extras, v1::Extras* message) {
  message->Clear();
  Symbols symbols(message);
  for (const model::SeriesExtras& series : extras) {
    v1::SeriesExtras* const written = message->add_series();
    symbols.PutLabels(series.labels, written->mutable_label_symbols());
    written->set_family_symbol(symbols.Number(series.metadata.family));
    written->set_type(static_cast<uint32_t>(series.metadata.type));
    written->set_help_symbol(symbols.Number(series.metadata.help));
    written->set_unit_symbol(symbols.Number(series.metadata.unit));
    for (const auto& at : series.histograms) PutHistogram(at, written->add_histograms());
    for (const model::Exemplar& exemplar : series.exemplars) {
      v1::SeriesExemplar* const told = written->add_exemplars();
      told->set_time_ms(exemplar.time_ms);
      told->set_value(exemplar.value);
      symbols.PutLabels(exemplar.labels, told->mutable_label_symbols());
    }
  }
}

void PutExtras(const std::vector<model::SeriesExtras>& extras, v1::FrameBatch* batch) {
  batch->clear_extras();
  batch->clear_extras_raw_size();
  batch->clear_extras_crc32c();
  if (extras.empty()) return;
  v1::Extras message;
  WriteExtras(extras, &message);
  const std::string raw = message.SerializeAsString();
  std::string* const packed = batch->mutable_extras();
  packed->resize(ZSTD_compressBound(raw.size()));
  const size_t size =
      ZSTD_compress(packed->data(), packed->size(), raw.data(), raw.size(), kZstdLevel);
  packed->resize(ZSTD_isError(size) != 0 ? 0 : size);
  batch->set_extras_raw_size(static_cast<uint32_t>(raw.size()));
  batch->set_extras_crc32c(base::Crc32c(*packed));
}

absl::StatusOr<std::vector<model::SeriesExtras>> TakeExtras(const v1::FrameBatch& batch,
                                                            size_t* refused,
                                                            const ExtrasLimits& limits) {
  std::vector<model::SeriesExtras> extras;
  if (batch.extras().empty()) return extras;
  if (batch.extras_raw_size() > limits.raw_bytes_max) {
    return absl::InvalidArgumentError(base::StrCat("cannot read extras: ", batch.extras_raw_size(),
                                                   " bytes are more than ", limits.raw_bytes_max));
  }
  if (base::Crc32c(batch.extras()) != batch.extras_crc32c()) {
    return absl::DataLossError("cannot read extras: their crc32c is another");
  }
  std::string raw(batch.extras_raw_size(), '\0');
  const size_t size =
      ZSTD_decompress(raw.data(), raw.size(), batch.extras().data(), batch.extras().size());
  if (ZSTD_isError(size) != 0 || size != raw.size()) {
    return absl::DataLossError("cannot read extras: they cannot be decompressed");
  }
  v1::Extras message;
  if (!message.ParseFromString(raw)) {
    return absl::InvalidArgumentError("cannot read extras: not a protobuf message of ours");
  }
  Reader reader(message, limits);
  for (const v1::SeriesExtras& told : message.series()) {
    model::SeriesExtras series;
    if (reader.TakeSeries(told, &series, refused)) {
      extras.push_back(std::move(series));
    } else {
      *refused += static_cast<size_t>(told.histograms_size() + told.exemplars_size());
    }
  }
  return extras;
}

}  // namespace baro::wire
