#include "baro/exposition/protobuf.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "protobuf_messages.h"
#include "series_labels.h"
#include "text.h"
#include "wire_fields.h"

namespace baro::exposition {
namespace {

using model::MetricType;

// Of one sign, empty ones included: a schema of 8 over the whole range of doubles.
constexpr size_t kBucketsMax = 600'000;
// Of all histograms of a body: each is told in a byte and kept in 16.
constexpr size_t kBodyBucketsMax = 4'000'000;
constexpr int32_t kFinestSchema = 52;

absl::Status Refuse(std::string_view family, std::string_view cause) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot parse exposition: metric \"", family.substr(0, 100), "\": ", cause));
}

void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    if (c == '\\' || c == '"') out->push_back('\\');
    if (c == '\n') {
      out->append("\\n");
    } else {
      out->push_back(c);
    }
  }
}

void AppendLabel(std::string_view name, std::string_view value, std::string* out) {
  out->push_back('"');
  AppendEscaped(name, out);
  *out += "\"=\"";
  AppendEscaped(value, out);
  out->push_back('"');
}

void AppendNumber(double value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "+Inf" : "-Inf");
  } else {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
    out->append(buffer, end.ptr);
  }
}

std::string NumberText(double value) {
  std::string text;
  AppendNumber(value, &text);
  return text;
}

bool IsBareName(std::string_view name) {
  return !name.empty() && IsOf(name.front(), kMetricStart) &&
         SkipClass(name.data(), name.data() + name.size(), kMetricChar) ==
             name.data() + name.size();
}

MetricType TypeOf(uint64_t type) {
  switch (type) {
    case kCounter:
      return MetricType::kCounter;
    case kGauge:
      return MetricType::kGauge;
    case kSummary:
      return MetricType::kSummary;
    case kHistogram:
      return MetricType::kHistogram;
    case kGaugeHistogram:
      return MetricType::kGaugeHistogram;
    default:
      return MetricType::kUnknown;
  }
}

// The buckets of one sign; those without counts left out.
absl::Status TakeBuckets(std::string_view family, const NativeBuckets& message, bool is_float,
                         std::vector<model::Histogram::Bucket>* buckets) {
  const size_t told = is_float ? message.counts.size() : message.deltas.size();
  size_t next = 0;
  int64_t index = 0;
  int64_t count = 0;
  for (const Span& span : message.spans) {
    if (&span != message.spans.data() && span.offset < 0) {
      return Refuse(family, "a span of buckets begins before the end of the one before");
    }
    index += span.offset;
    if (span.length > kBucketsMax || next + span.length > told) {
      return Refuse(family, "its spans tell of more buckets than it has");
    }
    for (uint64_t i = 0; i < span.length; ++i, ++index, ++next) {
      double value = 0;
      if (is_float) {
        value = message.counts[next];
      } else {
        count = static_cast<int64_t>(static_cast<uint64_t>(count) +
                                     static_cast<uint64_t>(message.deltas[next]));
        if (count < 0) return Refuse(family, "a bucket's count is negative");
        value = static_cast<double>(count);
      }
      if (index < INT32_MIN || index > INT32_MAX) return Refuse(family, "a bucket is out of range");
      if (value != 0) buckets->push_back({static_cast<int32_t>(index), value});
    }
  }
  if (next != told) return Refuse(family, "it has more buckets than its spans tell of");
  return absl::OkStatus();
}

double SumOf(const std::vector<model::Histogram::Bucket>& buckets) {
  double sum = 0;
  for (const auto& bucket : buckets) sum += bucket.count;
  return sum;
}

