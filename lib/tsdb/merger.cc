#include "merger.h"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/column.h"
#include "baro/model/sample.h"
#include "block_merge.h"
#include "bucket_stats.h"
#include "merge_items.h"
#include "part_reader.h"
#include "part_writer.h"
#include "row_plan.h"
#include "slot_value.h"
#include "tier.h"

namespace baro::tsdb {
namespace {

// Cells that are read at a time, as far as their encodings go: about 1 MB of them.
constexpr uint64_t kBatchCellsMax = uint64_t{1} << 22;

using Entry = MergeEntry;
using Item = MergeItem;
using Loaded = LoadedEntry;
using Output = MergeOutput;

class PartMerge {
 public:
  PartMerge(const MergeJob& job, const MergeContext& context)
      : job_(job), context_(context), reader_(*context.database, context.damaged_total) {
    reader_.BypassCache();
  }

  absl::StatusOr<std::vector<SealedPart>> Run() {
    ListEntries();
    MakeItems();
    absl::Status status = FindContested();
    if (status.ok()) status = Write();
    std::vector<SealedPart> parts;
    for (Output& output : outputs_) parts.push_back(std::move(output.sealed));
    if (status.ok()) return parts;
    RemoveFiles(*context_.database, parts);
    return status;
  }

 private:
  bool downsamples() const { return job_.interval_ms != 0; }
  // A tier's part written anew: its statistics say more than its rows.
  bool IsTier() const { return job_.inputs.front()->interval_ms != 0; }

  const Part& PartOf(const Entry& entry) const { return *job_.inputs[entry.input]; }
  std::pair<uint32_t, LayoutId> PriorityOf(const Entry& entry) const {
    return {PartOf(entry).rank, entry.in};
  }

  void ListEntries() {
    for (uint32_t i = 0; i < job_.inputs.size(); ++i) {
      for (const TargetLayout& one : *job_.inputs[i]->targets) {
        const StoredLayout* layout = context_.dictionary->FindLayout(one.layout);
        if (downsamples() || IsTier() || layout == nullptr) {
          const uint8_t byte = downsamples() ? job_.tier_class : job_.inputs[i]->class_byte;
          entries_.push_back({byte, one.layout, one.target, i, one.layout, nullptr});
          continue;
        }
        for (const ClassColumns& columns : context_.router->Route(one.target, *layout)) {
          entries_.push_back({columns.number, columns.layout->id, one.target, i, one.layout,
                              columns.positions.empty() ? nullptr : &columns.positions});
        }
      }
    }
    std::sort(entries_.begin(), entries_.end(), [this](const Entry& a, const Entry& b) {
      return std::tuple(a.class_byte, a.out, a.target, PriorityOf(a)) <
             std::tuple(b.class_byte, b.out, b.target, PriorityOf(b));
    });
  }

  void MakeItems() {
    for (size_t begin = 0; begin < entries_.size();) {
      Item item;
      size_t end = begin;
      for (; end < entries_.size() && entries_[end].class_byte == entries_[begin].class_byte &&
             entries_[end].out == entries_[begin].out &&
             entries_[end].target == entries_[begin].target;
           ++end) {
        item.cells_of_column += PartOf(entries_[end]).rows_max;
        item.deleted = item.deleted || AnyDeleted(entries_[end]);
      }
      item.entries = std::span(entries_).subspan(begin, end - begin);
      items_.push_back(std::move(item));
      begin = end;
    }
  }

  bool MayDelete(const Entry& entry) const {
    const Part& part = PartOf(entry);
    return !context_.tombstones->empty() &&
           context_.tombstones->Touches(part.written, entry.target,
                                        {part.time_ms_min, part.time_ms_max});
  }
  std::vector<TimeRange> DeletedOf(const Entry& entry, ColumnId column) const {
    return context_.tombstones->Of(PartOf(entry).written, {entry.target, column});
  }
  bool AnyDeleted(const Entry& entry) const {
    const StoredLayout* layout = context_.dictionary->FindLayout(entry.out);
    return layout != nullptr && MayDelete(entry) &&
           std::any_of(layout->columns.begin(), layout->columns.end(),
                       [&](ColumnId column) { return !DeletedOf(entry, column).empty(); });
  }

