#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/exposition/parser.h"
#include "transfer/transfer.h"

namespace baro::cli {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
// Held before they are sent.
constexpr size_t kSamplesMax = 4'000'000;

void AppendQuoted(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '\\' || c == '"') out->push_back('\\');
    if (c == '\n') {
      *out += "\\n";
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

// name{a="b"}, or {"näme",a="b"} when the name needs quotes.
std::string SeriesText(const model::Labels& labels) {
  const std::string_view name = labels.Get(model::kMetricName);
  std::string text;
  std::string inside;
  if (model::IsClassicMetricName(name)) {
    text = name;
  } else {
    AppendQuoted(name, &inside);
  }
  for (const model::Label& label : labels) {
    if (label.name == model::kMetricName) continue;
    if (!inside.empty()) inside.push_back(',');
    if (model::IsClassicLabelName(label.name)) {
      inside += label.name;
    } else {
      AppendQuoted(label.name, &inside);
    }
    inside.push_back('=');
    AppendQuoted(label.value, &inside);
  }
  if (!inside.empty()) base::StrAppend(&text, "{", inside, "}");
  return text;
}

void AppendValue(double value, std::string* out) {
  if (std::isnan(value)) {
    *out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  out->append(text, end);
}

// Seconds with as many digits as there are milliseconds.
void AppendTime(int64_t time_ms, std::string* out) {
  const uint64_t magnitude =
      time_ms < 0 ? 0 - static_cast<uint64_t>(time_ms) : static_cast<uint64_t>(time_ms);
  char fraction[5] = ".000";
  for (size_t i = 3, rest = magnitude % 1000; i > 0; --i, rest /= 10) {
    fraction[i] = static_cast<char>('0' + rest % 10);
  }
  base::StrAppend(out, time_ms < 0 ? "-" : "", magnitude / 1000, fraction);
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char next = text[++i];
      out.push_back(next == 'n' ? '\n' : next);
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

model::Labels LabelsOf(const exposition::SampleView& sample) {
  std::vector<model::Label> labels;
  labels.push_back({std::string(model::kMetricName),
                    sample.metric_escaped ? Unescape(sample.metric) : std::string(sample.metric)});
  for (const exposition::LabelView& label : sample.labels) {
    labels.push_back({label.escaped ? Unescape(label.name) : std::string(label.name),
                      label.escaped ? Unescape(label.value) : std::string(label.value)});
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

// Samples gathered series by series until there are enough to send.
class Gathering {
 public:
  Gathering(SampleSender* sender, TransferCount* count) : sender_(sender), count_(count) {}

  absl::Status Add(const exposition::SampleView& sample) {
    const auto [it, inserted] = series_.try_emplace(LabelsOf(sample));
    if (inserted) it->second.labels = it->first;
    it->second.Add(*sample.time_ms, sample.value);
    ++count_->samples;
    return ++held_ < kSamplesMax ? absl::OkStatus() : Flush();
  }
  absl::Status Flush() {
    for (auto& [labels, series] : series_) {
      if (seen_.insert(labels.Hash()).second) ++count_->series;
      BARO_TRY(sender_->Add(std::move(series)));
    }
    series_.clear();
    held_ = 0;
    return sender_->Flush();
  }

 private:
  SampleSender* const sender_;
  TransferCount* const count_;
  std::map<model::Labels, SeriesSamples> series_;
  absl::flat_hash_set<uint64_t> seen_;  // of all label sets
  size_t held_ = 0;
};

}  // namespace

absl::Status ExportOpenMetrics(const BlockExport& what, RemoteReader* reader,
                               const std::function<absl::Status(std::string_view)>& write,
                               TransferCount* count) {
  std::string piece;
  const auto add = [&](const SeriesSamples& series) -> absl::Status {
    const std::string name = SeriesText(series.labels);
    ++count->series;
    for (size_t i = 0; i < series.values.size(); ++i) {
      // A stale marker says that a series has ended, for which the text has no word either.
      if (model::IsHistogramMark(series.values[i]) || model::IsStaleNan(series.values[i])) {
        count->left_out += model::IsHistogramMark(series.values[i]) ? 1 : 0;
        continue;
      }
      ++count->samples;
      piece += name;
      piece.push_back(' ');
      AppendValue(series.values[i], &piece);
      piece.push_back(' ');
      AppendTime(series.times_ms[i], &piece);
      piece.push_back('\n');
    }
    if (piece.size() < kPieceBytes) return absl::OkStatus();
    const absl::Status status = write(piece);
    piece.clear();
    return status;
  };
  BARO_TRY(reader->Read(what.selector, what.start_ms, what.end_ms, add));
  piece += "# EOF\n";
  return write(piece);
}

absl::Status ImportOpenMetrics(std::string_view text, SampleSender* sender, TransferCount* count) {
  exposition::Limits limits;
  limits.series_max = SIZE_MAX;
  exposition::Parser parser(text, exposition::Format::kOpenMetrics, limits);
  Gathering gathering(sender, count);
  for (;;) {
    switch (parser.Next()) {
      case exposition::Entry::kSample:
        if (!parser.sample().time_ms) return parser.Refuse("a sample needs a time here");
        BARO_TRY(gathering.Add(parser.sample()));
        break;
      case exposition::Entry::kEnd:
        return gathering.Flush();
      case exposition::Entry::kError:
        return parser.error();
      default:
        break;
    }
  }
}

}  // namespace baro::cli