absl::StatusOr<model::Histogram> NativeOf(std::string_view family, FamilyType type,
                                          const HistogramMessage& message) {
  model::Histogram histogram;
  histogram.float_counts = message.is_float();
  histogram.count = histogram.float_counts ? message.float_count : message.count;
  histogram.zero_count = histogram.float_counts ? message.float_zero_count : message.zero_count;
  histogram.sum = message.sum;
  histogram.zero_threshold = message.zero_threshold;
  if (type == kGaugeHistogram) histogram.reset_hint = model::ResetHint::kGauge;
  if (message.schema < model::kExponentialSchemaMin || message.schema > kFinestSchema) {
    return Refuse(family, base::StrCat("schema ", message.schema, " is not known"));
  }
  histogram.schema = static_cast<int32_t>(message.schema);
  BARO_TRY(TakeBuckets(family, message.positive, histogram.float_counts, &histogram.positive));
  BARO_TRY(TakeBuckets(family, message.negative, histogram.float_counts, &histogram.negative));
  if (histogram.schema > model::kExponentialSchemaMax) {
    ReduceSchema(model::kExponentialSchemaMax, &histogram);
  }
  if (!histogram.float_counts) {
    const double observed =
        SumOf(histogram.positive) + SumOf(histogram.negative) + histogram.zero_count;
    // NaNs are counted and fall into no bucket.
    const bool sound =
        std::isnan(histogram.sum) ? observed <= histogram.count : observed == histogram.count;
    if (!sound) {
      return Refuse(family, base::StrCat("its buckets hold ", observed, " observations, its count ",
                                         "says ", histogram.count));
    }
  }
  const absl::Status valid = model::CheckHistogram(histogram);
  if (!valid.ok()) return Refuse(family, base::FromAbsl(valid.message()));
  return histogram;
}

// Writes the families of one body.
class Translation {
 public:
  Translation(const ProtobufOptions& options, const Limits& limits, ProtobufBody* out)
      : options_(options), limits_(limits), out_(*out) {}

  absl::Status Take(std::string_view message);

 private:
  // A field that takes part in a series' identity beside the metric's own labels.
  struct Extra {
    std::string_view name;
    std::string value;
  };

  absl::Status Check() const;
  void PutMeta();
  absl::Status TakeMetric(std::string_view message);
  absl::Status TakeSummary(std::string_view message);
  absl::Status TakeHistogram(std::string_view message);
  void PutClassic(const HistogramMessage& histogram);
  absl::Status PutNative(const HistogramMessage& message);
  void PutSample(std::string_view suffix, const Extra* extra, double value,
                 const ExemplarMessage* exemplar);
  void PutLabels(std::string_view suffix, const Extra* extra);
  void PutExemplar(const ExemplarMessage& exemplar);
  absl::Status Damaged() const { return Refuse(family_.name, "the message is damaged"); }

  const ProtobufOptions& options_;
  const Limits& limits_;
  ProtobufBody& out_;
  FamilyMessage family_;
  std::vector<LabelPair> labels_;
  int64_t time_ms_ = 0;
  size_t buckets_ = 0;
};

absl::Status Translation::Check() const {
  if (family_.name.empty() || !IsUtf8(family_.name)) {
    return Refuse(family_.name, "it has no valid name");
  }
  if (!IsUtf8(family_.help)) return Refuse(family_.name, "its help text is not UTF-8");
  if (family_.type > kGaugeHistogram) {
    return Refuse(family_.name, base::StrCat("type ", family_.type, " is not known"));
  }
  return absl::OkStatus();
}

absl::Status Translation::Take(std::string_view message) {
  family_ = {};
  if (!ReadFamily(message, &family_)) return Damaged();
  if (family_.metrics.empty()) return absl::OkStatus();
  BARO_TRY(Check());
  PutMeta();
  for (const std::string_view metric : family_.metrics) BARO_TRY(TakeMetric(metric));
  return absl::OkStatus();
}

void Translation::PutMeta() {
  const auto put = [&](std::string_view word, std::string_view text) {
    base::StrAppend(&out_.text, "# ", word, " \"");
    AppendEscaped(family_.name, &out_.text);
    out_.text += "\" ";
    AppendEscaped(text, &out_.text);
    out_.text += '\n';
  };
  put("HELP", family_.help);
  put("TYPE", family_.type == kUntyped          ? "unknown"
              : family_.type == kGaugeHistogram ? "gaugehistogram"
                                                : model::MetricTypeName(TypeOf(family_.type)));
  if (!family_.unit.empty()) put("UNIT", family_.unit);
}

