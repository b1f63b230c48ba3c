#include "http_api/exposition_writer.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "baro/base/strings.h"

namespace baro::collector {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;
constexpr char kProtobufType[] =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

// --- protobuf, by hand: fields and wire types of io.prometheus.client (metrics.proto)

void AppendVarint(uint64_t number, std::string* out) {
  for (; number >= 0x80; number >>= 7) out->push_back(static_cast<char>(number | 0x80));
  out->push_back(static_cast<char>(number));
}

void AppendVarintField(uint32_t field, uint64_t number, std::string* out) {
  AppendVarint(uint64_t{field} << 3, out);
  AppendVarint(number, out);
}

void AppendSintField(uint32_t field, int32_t number, std::string* out) {
  const auto bits = static_cast<uint32_t>(number);
  AppendVarintField(field, (bits << 1) ^ (number < 0 ? ~uint32_t{0} : 0), out);
}

void AppendDoubleField(uint32_t field, double value, std::string* out) {
  AppendVarint(uint64_t{field} << 3 | 1, out);
  auto bits = std::bit_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i, bits >>= 8) out->push_back(static_cast<char>(bits & 0xFF));
}

void AppendBytesField(uint32_t field, std::string_view bytes, std::string* out) {
  AppendVarint(uint64_t{field} << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

// Runs of buckets without a gap, told against each other, and their counts.
void AppendBuckets(const std::vector<model::Histogram::Bucket>& buckets, uint32_t span_field,
                   uint32_t count_field, std::string* out) {
  int64_t end = 0;  // of the last run
  for (size_t at = 0; at < buckets.size();) {
    size_t next = at + 1;
    while (next < buckets.size() && buckets[next].index == buckets[next - 1].index + 1) ++next;
    std::string span;
    AppendSintField(1, static_cast<int32_t>(buckets[at].index - end), &span);
    AppendVarintField(2, next - at, &span);
    AppendBytesField(span_field, span, out);
    end = int64_t{buckets[next - 1].index} + 1;
    at = next;
  }
  for (const auto& bucket : buckets) AppendDoubleField(count_field, bucket.count, out);
}

// Upper bounds with what lies below each; without +Inf, which is the count.
std::vector<std::pair<double, double>> CumulativeBuckets(const model::Histogram& histogram) {
  std::vector<std::pair<double, double>> cumulative;
  double below = 0;
  auto bucket = histogram.positive.begin();
  for (size_t i = 0; i < histogram.custom_bounds.size(); ++i) {
    for (; bucket != histogram.positive.end() && bucket->index <= static_cast<int64_t>(i);
         ++bucket) {
      if (bucket->index == static_cast<int64_t>(i)) below += bucket->count;
    }
    cumulative.emplace_back(histogram.custom_bounds[i], below);
  }
  return cumulative;
}

std::string HistogramMessage(const model::Histogram& histogram) {
  std::string out;
  AppendDoubleField(2, histogram.sum, &out);
  if (histogram.has_custom_bounds()) {
    for (const auto& [bound, count] : CumulativeBuckets(histogram)) {
      std::string bucket;
      AppendDoubleField(2, bound, &bucket);
      AppendDoubleField(4, count, &bucket);
      AppendBytesField(3, bucket, &out);
    }
    AppendDoubleField(4, histogram.count, &out);
    return out;
  }
  AppendDoubleField(4, histogram.count, &out);
  AppendSintField(5, histogram.schema, &out);
  AppendDoubleField(6, histogram.zero_threshold, &out);
  AppendDoubleField(8, histogram.zero_count, &out);
  AppendBuckets(histogram.negative, 9, 11, &out);
  AppendBuckets(histogram.positive, 12, 14, &out);
  return out;
}

std::string MetricMessage(const ExposedSample& sample, NameEscaping escaping) {
  std::string out;
  for (const model::Label& label : *sample.labels) {
    std::string pair;
    AppendBytesField(1, EscapeName(label.name, escaping), &pair);
    AppendBytesField(2, label.value, &pair);
    AppendBytesField(1, pair, &out);
  }
  if (sample.histogram != nullptr) {
    AppendBytesField(7, HistogramMessage(*sample.histogram), &out);
  } else {
    std::string untyped;
    AppendDoubleField(1, sample.value, &untyped);
    AppendBytesField(5, untyped, &out);
  }
  AppendVarintField(6, static_cast<uint64_t>(sample.time_ms), &out);
  return out;
}

// --- text

void AppendQuoted(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '\\') {
      *out += "\\\\";
    } else if (c == '\n') {
      *out += "\\n";
    } else if (c == '"') {
      *out += "\\\"";
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendLabelName(std::string_view name, std::string* out) {
  if (model::IsClassicLabelName(name)) {
    *out += name;
  } else {
    AppendQuoted(name, out);
  }
}

// --- Accept

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// What stands before `mark`, which is taken off too.
std::string_view TakeUntil(char mark, std::string_view* text) {
  const size_t end = std::min(text->find(mark), text->size());
  const std::string_view taken = Trim(text->substr(0, end));
  text->remove_prefix(std::min(end + 1, text->size()));
  return taken;
}

struct AcceptClause {
  std::string_view type;
  std::string_view version;
  std::string_view proto;
  std::string_view encoding;
  std::string_view escaping;
  double weight = 1;
};

AcceptClause ReadClause(std::string_view text) {
  AcceptClause clause;
  clause.type = TakeUntil(';', &text);
  while (!text.empty()) {
    std::string_view parameter = TakeUntil(';', &text);
    const std::string_view name = TakeUntil('=', &parameter);
    std::string_view value = Trim(parameter);
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (name == "version") clause.version = value;
    if (name == "proto") clause.proto = value;
    if (name == "encoding") clause.encoding = value;
    if (name == "escaping") clause.escaping = value;
    if (name == "q") std::from_chars(value.data(), value.data() + value.size(), clause.weight);
  }
  return clause;
}

}  // namespace

std::string ExpositionFormat::ContentType() const {
  return base::StrCat(protobuf ? kProtobufType : "text/plain; version=0.0.4; charset=utf-8",
                      "; escaping=", NameEscapingWord(escaping));
}

// A clause that names an escaping decides it for the clauses after it, too, as in Prometheus.
ExpositionFormat ChooseExposition(std::string_view accept) {
  std::vector<AcceptClause> clauses;
  while (!accept.empty()) clauses.push_back(ReadClause(TakeUntil(',', &accept)));
  std::stable_sort(
      clauses.begin(), clauses.end(),
      [](const AcceptClause& a, const AcceptClause& b) { return a.weight > b.weight; });
  ExpositionFormat format;
  for (const AcceptClause& clause : clauses) {
    format.escaping = NameEscapingOf(clause.escaping).value_or(format.escaping);
    if (clause.type == "application/vnd.google.protobuf" &&
        clause.proto == "io.prometheus.client.MetricFamily" && clause.encoding == "delimited") {
      format.protobuf = true;
      return format;
    }
    const bool known = clause.version.empty() || clause.version == "0.0.4";
    if (clause.type == "text/plain" && known) return format;
  }
  return format;
}

void AppendShortest(double value, std::string* out) {
  if (value == 0) {  // of either sign, in this format
    *out += "0";
    return;
  }
  if (std::isnan(value)) {
    *out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char text[400];
  const auto scientific =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  const std::string_view digits(text, static_cast<size_t>(scientific.ptr - text));
  int exponent = 0;
  const char* const sign = digits.data() + digits.rfind('e') + 1;
  std::from_chars(*sign == '+' ? sign + 1 : sign, scientific.ptr, exponent);
  // Go's rule for the shortest text: plain digits from 0.0001 to 999999.
  if (exponent < -4 || exponent >= 6) {
    out->append(digits);
    return;
  }
  const auto fixed = std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed);
  out->append(text, static_cast<size_t>(fixed.ptr - text));
}

bool ExpositionWriter::CanWrite(const ExposedSample& sample) const {
  return format_.protobuf || sample.histogram == nullptr || sample.histogram->has_custom_bounds();
}

void ExpositionWriter::Family(std::string_view name, ExposedType type) {
  EndFamily();
  name_ = EscapeName(name, format_.escaping);
  if (format_.protobuf) {
    AppendBytesField(1, name_, &family_);
    static constexpr uint64_t kTypes[] = {3, 4, 5};
    AppendVarintField(3, kTypes[static_cast<size_t>(type)], &family_);
    return;
  }
  block_ += "# TYPE ";
  if (model::IsClassicMetricName(name_)) {
    block_ += name_;
  } else {
    AppendQuoted(name_, &block_);
  }
  block_ += type == ExposedType::kUntyped ? " untyped\n" : " histogram\n";
}

void ExpositionWriter::Add(const ExposedSample& sample) {
  if (format_.protobuf) {
    AppendBytesField(4, MetricMessage(sample, format_.escaping), &family_);
  } else if (sample.histogram == nullptr) {
    TextLine("", sample, nullptr, sample.value);
    Roll();
  } else {
    AddTextHistogram(sample);
    Roll();
  }
}

void ExpositionWriter::AddTextHistogram(const ExposedSample& sample) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  bool inf_seen = false;
  for (const auto& [bound, count] : CumulativeBuckets(*sample.histogram)) {
    TextLine("_bucket", sample, &bound, count);
    inf_seen = inf_seen || bound == kInf;
  }
  if (!inf_seen) TextLine("_bucket", sample, &kInf, sample.histogram->count);
  TextLine("_sum", sample, nullptr, sample.histogram->sum);
  TextLine("_count", sample, nullptr, sample.histogram->count);
}

void ExpositionWriter::TextLine(std::string_view suffix, const ExposedSample& sample,
                                const double* bound, double value) {
  const bool classic = model::IsClassicMetricName(name_);
  char separator = '{';
  if (classic) {
    base::StrAppend(&block_, name_, suffix);
  } else {
    block_ += '{';
    AppendQuoted(base::StrCat(name_, suffix), &block_);
    separator = ',';
  }
  for (const model::Label& label : *sample.labels) {
    block_ += separator;
    AppendLabelName(EscapeName(label.name, format_.escaping), &block_);
    block_ += '=';
    AppendQuoted(label.value, &block_);
    separator = ',';
  }
  if (bound != nullptr) {
    base::StrAppend(&block_, std::string_view(&separator, 1), "le=\"");
    AppendShortest(*bound, &block_);
    block_ += '"';
    separator = ',';
  }
  if (separator == ',') block_ += '}';
  block_ += ' ';
  AppendShortest(value, &block_);
  base::StrAppend(&block_, " ", sample.time_ms, "\n");
}

void ExpositionWriter::EndFamily() {
  if (family_.empty()) return;
  AppendVarint(family_.size(), &block_);
  block_ += family_;
  family_.clear();
  Roll();
}

void ExpositionWriter::Roll() {
  if (block_.size() < kBlockBytes) return;
  full_.push_back(std::move(block_));
  block_.clear();
}

std::vector<std::string> ExpositionWriter::Take() {
  EndFamily();
  if (!block_.empty()) full_.push_back(std::exchange(block_, {}));
  return std::exchange(full_, {});
}

}  // namespace baro::collector