  // A target whose layout has changed has rows in several. Where two of them have a sample of one
  // series at one time, only the one of higher rank may stay, for both will have one rank. That is
  // rare: their times tell.
  absl::Status FindContested() {
    std::vector<size_t> by_target(items_.size());
    for (size_t i = 0; i < items_.size(); ++i) by_target[i] = i;
    std::sort(by_target.begin(), by_target.end(), [&](size_t a, size_t b) {
      return std::pair(items_[a].target(), a) < std::pair(items_[b].target(), b);
    });
    for (size_t begin = 0; begin < by_target.size();) {
      size_t end = begin + 1;
      while (end < by_target.size() &&
             items_[by_target[end]].target() == items_[by_target[begin]].target()) {
        ++end;
      }
      if (end - begin > 1) {
        BARO_TRY(FindContestedOf({by_target.data() + begin, end - begin}));
      }
      begin = end;
    }
    return absl::OkStatus();
  }

  // Rows of a time that come from several inputs, or several layouts of one, into several items.
  static bool IsContested(std::vector<std::pair<int64_t, const Entry*>> rows) {
    std::sort(rows.begin(), rows.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t begin = 0; begin < rows.size();) {
      const Entry& first = *rows[begin].second;
      bool other_item = false;
      bool other_source = false;
      size_t end = begin;
      for (; end < rows.size() && rows[end].first == rows[begin].first; ++end) {
        const Entry& one = *rows[end].second;
        other_item = other_item || one.out != first.out || one.class_byte != first.class_byte;
        other_source = other_source || one.input != first.input || one.in != first.in;
      }
      if (other_item && other_source) return true;
      begin = end;
    }
    return false;
  }

  absl::Status FindContestedOf(std::span<const size_t> items) {
    std::vector<std::pair<const Entry*, std::string>> values;
    for (const size_t i : items) {
      for (const Entry& entry : items_[i].entries) values.emplace_back(&entry, std::string());
    }
    for (auto& [entry, value] : values) reader_.WantValue(TimesKeyOf(*entry), &value);
    BARO_TRY(reader_.Fetch());
    std::vector<std::pair<int64_t, const Entry*>> rows;
    for (const auto& [entry, value] : values) {
      BARO_TRY_ASSIGN(const auto times_ms, TimesOf(*entry, value));
      for (const int64_t time_ms : times_ms) rows.emplace_back(time_ms, entry);
    }
    if (IsContested(std::move(rows))) {
      auto& entries = contested_[items_[items.front()].target()];
      for (const auto& [entry, value] : values) entries.push_back(entry);
      for (const size_t i : items) items_[i].contested = true;
    }
    return context_.pause();
  }

  SlotKey TimesKeyOf(const Entry& entry) const {
    SlotKey key = PartOf(entry).Key();
    key.layout = entry.in;
    key.target = entry.target;
    key.block = kTimesBlock;
    return key;
  }

  absl::StatusOr<std::vector<int64_t>> TimesOf(const Entry& entry, std::string_view bytes) {
    auto times = DecodeSlotTimes(bytes);
    if (!times.ok()) return reader_.Damaged(TimesKeyOf(entry), times.status());
    return times;
  }

  absl::Status Write() {
    BARO_TRY(ToStatus(context_.database->env()->CreateDirIfMissing(Folder()),
                      "create folder for merging"));
    for (size_t begin = 0; begin < items_.size();) {
      size_t end = begin;
      const uint8_t class_byte = items_[begin].entries.front().class_byte;
      while (end < items_.size() && items_[end].entries.front().class_byte == class_byte) ++end;
      BeginPart(class_byte);
      const absl::Status status = WritePart(std::span(items_).subspan(begin, end - begin));
      Output& output = outputs_.back();
      output.sealed.files = output.writer->files();
      if (!status.ok()) return status;
      output.sealed.part.bytes = output.writer->bytes();
      std::sort(output.targets.begin(), output.targets.end());
      output.sealed.part.targets = std::make_shared<TargetLayouts>(std::move(output.targets));
      if (output.sealed.part.targets->empty()) outputs_.pop_back();  // nothing is left, no file
      begin = end;
    }
    return absl::OkStatus();
  }

  std::string Folder() const { return context_.database->path() + "/seal"; }
  Part& part() { return outputs_.back().sealed.part; }