absl::Status Translation::TakeMetric(std::string_view message) {
  labels_.clear();
  time_ms_ = 0;
  std::string_view values[8];
  WireFields fields(message);
  while (fields.Next()) {
    if (fields.number() == 1 && fields.is_message()) {
      if (labels_.size() >= limits_.labels_max) {
        return absl::ResourceExhaustedError(
            base::StrCat("cannot parse exposition: more than ", limits_.labels_max, " labels"));
      }
      LabelPair& label = labels_.emplace_back();
      if (!ReadLabel(fields.bytes(), &label)) return Damaged();
      if (label.name.empty() || !IsUtf8(label.name) || !IsUtf8(label.value)) {
        return Refuse(family_.name, "a label is not valid");
      }
    } else if (fields.number() == 6 && fields.is_varint()) {
      time_ms_ = static_cast<int64_t>(fields.integer());
    } else if (fields.number() < 8 && fields.is_message()) {
      values[fields.number()] = fields.bytes();
    }
  }
  if (!fields.ok()) return Damaged();
  if (family_.type == kSummary) return TakeSummary(values[4]);
  if (family_.type == kHistogram || family_.type == kGaugeHistogram) {
    return TakeHistogram(values[7]);
  }
  const std::string_view plain = values[family_.type == kCounter ? 3
                                        : family_.type == kGauge ? 2
                                                                 : 5];
  WireFields value_fields(plain);
  double value = 0;
  std::optional<ExemplarMessage> exemplar;
  while (value_fields.Next()) {
    if (value_fields.number() == 1 && value_fields.is_fixed64()) {
      value = value_fields.number_value();
    } else if (value_fields.number() == 2 && value_fields.is_message() &&
               family_.type == kCounter) {
      if (!ReadExemplar(value_fields.bytes(), &exemplar.emplace())) return Damaged();
    }
  }
  if (!value_fields.ok()) return Damaged();
  PutSample("", nullptr, value, exemplar ? &*exemplar : nullptr);
  return absl::OkStatus();
}

absl::Status Translation::TakeSummary(std::string_view message) {
  double count = 0;
  double sum = 0;
  std::vector<std::pair<double, double>> quantiles;
  WireFields fields(message);
  while (fields.Next()) {
    if (fields.number() == 1 && fields.is_varint()) {
      count = static_cast<double>(fields.integer());
    } else if (fields.number() == 2 && fields.is_fixed64()) {
      sum = fields.number_value();
    } else if (fields.number() == 3 && fields.is_message()) {
      auto& [quantile, value] = quantiles.emplace_back();
      WireFields inner(fields.bytes());
      while (inner.Next()) {
        if (inner.number() == 1 && inner.is_fixed64()) quantile = inner.number_value();
        if (inner.number() == 2 && inner.is_fixed64()) value = inner.number_value();
      }
      if (!inner.ok()) return Damaged();
    }
  }
  if (!fields.ok()) return Damaged();
  PutSample("_count", nullptr, count, nullptr);
  PutSample("_sum", nullptr, sum, nullptr);
  for (const auto& [quantile, value] : quantiles) {
    const Extra extra{"quantile", NumberText(quantile)};
    PutSample("", &extra, value, nullptr);
  }
  return absl::OkStatus();
}

absl::Status Translation::TakeHistogram(std::string_view message) {
  HistogramMessage histogram;
  if (!ReadHistogram(message, &histogram)) return Damaged();
  buckets_ += histogram.positive.deltas.size() + histogram.positive.counts.size() +
              histogram.negative.deltas.size() + histogram.negative.counts.size();
  if (buckets_ > kBodyBucketsMax) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot parse exposition: more than ", kBodyBucketsMax, " buckets"));
  }
  if (!options_.native_histograms || !histogram.is_native()) {
    PutClassic(histogram);
    return absl::OkStatus();
  }
  BARO_TRY(PutNative(histogram));
  if (options_.classic_beside_native && !histogram.buckets.empty()) PutClassic(histogram);
  return absl::OkStatus();
}

void Translation::PutClassic(const HistogramMessage& histogram) {
  const double count = histogram.float_count != 0 ? histogram.float_count : histogram.count;
  PutSample("_count", nullptr, count, nullptr);
  PutSample("_sum", nullptr, histogram.sum, nullptr);
  bool ended = false;
  for (const ClassicBucket& bucket : histogram.buckets) {
    const Extra extra{"le", NumberText(bucket.upper_bound)};
    PutSample("_bucket", &extra, bucket.count, bucket.exemplar ? &*bucket.exemplar : nullptr);
    ended = std::isinf(bucket.upper_bound) && bucket.upper_bound > 0;
    if (ended) break;
  }
  if (ended) return;
  const Extra extra{"le", "+Inf"};
  PutSample("_bucket", &extra, count, nullptr);
}

