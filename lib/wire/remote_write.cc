#include "baro/wire/remote_write.h"

#include <algorithm>
#include <bit>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "proto_reader.h"

namespace baro::wire {
namespace {

// Field numbers of prometheus/remote.proto.
constexpr uint32_t kRequestSeries = 1;
constexpr uint32_t kRequestMetadata = 3;
constexpr uint32_t kSeriesLabels = 1;
constexpr uint32_t kSeriesSamples = 2;
constexpr uint32_t kSeriesExemplars = 3;
constexpr uint32_t kSeriesHistograms = 4;

// Of a text that occurs twice in a message the last one counts, but protobuf refuses the message
// when any of them is not UTF-8, and so do we.
bool ReadText(ProtoReader* reader, std::string_view* text) {
  return (text->empty() || IsValidUtf8(*text)) && reader->Bytes(text);
}

bool ReadLabel(std::string_view message, LabelView* label) {
  ProtoReader reader(message);
  *label = {};
  while (!reader.AtEnd()) {
    if (!reader.Tag()) return false;
    if (reader.Is(1, WireType::kBytes)) {
      if (!ReadText(&reader, &label->name)) return false;
    } else if (reader.Is(2, WireType::kBytes)) {
      if (!ReadText(&reader, &label->value)) return false;
    } else if (!reader.Skip()) {
      return false;
    }
  }
  return true;
}

// Label bytes of one series as they come: one piece of the request, or, when other fields stand
// between them, put together in `scattered`.
class LabelBytes {
 public:
  explicit LabelBytes(std::string* scattered) : scattered_(scattered) {}

  void Add(const char* begin, const char* end) {
    const std::string_view piece(begin, static_cast<size_t>(end - begin));
    if (is_scattered_) {
      scattered_->append(piece);
    } else if (together_.empty()) {
      together_ = piece;
    } else if (together_.data() + together_.size() == begin) {
      together_ = {together_.data(), together_.size() + piece.size()};
    } else {
      is_scattered_ = true;
      scattered_->assign(together_);
      scattered_->append(piece);
    }
  }
  std::string_view bytes() const {
    return is_scattered_ ? std::string_view(*scattered_) : together_;
  }

 private:
  std::string* const scattered_;
  std::string_view together_;
  bool is_scattered_ = false;
};

absl::Status InvalidSeries(const RemoteSeries& series, std::string_view what) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot accept series ", series.index, ": ", what));
}

}  // namespace

RemoteWriteReader::RemoteWriteReader(std::string_view request)
    : request_(request), next_(request.data()) {}

bool RemoteWriteReader::Fail(const char* where, const char* what) {
  status_ = absl::InvalidArgumentError(base::StrCat("cannot read remote write request: ", what,
                                                    " at byte ", where - request_.data()));
  next_ = request_.data() + request_.size();
  return false;
}

bool RemoteWriteReader::FailTooMany(const char* what) {
  status_ = absl::ResourceExhaustedError(
      base::StrCat("cannot read remote write request: it has too many ", what));
  next_ = request_.data() + request_.size();
  return false;
}

bool RemoteWriteReader::Next(RemoteSeries* series) {
  const char* const end = request_.data() + request_.size();
  ProtoReader reader({next_, static_cast<size_t>(end - next_)});
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    std::string_view message;
    if (!reader.Tag()) return Fail(field, "no field begins");
    if (reader.Is(kRequestSeries, WireType::kBytes)) {
      if (!reader.Bytes(&message)) return Fail(field, "series is cut off");
      next_ = reader.next();
      return ReadSeries(message, series);
    }
    if (reader.Is(kRequestMetadata, WireType::kBytes)) {
      if (!reader.Bytes(&message)) return Fail(field, "metadata is cut off");
      if (!ReadMetadata(message)) return false;
    } else if (!reader.Skip()) {
      return Fail(field, "unknown field is damaged");
    }
  }
  next_ = end;
  return false;
}

bool RemoteWriteReader::ReadSeries(std::string_view message, RemoteSeries* series) {
  *series = {};
  series->index = series_count_++;
  series->byte_offset = static_cast<size_t>(message.data() - request_.data());
  samples_.clear();
  histograms_.clear();
  exemplars_.clear();
  LabelBytes labels(&scattered_labels_);
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    std::string_view part;
    if (!reader.Tag()) return Fail(field, "no field begins");
    if (reader.Is(kSeriesLabels, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "label is cut off");
      labels.Add(field, reader.next());
    } else if (reader.Is(kSeriesSamples, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "sample is cut off");
      if (!ReadSample(part)) return false;
    } else if (reader.Is(kSeriesExemplars, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "exemplar is cut off");
      if (!ReadExemplar(part)) return false;
    } else if (reader.Is(kSeriesHistograms, WireType::kBytes)) {
      if (!reader.Bytes(&part)) return Fail(field, "histogram is cut off");
      if (!ReadHistogramSample(part)) return false;
    } else if (!reader.Skip()) {
      return Fail(field, "field of a series is damaged");
    }
  }
  series->label_bytes = labels.bytes();
  series->samples = samples_;
  series->histograms = histograms_;
  if (!exemplars_.empty()) PointToExemplarLabels();
  series->exemplars = exemplars_;
  return true;
}

