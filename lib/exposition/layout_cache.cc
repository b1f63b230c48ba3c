#include "baro/exposition/layout_cache.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "number.h"
#include "series_labels.h"

namespace baro::exposition {
namespace {

// How many template lines in a row may have gone before a line is read slowly. Slow reading finds
// its way over any gap; this only makes single deletions cheap.
constexpr size_t kSkipMax = 8;
// The indices cost 24 bytes a series; a layout that has been calm this long hardly needs them.
constexpr int kCalmScrapes = 8;
// Below this a dead column or byte is not worth a new declaration.
constexpr size_t kDeadColumnsMin = 64;
constexpr size_t kDeadBytesMin = size_t{64} << 10;
// Of node_exporter, comments shared out.
constexpr size_t kLineBytesTypical = 120;
// Runs of text_ have 32 bits; Compact() keeps it below three times the body.
constexpr size_t kBodyBytesMax = size_t{1} << 30;

}  // namespace

// One slow reading: what it has found so far. Nothing of it counts until Commit().
struct LayoutCache::Pass {
  explicit Pass(Parser* reader) : parser(reader) {}

  Parser* parser;
  ParseStats stats;
  std::string_view body;
  std::vector<Line> lines;
  std::vector<bool> seen;   // columns
  size_t next = 0;          // template line that is expected
  size_t piece_begin = 0;   // offset
  uint32_t family = kNone;  // in effect
  FamilyInEffect in_effect;
  bool in_effect_known = false;  // whether `in_effect` is `family`
  bool piece_has_meta = false;
  SeriesLabels labels;
  SeriesLabels other_labels;
  std::string scratch;
  std::vector<std::pair<uint32_t, uint32_t>> new_families;  // of known columns
  // For Rollback().
  size_t text_size = 0;
  size_t column_count = 0;
  size_t family_count = 0;
};

LayoutCache::LayoutCache(Format format, const Limits& limits) : format_(format), limits_(limits) {}
LayoutCache::~LayoutCache() = default;

absl::StatusOr<ParseStats> LayoutCache::Parse(std::string_view body) {
  if (body.size() > kBodyBytesMax) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot parse exposition: body exceeds ", kBodyBytesMax, " bytes"));
  }
  Parser parser(body, format_, limits_);
  ParseStats stats;
  size_t line = 0;
  samples_read_ = 0;
  exemplars_.clear();
  const char* stop = FastPass(body, &stats, &line, &parser);
  const std::string_view rest = body.substr(static_cast<size_t>(stop - body.data()));
  if (line == lines_.size() && !lines_.empty() && rest == Text(tail_)) {
    stats.duplicates = duplicate_lines_;
    samples_read_ = stats.samples;
    if (indexed_ && ++calm_scrapes_ >= kCalmScrapes) {
      column_index_ = {};
      family_index_ = {};
      indexed_ = false;
    }
    return stats;
  }
  Pass pass(&parser);
  pass.stats = stats;
  pass.body = body;
  pass.next = line;
  pass.text_size = text_.size();
  pass.column_count = columns_.size();
  pass.family_count = families_.size();
  parser.Seek(body.size() - rest.size());
  const absl::Status status = SlowPass(body, &pass);
  samples_read_ = pass.stats.samples;
  if (!status.ok()) {
    Rollback(pass);
    return status;
  }
  Commit(&pass);
  return pass.stats;
}

// Reads lines as long as the template fits; returns where the first one begins that does not.
const char* LayoutCache::FastPass(std::string_view body, ParseStats* stats, size_t* line,
                                  Parser* parser) {
  const char* at = body.data();
  const char* const end = at + body.size();
  const char* const text = text_.data();
  size_t i = 0;
  for (; i < lines_.size(); ++i) {
    const Line& known = lines_[i];
    const size_t size = known.piece.size;
    if (static_cast<size_t>(end - at) < size) break;
    if (std::memcmp(at, text + known.piece.begin, size) != 0) break;
    const char* next = ReadValue(at + size, known.column, stats, parser, body.data(), end);
    if (next == nullptr) break;
    at = next;
  }
  stats->samples = i;
  *line = i;
  return at;
}

// Reads from the value to the end of the line and returns the begin of the next; nullptr when the
// line is bad, which the parser will then say.
const char* LayoutCache::ReadValue(const char* at, uint32_t column, ParseStats* stats,
                                   Parser* parser, const char* begin, const char* end) {
  double value = 0;
  const char* stop = ReadNumber(at, end, &value);
  if (stop == nullptr) return nullptr;
  if (stop != end && *stop == '\n') [[likely]] {
    Store(column, value, kNoTime);
    return stop + 1;
  }
  if (parser->NextFromValue(static_cast<size_t>(at - begin)) != Entry::kSample) return nullptr;
  const SampleView& sample = parser->sample();
  if (sample.exemplar) {
    SeriesLabels labels;
    // A label twice: read slowly, the line will be refused with its place.
    if (!labels.Resolve(*sample.exemplar).ok()) return nullptr;
    ++stats->exemplars;
    StoreExemplar(column, labels, *sample.exemplar);
  }
  Store(column, sample.value, sample.time_ms.value_or(kNoTime));
  return begin + parser->offset();
}