absl::Status Translation::PutNative(const HistogramMessage& message) {
  if (out_.histograms.size() >= limits_.series_max) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot parse exposition: more than ", limits_.series_max, " series"));
  }
  NativeSample sample;
  BARO_TRY_ASSIGN(sample.histogram,
                  NativeOf(family_.name, static_cast<FamilyType>(family_.type), message));
  std::vector<model::Label> labels;
  labels.push_back({std::string(model::kMetricName), std::string(family_.name)});
  for (const auto& [name, value] : labels_)
    labels.push_back({std::string(name), std::string(value)});
  sample.labels = model::Labels::FromUnsorted(std::move(labels));
  sample.metadata = {std::string(family_.name), TypeOf(family_.type), std::string(family_.help),
                     std::string(family_.unit)};
  if (time_ms_ != 0) sample.time_ms = time_ms_;
  const auto take = [&](const ExemplarMessage& told) {
    if (!told.time_ms) return;
    std::vector<model::Label> its_labels;
    for (const auto& [name, value] : told.labels) {
      its_labels.push_back({std::string(name), std::string(value)});
    }
    sample.exemplars.push_back(
        {model::Labels::FromUnsorted(std::move(its_labels)), told.value, told.time_ms});
  };
  for (const ExemplarMessage& exemplar : message.exemplars) take(exemplar);
  if (message.exemplars.empty()) {
    for (const ClassicBucket& bucket : message.buckets) {
      if (bucket.exemplar) take(*bucket.exemplar);
    }
  }
  out_.histograms.push_back(std::move(sample));
  return absl::OkStatus();
}

void Translation::PutLabels(std::string_view suffix, const Extra* extra) {
  std::string& text = out_.text;
  const bool bare = IsBareName(family_.name);
  const char* separator = "{";
  if (bare) {
    base::StrAppend(&text, family_.name, suffix);
  } else {
    text += "{\"";
    AppendEscaped(family_.name, &text);
    base::StrAppend(&text, suffix, "\"");
    separator = ",";
  }
  const auto put = [&](std::string_view name, std::string_view value) {
    base::StrAppend(&text, separator);
    AppendLabel(name, value, &text);
    separator = ",";
  };
  for (const auto& [name, value] : labels_) put(name, value);
  if (extra != nullptr) put(extra->name, extra->value);
  if (*separator == ',') text += '}';
}

void Translation::PutSample(std::string_view suffix, const Extra* extra, double value,
                            const ExemplarMessage* exemplar) {
  PutLabels(suffix, extra);
  out_.text += ' ';
  AppendNumber(value, &out_.text);
  if (time_ms_ != 0) base::StrAppend(&out_.text, " ", time_ms_);
  if (exemplar != nullptr) PutExemplar(*exemplar);
  out_.text += '\n';
}

void Translation::PutExemplar(const ExemplarMessage& exemplar) {
  std::string& text = out_.text;
  text += " # {";
  const char* separator = "";
  for (const auto& [name, value] : exemplar.labels) {
    base::StrAppend(&text, separator);
    AppendLabel(name, value, &text);
    separator = ",";
  }
  text += "} ";
  AppendNumber(exemplar.value, &text);
  if (exemplar.time_ms) base::StrAppend(&text, " ", *exemplar.time_ms);
}

}  // namespace

absl::Status ReadProtobuf(std::string_view body, const ProtobufOptions& options,
                          const Limits& limits, ProtobufBody* out) {
  out->Clear();
  Translation translation(options, limits, out);
  const char* const begin = body.data();
  while (!body.empty()) {
    const auto at = body.data() - begin;
    uint64_t size = 0;
    if (!WireFields::TakeVarint(&body, &size) || size > body.size()) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot parse exposition: byte ", at, ": no whole message"));
    }
    BARO_TRY(translation.Take(body.substr(0, static_cast<size_t>(size))));
    body.remove_prefix(static_cast<size_t>(size));
  }
  out->text += "# EOF\n";
  return absl::OkStatus();
}

void ReduceSchema(int32_t schema, model::Histogram* histogram) {
  const int32_t shift = histogram->schema - schema;
  if (shift <= 0) return;
  for (auto* buckets : {&histogram->positive, &histogram->negative}) {
    size_t kept = 0;
    for (const model::Histogram::Bucket& bucket : *buckets) {
      // Bucket i of a schema ends where bucket ceil(i / 2^shift) of the coarser one does, or
      // before.
      const int64_t index = ((int64_t{bucket.index} - 1) >> std::min(shift, 62)) + 1;
      const auto merged = static_cast<int32_t>(index);
      if (kept > 0 && (*buckets)[kept - 1].index == merged) {
        (*buckets)[kept - 1].count += bucket.count;
      } else {
        (*buckets)[kept++] = {merged, bucket.count};
      }
    }
    buckets->resize(kept);
  }
  histogram->schema = schema;
}

}  // namespace baro::exposition
