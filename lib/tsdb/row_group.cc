#include "row_group.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

#include "baro/base/check.h"
#include "baro/codec/column.h"
#include "baro/model/sample.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

constexpr size_t kWordBits = 64;
// Fewer rows than these encode badly.
constexpr size_t kTailRowsMin = 32;

size_t WordsOf(size_t columns) { return (columns + kWordBits - 1) / kWordBits; }

uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

// Makes room by a quarter at a time, and stops at `most` on the way: of a million tails half empty
// vectors would be a large part.
template <typename T>
void MakeRoom(size_t more, std::vector<T>* items, size_t most = SIZE_MAX) {
  const size_t needed = items->size() + more;
  if (needed > items->capacity()) {
    const size_t roomy = needed + needed / 4;
    items->reserve(needed <= most ? std::min(roomy, most) : roomy);
  }
}

template <typename T>
void Release(std::vector<T>* items) {
  std::vector<T>().swap(*items);
}

}  // namespace

RowGroup::RowGroup(const StoredLayout* layout, const BlockRule* rule)
    : layout_(layout), rule_(rule) {}

uint32_t RowGroup::AddColumn(ColumnId column) {
  BARO_CHECK(layout_ == nullptr);
  columns_.push_back(column);
  component_count_ += IsComponent(column) ? 1 : 0;
  const auto row = static_cast<uint32_t>(times_ms_.size() - (open_ ? 1 : 0));
  columns_seen_.push_back({row, row});
  previous_.push_back(model::kNoSample);
  current_.push_back(model::kNoSample);
  return static_cast<uint32_t>(columns_.size() - 1);
}

size_t RowGroup::tail_begin() const {
  return blocks_.empty() ? 0 : blocks_.back().first_row + blocks_.back().row_count;
}

size_t RowGroup::Append(int64_t time_ms, std::span<const double> values,
                        std::span<const uint64_t> changed) {
  BARO_CHECK(!open_ && (times_ms_.empty() || time_ms > times_ms_.back()));
  BARO_CHECK_EQ(values.size(), column_count());
  CutAtSlot(time_ms);
  times_ms_.push_back(time_ms);
  if (previous_.empty()) {
    previous_.assign(values.size(), model::kStaleNan);
    absent_ = values.size();
  }
  if (changed.empty() || tail_.empty()) {
    AddTailRow(values);
    return changed.empty() ? ReplaceRow(values) : ReplaceRow(values, changed);
  }
  AddTailRow(values, changed);
  return ReplaceRow(values, changed);
}

size_t RowGroup::ReplaceRow(std::span<const double> values) {
  size_t stays_absent = 0;
  absent_ = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool absent = model::IsStaleNan(values[i]);
    absent_ += absent;
    stays_absent += absent && model::IsStaleNan(previous_[i]);
    previous_[i] = values[i];
  }
  return stays_absent;
}

size_t RowGroup::ReplaceRow(std::span<const double> values, std::span<const uint64_t> changed) {
  size_t came = 0;
  size_t went = 0;
  for (size_t word = 0; word < changed.size(); ++word) {
    for (uint64_t rest = changed[word]; rest != 0; rest &= rest - 1) {
      const size_t i = word * kWordBits + static_cast<size_t>(std::countr_zero(rest));
      const bool was_absent = model::IsStaleNan(previous_[i]);
      const bool is_absent = model::IsStaleNan(values[i]);
      came += was_absent && !is_absent;
      went += !was_absent && is_absent;
      previous_[i] = values[i];
    }
  }
  const size_t stays_absent = absent_ - came;
  absent_ = stays_absent + went;
  return stays_absent;
}

void RowGroup::Open(int64_t time_ms) {
  if (open_) Close();
  BARO_CHECK(times_ms_.empty() || time_ms > times_ms_.back());
  CutAtSlot(time_ms);
  times_ms_.push_back(time_ms);
  std::fill(current_.begin(), current_.end(), model::kNoSample);
  open_ = true;
}