void LayoutCache::Store(uint32_t column, double value, int64_t time_ms) {
  if (column == kNone) return;
  values_[column] = value;
  if (times_ms_.empty()) {
    if (time_ms == kNoTime) [[likely]]
      return;
    times_ms_.assign(values_.size(), kNoTime);
  }
  times_ms_[column] = time_ms;
}

void LayoutCache::StoreExemplar(uint32_t column, const SeriesLabels& labels,
                                const ExemplarView& exemplar) {
  if (column == kNone) return;
  exemplars_.push_back({column, {labels.ToLabels(), exemplar.value, exemplar.time_ms}});
}

LayoutCache::Run LayoutCache::AppendText(std::string_view text) {
  const Run run{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_.append(text);
  return run;
}

absl::Status LayoutCache::SlowPass(std::string_view body, Pass* pass) {
  if (!indexed_) BuildIndex();
  calm_scrapes_ = 0;
  if (lines_.empty()) {
    text_.reserve(text_.size() + body.size());
    column_index_.reserve(body.size() / kLineBytesTypical);
    family_index_.reserve(body.size() / (2 * kLineBytesTypical));
  }
  pass->seen.assign(columns_.size(), false);
  pass->lines.reserve(lines_.size() + 1);
  pass->lines.assign(lines_.begin(), lines_.begin() + static_cast<ptrdiff_t>(pass->next));
  for (const Line& line : pass->lines) {
    if (line.column == kNone) {
      ++pass->stats.duplicates;
    } else {
      pass->seen[line.column] = true;
    }
  }
  if (!pass->lines.empty()) pass->family = pass->lines.back().family;
  while (true) {
    pass->piece_begin = pass->parser->offset();
    if (TakeKnownLine(pass)) continue;
    pass->parser->Seek(pass->piece_begin);
    pass->in_effect.Mark();
    pass->piece_has_meta = false;
    Entry entry = pass->parser->Next();
    while (entry != Entry::kSample) {
      if (entry == Entry::kError) return pass->parser->error();
      if (entry == Entry::kEnd) return absl::OkStatus();
      if (entry != Entry::kComment) {
        if (!pass->in_effect_known) pass->in_effect.Reset(FamilyMetadata(pass->family));
        pass->in_effect_known = true;
        pass->in_effect.Apply(entry, pass->parser->meta());
        pass->piece_has_meta = true;
      }
      entry = pass->parser->Next();
    }
    BARO_TRY(TakeSample(pass->parser->sample(), pass));
  }
}

// Goes on with the template where it fits again, at the expected line or a few further on.
bool LayoutCache::TakeKnownLine(Pass* pass) {
  const std::string_view rest = pass->body.substr(pass->piece_begin);
  const size_t last = std::min(pass->next + kSkipMax, lines_.size());
  for (size_t i = pass->next; i < last; ++i) {
    const Line& line = lines_[i];
    // Equal bytes mean the same series only where the same TYPE is in effect.
    const uint32_t family_before = i == 0 ? kNone : lines_[i - 1].family;
    if (family_before != pass->family || line.column == kNone || pass->seen[line.column]) continue;
    if (!rest.starts_with(Text(line.piece))) continue;
    const char* begin = pass->body.data();
    const char* next = ReadValue(rest.data() + line.piece.size, line.column, &pass->stats,
                                 pass->parser, begin, begin + pass->body.size());
    if (next == nullptr) return false;
    pass->seen[line.column] = true;
    pass->lines.push_back(line);
    ++pass->stats.samples;
    pass->next = i + 1;
    if (line.family != pass->family) pass->in_effect_known = false;
    pass->family = line.family;
    pass->parser->Seek(static_cast<size_t>(next - begin));
    return true;
  }
  return false;
}

absl::Status LayoutCache::TakeSample(const SampleView& sample, Pass* pass) {
  if (pass->lines.size() >= limits_.series_max) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot parse exposition: more than ", limits_.series_max, " series"));
  }
  const auto prefix_begin = static_cast<size_t>(sample.prefix.data() - pass->body.data());
  const size_t comment_size = prefix_begin - pass->piece_begin;
  Line line;
  if (comment_size > 0) {
    line.piece =
        AppendText(pass->body.substr(pass->piece_begin, comment_size + sample.prefix.size()));
    if (pass->piece_has_meta) {
      pass->family = FindFamily({line.piece.begin, static_cast<uint32_t>(comment_size)}, pass);
    }
  }
  line.family = pass->family;
  if (!pass->in_effect_known) pass->in_effect.Reset(FamilyMetadata(pass->family));
  pass->in_effect_known = true;
  BARO_TRY_ASSIGN(const uint32_t column, FindColumn(sample, &line.piece, pass));
  ++pass->stats.samples;
  ColumnSlot& slot = columns_[column];
  if (comment_size == 0 && line.piece.size == 0) {
    line.piece = Text(slot.prefix) == sample.prefix ? slot.prefix : AppendText(sample.prefix);
  }
  if (sample.exemplar) {
    const absl::Status good = pass->labels.Resolve(*sample.exemplar);
    if (!good.ok()) return pass->parser->Refuse(base::FromAbsl(good.message()));
    ++pass->stats.exemplars;
    if (!pass->seen[column]) StoreExemplar(column, pass->labels, *sample.exemplar);
  }
  if (pass->seen[column]) {
    ++pass->stats.duplicates;
  } else {
    pass->seen[column] = true;
    line.column = column;
    Store(column, sample.value, sample.time_ms.value_or(kNoTime));
    if (slot.line == kNone) ++pass->stats.series_added;
    if (slot.line != kNone && slot.line >= pass->next) pass->next = slot.line + 1;
  }
  pass->lines.push_back(line);
  return absl::OkStatus();
}