  void BeginPart(uint8_t class_byte) {
    outputs_.emplace_back();
    part().number = context_.next_number();
    part().rank = job_.inputs.back()->rank;
    part().class_byte = class_byte;
    part().generation = job_.generation;
    part().interval_ms = downsamples() ? job_.interval_ms : job_.inputs.front()->interval_ms;
    part().written.cleaned = context_.tombstones->number_max();
    part().slot = UINT32_MAX;
    for (const auto& input : job_.inputs) {
      part().slot = std::min(part().slot, input->slot);
      part().written.epoch = std::max(part().written.epoch, input->written.epoch);
    }
    part().time_ms_min = INT64_MAX;
    part().time_ms_max = INT64_MIN;
    outputs_.back().writer =
        std::make_unique<PartWriter>(*context_.database, base::StrCat(Folder(), "/", part().number),
                                     true, context_.file_bytes_max);
  }

  absl::Status WritePart(std::span<Item> items) {
    for (size_t begin = 0; begin < items.size();) {
      size_t end = begin;
      while (end < items.size() && items[end].layout() == items[begin].layout()) ++end;
      BARO_TRY(WriteLayout(items.subspan(begin, end - begin)));
      begin = end;
    }
    return outputs_.back().writer->Finish();
  }

  // All blocks of one layout, in tiers each with its statistics behind it, then its times: the
  // order of the keys.
  absl::Status WriteLayout(std::span<Item> items) {
    layout_ = context_.dictionary->FindLayout(items.front().layout());
    if (layout_ == nullptr) {
      return absl::DataLossError(
          base::StrCat("cannot merge parts: no layout ", items.front().layout()));
    }
    dropped_rows_.clear();
    if (downsamples()) BARO_TRY(ForEachBlock(items, &PartMerge::MarkRows));
    BARO_TRY(ForEachBlock(items, &PartMerge::WriteBlock));
    column_count_ = 0;
    BARO_TRY(ForEachBatch(items, &PartMerge::WriteTimes));
    for (Item& item : items) item.kept = {};
    return absl::OkStatus();
  }

  using ItemStep = absl::Status (PartMerge::*)(Item*, std::vector<Loaded>*);

  absl::Status ForEachBlock(std::span<Item> items, ItemStep step) {
    const size_t columns = layout_->columns.size();
    for (first_column_ = 0; first_column_ < columns; first_column_ += kBlockColumns) {
      column_count_ = std::min(kBlockColumns, columns - first_column_);
      BARO_TRY(ForEachBatch(items, step));
      for (const auto& [key, bytes] : statistics_) {
        BARO_TRY(outputs_.back().writer->Put(key, bytes));
      }
      statistics_.clear();
    }
    return absl::OkStatus();
  }

  absl::Status ForEachBatch(std::span<Item> items, ItemStep step) {
    for (size_t begin = 0; begin < items.size();) {
      size_t end = begin;
      uint64_t cells = 0;
      while (end < items.size() && (end == begin || cells < kBatchCellsMax)) {
        cells += items[end].cells_of_column * std::max<size_t>(column_count_, 1);
        ++end;
      }
      std::vector<std::vector<Loaded>> loaded(end - begin);
      for (size_t i = begin; i < end; ++i) Want(items[i], &loaded[i - begin]);
      BARO_TRY(reader_.Fetch());
      for (size_t i = begin; i < end; ++i) {
        BARO_TRY((this->*step)(&items[i], &loaded[i - begin]));
        loaded[i - begin] = {};  // what is decoded is 30 times its encoding
      }
      BARO_TRY(context_.pause());
      begin = end;
    }
    return absl::OkStatus();
  }

  static uint32_t PositionIn(const Entry& entry, size_t column) {
    return entry.positions == nullptr ? static_cast<uint32_t>(column) : (*entry.positions)[column];
  }

  // Times of all entries, and the blocks that hold the columns of the block being written.
  void Want(const Item& item, std::vector<Loaded>* loaded) {
    loaded->resize(item.entries.size());
    for (size_t i = 0; i < item.entries.size(); ++i) {
      const Entry& entry = item.entries[i];
      Loaded& one = (*loaded)[i];
      SlotKey key = TimesKeyOf(entry);
      reader_.WantValue(key, &one.times);
      for (size_t c = 0; c < column_count_; ++c) {
        const uint16_t block = PartOf(entry).BlockOf(PositionIn(entry, first_column_ + c));
        const bool known = std::any_of(one.values.begin(), one.values.end(),
                                       [&](const auto& value) { return value.first == block; });
        if (!known) one.values.emplace_back(block, std::string());
      }
      for (auto& [block, bytes] : one.values) {
        key.block = block;
        reader_.WantValue(key, &bytes);
      }
    }
  }

