#include "baro/wire/remote_write2.h"

#include <bit>

#include "baro/base/strings.h"
#include "proto_reader.h"

namespace baro::wire {
namespace {

// Field numbers of prometheus/write_v2.proto.
constexpr uint32_t kRequestSymbols = 4;
constexpr uint32_t kRequestSeries = 5;
constexpr uint32_t kSeriesLabelRefs = 1;
constexpr uint32_t kSeriesSamples = 2;
constexpr uint32_t kSeriesHistograms = 3;
constexpr uint32_t kSeriesExemplars = 4;
constexpr uint32_t kSeriesMetadata = 5;
constexpr uint32_t kSeriesCreated = 6;

// Adds what the field under the reader holds, packed or one number; false when damaged.
bool ReadRefs(ProtoReader* reader, bool packed, std::vector<uint32_t>* refs) {
  const auto add = [refs](uint64_t ref) { refs->push_back(static_cast<uint32_t>(ref)); };
  if (packed) return reader->PackedVarints(add);
  uint64_t ref = 0;
  if (!reader->Varint(&ref)) return false;
  add(ref);
  return true;
}

}  // namespace

RemoteWrite2Reader::RemoteWrite2Reader(std::string_view request)
    : request_(request), next_(request.data()) {
  ReadSymbols();
}

bool RemoteWrite2Reader::Fail(const char* where, const char* what) {
  status_ = absl::InvalidArgumentError(base::StrCat("cannot read remote write request: ", what,
                                                    " at byte ", where - request_.data()));
  next_ = request_.data() + request_.size();
  return false;
}

bool RemoteWrite2Reader::FailTooMany(const char* what) {
  status_ = absl::ResourceExhaustedError(
      base::StrCat("cannot read remote write request: it has too many ", what));
  next_ = request_.data() + request_.size();
  return false;
}

void RemoteWrite2Reader::ReadSymbols() {
  ProtoReader reader(request_);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    std::string_view symbol;
    if (!reader.Tag()) {
      Fail(field, "no field begins");
      return;
    }
    if (reader.Is(kRequestSymbols, WireType::kBytes)) {
      if (!reader.Bytes(&symbol)) {
        Fail(field, "symbol is cut off");
        return;
      }
      if (symbols_.size() == kRequestSymbolsMax) {
        FailTooMany("symbols");
        return;
      }
      symbols_.push_back(symbol);
    } else if (!reader.Skip()) {
      Fail(field, reader.Is(kRequestSeries, WireType::kBytes) ? "series is cut off"
                                                              : "unknown field is damaged");
      return;
    }
  }
}

// ReadSymbols() has seen that every field is whole.
bool RemoteWrite2Reader::Next(RemoteSeries2* series) {
  const char* const end = request_.data() + request_.size();
  ProtoReader reader({next_, static_cast<size_t>(end - next_)});
  while (!reader.AtEnd() && reader.Tag()) {
    std::string_view message;
    if (reader.Is(kRequestSeries, WireType::kBytes) && reader.Bytes(&message)) {
      next_ = reader.next();
      return ReadSeries(message, series);
    }
    reader.Skip();
  }
  next_ = end;
  return false;
}

bool RemoteWrite2Reader::ReadSeries(std::string_view message, RemoteSeries2* series) {
  *series = {};
  series->index = series_count_++;
  series->byte_offset = static_cast<size_t>(message.data() - request_.data());
  label_refs_.clear();
  samples_.clear();
  starts_ms_.clear();
  histograms_.clear();
  exemplars_.clear();
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    std::string_view part;
    uint64_t number = 0;
    if (!reader.Tag()) return Fail(field, "no field begins");
    if (reader.Is(kSeriesLabelRefs, WireType::kBytes) ||
        reader.Is(kSeriesLabelRefs, WireType::kVarint)) {
      const bool packed = reader.Is(kSeriesLabelRefs, WireType::kBytes);
      if (!ReadRefs(&reader, packed, &label_refs_)) return Fail(field, "label refs are damaged");
      if (label_refs_.size() > kLabelRefsMax) return FailTooMany("labels in one series");
    } else if (reader.Is(kSeriesSamples, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "sample is cut off");
      if (!ReadSample(part)) return false;
    } else if (reader.Is(kSeriesHistograms, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "histogram is cut off");
      if (!ReadHistogramSample(part)) return false;
    } else if (reader.Is(kSeriesExemplars, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "exemplar is cut off");
      if (!ReadExemplar(part)) return false;
    } else if (reader.Is(kSeriesMetadata, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "metadata is cut off");
      if (!ReadMetadata(part, &series->metadata)) return false;
    } else if (reader.Is(kSeriesCreated, WireType::kVarint)) {
      if (!reader.Varint(&number)) return Fail(field, "created timestamp is damaged");
      series->created_ms = static_cast<int64_t>(number);
    } else if (!reader.Skip()) {
      return Fail(field, "field of a series is damaged");
    }
  }
  series->label_refs = label_refs_;
  series->samples = samples_;
  series->starts_ms = starts_ms_;
  series->histograms = histograms_;
  if (!exemplars_.empty()) PointToExemplarLabels();
  series->exemplars = exemplars_;
  return true;
}

