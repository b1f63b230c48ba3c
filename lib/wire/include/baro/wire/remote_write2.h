// Remote write 2.0: an io.prometheus.write.v2.Request, read where it lies.
//
// Texts are told once, in a table of symbols; labels are numbers into it. A reader hands out the
// numbers: the caller hashes each symbol once and knows a series by the hashes of its symbols,
// without looking at a text. As in 1.0 nothing is copied, no length and no number is trusted, and
// fields may come in any order, symbols behind the series that use them included.
//
//   RemoteWrite2Reader reader(decoded);
//   RemoteSeries2 series;
//   while (reader.Next(&series)) …look up series.label_refs, else SeriesLabels(reader, series)…
//   BARO_TRY(reader.status());
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/wire/remote_series.h"

namespace baro::wire {

// Of one request: what 32 MiB hold when symbols are 16 bytes long.
inline constexpr size_t kRequestSymbolsMax = 2'000'000;
// Of one series or exemplar, names and values.
inline constexpr size_t kLabelRefsMax = 4'096;

// What a series tells of its metric, as symbol numbers.
struct MetadataRefs {
  model::MetricType type = model::MetricType::kUnknown;
  uint32_t help = 0;
  uint32_t unit = 0;
  bool operator==(const MetadataRefs&) const = default;

  bool says_something() const { return *this != MetadataRefs(); }
};

// One series of a request, by reference into the request or the reader; valid until the next
// Next().
struct RemoteSeries2 : RemoteValues {
  size_t index = 0;        // in the request
  size_t byte_offset = 0;  // of the series in the decoded request
  // Name, value, name, value …; as told, that is: perhaps an odd number of them, perhaps beyond the
  // symbols.
  std::span<const uint32_t> label_refs;
  // When counting began, one for each of `samples`; 0: not told. Release candidate 3 tells one time
  // for the whole series, which stands for those of samples and histograms that have none.
  std::span<const int64_t> starts_ms;
  int64_t created_ms = 0;
  MetadataRefs metadata;
};

// Thread-compatible; `request` outlives it.
class RemoteWrite2Reader {
 public:
  explicit RemoteWrite2Reader(std::string_view request);

  // Goes to the next series; false at the end or at the first damage: see status().
  bool Next(RemoteSeries2* series);

  // Ok, or InvalidArgument with the byte offset and what is wrong there; ResourceExhausted when the
  // request has more of a kind than kRequest…Max.
  const absl::Status& status() const { return status_; }
  // All of them, from the start. Not yet held against UTF-8.
  std::span<const std::string_view> symbols() const { return symbols_; }
  // Empty when there is no such symbol; 0 always stands for no text.
  std::string_view Text(uint32_t ref) const {
    return ref == 0 || ref >= symbols_.size() ? std::string_view() : symbols_[ref];
  }
  // Replaces `views` by the labels that `refs` name. False: an odd number, or no such symbol.
  bool Labels(std::span<const uint32_t> refs, std::vector<LabelView>* views) const;

 private:
  void ReadSymbols();
  bool ReadSeries(std::string_view message, RemoteSeries2* series);
  bool ReadSample(std::string_view message);
  bool ReadHistogramSample(std::string_view message);
  bool ReadExemplar(std::string_view message);
  bool ReadMetadata(std::string_view message, MetadataRefs* metadata);
  bool Fail(const char* where, const char* what);
  bool FailTooMany(const char* what);
  void PointToExemplarLabels();

  const std::string_view request_;
  const char* next_;
  absl::Status status_;
  std::vector<std::string_view> symbols_;
  size_t series_count_ = 0;
  size_t sample_count_ = 0;     // in the request
  size_t histogram_count_ = 0;  // in the request
  size_t exemplar_count_ = 0;   // in the request
  // Of the series under way.
  std::vector<uint32_t> label_refs_;
  std::vector<model::Sample> samples_;
  std::vector<int64_t> starts_ms_;
  std::vector<WireHistogram> histograms_;
  std::vector<RemoteExemplar> exemplars_;
  std::vector<uint32_t> exemplar_refs_;
  std::vector<LabelView> exemplar_views_;
  std::vector<LabelView> exemplar_labels_;  // of all its exemplars
  std::vector<size_t> exemplar_labels_end_;
};

// CheckSeriesLabels() of a series' symbols. Errors: also InvalidArgument when they do not exist.
absl::StatusOr<model::Labels> SeriesLabels(const RemoteWrite2Reader& reader,
                                           const RemoteSeries2& series);

}  // namespace baro::wire