void RowGroup::Close() {
  open_ = false;
  AddTailRow(current_);
  previous_.swap(current_);
}

void RowGroup::CutAtSlot(int64_t time_ms) {
  const int64_t slot_ms = rule_->slot_ms;
  if (slot_ms == 0 || tail_.empty()) return;
  if (SlotOf(times_ms_.back(), slot_ms) != SlotOf(time_ms, slot_ms)) CutBlock();
}

void RowGroup::AddTailRow(std::span<const double> values) {
  const bool whole = tail_.empty();  // the first row of a tail stands for itself
  const size_t most = TailValuesMost(values.size());
  MakeRoom(whole ? values.size() : 0, &tail_values_);
  MakeRoom(WordsOf(values.size()), &changed_);
  MakeRoom(WordsOf(values.size()), &rank_);
  tail_.push_back({static_cast<uint32_t>(changed_.size()), static_cast<uint32_t>(values.size())});
  for (size_t begin = 0; begin < values.size(); begin += kWordBits) {
    const size_t size = std::min(kWordBits, values.size() - begin);
    const double* now = values.data() + begin;
    const double* before = previous_.data() + begin;
    uint64_t word = 0;
    for (size_t i = 0; i < size; ++i) {
      word |= static_cast<uint64_t>(whole || Bits(now[i]) != Bits(before[i])) << i;
    }
    changed_.push_back(word);
    rank_.push_back(static_cast<uint32_t>(tail_values_.size()));
    MakeRoom(static_cast<size_t>(std::popcount(word)), &tail_values_, most);
    for (uint64_t rest = word; rest != 0; rest &= rest - 1) {
      tail_values_.push_back(now[std::countr_zero(rest)]);
    }
  }
  CutWhenFull(values.size());
}

void RowGroup::AddTailRow(std::span<const double> values, std::span<const uint64_t> changed) {
  size_t count = 0;
  for (const uint64_t word : changed) count += static_cast<size_t>(std::popcount(word));
  MakeRoom(count, &tail_values_, TailValuesMost(values.size()));
  MakeRoom(changed.size(), &changed_);
  MakeRoom(changed.size(), &rank_);
  tail_.push_back({static_cast<uint32_t>(changed_.size()), static_cast<uint32_t>(values.size())});
  for (size_t word = 0; word < changed.size(); ++word) {
    changed_.push_back(changed[word]);
    rank_.push_back(static_cast<uint32_t>(tail_values_.size()));
    for (uint64_t rest = changed[word]; rest != 0; rest &= rest - 1) {
      tail_values_.push_back(
          values[word * kWordBits + static_cast<size_t>(std::countr_zero(rest))]);
    }
  }
  CutWhenFull(values.size());
}

// A tail is cut by the row that brings it here.
size_t RowGroup::TailValuesMost(size_t columns) const {
  return columns * (rule_->tail_bytes_per_column_max / sizeof(double)) + columns / 2;
}

void RowGroup::CutWhenFull(size_t columns) {
  const bool dense = tail_.size() >= kTailRowsMin && tail_values_.size() * sizeof(double) >
                                                         columns * rule_->tail_bytes_per_column_max;
  if (tail_.size() >= kBlockRows || dense) CutBlock();
}

void RowGroup::CutBlock() {
  Block block;
  block.first_row = tail_begin();
  block.row_count = tail_.size();
  const size_t columns = tail_.back().column_count;
  block.offsets.reserve(columns);
  for (size_t word = 0; word < WordsOf(columns); ++word) EncodeWord(word, &block);
  block.bytes.shrink_to_fit();
  block_bytes_ += block.bytes.capacity() + block.offsets.capacity() * sizeof(uint32_t);
  blocks_.push_back(std::move(block));
  tail_.clear();
  changed_.clear();
  rank_.clear();
  tail_values_.clear();
}