bool RemoteWrite2Reader::ReadSample(std::string_view message) {
  if (++sample_count_ > kRequestSamplesMax) return FailTooMany("samples");
  ProtoReader reader(message);
  uint64_t value = 0;
  uint64_t time_ms = 0;
  uint64_t start_ms = 0;
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    if (!reader.Tag()) return Fail(field, "no field begins");
    if (reader.Is(1, WireType::kFixed64)) {
      if (!reader.Fixed64(&value)) return Fail(field, "value is cut off");
    } else if (reader.Is(2, WireType::kVarint)) {
      if (!reader.Varint(&time_ms)) return Fail(field, "timestamp is damaged");
    } else if (reader.Is(3, WireType::kVarint)) {
      if (!reader.Varint(&start_ms)) return Fail(field, "start timestamp is damaged");
    } else if (!reader.Skip()) {
      return Fail(field, "field of a sample is damaged");
    }
  }
  samples_.push_back({static_cast<int64_t>(time_ms), std::bit_cast<double>(value)});
  starts_ms_.push_back(static_cast<int64_t>(start_ms));
  return true;
}

bool RemoteWrite2Reader::ReadHistogramSample(std::string_view message) {
  if (++histogram_count_ > kRequestHistogramsMax) return FailTooMany("histograms");
  if (ReadHistogram(message, &histograms_.emplace_back())) return true;
  return Fail(message.data(), "histogram is damaged or too large");
}

bool RemoteWrite2Reader::ReadExemplar(std::string_view message) {
  if (++exemplar_count_ > kRequestExemplarsMax) return FailTooMany("exemplars");
  if (exemplars_.empty()) {
    exemplar_labels_.clear();
    exemplar_labels_end_.clear();
  }
  exemplar_refs_.clear();
  ProtoReader reader(message);
  RemoteExemplar& exemplar = exemplars_.emplace_back();
  uint64_t value = 0;
  uint64_t time_ms = 0;
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    bool good = reader.Tag();
    if (good && (reader.Is(1, WireType::kBytes) || reader.Is(1, WireType::kVarint))) {
      good = ReadRefs(&reader, reader.Is(1, WireType::kBytes), &exemplar_refs_);
      if (exemplar_refs_.size() > kLabelRefsMax) return FailTooMany("labels in one exemplar");
    } else if (good && reader.Is(2, WireType::kFixed64)) {
      good = reader.Fixed64(&value);
    } else if (good && reader.Is(3, WireType::kVarint)) {
      good = reader.Varint(&time_ms);
    } else {
      good = good && reader.Skip();
    }
    if (!good) return Fail(field, "field of an exemplar is damaged");
  }
  exemplar.value = std::bit_cast<double>(value);
  exemplar.time_ms = static_cast<int64_t>(time_ms);
  exemplar.damaged_refs = !Labels(exemplar_refs_, &exemplar_views_);
  exemplar_labels_.insert(exemplar_labels_.end(), exemplar_views_.begin(), exemplar_views_.end());
  exemplar_labels_end_.push_back(exemplar_labels_.size());
  return true;
}

// Once all labels have come, for until then they may move.
void RemoteWrite2Reader::PointToExemplarLabels() {
  const std::span<const LabelView> labels(exemplar_labels_);
  size_t begin = 0;
  for (size_t i = 0; i < exemplars_.size(); ++i) {
    exemplars_[i].labels = labels.subspan(begin, exemplar_labels_end_[i] - begin);
    begin = exemplar_labels_end_[i];
  }
}

bool RemoteWrite2Reader::ReadMetadata(std::string_view message, MetadataRefs* metadata) {
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    uint64_t number = 0;
    bool good = reader.Tag();
    if (good && reader.Is(1, WireType::kVarint)) {
      good = reader.Varint(&number);
      metadata->type = MetricTypeFromWire(static_cast<uint32_t>(number));
    } else if (good && reader.Is(3, WireType::kVarint)) {
      good = reader.Varint(&number);
      metadata->help = static_cast<uint32_t>(number);
    } else if (good && reader.Is(4, WireType::kVarint)) {
      good = reader.Varint(&number);
      metadata->unit = static_cast<uint32_t>(number);
    } else {
      good = good && reader.Skip();
    }
    if (!good) return Fail(field, "field of metadata is damaged");
  }
  return true;
}

bool RemoteWrite2Reader::Labels(std::span<const uint32_t> refs,
                                std::vector<LabelView>* views) const {
  views->clear();
  if (refs.size() % 2 != 0) return false;
  for (size_t i = 0; i < refs.size(); i += 2) {
    if (refs[i] >= symbols_.size() || refs[i + 1] >= symbols_.size()) {
      views->clear();
      return false;
    }
    views->push_back({symbols_[refs[i]], symbols_[refs[i + 1]]});
  }
  return true;
}

absl::StatusOr<model::Labels> SeriesLabels(const RemoteWrite2Reader& reader,
                                           const RemoteSeries2& series) {
  thread_local std::vector<LabelView> views;
  if (reader.Labels(series.label_refs, &views)) return CheckSeriesLabels(series.index, &views);
  return absl::InvalidArgumentError(
      base::StrCat("cannot accept series ", series.index, ": its ", series.label_refs.size(),
                   " label refs are not pairs into ", reader.symbols().size(), " symbols"));
}

}  // namespace baro::wire