// The id of the family now in effect; `comments` are the ones just read.
uint32_t LayoutCache::FindFamily(Run comments, Pass* pass) {
  const uint64_t hash = pass->in_effect.Hash();
  const auto [it, is_new] =
      family_index_.try_emplace(hash, static_cast<uint32_t>(families_.size()));
  if (!is_new) return it->second;
  if (!pass->in_effect.restarted() && pass->family != kNone) {
    // Goes on about the family that was in effect: only both texts together say it all.
    const std::string both = base::StrCat(Text(families_[pass->family].comments), Text(comments));
    comments = AppendText(both);
  }
  families_.push_back({hash, comments});
  return it->second;
}

// The column of a series, appended when it is new. `piece` is the line's, empty when it has not
// been kept yet.
absl::StatusOr<uint32_t> LayoutCache::FindColumn(const SampleView& sample, Run* piece, Pass* pass) {
  const std::string_view metric = PlainName(sample.metric, sample.metric_escaped, &pass->scratch);
  const bool owned = pass->in_effect.Owns(metric);
  const uint32_t family = owned ? pass->family : kNone;
  const model::MetricType type =
      owned ? pass->in_effect.metadata().type : model::MetricType::kUnknown;
  const absl::Status resolved = pass->labels.Resolve(sample, type);
  if (!resolved.ok()) return pass->parser->Refuse(base::FromAbsl(resolved.message()));
  const uint64_t hash = pass->labels.Hash();
  const auto next = static_cast<uint32_t>(columns_.size());
  for (uint64_t key = hash;; ++key) {
    const auto [it, is_new] = column_index_.try_emplace(key, next);
    if (is_new) break;
    if (columns_[it->second].hash != hash || !IsColumn(it->second, sample, pass)) continue;
    if (columns_[it->second].family != family && !pass->seen[it->second]) {
      pass->new_families.emplace_back(it->second, family);
    }
    return it->second;
  }
  if (piece->size == 0) *piece = AppendText(sample.prefix);
  const auto prefix_size = static_cast<uint32_t>(sample.prefix.size());
  const Run prefix{piece->begin + piece->size - prefix_size, prefix_size};
  columns_.push_back({hash, prefix, family, kNone});
  values_.push_back(model::kStaleNan);
  if (!times_ms_.empty()) times_ms_.push_back(kNoTime);
  pass->seen.push_back(false);
  return next;
}

// Whether the sample in pass->labels is this column's. Hashes may collide, and one series may be
// written in two ways.
bool LayoutCache::IsColumn(uint32_t column, const SampleView& sample, Pass* pass) const {
  const ColumnSlot& slot = columns_[column];
  if (Text(slot.prefix) == sample.prefix) {
    // The same bytes are another series when `le` is normalised in one and not in the other; the
    // hash, which is equal, has told them apart.
    return true;
  }
  const std::string line = base::StrCat(Text(slot.prefix), "0\n");
  Parser parser(line, format_, limits_);
  BARO_CHECK(parser.Next() == Entry::kSample);
  const model::MetricType type =
      slot.family == kNone ? model::MetricType::kUnknown : FamilyMetadata(slot.family).type;
  if (!pass->other_labels.Resolve(parser.sample(), type).ok()) return false;
  return pass->other_labels.ToLabels() == pass->labels.ToLabels();
}

