// LayoutCache: reads the successive expositions of one target by heart.
//
// Of 40 scrapes of a target 39 differ in nothing but numbers. So the cache keeps the last body's
// bytes between the numbers, line by line, and the next scrape is: compare, read a number, next. No
// name is looked at, no label hashed. Where the bytes differ it finds its way again: lines that are
// gone are skipped, a line that is new or has moved is read slowly, and only that line. Neither the
// lines' order nor their comments matter to the result, which is always what the slow parser says
// (layout_cache_fuzz.cc holds the two against each other).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "baro/exposition/parser.h"
#include "baro/model/layout.h"

namespace baro::exposition {

class SeriesLabels;

// Of a sample without a timestamp of its own.
inline constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();

// An exemplar of the body read last.
struct ColumnExemplar {
  uint32_t column = 0;
  Exemplar exemplar;
};

// What one body held.
struct ParseStats {
  size_t samples = 0;     // lines with a value, duplicates included
  size_t duplicates = 0;  // lines of a series that the body has told already; the first one counts
  size_t exemplars = 0;
  size_t series_added = 0;  // that the body before did not have
  // Columns were appended, or a column's metadata is another.
  bool layout_changed = false;
};

// Thread-compatible. Owns its template: about 180 bytes a series.
class LayoutCache {
 public:
  explicit LayoutCache(Format format, const Limits& limits = {});
  ~LayoutCache();
  LayoutCache(const LayoutCache&) = delete;
  LayoutCache& operator=(const LayoutCache&) = delete;

  // Reads one body into values(). New series are appended as columns; a series that is gone keeps
  // its column, with kStaleNan.
  //
  // Errors as in Parser::error(), and ResourceExhausted for series_max. Then the columns are as
  // before the call, and every value is kStaleNan.
  absl::StatusOr<ParseStats> Parse(std::string_view body);

  // Samples of the last body up to its end, or up to what Parse() refused.
  size_t samples_read() const { return samples_read_; }
  size_t column_count() const { return columns_.size(); }
  // One a column.
  std::span<const double> values() const { return values_; }
  // One a column, kNoTime where a sample has none; empty as long as no sample ever had one.
  std::span<const int64_t> times_ms() const { return times_ms_; }
  // In the body's order; of duplicates none.
  std::span<const ColumnExemplar> exemplars() const { return exemplars_; }
  // Columns from `begin` on, `count` at most. Built anew at each call: the cache keeps only the raw
  // bytes.
  std::vector<model::Column> Columns(size_t begin = 0, size_t count = SIZE_MAX) const;

  // Most columns are dead, or most of the template's bytes: once the row is handed on, Compact()
  // starts a fresh layout from the same body. Column indices change.
  bool wants_compaction() const { return wants_compaction_; }
  absl::Status Compact(std::string_view body);
  void Clear();

  size_t memory_bytes() const;

 private:
  static constexpr uint32_t kNone = 0xffff'ffff;

  // A run of text_.
  struct Run {
    uint32_t begin = 0;
    uint32_t size = 0;
  };
  // One line with a value. `piece` are the bytes from the end of the line before: comments, then
  // the line up to its value (the prefix).
  struct Line {
    Run piece;
    uint32_t column = kNone;  // kNone: a duplicate
    uint32_t family = kNone;  // in effect here, whether it owns the line or not
  };
  struct ColumnSlot {
    uint64_t hash = 0;  // of the labels
    Run prefix;
    uint32_t family = kNone;  // that owns it
    uint32_t line = kNone;    // in lines_; kNone: dead
  };
  // `comments` say all there is to know of the family.
  struct Family {
    uint64_t hash = 0;
    Run comments;
  };
  struct Pass;

  const char* FastPass(std::string_view body, ParseStats* stats, size_t* line, Parser* parser);
  const char* ReadValue(const char* at, uint32_t column, ParseStats* stats, Parser* parser,
                        const char* begin, const char* end);
  void Store(uint32_t column, double value, int64_t time_ms);
  void StoreExemplar(uint32_t column, const SeriesLabels& labels, const ExemplarView& exemplar);
  std::string_view Text(Run run) const { return {text_.data() + run.begin, run.size}; }
  Run AppendText(std::string_view text);

  absl::Status SlowPass(std::string_view body, Pass* pass);
  bool TakeKnownLine(Pass* pass);
  absl::Status TakeSample(const SampleView& sample, Pass* pass);
  uint32_t FindFamily(Run comments, Pass* pass);
  absl::StatusOr<uint32_t> FindColumn(const SampleView& sample, Run* piece, Pass* pass);
  bool IsColumn(uint32_t column, const SampleView& sample, Pass* pass) const;
  void BuildIndex();
  void Commit(Pass* pass);
  void Rollback(const Pass& pass);
  model::Metadata FamilyMetadata(uint32_t family) const;

  const Format format_;
  const Limits limits_;
  std::string text_;
  std::vector<Line> lines_;
  Run tail_;  // after the last value
  std::vector<ColumnSlot> columns_;
  std::vector<Family> families_;
  std::vector<double> values_;
  std::vector<int64_t> times_ms_;
  std::vector<ColumnExemplar> exemplars_;
  bool wants_compaction_ = false;
  size_t samples_read_ = 0;
  size_t duplicate_lines_ = 0;

  // Needed only to find one's way again; dropped after some scrapes without surprises.
  absl::flat_hash_map<uint64_t, uint32_t> column_index_;
  absl::flat_hash_map<uint64_t, uint32_t> family_index_;
  bool indexed_ = false;
  int calm_scrapes_ = 0;
};

}  // namespace baro::exposition