void RowGroup::Freeze() {
  if (open_) Close();
  if (!tail_.empty()) CutBlock();
  Release(&tail_);
  Release(&changed_);
  Release(&rank_);
  Release(&tail_values_);
  Release(&previous_);
  Release(&current_);
  times_ms_.shrink_to_fit();
  blocks_.shrink_to_fit();
}

// Turns 64 columns of the tail from rows into columns and encodes them.
void RowGroup::EncodeWord(size_t word, Block* block) const {
  // A stride that is no power of two, so that a row's stores spread over the cache's sets.
  constexpr size_t kStride = kBlockRows + 8;
  thread_local const auto values = std::make_unique<std::array<double, kWordBits * kStride>>();
  std::array<double, kWordBits> carried;
  carried.fill(model::kNoSample);
  for (size_t row = 0; row < tail_.size(); ++row) {
    if (word < WordsOf(tail_[row].column_count)) {
      const size_t at = tail_[row].first_word + word;
      size_t next = rank_[at];
      for (uint64_t rest = changed_[at]; rest != 0; rest &= rest - 1) {
        carried[static_cast<size_t>(std::countr_zero(rest))] = tail_values_[next++];
      }
    }
    for (size_t i = 0; i < kWordBits; ++i) (*values)[i * kStride + row] = carried[i];
  }
  const size_t columns = std::min(kWordBits, tail_.back().column_count - word * kWordBits);
  for (size_t i = 0; i < columns; ++i) {
    block->offsets.push_back(static_cast<uint32_t>(block->bytes.size()));
    codec::EncodeColumn({values->data() + i * kStride, tail_.size()}, &block->bytes);
  }
}

std::optional<size_t> RowGroup::FindRow(int64_t time_ms) const {
  const auto it = std::lower_bound(times_ms_.begin(), times_ms_.end(), time_ms);
  if (it == times_ms_.end() || *it != time_ms) return std::nullopt;
  return static_cast<size_t>(it - times_ms_.begin());
}

absl::Status RowGroup::Read(size_t position, size_t begin, size_t end, double* values) const {
  auto block = std::partition_point(blocks_.begin(), blocks_.end(), [&](const Block& candidate) {
    return candidate.first_row + candidate.row_count <= begin;
  });
  for (; block != blocks_.end() && block->first_row < end; ++block) {
    const size_t last = std::min(end, block->first_row + block->row_count);
    if (absl::Status status = ReadBlock(*block, position, begin, last, values); !status.ok()) {
      return status;
    }
    values += last - begin;
    begin = last;
  }
  const size_t closed = times_ms_.size() - (open_ ? 1 : 0);
  const size_t tail_end = std::min(end, closed);
  if (begin < tail_end) {
    ReadTail(position, begin - tail_begin(), tail_end - tail_begin(), values);
    values += tail_end - begin;
    begin = tail_end;
  }
  if (begin < end) *values = current_[position];
  return absl::OkStatus();
}

absl::Status RowGroup::ReadBlock(const Block& block, size_t position, size_t begin, size_t end,
                                 double* values) const {
  if (position >= block.offsets.size()) {
    std::fill_n(values, end - begin, model::kNoSample);
    return absl::OkStatus();
  }
  std::array<double, kBlockRows> decoded;
  std::string_view bytes = block.bytes;
  bytes.remove_prefix(block.offsets[position]);
  if (absl::Status status = codec::DecodeColumn(&bytes, {decoded.data(), block.row_count});
      !status.ok()) {
    return status;
  }
  std::copy(decoded.begin() + static_cast<ptrdiff_t>(begin - block.first_row),
            decoded.begin() + static_cast<ptrdiff_t>(end - block.first_row), values);
  return absl::OkStatus();
}

