#include "index_writer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"
#include "index_format.h"

namespace baro::promblock {

IndexWriter::Symbol IndexWriter::Intern(std::string_view text) {
  const auto [it, inserted] =
      symbols_.try_emplace(std::string(text), static_cast<Symbol>(texts_.size()));
  if (inserted) texts_.emplace_back(text);
  return it->second;
}

void IndexWriter::Add(const model::Labels& labels, std::vector<ChunkPlace> chunks) {
  Series series;
  for (const model::Label& label : labels) {
    series.labels.push_back({Intern(label.name), Intern(label.value)});
  }
  series.chunks = std::move(chunks);
  series_.push_back(std::move(series));
}

absl::StatusOr<std::string> IndexWriter::Finish() {
  SortSymbols();
  BARO_TRY(SortSeries());
  PutBigEndian(kIndexMagic, &file_);
  file_.push_back(static_cast<char>(kIndexVersion));
  WriteSymbols();
  WriteSeries();
  const Lists lists = Invert();
  // Readers of our day have no use for label indices; older ones look for them.
  const std::vector<Entry> label_indices = WriteLabelIndices(lists);
  const std::vector<Entry> postings = WritePostings(lists);
  contents_.label_index_table = file_.size();
  WriteTable(label_indices, false);
  contents_.postings_table = file_.size();
  WriteTable(postings, true);
  std::string contents;
  for (const uint64_t offset :
       {contents_.symbols, contents_.series, contents_.label_indices, contents_.label_index_table,
        contents_.postings, contents_.postings_table}) {
    PutBigEndian(offset, &contents);
  }
  PutBigEndian(base::Crc32c(contents), &contents);
  file_ += contents;
  return std::move(file_);
}

void IndexWriter::SortSymbols() {
  Intern("");  // postings of everything have it for a name
  std::vector<Symbol> order(texts_.size());
  std::iota(order.begin(), order.end(), Symbol{0});
  std::sort(order.begin(), order.end(), [this](Symbol a, Symbol b) { return Text(a) < Text(b); });
  std::vector<Symbol> renamed(order.size());
  std::deque<std::string> sorted;
  for (Symbol i = 0; i < order.size(); ++i) {
    renamed[order[i]] = i;
    sorted.push_back(std::move(texts_[order[i]]));
  }
  texts_ = std::move(sorted);
  symbols_.clear();
  for (Series& series : series_) {
    for (SymbolPair& label : series.labels) label = {renamed[label.name], renamed[label.value]};
  }
}

absl::Status IndexWriter::SortSeries() {
  // Labels are in the order of their names, and symbols in that of their texts.
  std::sort(series_.begin(), series_.end(),
            [](const Series& a, const Series& b) { return a.labels < b.labels; });
  const auto twice =
      std::adjacent_find(series_.begin(), series_.end(),
                         [](const Series& a, const Series& b) { return a.labels == b.labels; });
  if (twice == series_.end()) return absl::OkStatus();
  std::vector<model::Label> labels;
  for (const SymbolPair label : twice->labels) {
    labels.push_back({std::string(Text(label.name)), std::string(Text(label.value))});
  }
  return absl::AlreadyExistsError(
      base::StrCat("cannot write block: series ",
                   model::Labels::FromUnsorted(std::move(labels)).ToString(), " came twice"));
}

void IndexWriter::WriteSymbols() {
  contents_.symbols = file_.size();
  std::string content;
  PutBigEndian(static_cast<uint32_t>(texts_.size()), &content);
  for (const std::string& text : texts_) PutText(text, &content);
  WriteSection(content);
}

void IndexWriter::WriteSeries() {
  contents_.series = file_.size();
  references_.reserve(series_.size());
  std::string content;
  for (const Series& series : series_) {
    Pad(kSeriesAlignment);
    references_.push_back(static_cast<uint32_t>(file_.size() / kSeriesAlignment));
    content.clear();
    PutUvarint(series.labels.size(), &content);
    for (const SymbolPair label : series.labels) {
      PutUvarint(label.name, &content);
      PutUvarint(label.value, &content);
    }
    PutUvarint(series.chunks.size(), &content);
    ChunkPlace before;
    for (size_t i = 0; i < series.chunks.size(); ++i) {
      const ChunkPlace& chunk = series.chunks[i];
      if (i == 0) {
        PutVarint(chunk.time_ms_min, &content);
      } else {
        PutUvarint(static_cast<uint64_t>(chunk.time_ms_min - before.time_ms_max), &content);
      }
      PutUvarint(static_cast<uint64_t>(chunk.time_ms_max - chunk.time_ms_min), &content);
      if (i == 0) {
        PutUvarint(chunk.ref, &content);
      } else {
        PutVarint(static_cast<int64_t>(chunk.ref - before.ref), &content);
      }
      before = chunk;
    }
    PutUvarint(content.size(), &file_);
    file_ += content;
    PutBigEndian(base::Crc32c(content), &file_);
  }
}

// Symbols are in the order of their texts, and so are pairs of them.
IndexWriter::Lists IndexWriter::Invert() const {
  Lists lists;
  for (size_t i = 0; i < series_.size(); ++i) {
    for (const SymbolPair label : series_[i].labels) lists[label].push_back(references_[i]);
  }
  return lists;
}

std::vector<IndexWriter::Entry> IndexWriter::WritePostings(const Lists& lists) {
  Pad(sizeof(uint32_t));
  contents_.postings = file_.size();
  std::vector<Entry> table;
  // Of everything, under the empty label.
  table.push_back({{0, 0}, file_.size()});
  WritePostingsList(references_);
  for (const auto& [label, references] : lists) {
    table.push_back({label, file_.size()});
    WritePostingsList(references);
  }
  return table;
}

void IndexWriter::WritePostingsList(const std::vector<uint32_t>& references) {
  std::string content;
  content.reserve((references.size() + 1) * sizeof(uint32_t));
  PutBigEndian(static_cast<uint32_t>(references.size()), &content);
  for (const uint32_t reference : references) PutBigEndian(reference, &content);
  WriteSection(content);
}

// One list of values for each name.
std::vector<IndexWriter::Entry> IndexWriter::WriteLabelIndices(const Lists& lists) {
  Pad(sizeof(uint32_t));
  contents_.label_indices = file_.size();
  std::vector<Entry> table;
  for (auto begin = lists.begin(); begin != lists.end();) {
    const Symbol name = begin->first.name;
    std::string values;
    uint32_t count = 0;
    for (; begin != lists.end() && begin->first.name == name; ++begin, ++count) {
      PutBigEndian(begin->first.value, &values);
    }
    std::string content;
    PutBigEndian(uint32_t{1}, &content);  // names to a row
    PutBigEndian(count, &content);
    table.push_back({{name, 0}, file_.size()});
    WriteSection(content + values);
  }
  return table;
}

void IndexWriter::WriteTable(const std::vector<Entry>& entries, bool with_value) {
  std::string content;
  PutBigEndian(static_cast<uint32_t>(entries.size()), &content);
  for (const Entry& entry : entries) {
    PutUvarint(with_value ? 2 : 1, &content);
    PutText(Text(entry.label.name), &content);
    if (with_value) PutText(Text(entry.label.value), &content);
    PutUvarint(entry.offset, &content);
  }
  WriteSection(content);
}

void IndexWriter::Pad(size_t alignment) {
  file_.resize((file_.size() + alignment - 1) / alignment * alignment);
}

void IndexWriter::WriteSection(std::string_view content) {
  PutBigEndian(static_cast<uint32_t>(content.size()), &file_);
  file_ += content;
  PutBigEndian(base::Crc32c(content), &file_);
}

}  // namespace baro::promblock