  absl::StatusOr<std::vector<SourceRows>> RowsOf(const Item& item,
                                                 const std::vector<Loaded>& loaded) {
    std::vector<SourceRows> rows(item.entries.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const Entry& entry = item.entries[i];
      const auto times = SlotTimes::Parse(loaded[i].times);
      if (!times.ok()) return reader_.Damaged(TimesKeyOf(entry), times.status());
      BARO_TRY_ASSIGN(rows[i].times_ms, TimesOf(entry, loaded[i].times));
      rows[i].chunk_rows.assign(times->chunk_rows().begin(), times->chunk_rows().end());
      rows[i].may_copy =
          PartOf(entry).generation != Generation::kSealed && entry.positions == nullptr;
      if (item.deleted) rows[i].dropped = DroppedRows(entry);
    }
    return rows;
  }

  // Where all columns of the layout are deleted; the same for each of its blocks, so kept.
  const std::vector<TimeRange>& DroppedRows(const Entry& entry) {
    const auto [it, inserted] = dropped_rows_.try_emplace(&entry);
    if (!inserted || !MayDelete(entry)) return it->second;
    std::vector<TimeRange> all = {TimeRange{}};
    for (const ColumnId column : layout_->columns) {
      std::vector<TimeRange> both;
      for (const TimeRange& range : DeletedOf(entry, column)) {
        for (const TimeRange& one : all) {
          const TimeRange met{std::max(one.start_ms, range.start_ms),
                              std::min(one.end_ms, range.end_ms)};
          if (!met.empty()) both.push_back(met);
        }
      }
      all = std::move(both);
      if (all.empty()) break;
    }
    it->second = std::move(all);
    return it->second;
  }

  absl::StatusOr<std::vector<BlockMerge::Place>> PlacesOf(const Entry& entry,
                                                          const SourceRows& rows, Loaded* loaded) {
    loaded->parsed.clear();
    loaded->referred.clear();
    loaded->referred.resize(loaded->values.size());
    for (const auto& [block, bytes] : loaded->values) {
      auto parsed = SlotValues::Parse(bytes);
      if (parsed.ok() && !std::equal(rows.chunk_rows.begin(), rows.chunk_rows.end(),
                                     parsed->chunk_rows().begin(), parsed->chunk_rows().end())) {
        parsed = absl::DataLossError("more times than values or fewer");
      }
      SlotKey key = TimesKeyOf(entry);
      key.block = block;
      if (!parsed.ok()) return reader_.Damaged(key, parsed.status());
      loaded->parsed.push_back(*std::move(parsed));
    }
    std::vector<BlockMerge::Place> places;
    for (size_t c = 0; c < column_count_; ++c) {
      const uint32_t position = PositionIn(entry, first_column_ + c);
      const uint16_t block = PartOf(entry).BlockOf(position);
      size_t i = 0;
      while (loaded->values[i].first != block) ++i;
      places.push_back({&loaded->parsed[i], position % static_cast<uint32_t>(kBlockColumns),
                        &loaded->referred[i]});
      if (places.back().column >= loaded->parsed[i].column_count()) {
        return reader_.Damaged(TimesKeyOf(entry), absl::DataLossError("it has too few columns"));
      }
    }
    return places;
  }

  absl::StatusOr<BlockMerge> MakeBlock(const Item& item, const RowPlan& plan,
                                       std::span<const SourceRows> rows,
                                       std::vector<Loaded>* loaded) {
    BlockMerge block(plan, rows);
    for (size_t i = 0; i < rows.size(); ++i) {
      BARO_TRY_ASSIGN(auto columns, PlacesOf(item.entries[i], rows[i], &(*loaded)[i]));
      block.AddSource(std::move(columns));
    }
    if (item.deleted) LeaveOutDeleted(item, &block);
    if (item.contested) BARO_TRY(LeaveOutContested(item, &block));
    return block;
  }

  void LeaveOutDeleted(const Item& item, BlockMerge* block) const {
    for (uint32_t i = 0; i < item.entries.size(); ++i) {
      const Entry& entry = item.entries[i];
      if (!MayDelete(entry)) continue;
      for (uint32_t c = 0; c < column_count_; ++c) {
        auto ranges = DeletedOf(entry, layout_->columns[first_column_ + c]);
        if (!ranges.empty()) block->LeaveOut({i, c, std::move(ranges), {}});
      }
    }
  }