void RowGroup::ReadTail(size_t position, size_t begin, size_t end, double* values) const {
  const size_t word = position / kWordBits;
  const uint64_t bit = uint64_t{1} << (position % kWordBits);
  double carried = model::kNoSample;
  // The newest row at or before `begin` that tells the value; the tail's first row tells all.
  size_t row = begin + 1;
  while (row > 0) {
    const TailRow& tail = tail_[--row];
    if (position >= tail.column_count || (changed_[tail.first_word + word] & bit) != 0) break;
  }
  for (; row < end; ++row) {
    const TailRow& tail = tail_[row];
    if (position < tail.column_count && (changed_[tail.first_word + word] & bit) != 0) {
      const uint64_t below = changed_[tail.first_word + word] & (bit - 1);
      carried =
          tail_values_[rank_[tail.first_word + word] + static_cast<size_t>(std::popcount(below))];
    }
    if (row >= begin) *values++ = carried;
  }
}

absl::Status RowGroup::ReadRow(std::span<const uint32_t> positions, size_t row,
                               double* values) const {
  const size_t closed = times_ms_.size() - (open_ ? 1 : 0);
  if (row < tail_begin()) {
    for (const uint32_t position : positions) {
      absl::Status status = Read(position, row, row + 1, values++);
      if (!status.ok()) return status;
    }
  } else if (row + 1 >= closed) {
    const std::vector<double>& last = row == closed ? current_ : previous_;
    for (const uint32_t position : positions) *values++ = last[position];
  } else {
    ReadTailRow(positions, row - tail_begin(), values);
  }
  return absl::OkStatus();
}

// Walks back to the rows that tell the values, for 64 columns at a time: most change seldom, and
// each alone would walk as far.
void RowGroup::ReadTailRow(std::span<const uint32_t> positions, size_t row, double* values) const {
  for (size_t begin = 0; begin < positions.size();) {
    const size_t word = positions[begin] / kWordBits;
    uint64_t wanted = 0;
    std::array<uint32_t, kWordBits> index;  // of each bit, in `positions`
    size_t end = begin;
    for (; end < positions.size() && positions[end] / kWordBits == word; ++end) {
      wanted |= uint64_t{1} << (positions[end] % kWordBits);
      index[positions[end] % kWordBits] = static_cast<uint32_t>(end);
      values[end] = model::kNoSample;
    }
    for (size_t at = row + 1; at-- > 0 && wanted != 0;) {
      const TailRow& tail = tail_[at];
      if (word >= WordsOf(tail.column_count)) break;  // the columns came later
      const uint64_t changed = changed_[tail.first_word + word];
      const double* told = &tail_values_[rank_[tail.first_word + word]];
      for (uint64_t found = changed & wanted; found != 0; found &= found - 1) {
        const uint64_t below = changed & ((found & -found) - 1);
        values[index[static_cast<size_t>(std::countr_zero(found))]] = told[std::popcount(below)];
      }
      wanted &= ~changed;
    }
    begin = end;
  }
}

std::optional<std::string_view> RowGroup::EncodedColumn(size_t position, size_t begin,
                                                        size_t end) const {
  const auto block =
      std::partition_point(blocks_.begin(), blocks_.end(),
                           [&](const Block& candidate) { return candidate.first_row < begin; });
  if (block == blocks_.end() || block->first_row != begin || block->row_count != end - begin ||
      position >= block->offsets.size()) {
    return std::nullopt;
  }
  const size_t first = block->offsets[position];
  const size_t last =
      position + 1 < block->offsets.size() ? block->offsets[position + 1] : block->bytes.size();
  return std::string_view(block->bytes).substr(first, last - first);
}

size_t RowGroup::bytes() const {
  return sizeof(*this) + columns_.capacity() * sizeof(ColumnId) +
         columns_seen_.capacity() * sizeof(Seen) + times_ms_.capacity() * sizeof(int64_t) +
         blocks_.capacity() * sizeof(Block) + block_bytes_ + tail_.capacity() * sizeof(TailRow) +
         changed_.capacity() * sizeof(uint64_t) + rank_.capacity() * sizeof(uint32_t) +
         (tail_values_.capacity() + previous_.capacity() + current_.capacity()) * sizeof(double);
}

}  // namespace baro::tsdb
