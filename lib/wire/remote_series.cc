#include "baro/wire/remote_series.h"

#include <snappy.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "baro/base/strings.h"

namespace baro::wire {
namespace {

// No element of a snappy block gives more than 64 bytes, and none is shorter than two bytes but
// one-byte literals: a block that claims more is none.
constexpr size_t kSnappyExpansionMax = 64;

constexpr size_t kLabelTextBytesMax = 400;  // and one label more
constexpr size_t kShownBytesMax = 100;
// OpenMetrics allows 128 characters in all; senders beyond that are not wrong enough to lose them.
constexpr size_t kExemplarLabelsMax = 64;
constexpr size_t kExemplarBytesMax = 4'096;

absl::Status TooLarge(size_t bytes, size_t bytes_max) {
  return absl::ResourceExhaustedError(
      base::StrCat("cannot uncompress remote write request: ", bytes, " bytes are more than the ",
                   bytes_max, " allowed"));
}

absl::Status NotA(std::string_view what, size_t bytes) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot uncompress remote write request of ", bytes, " bytes: ", what));
}

// A foreign text as it may stand in a message.
std::string Shown(std::string_view text) {
  if (!IsValidUtf8(text)) return "(not UTF-8)";
  if (text.size() <= kShownBytesMax) return std::string(text);
  size_t end = kShownBytesMax;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return base::StrCat(text.substr(0, end), "…");
}

void SortByName(std::vector<LabelView>* views) {
  std::sort(views->begin(), views->end(), [](const LabelView& a, const LabelView& b) {
    return a.name == b.name ? a.value < b.value : a.name < b.name;
  });
}

// What is wrong with sorted labels; empty when nothing is.
std::string Problem(const std::vector<LabelView>& views) {
  for (size_t i = 0; i < views.size(); ++i) {
    const auto [name, value] = views[i];
    if (name.empty()) return "a label has no name";
    if (!IsValidUtf8(name)) return "a label name is not valid UTF-8";
    if (i > 0 && name == views[i - 1].name) {
      return base::StrCat("label \"", Shown(name), "\" occurs twice");
    }
    if (!IsValidUtf8(value)) {
      return base::StrCat("the value of label \"", Shown(name), "\" is not valid UTF-8");
    }
  }
  return {};
}

model::Labels Build(const std::vector<LabelView>& views) {
  std::vector<model::Label> labels;
  labels.reserve(views.size());
  for (const auto& [name, value] : views) {
    labels.push_back({std::string(name), std::string(value)});
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

}  // namespace

std::string LabelText(std::span<const LabelView> views) {
  std::string text = "{";
  for (const auto& [name, value] : views) {
    if (text.size() > kLabelTextBytesMax) return text + ",…}";
    base::StrAppend(&text, text.size() > 1 ? "," : "", Shown(name), "=\"", Shown(value), "\"");
  }
  return text + "}";
}

absl::StatusOr<model::Labels> CheckSeriesLabels(size_t series_index,
                                                std::vector<LabelView>* views) {
  SortByName(views);
  std::string problem = Problem(*views);
  if (problem.empty()) {
    model::Labels labels = Build(*views);
    if (labels.Has(model::kMetricName)) return labels;
    problem = "it has no metric name";
  }
  return absl::InvalidArgumentError(base::StrCat("cannot accept series ", series_index, ": ",
                                                 problem, ", in ", LabelText(*views)));
}

absl::StatusOr<model::Labels> CheckExemplarLabels(const RemoteExemplar& exemplar) {
  if (exemplar.damaged_refs) {
    return absl::InvalidArgumentError("exemplar refers to symbols that do not exist");
  }
  std::vector<LabelView> views(exemplar.labels.begin(), exemplar.labels.end());
  SortByName(&views);
  size_t bytes = 0;
  for (const auto& [name, value] : views) bytes += name.size() + value.size();
  if (views.size() > kExemplarLabelsMax || bytes > kExemplarBytesMax) {
    return absl::InvalidArgumentError(
        base::StrCat("exemplar has ", views.size(), " labels of ", bytes, " bytes, more than the ",
                     kExemplarLabelsMax, " of ", kExemplarBytesMax, " bytes allowed"));
  }
  const std::string problem = Problem(views);
  if (problem.empty()) return Build(views);
  return absl::InvalidArgumentError(
      base::StrCat("exemplar is not valid: ", problem, ", in ", LabelText(views)));
}

model::MetricType MetricTypeFromWire(uint32_t number) {
  return number <= static_cast<uint32_t>(model::MetricType::kStateset)
             ? static_cast<model::MetricType>(number)
             : model::MetricType::kUnknown;
}

absl::Status UncompressRemoteWrite(std::string_view body, size_t decoded_bytes_max,
                                   std::string* decoded) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &size) ||
      size / kSnappyExpansionMax > body.size()) {
    return NotA("not a snappy block", body.size());
  }
  if (size > decoded_bytes_max) return TooLarge(size, decoded_bytes_max);
  decoded->resize(size);
  if (!snappy::RawUncompress(body.data(), body.size(), decoded->data())) {
    return NotA("its snappy block is damaged", body.size());
  }
  return absl::OkStatus();
}

absl::Status UncompressZstd(std::string_view body, size_t decoded_bytes_max, std::string* decoded) {
  // The frame need not say its size, and may lie: the output grows as it comes, up to the bound.
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  ZSTD_inBuffer in = {body.data(), body.size(), 0};
  decoded->clear();
  size_t written = 0;
  size_t left = 1;  // in the frame under way; 0 at its end
  while (in.pos < in.size || left != 0) {
    if (written == decoded->size()) {
      if (written == decoded_bytes_max + 1) return TooLarge(written, decoded_bytes_max);
      const size_t more = std::max<size_t>({written, 4 * body.size(), 4'096});
      decoded->resize(std::min(written + more, decoded_bytes_max + 1));
    }
    ZSTD_outBuffer out = {decoded->data(), decoded->size(), written};
    const size_t read_before = in.pos;
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) != 0) return NotA("not a zstd frame, or a damaged one", body.size());
    const bool stuck = out.pos == written && in.pos == read_before;
    written = out.pos;
    if (stuck && left != 0) return NotA("its zstd frame is cut off", body.size());
  }
  if (written > decoded_bytes_max) return TooLarge(written, decoded_bytes_max);
  decoded->resize(written);
  return absl::OkStatus();
}

}  // namespace baro::wire
