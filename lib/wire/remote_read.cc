#include "baro/wire/remote_read.h"

#include <snappy-sinksource.h>
#include <snappy.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/histogram_chunk.h"
#include "baro/codec/xor_chunk.h"
#include "prometheus/remote.pb.h"
#include "proto_writer.h"

namespace baro::wire {
namespace {

using codec::HistogramAt;
using model::Histogram;

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("cannot read remote read request: ", what));
}

absl::StatusOr<model::Matcher> ReadMatcher(const prometheus::LabelMatcher& matcher) {
  switch (matcher.type()) {
    case prometheus::LabelMatcher::EQ:
      return model::Matcher::Create(model::MatchType::kEqual, matcher.name(), matcher.value());
    case prometheus::LabelMatcher::NEQ:
      return model::Matcher::Create(model::MatchType::kNotEqual, matcher.name(), matcher.value());
    case prometheus::LabelMatcher::RE:
      return model::Matcher::Create(model::MatchType::kRegex, matcher.name(), matcher.value());
    case prometheus::LabelMatcher::NRE:
      return model::Matcher::Create(model::MatchType::kNotRegex, matcher.name(), matcher.value());
    default:
      return Invalid(base::StrCat("matcher of ", matcher.name(), " has the unknown type ",
                                  static_cast<int>(matcher.type())));
  }
}

absl::StatusOr<ReadQuery> ReadOneQuery(const prometheus::Query& message) {
  if (static_cast<size_t>(message.matchers_size()) > kReadMatchersMax) {
    return Invalid(base::StrCat(message.matchers_size(), " matchers in one query are more than ",
                                kReadMatchersMax));
  }
  ReadQuery query;
  query.start_ms = message.start_timestamp_ms();
  query.end_ms = message.end_timestamp_ms();
  for (const auto& matcher : message.matchers()) {
    BARO_TRY_ASSIGN(model::Matcher read, ReadMatcher(matcher));
    query.matchers.push_back(std::move(read));
  }
  return query;
}

absl::StatusOr<std::vector<ReadForm>> ReadForms(const prometheus::ReadRequest& request) {
  std::vector<ReadForm> forms;
  std::string unknown;
  for (const int type : request.accepted_response_types()) {
    if (type == prometheus::ReadRequest::SAMPLES) {
      forms.push_back(ReadForm::kSamples);
    } else if (type == prometheus::ReadRequest::STREAMED_XOR_CHUNKS) {
      forms.push_back(ReadForm::kStreamedChunks);
    } else {
      base::StrAppend(&unknown, unknown.empty() ? "" : ", ", type);
    }
  }
  if (request.accepted_response_types_size() == 0) forms.push_back(ReadForm::kSamples);
  if (forms.empty()) {
    return Invalid(base::StrCat("none of the accepted response types ", unknown,
                                " is supported; SAMPLES and STREAMED_XOR_CHUNKS are"));
  }
  return forms;
}

void AppendLabels(const model::Labels& labels, std::string* out) {
  for (const model::Label& label : labels) {
    std::string message;
    PutBytes(1, label.name, &message);
    PutBytes(2, label.value, &message);
    PutBytes(1, message, out);
  }
}

// One sign's buckets as spans and counts.
void AppendBuckets(const std::vector<Histogram::Bucket>& buckets, bool float_counts,
                   uint32_t first_field, std::string* out) {
  int64_t end = 0;
  for (size_t i = 0; i < buckets.size();) {
    size_t next = i + 1;
    while (next < buckets.size() && buckets[next].index == buckets[next - 1].index + 1) ++next;
    std::string span;
    PutSigned(1, buckets[i].index - end, &span);
    PutVarint(2, next - i, &span);
    PutBytes(first_field, span, out);
    end = int64_t{buckets[next - 1].index} + 1;
    i = next;
  }
  if (buckets.empty()) return;
  std::string counts;
  int64_t before = 0;
  for (const auto& [index, count] : buckets) {
    if (float_counts) {
      AppendFixed64(std::bit_cast<uint64_t>(count), &counts);
    } else {
      AppendVarint(ZigZag(static_cast<int64_t>(count) - before), &counts);
      before = static_cast<int64_t>(count);
    }
  }
  PutBytes(first_field + (float_counts ? 2 : 1), counts, out);
}