void LayoutCache::BuildIndex() {
  column_index_.clear();
  family_index_.clear();
  column_index_.reserve(columns_.size());
  for (uint32_t i = 0; i < columns_.size(); ++i) {
    uint64_t key = columns_[i].hash;
    while (!column_index_.try_emplace(key, i).second) ++key;
  }
  for (uint32_t i = 0; i < families_.size(); ++i) family_index_.try_emplace(families_[i].hash, i);
  indexed_ = true;
}

void LayoutCache::Commit(Pass* pass) {
  const size_t count = columns_.size();
  const bool cold = lines_.empty();
  pass->stats.layout_changed = count != pass->column_count || !pass->new_families.empty();
  lines_ = std::move(pass->lines);
  for (const auto& [column, family] : pass->new_families) columns_[column].family = family;
  for (ColumnSlot& slot : columns_) slot.line = kNone;
  size_t live = 0;
  size_t live_bytes = 0;
  for (uint32_t i = 0; i < lines_.size(); ++i) {
    live_bytes += lines_[i].piece.size;
    if (lines_[i].column == kNone) continue;
    columns_[lines_[i].column].line = i;
    ++live;
  }
  for (size_t i = 0; i < count; ++i) {
    if (columns_[i].line != kNone) continue;
    values_[i] = model::kStaleNan;
    if (!times_ms_.empty()) times_ms_[i] = kNoTime;
  }
  const std::string_view tail = pass->body.substr(pass->piece_begin);
  if (tail != Text(tail_)) tail_ = AppendText(tail);
  duplicate_lines_ = pass->stats.duplicates;
  const size_t dead_columns = count - live;
  const size_t dead_bytes = text_.size() - std::min(text_.size(), live_bytes + tail_.size);
  wants_compaction_ =
      dead_columns > kDeadColumnsMin + live || dead_bytes > kDeadBytesMin + 2 * live_bytes;
  if (!cold) return;
  text_.shrink_to_fit();
  lines_.shrink_to_fit();
  columns_.shrink_to_fit();
  values_.shrink_to_fit();
  families_.shrink_to_fit();
}

void LayoutCache::Rollback(const Pass& pass) {
  text_.resize(pass.text_size);
  columns_.resize(pass.column_count);
  families_.resize(pass.family_count);
  values_.assign(pass.column_count, model::kStaleNan);
  if (!times_ms_.empty()) times_ms_.assign(pass.column_count, kNoTime);
  exemplars_.clear();
  column_index_ = {};
  family_index_ = {};
  indexed_ = false;
}

model::Metadata LayoutCache::FamilyMetadata(uint32_t family) const {
  if (family == kNone) return {};
  FamilyInEffect in_effect;
  Parser parser(Text(families_[family].comments), format_, limits_);
  for (Entry entry = parser.Next(); entry != Entry::kEnd && entry != Entry::kError;
       entry = parser.Next()) {
    if (entry != Entry::kComment) in_effect.Apply(entry, parser.meta());
  }
  return in_effect.metadata();
}

std::vector<model::Column> LayoutCache::Columns(size_t begin, size_t count) const {
  std::vector<model::Column> columns;
  const size_t end = begin + std::min(count, columns_.size() - begin);
  columns.reserve(end - begin);
  SeriesLabels labels;
  uint32_t family = kNone;
  model::Metadata metadata;
  for (size_t i = begin; i < end; ++i) {
    const ColumnSlot& slot = columns_[i];
    if (slot.family != family) metadata = FamilyMetadata(slot.family);
    family = slot.family;
    const std::string line = base::StrCat(Text(slot.prefix), "0\n");
    Parser parser(line, format_, limits_);
    BARO_CHECK(parser.Next() == Entry::kSample);
    BARO_CHECK(labels.Resolve(parser.sample(), metadata.type).ok());
    model::Column column{labels.ToLabels(), metadata};
    if (family == kNone) column.metadata = UnknownFamily(labels.metric());
    columns.push_back(std::move(column));
  }
  return columns;
}

absl::Status LayoutCache::Compact(std::string_view body) {
  Clear();
  return Parse(body).status();
}

void LayoutCache::Clear() {
  text_ = {};
  lines_ = {};
  tail_ = {};
  columns_ = {};
  families_ = {};
  values_ = {};
  times_ms_ = {};
  exemplars_ = {};
  column_index_ = {};
  family_index_ = {};
  indexed_ = false;
  wants_compaction_ = false;
  duplicate_lines_ = 0;
}

size_t LayoutCache::memory_bytes() const {
  return text_.capacity() + lines_.capacity() * sizeof(Line) +
         columns_.capacity() * sizeof(ColumnSlot) + families_.capacity() * sizeof(Family) +
         values_.capacity() * sizeof(double) + times_ms_.capacity() * sizeof(int64_t) +
         (column_index_.capacity() + family_index_.capacity()) * 17;
}

}  // namespace baro::exposition