  // Times at which another layout of the target has a sample of one of the block's series, told by
  // a part of higher rank.
  absl::Status LeaveOutContested(const Item& item, BlockMerge* block) {
    std::map<ColumnId, uint32_t> wanted;
    for (uint32_t c = 0; c < column_count_; ++c) wanted[layout_->columns[first_column_ + c]] = c;
    PartReader others(*context_.database, context_.damaged_total);
    for (const Entry* other : contested_.at(item.target())) {
      const StoredLayout* layout = context_.dictionary->FindLayout(other->in);
      if (other->out == item.layout() || layout == nullptr) continue;
      PartFragment fragment;
      std::vector<uint32_t> columns;  // of the block, by position in the other layout
      for (uint32_t p = 0; p < layout->columns.size(); ++p) {
        const auto it = wanted.find(layout->columns[p]);
        if (it == wanted.end()) continue;
        fragment.positions.push_back(p);
        columns.push_back(it->second);
      }
      if (columns.empty()) continue;
      others.Want(PartOf(*other), other->in, other->target, &fragment);
      BARO_TRY(others.Fetch());
      MaskDeletedOf(*other, columns, &fragment);
      for (uint32_t i = 0; i < item.entries.size(); ++i) {
        if (PriorityOf(*other) > PriorityOf(item.entries[i])) {
          block->LeaveOutTimesOf(i, fragment, columns);
        }
      }
    }
    return absl::OkStatus();
  }

  // What is deleted hides nothing.
  void MaskDeletedOf(const Entry& entry, const std::vector<uint32_t>& columns,
                     PartFragment* fragment) const {
    if (!MayDelete(entry)) return;
    const size_t rows = fragment->times_ms.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      MaskDeleted(DeletedOf(entry, layout_->columns[first_column_ + columns[i]]),
                  fragment->times_ms, std::span(fragment->values).subspan(i * rows, rows));
    }
  }

  // The first pass of a tier.
  absl::Status MarkRows(Item* item, std::vector<Loaded>* loaded) {
    BARO_TRY_ASSIGN(const std::vector<SourceRows> rows, RowsOf(*item, *loaded));
    const RowPlan plan(rows, false);
    item->kept.resize(plan.times_ms().size());
    const Buckets buckets = BucketsOf(plan.times_ms(), job_.interval_ms);
    BARO_TRY_ASSIGN(BlockMerge block, MakeBlock(*item, plan, rows, loaded));
    for (size_t c = 0; c < column_count_; ++c) {
      auto cells = block.Cells(c);
      if (!cells.ok()) return reader_.Damaged(TimesKeyOf(item->entries.front()), cells.status());
      MarkTierRows(buckets, *cells, &item->kept);
    }
    return absl::OkStatus();
  }

  absl::Status WriteBlock(Item* item, std::vector<Loaded>* loaded) {
    BARO_TRY_ASSIGN(const std::vector<SourceRows> rows, RowsOf(*item, *loaded));
    const RowPlan plan(rows, item->may_copy() && !downsamples());
    const std::vector<PlannedChunk> chunks = ChunksOf(*item, plan);
    if (chunks.empty()) return absl::OkStatus();
    BARO_TRY_ASSIGN(BlockMerge block, MakeBlock(*item, plan, rows, loaded));
    std::vector<uint32_t> chunk_rows;
    for (const PlannedChunk& chunk : chunks) chunk_rows.push_back(chunk.rows);
    ChunkedValues values(chunk_rows);
    std::vector<codec::ColumnGroupEncoder> encoders(chunks.size());
    const bool is_tier = part().interval_ms != 0;
    const Buckets buckets = is_tier ? BucketsOf(plan.times_ms(), part().interval_ms) : Buckets();
    BucketStatsWriter statistics(buckets);
    for (size_t c = 0; c < column_count_; ++c) {
      absl::Status status;
      const auto cells = CellsOf(chunks, c, &block);
      if (cells.ok()) {
        if (is_tier) statistics.Add(*cells);
        status = AddColumn(*item, &block, c, *cells, chunks, &encoders, &values);
      }
      if (!cells.ok()) status = cells.status();
      if (!status.ok()) return reader_.Damaged(TimesKeyOf(item->entries.front()), status);
    }
    SlotKey key = part().Key();
    key.layout = item->layout();
    key.block = part().BlockOf(static_cast<uint32_t>(first_column_));
    key.target = item->target();
    BARO_TRY(outputs_.back().writer->Put(key, std::move(values).Finish()));
    if (is_tier) {
      ++key.block;
      statistics_.emplace_back(key, std::move(statistics).Finish());
    }
    return absl::OkStatus();
  }