std::string HistogramMessage(int64_t time_ms, const Histogram& histogram) {
  std::string out;
  const bool float_counts = codec::HasFloatCounts(histogram);
  if (float_counts) {
    PutDouble(2, histogram.count, &out);
    PutDouble(7, histogram.zero_count, &out);
  } else {
    // Zeros too: which of the two is set tells the kind.
    PutVarint(1, static_cast<uint64_t>(histogram.count), &out);
    PutVarint(6, static_cast<uint64_t>(histogram.zero_count), &out);
  }
  PutDouble(3, histogram.sum, &out);
  PutSigned(4, histogram.schema, &out);
  PutDouble(5, histogram.zero_threshold, &out);
  AppendBuckets(histogram.negative, float_counts, 8, &out);
  AppendBuckets(histogram.positive, float_counts, 11, &out);
  PutVarint(14, static_cast<uint64_t>(histogram.reset_hint), &out);
  PutVarint(15, static_cast<uint64_t>(time_ms), &out);
  std::string bounds;
  for (const double bound : histogram.custom_bounds) {
    AppendFixed64(std::bit_cast<uint64_t>(bound), &bounds);
  }
  if (!bounds.empty()) PutBytes(16, bounds, &out);
  return out;
}

const Histogram* HistogramIn(const ReadSeries& series, size_t i) {
  return series.histograms.empty() ? nullptr : series.histograms[i];
}

// The chunks of one series, one after the other, as Chunk messages.
class ChunkWriter {
 public:
  explicit ChunkWriter(const ReadSeries& series) : series_(series) {}

  bool AtEnd() const { return next_ == series_.values.size(); }
  std::string Next() { return HistogramIn(series_, next_) == nullptr ? Floats() : Histograms(); }

 private:
  enum Encoding { kXor = 1, kHistogram = 2, kFloatHistogram = 3 };

  std::string Floats() {
    const size_t first = next_;
    codec::XorChunkWriter writer;
    while (!AtEnd() && HistogramIn(series_, next_) == nullptr &&
           writer.sample_count() < codec::kXorChunkSamplesUsual) {
      writer.Append({series_.times_ms[next_], series_.values[next_]});
      ++next_;
    }
    return Chunk(first, kXor, writer.Finish());
  }

  std::string Histograms() {
    const size_t first = next_;
    std::vector<HistogramAt> run;
    for (size_t i = next_; i < series_.values.size(); ++i) {
      const Histogram* const histogram = HistogramIn(series_, i);
      if (histogram == nullptr || run.size() == codec::kXorChunkSamplesUsual) break;
      run.push_back({series_.times_ms[i], histogram});
    }
    codec::HistogramChunk chunk = codec::EncodeHistogramChunk(run, codec::kXorChunkSamplesUsual);
    next_ += chunk.sample_count;
    return Chunk(first, chunk.float_counts ? kFloatHistogram : kHistogram, chunk.bytes);
  }

  // Of the samples from `first` up to the next.
  std::string Chunk(size_t first, Encoding encoding, std::string_view bytes) const {
    std::string chunk;
    PutVarint(1, static_cast<uint64_t>(series_.times_ms[first]), &chunk);
    PutVarint(2, static_cast<uint64_t>(series_.times_ms[next_ - 1]), &chunk);
    PutVarint(3, encoding, &chunk);
    PutBytes(4, bytes, &chunk);
    std::string out;
    PutBytes(2, chunk, &out);
    return out;
  }

  const ReadSeries& series_;
  size_t next_ = 0;
};

void AppendFrame(std::string_view labels, std::string_view chunks, int64_t query_index,
                 std::string* frames) {
  std::string message;
  PutKey(1, kBytesKey, &message);
  AppendVarint(labels.size() + chunks.size(), &message);
  message.append(labels).append(chunks);
  if (query_index != 0) PutVarint(2, static_cast<uint64_t>(query_index), &message);
  AppendVarint(message.size(), frames);
  const uint32_t crc = base::Crc32c(message);
  for (int shift = 24; shift >= 0; shift -= 8) frames->push_back(static_cast<char>(crc >> shift));
  frames->append(message);
}

