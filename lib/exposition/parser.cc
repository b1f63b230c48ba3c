#include "baro/exposition/parser.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"
#include "number.h"
#include "series_labels.h"
#include "text.h"

namespace baro::exposition {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

const char* FindLineEnd(const char* p, const char* end) {
  const void* found = std::memchr(p, '\n', static_cast<size_t>(end - p));
  return found == nullptr ? end : static_cast<const char*>(found);
}

std::string_view View(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

// What stands at `at`, for an error: one character, or its byte value, or where the text ends.
std::string Name(const char* at, const char* end) {
  if (at == end) return "the end";
  if (*at == '\n') return "the end of the line";
  const auto byte = static_cast<unsigned char>(*at);
  if (byte < 0x20 || byte >= 0x7f) return base::StrCat("byte 0x", absl::Hex(byte, absl::kZeroPad2));
  return base::StrCat("'", std::string_view(at, 1), "'");
}

std::optional<model::MetricType> TypeOf(std::string_view word, Format format) {
  if (word == "counter") return model::MetricType::kCounter;
  if (word == "gauge") return model::MetricType::kGauge;
  if (word == "histogram") return model::MetricType::kHistogram;
  if (word == "summary") return model::MetricType::kSummary;
  if (format == Format::kText) {
    if (word == "untyped") return model::MetricType::kUnknown;
    return std::nullopt;
  }
  if (word == "unknown") return model::MetricType::kUnknown;
  if (word == "gaugehistogram") return model::MetricType::kGaugeHistogram;
  if (word == "info") return model::MetricType::kInfo;
  if (word == "stateset") return model::MetricType::kStateset;
  return std::nullopt;
}

// "foo_seconds" may have the unit "seconds".
bool IsUnitOf(std::string_view family, std::string_view unit) {
  return unit.empty() || (family.size() > unit.size() && family.ends_with(unit) &&
                          family[family.size() - unit.size() - 1] == '_');
}

}  // namespace

std::optional<Format> FormatOfContentType(std::string_view content_type) {
  const std::string_view media = base::FromAbsl(absl::StripAsciiWhitespace(
      base::ToAbsl(content_type.substr(0, std::min(content_type.find(';'), content_type.size())))));
  const std::string lower = absl::AsciiStrToLower(base::ToAbsl(media));
  if (lower == "text/plain") return Format::kText;
  if (lower == "application/openmetrics-text") return Format::kOpenMetrics;
  if (lower == "application/vnd.google.protobuf") return Format::kProtobuf;
  return std::nullopt;
}

Parser::Parser(std::string_view body, Format format, const Limits& limits)
    : begin_(body.data()),
      end_(body.data() + body.size()),
      cursor_(begin_),
      format_(format == Format::kProtobuf ? Format::kOpenMetrics : format),
      protobuf_(format == Format::kProtobuf),
      limits_(limits) {}

Entry Parser::Fail(const char* at, std::string_view cause) {
  if (error_at_ == nullptr) {
    error_at_ = at;
    error_cause_ = cause;
  }
  return Entry::kError;
}

Entry Parser::FailLimit(const char* at, std::string_view cause) {
  error_is_limit_ = error_at_ == nullptr;
  return Fail(at, cause);
}

Entry Parser::Expected(const char* at, std::string_view what) {
  return Fail(at, base::StrCat("expected ", what, ", got ", Name(at, end_)));
}

absl::Status Parser::error() const {
  if (error_at_ == nullptr) return absl::OkStatus();
  const auto line = 1 + std::count(begin_, error_at_, '\n');
  const char* start = error_at_;
  while (start != begin_ && start[-1] != '\n') --start;
  const std::string text = base::StrCat("cannot parse exposition: ", line, ":",
                                        error_at_ - start + 1, ": ", error_cause_);
  return error_is_limit_ ? absl::ResourceExhaustedError(text) : absl::InvalidArgumentError(text);
}

absl::Status Parser::Refuse(std::string_view cause) {
  Fail(line_, cause);
  return error();
}

// The cursor is at the first character of a bare metric name.
std::string_view Parser::ReadName() {
  const char* start = cursor_;
  // What it has in common with the last name needs no second look at its characters.
  cursor_ += CommonPrefix(cursor_, end_, last_name_);
  cursor_ = SkipClass(cursor_, end_, kMetricChar);
  last_name_ = View(start, cursor_);
  return last_name_;
}

Entry Parser::Next() {
  if (error_at_ != nullptr) return Entry::kError;
  line_ = cursor_;
  if (ended_) return Entry::kEnd;
  if (format_ == Format::kText) SkipBlanks();
  Entry entry = Entry::kComment;
  if (cursor_ == end_) {
    if (format_ == Format::kText) return Entry::kEnd;
    return Fail(cursor_, "the body does not end with \"# EOF\"");
  }
  if (*cursor_ == '#') {
    entry = format_ == Format::kText ? ReadComment() : ReadOpenMetricsComment();
  } else if (*cursor_ == '\n' && format_ == Format::kText) {
    ++cursor_;
  } else {
    entry = ReadSample();
  }
  if (static_cast<size_t>(cursor_ - line_) > limits_.line_bytes_max && entry != Entry::kError) {
    return FailLimit(line_, base::StrCat("line exceeds ", limits_.line_bytes_max, " bytes"));
  }
  return entry;
}

Entry Parser::ReadComment() {
  ++cursor_;
  const char* line_end = FindLineEnd(cursor_, end_);
  if (cursor_ != line_end && IsBlank(*cursor_)) {
    SkipBlanks();
    const std::string_view rest = View(cursor_, line_end);
    if (rest.size() > 4 && IsBlank(rest[4])) {
      if (rest.starts_with("HELP")) return ReadMeta(Entry::kHelp, line_end);
      if (rest.starts_with("TYPE")) return ReadMeta(Entry::kType, line_end);
    }
  }
  cursor_ = line_end == end_ ? end_ : line_end + 1;
  return Entry::kComment;
}

Entry Parser::ReadOpenMetricsComment() {
  const char* line_end = FindLineEnd(cursor_, end_);
  const std::string_view rest = View(cursor_, line_end);
  if (rest.starts_with("# HELP ")) return ReadMeta(Entry::kHelp, line_end);
  if (rest.starts_with("# TYPE ")) return ReadMeta(Entry::kType, line_end);
  if (rest.starts_with("# UNIT ")) return ReadMeta(Entry::kUnit, line_end);
  if (rest == "# EOF") return ReadEof();
  return Fail(cursor_, "expected HELP, TYPE, UNIT or EOF after '#' and one space");
}

Entry Parser::ReadEof() {
  cursor_ += std::string_view("# EOF").size();
  if (cursor_ != end_) ++cursor_;
  if (cursor_ != end_) return Fail(cursor_, "the body goes on after \"# EOF\"");
  ended_ = true;
  return Entry::kEnd;
}

// The cursor is at the '#' (OpenMetrics) or at the keyword (text).
Entry Parser::ReadMeta(Entry entry, const char* line_end) {
  cursor_ += format_ == Format::kText ? 5 : 7;
  if (format_ == Format::kText) SkipBlanks();
  if (!ReadFamily()) return Entry::kError;
  // A quoted name may hold a line break.
  if (cursor_ > line_end) line_end = FindLineEnd(cursor_, end_);
  if (format_ == Format::kOpenMetrics && line_end == end_) {
    return Fail(end_, "the body does not end with \"# EOF\"");
  }
  const bool bare = cursor_ == line_end;
  if (bare && format_ == Format::kOpenMetrics) return Expected(cursor_, "a space and a text");
  if (!bare && *cursor_ != ' ' && (format_ == Format::kOpenMetrics || *cursor_ != '\t')) {
    return Expected(cursor_, "a space after the metric name");
  }
  meta_.text = bare ? std::string_view() : View(cursor_ + 1, line_end);
  const char* text_at = bare ? cursor_ : cursor_ + 1;
  if (entry == Entry::kType) {
    const std::string_view word =
        format_ == Format::kText
            ? base::FromAbsl(absl::StripAsciiWhitespace(base::ToAbsl(meta_.text)))
            : meta_.text;
    const auto type = TypeOf(word, format_);
    if (!type) {
      return Fail(text_at, base::StrCat("\"", word.substr(0, 40), "\" is not a metric type"));
    }
    meta_.type = *type;
  } else if (!IsUtf8(meta_.text)) {
    return Fail(text_at, "the text is not UTF-8");
  }
  if (entry == Entry::kUnit && !protobuf_ && !IsUnitOf(meta_.family, meta_.text)) {
    return Fail(text_at, base::StrCat("unit \"", meta_.text.substr(0, 40),
                                      "\" is not the end of the metric's name"));
  }
  cursor_ = line_end == end_ ? end_ : line_end + 1;
  return entry;
}

bool Parser::ReadFamily() {
  meta_ = {};
  meta_.quotes_escaped = format_ == Format::kOpenMetrics;
  if (cursor_ != end_ && *cursor_ == '"') {
    if (!ReadQuoted(&meta_.family, &meta_.family_escaped)) return false;
    if (!meta_.family.empty()) return true;
  }
  if (cursor_ == end_ || !IsOf(*cursor_, kMetricStart)) {
    Expected(cursor_, "a metric name");
    return false;
  }
  meta_.family = ReadName();
  return true;
}

Entry Parser::ReadSample() {
  sample_.time_ms.reset();
  sample_.exemplar.reset();
  if (!ReadSeries()) return Entry::kError;
  sample_.prefix = View(line_, cursor_);
  sample_.labels = labels_;
  return ReadSuffix();
}

// From the metric name to the last byte before the value.
bool Parser::ReadSeries() {
  labels_.clear();
  sample_.metric = {};
  sample_.metric_escaped = false;
  const char* start = cursor_;
  const bool named = IsOf(*cursor_, kMetricStart);
  if (named) {
    sample_.metric = ReadName();
  } else if (*cursor_ != '{') {
    Expected(cursor_, "a metric name");
    return false;
  }
  const char* name_end = cursor_;
  if (format_ == Format::kText) SkipBlanks();
  bool braces = false;
  if (cursor_ != end_ && *cursor_ == '{') {
    braces = true;
    if (!ReadLabels(false, &labels_)) return false;
    if (sample_.metric.empty()) {
      Fail(start, "the metric has no name");
      return false;
    }
    name_end = cursor_;
    if (format_ == Format::kText) SkipBlanks();
  }
  if (format_ == Format::kOpenMetrics && cursor_ != end_ && *cursor_ == ' ') ++cursor_;
  const bool spaced = cursor_ != name_end || (braces && format_ == Format::kText);
  if (!spaced || AtLineEnd()) {
    Expected(cursor_, spaced ? "a value" : "a space and a value");
    return false;
  }
  return true;
}

// The cursor is at the '{'. A quoted string without '=' is the metric's name.
bool Parser::ReadLabels(bool exemplar, std::vector<LabelView>* labels) {
  const bool text = format_ == Format::kText;
  ++cursor_;
  while (true) {
    if (text) SkipBlanks();
    if (cursor_ == end_) break;
    if (*cursor_ == '}') {
      ++cursor_;
      return true;
    }
    LabelView label;
    const char* start = cursor_;
    const bool quoted = *cursor_ == '"';
    if (quoted) {
      if (!ReadQuoted(&label.name, &label.escaped)) return false;
      if (label.name.empty() || !IsUtf8(label.name)) {
        Fail(start, label.name.empty() ? "the name is empty" : "the name is not UTF-8");
        return false;
      }
    } else if (IsOf(*cursor_, kLabelStart)) {
      cursor_ = SkipClass(cursor_, end_, kLabelChar);
      label.name = View(start, cursor_);
    } else {
      break;
    }
    if (text) SkipBlanks();
    if (quoted && !exemplar && cursor_ != end_ && (*cursor_ == ',' || *cursor_ == '}')) {
      if (!sample_.metric.empty()) {
        Fail(start, "the metric has a name already");
        return false;
      }
      sample_.metric = label.name;
      sample_.metric_escaped = label.escaped;
    } else {
      if (!ReadLabelValue(&label)) return false;
      if (labels->size() >= limits_.labels_max) {
        FailLimit(start, base::StrCat("more than ", limits_.labels_max, " labels"));
        return false;
      }
      labels->push_back(label);
      if (text) SkipBlanks();
    }
    if (cursor_ != end_ && *cursor_ == ',') {
      ++cursor_;
    } else if (!text && (cursor_ == end_ || *cursor_ != '}')) {
      Expected(cursor_, "',' or '}'");
      return false;
    }
  }
  Expected(cursor_, "a label name or '}'");
  return false;
}

// From the '=' to the closing quote.
bool Parser::ReadLabelValue(LabelView* label) {
  if (cursor_ == end_ || *cursor_ != '=') {
    Expected(cursor_, "'=' after the label name");
    return false;
  }
  ++cursor_;
  if (format_ == Format::kText) SkipBlanks();
  if (cursor_ == end_ || *cursor_ != '"') {
    Expected(cursor_, "a quoted label value");
    return false;
  }
  const char* start = cursor_;
  bool escaped = false;
  if (!ReadQuoted(&label->value, &escaped)) return false;
  label->escaped |= escaped;
  if (!IsUtf8(label->value)) {
    Fail(start, "the label value is not UTF-8");
    return false;
  }
  return true;
}

// The cursor is at the opening quote. Prometheus lets the text format have line breaks inside.
bool Parser::ReadQuoted(std::string_view* text, bool* escaped) {
  const char* open = cursor_;
  const char* p = open + 1;
  while (p != end_ && *p != '"') {
    if (*p == '\\') {
      *escaped = true;
      if (++p == end_) break;
    }
    if (*p == '\n' && format_ == Format::kOpenMetrics) {
      Fail(open, "the string is not closed on its line");
      return false;
    }
    ++p;
  }
  if (p == end_) {
    Fail(open, "the string is never closed");
    return false;
  }
  *text = View(open + 1, p);
  cursor_ = p + 1;
  return true;
}

bool Parser::ReadNumber(double* value) {
  const char* start = cursor_;
  const char* stop = exposition::ReadNumber(start, end_, value);
  if (stop != nullptr && (stop == end_ || *stop == '\n' || IsBlank(*stop))) {
    cursor_ = stop;
    return true;
  }
  const char* token = start;
  while (token != end_ && *token != '\n' && !IsBlank(*token)) ++token;
  Fail(start, base::StrCat("\"", View(start, token).substr(0, 40), "\" is not a number"));
  return false;
}

Entry Parser::NextFromValue(size_t offset) {
  if (error_at_ != nullptr) return Entry::kError;
  line_ = cursor_ = begin_ + offset;
  sample_.time_ms.reset();
  sample_.exemplar.reset();
  return ReadSuffix();
}

Entry Parser::ReadSuffix() {
  if (!ReadNumber(&sample_.value)) return Entry::kError;
  return format_ == Format::kText ? ReadTextSuffix() : ReadOpenMetricsSuffix();
}

Entry Parser::ReadTextSuffix() {
  SkipBlanks();
  if (!AtLineEnd()) {
    int64_t time_ms = 0;
    const auto [stop, error] = std::from_chars(cursor_, end_, time_ms);
    if (error == std::errc::result_out_of_range) {
      return Fail(cursor_, "the timestamp does not fit 64 bits");
    }
    if (error != std::errc()) return Expected(cursor_, "a timestamp or the end of the line");
    sample_.time_ms = time_ms;
    cursor_ = stop;
    SkipBlanks();
    if (!AtLineEnd()) return Expected(cursor_, "the end of the line after the timestamp");
  }
  if (cursor_ != end_) ++cursor_;
  return Entry::kSample;
}

Entry Parser::ReadOpenMetricsSuffix() {
  const auto at_exemplar = [this] { return View(cursor_, end_).starts_with(" # {"); };
  if (cursor_ != end_ && *cursor_ == ' ' && !at_exemplar()) {
    ++cursor_;
    int64_t time_ms = 0;
    if (!ReadSeconds(&time_ms)) return Entry::kError;
    sample_.time_ms = time_ms;
  }
  if (at_exemplar() && !ReadExemplar()) return Entry::kError;
  if (cursor_ == end_) return Fail(cursor_, "the body does not end with \"# EOF\"");
  if (*cursor_ != '\n') return Expected(cursor_, "the end of the line");
  ++cursor_;
  return Entry::kSample;
}

// Milliseconds, in the lines that protobuf becomes.
bool Parser::ReadSeconds(int64_t* time_ms) {
  const char* start = cursor_;
  if (protobuf_) {
    const auto [stop, error] = std::from_chars(cursor_, end_, *time_ms);
    if (error != std::errc()) Expected(cursor_, "milliseconds");
    cursor_ = stop;
    return error == std::errc();
  }
  double seconds = 0;
  if (!ReadNumber(&seconds)) return false;
  const double wanted = seconds * 1000;
  // Beyond 2^63 the cast would be undefined.
  if (!(std::abs(wanted) < 9.2e18)) {
    Fail(start, "the timestamp is not a time");
    return false;
  }
  *time_ms = static_cast<int64_t>(wanted);
  return true;
}

bool Parser::ReadExemplar() {
  exemplar_labels_.clear();
  cursor_ += 3;
  if (!ReadLabels(true, &exemplar_labels_)) return false;
  if (cursor_ == end_ || *cursor_ != ' ') {
    Expected(cursor_, "a space and the exemplar's value");
    return false;
  }
  ++cursor_;
  ExemplarView exemplar;
  exemplar.labels = exemplar_labels_;
  if (!ReadNumber(&exemplar.value)) return false;
  if (cursor_ != end_ && *cursor_ == ' ') {
    ++cursor_;
    int64_t time_ms = 0;
    if (!ReadSeconds(&time_ms)) return false;
    exemplar.time_ms = time_ms;
  }
  sample_.exemplar = exemplar;
  return true;
}

absl::StatusOr<std::vector<ParsedSample>> ParseExposition(std::string_view body, Format format,
                                                          const Limits& limits) {
  std::vector<ParsedSample> samples;
  Parser parser(body, format, limits);
  FamilyInEffect family;
  SeriesLabels labels;
  std::string scratch;
  for (Entry entry = parser.Next(); entry != Entry::kEnd; entry = parser.Next()) {
    if (entry == Entry::kError) return parser.error();
    if (entry == Entry::kComment) continue;
    if (entry != Entry::kSample) {
      family.Apply(entry, parser.meta());
      continue;
    }
    const SampleView& view = parser.sample();
    if (samples.size() >= limits.series_max) {
      return absl::ResourceExhaustedError(
          base::StrCat("cannot parse exposition: more than ", limits.series_max, " series"));
    }
    const std::string_view metric = PlainName(view.metric, view.metric_escaped, &scratch);
    const bool owned = family.Owns(metric);
    const absl::Status resolved =
        labels.Resolve(view, owned ? family.metadata().type : model::MetricType::kUnknown);
    if (!resolved.ok()) return parser.Refuse(base::FromAbsl(resolved.message()));
    ParsedSample sample;
    sample.labels = labels.ToLabels();
    sample.metadata = owned ? family.metadata() : UnknownFamily(metric);
    sample.value = view.value;
    sample.time_ms = view.time_ms;
    if (view.exemplar) {
      const absl::Status good = labels.Resolve(*view.exemplar);
      if (!good.ok()) return parser.Refuse(base::FromAbsl(good.message()));
      sample.exemplar = {labels.ToLabels(), view.exemplar->value, view.exemplar->time_ms};
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace baro::exposition