bool RemoteWriteReader::ReadSample(std::string_view message) {
  if (++sample_count_ > kRequestSamplesMax) return FailTooMany("samples");
  ProtoReader reader(message);
  uint64_t value = 0;
  uint64_t time_ms = 0;
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    if (!reader.Tag()) return Fail(field, "no field begins");
    if (reader.Is(1, WireType::kFixed64)) {
      if (!reader.Fixed64(&value)) return Fail(field, "value is cut off");
    } else if (reader.Is(2, WireType::kVarint)) {
      if (!reader.Varint(&time_ms)) return Fail(field, "timestamp is damaged");
    } else if (!reader.Skip()) {
      return Fail(field, "field of a sample is damaged");
    }
  }
  samples_.push_back({static_cast<int64_t>(time_ms), std::bit_cast<double>(value)});
  return true;
}

bool RemoteWriteReader::ReadExemplar(std::string_view message) {
  if (++exemplar_count_ > kRequestExemplarsMax) return FailTooMany("exemplars");
  if (exemplars_.empty()) {
    exemplar_labels_.clear();
    exemplar_labels_end_.clear();
  }
  ProtoReader reader(message);
  RemoteExemplar& exemplar = exemplars_.emplace_back();
  uint64_t value = 0;
  uint64_t time_ms = 0;
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    std::string_view label;
    bool good = reader.Tag();
    if (good && reader.Is(1, WireType::kBytes)) {
      good = reader.Bytes(&label) && ReadLabel(label, &exemplar_labels_.emplace_back());
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
  exemplar_labels_end_.push_back(exemplar_labels_.size());
  return true;
}

// Once all labels have come, for until then they may move.
void RemoteWriteReader::PointToExemplarLabels() {
  const std::span<const LabelView> labels(exemplar_labels_);
  size_t begin = 0;
  for (size_t i = 0; i < exemplars_.size(); ++i) {
    exemplars_[i].labels = labels.subspan(begin, exemplar_labels_end_[i] - begin);
    begin = exemplar_labels_end_[i];
  }
}

bool RemoteWriteReader::ReadHistogramSample(std::string_view message) {
  if (++histogram_count_ > kRequestHistogramsMax) return FailTooMany("histograms");
  if (ReadHistogram(message, &histograms_.emplace_back())) return true;
  return Fail(message.data(), "histogram is damaged or too large");
}

bool RemoteWriteReader::ReadMetadata(std::string_view message) {
  if (metadata_.size() == kRequestMetadataMax) return FailTooMany("metadata");
  ProtoReader reader(message);
  MetadataView metadata;
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    uint64_t type = 0;
    bool good = reader.Tag();
    if (good && reader.Is(1, WireType::kVarint)) {
      good = reader.Varint(&type);
      metadata.type = MetricTypeFromWire(static_cast<uint32_t>(type));  // as protobuf cuts enums
    } else if (good && reader.Is(2, WireType::kBytes)) {
      good = ReadText(&reader, &metadata.family);
    } else if (good && reader.Is(4, WireType::kBytes)) {
      good = ReadText(&reader, &metadata.help);
    } else if (good && reader.Is(5, WireType::kBytes)) {
      good = ReadText(&reader, &metadata.unit);
    } else {
      good = good && reader.Skip();
    }
    if (!good) return Fail(field, "field of metadata is damaged");
  }
  for (const std::string_view text : {metadata.family, metadata.help, metadata.unit}) {
    if (!IsValidUtf8(text)) return Fail(text.data(), "metadata is not valid UTF-8");
  }
  metadata_.push_back(metadata);
  return true;
}

absl::Status ReadLabels(std::string_view label_bytes, std::vector<LabelView>* labels) {
  labels->clear();
  ProtoReader reader(label_bytes);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    std::string_view message;
    LabelView& label = labels->emplace_back();
    if (!reader.Tag() || !reader.Is(kSeriesLabels, WireType::kBytes) || !reader.Bytes(&message) ||
        !ReadLabel(message, &label)) {
      return absl::InvalidArgumentError(base::StrCat("cannot read label ", labels->size() - 1,
                                                     ": damaged at byte ",
                                                     field - label_bytes.data(), " of the labels"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<model::Labels> SeriesLabels(const RemoteSeries& series) {
  thread_local std::vector<LabelView> views;
  const absl::Status read = ReadLabels(series.label_bytes, &views);
  if (!read.ok()) return InvalidSeries(series, base::FromAbsl(read.message()));
  return CheckSeriesLabels(series.index, &views);
}

}  // namespace baro::wire