  std::vector<PlannedChunk> ChunksOf(const Item& item, const RowPlan& plan) const {
    if (!downsamples()) return plan.chunks();
    return EvenChunks(static_cast<size_t>(std::count(item.kept.begin(), item.kept.end(), true)));
  }

  // All rows of a column; none where nobody will look at them, as all chunks are copied.
  absl::StatusOr<std::span<const double>> CellsOf(const std::vector<PlannedChunk>& chunks,
                                                  size_t column, BlockMerge* block) {
    const bool copied = std::all_of(chunks.begin(), chunks.end(), [](const PlannedChunk& chunk) {
      return chunk.copied_chunk != PlannedChunk::kMixed;
    });
    if (copied && part().interval_ms == 0) return std::span<const double>();
    return block->Cells(column);
  }

  absl::Status AddColumn(const Item& item, BlockMerge* block, size_t column,
                         std::span<const double> cells, const std::vector<PlannedChunk>& chunks,
                         std::vector<codec::ColumnGroupEncoder>* encoders, ChunkedValues* values) {
    if (downsamples()) {
      tier_cells_.clear();
      for (size_t row = 0; row < cells.size(); ++row) {
        if (item.kept[row]) tier_cells_.push_back(cells[row]);
      }
      cells = tier_cells_;
    }
    std::vector<std::string> encoded(chunks.size());
    std::vector<std::string_view> pieces(chunks.size());
    for (size_t i = 0, row = 0; i < chunks.size(); row += chunks[i++].rows) {
      if (chunks[i].copied_chunk != PlannedChunk::kMixed) {
        BARO_TRY_ASSIGN(pieces[i], block->Copied(column, chunks[i]));
        continue;
      }
      (*encoders)[i].Append(cells.subspan(row, chunks[i].rows), &encoded[i]);
      pieces[i] = encoded[i];
    }
    values->Add(pieces);
    return absl::OkStatus();
  }

  absl::Status WriteTimes(Item* item, std::vector<Loaded>* loaded) {
    BARO_TRY_ASSIGN(const std::vector<SourceRows> rows, RowsOf(*item, *loaded));
    const RowPlan plan(rows, item->may_copy() && !downsamples());
    std::vector<int64_t> times_ms = plan.times_ms();
    if (downsamples()) {
      size_t kept = 0;
      for (size_t row = 0; row < times_ms.size(); ++row) {
        if (item->kept[row]) times_ms[kept++] = times_ms[row];
      }
      times_ms.resize(kept);
    }
    std::vector<uint32_t> chunk_rows;
    for (const PlannedChunk& chunk : ChunksOf(*item, plan)) chunk_rows.push_back(chunk.rows);
    if (times_ms.empty()) return absl::OkStatus();
    SlotKey key = part().Key();
    key.layout = item->layout();
    key.block = kTimesBlock;
    key.target = item->target();
    BARO_TRY(outputs_.back().writer->Put(key, EncodeChunkedTimes(chunk_rows, times_ms)));
    part().time_ms_min = std::min(part().time_ms_min, times_ms.front());
    part().time_ms_max = std::max(part().time_ms_max, times_ms.back());
    part().rows_max = std::max(part().rows_max, static_cast<uint32_t>(times_ms.size()));
    part().samples += times_ms.size() * layout_->columns.size();
    outputs_.back().targets.push_back({key.target, key.layout});
    return absl::OkStatus();
  }

  const MergeJob& job_;
  const MergeContext& context_;
  PartReader reader_;
  std::vector<Entry> entries_;
  std::vector<Item> items_;
  absl::flat_hash_map<TargetId, std::vector<const Entry*>> contested_;
  std::vector<Output> outputs_;
  // Of the layout being written.
  const StoredLayout* layout_ = nullptr;
  std::map<const Entry*, std::vector<TimeRange>> dropped_rows_;
  // Of the block being written; no columns: the times.
  size_t first_column_ = 0;
  size_t column_count_ = 0;
  std::vector<std::pair<SlotKey, std::string>> statistics_;
  std::vector<double> tier_cells_;
};

}  // namespace

absl::StatusOr<std::vector<SealedPart>> MergeParts(const MergeJob& job,
                                                   const MergeContext& context) {
  return PartMerge(job, context).Run();
}

}  // namespace baro::tsdb