// Snappy takes a source piece by piece and asks for the next when one is used up.
class PieceSource final : public snappy::Source {
 public:
  PieceSource(std::span<const std::string> pieces, size_t size) : pieces_(pieces), left_(size) {}

  size_t Available() const override { return left_; }
  const char* Peek(size_t* size) override {
    while (piece_ < pieces_.size() && offset_ == pieces_[piece_].size()) {
      ++piece_;
      offset_ = 0;
    }
    if (piece_ == pieces_.size()) {
      *size = 0;
      return nullptr;
    }
    *size = pieces_[piece_].size() - offset_;
    return pieces_[piece_].data() + offset_;
  }
  void Skip(size_t size) override {
    left_ -= size;
    while (size > 0) {
      const size_t step = std::min(size, pieces_[piece_].size() - offset_);
      size -= step;
      offset_ += step;
      if (offset_ < pieces_[piece_].size()) continue;
      ++piece_;
      offset_ = 0;
    }
  }

 private:
  const std::span<const std::string> pieces_;
  size_t left_;
  size_t piece_ = 0;
  size_t offset_ = 0;
};

class StringSink final : public snappy::Sink {
 public:
  explicit StringSink(std::string* out) : out_(out) {}
  void Append(const char* bytes, size_t size) override { out_->append(bytes, size); }

 private:
  std::string* const out_;
};

}  // namespace

absl::StatusOr<ReadRequest> ParseReadRequest(std::string_view message) {
  prometheus::ReadRequest parsed;
  if (message.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !parsed.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return Invalid(base::StrCat("its ", message.size(), " bytes are no prometheus.ReadRequest"));
  }
  if (static_cast<size_t>(parsed.queries_size()) > kReadQueriesMax) {
    return Invalid(base::StrCat(parsed.queries_size(), " queries are more than ", kReadQueriesMax));
  }
  ReadRequest request;
  BARO_TRY_ASSIGN(request.forms, ReadForms(parsed));
  for (const auto& query : parsed.queries()) {
    BARO_TRY_ASSIGN(ReadQuery read, ReadOneQuery(query));
    request.queries.push_back(std::move(read));
  }
  return request;
}

std::string WriteReadSeries(const model::Labels& labels, const ReadSeries& series) {
  std::string message;
  message.reserve(32 * labels.size() + 20 * series.values.size());
  AppendLabels(labels, &message);
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (const Histogram* const histogram = HistogramIn(series, i)) {
      PutBytes(4, HistogramMessage(series.times_ms[i], *histogram), &message);
      continue;
    }
    std::string sample;
    PutDouble(1, series.values[i], &sample);
    PutVarint(2, static_cast<uint64_t>(series.times_ms[i]), &sample);
    PutBytes(2, sample, &message);
  }
  std::string out;
  out.reserve(message.size() + 8);
  PutBytes(1, message, &out);
  return out;
}

std::string QueryResultHeader(size_t series_bytes) {
  std::string header;
  PutKey(1, kBytesKey, &header);
  AppendVarint(series_bytes, &header);
  return header;
}

absl::StatusOr<std::string> SnappyPieces(std::span<const std::string> pieces) {
  size_t size = 0;
  for (const std::string& piece : pieces) size += piece.size();
  if (size > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot pack an answer of ", size, " bytes into a snappy block of 4 GiB"));
  }
  PieceSource source(pieces, size);
  std::string compressed;
  StringSink sink(&compressed);
  snappy::Compress(&source, &sink);
  return compressed;
}

std::string WriteReadFrames(const model::Labels& labels, const ReadSeries& series,
                            int64_t query_index, size_t frame_bytes_max) {
  std::string label_bytes;
  AppendLabels(labels, &label_bytes);
  std::string frames;
  std::string chunks;
  ChunkWriter writer(series);
  while (!writer.AtEnd()) {
    chunks += writer.Next();
    // A frame may be too large by the one chunk that filled it, as Prometheus' own may.
    if (!writer.AtEnd() && label_bytes.size() + chunks.size() < frame_bytes_max) continue;
    AppendFrame(label_bytes, chunks, query_index, &frames);
    chunks.clear();
  }
  return frames;
}

}  // namespace baro::wire
