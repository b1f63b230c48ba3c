#include "merger.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "block_merge.h"
#include "part_reader.h"
#include "part_writer.h"
#include "row_plan.h"
#include "slot_value.h"

namespace baro::tsdb {
namespace {

// Cells that are read at a time, as far as their encodings go: about 1 MB of them.
constexpr uint64_t kBatchCellsMax = uint64_t{1} << 22;

// What one input has for one outgoing target and layout.
struct Entry {
  LayoutId out = 0;
  TargetId target = 0;
  uint32_t input = 0;  // in the job
  LayoutId in = 0;
};

// The entries of one outgoing target and layout, by rank.
struct Item {
  std::span<const Entry> entries;
  bool contested = false;  // other layouts of the target have samples of the same times
  bool thinned = false;    // something is to be dropped
  uint64_t cells_of_column = 0;
};

// An entry's bytes while its item is in a batch.
struct Loaded {
  std::string times;
  std::string values;
  std::vector<SlotValues> parsed;
};

class PartMerge {
 public:
  PartMerge(const MergeJob& job, const MergeContext& context)
      : job_(job), context_(context), reader_(*context.database, context.damaged_total) {
    reader_.BypassCache();
  }

  absl::StatusOr<std::vector<SealedPart>> Run() {
    ListEntries();
    FindThinned();
    BARO_TRY(FindContested());
    absl::Status status = Write();
    if (status.ok() && !targets_.empty()) {
      parts_.front().part.bytes = writer_->bytes();
      Complete(&parts_.front().part);
      return std::move(parts_);
    }
    RemoveFiles(*context_.database, parts_);
    if (!status.ok()) return status;
    return std::vector<SealedPart>();
  }

 private:
  void ListEntries() {
    for (uint32_t i = 0; i < job_.inputs.size(); ++i) {
      for (const TargetLayout& one : *job_.inputs[i]->targets) {
        entries_.push_back({one.layout, one.target, i, one.layout});
      }
    }
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.out, a.target, a.input, a.in) < std::tie(b.out, b.target, b.input, b.in);
    });
    for (size_t begin = 0; begin < entries_.size();) {
      size_t end = begin;
      uint64_t rows = 0;
      while (end < entries_.size() && entries_[end].out == entries_[begin].out &&
             entries_[end].target == entries_[begin].target) {
        rows += job_.inputs[entries_[end].input]->rows_max;
        ++end;
      }
      items_.push_back({std::span(entries_).subspan(begin, end - begin), false, false, rows});
      begin = end;
    }
  }

  // How rows are cut into chunks must not differ between the blocks of an item: decided for all.
  void FindThinned() {
    for (Item& item : items_) {
      const StoredLayout* layout = context_.dictionary->FindLayout(item.entries.front().out);
      for (const Entry& entry : item.entries) {
        if (layout == nullptr || !MayDrop(entry)) continue;
        item.thinned = item.thinned || std::any_of(layout->columns.begin(), layout->columns.end(),
                                                   [&](ColumnId column) {
                                                     return !DeletedOf(entry, column).empty();
                                                   });
      }
    }
  }

  SlotKey KeyOf(const Entry& entry) const {
    SlotKey key = job_.inputs[entry.input]->Key();
    key.layout = entry.in;
    key.target = entry.target;
    return key;
  }
  SlotKey TimesKeyOf(const Entry& entry) const {
    SlotKey key = KeyOf(entry);
    key.block = kTimesBlock;
    return key;
  }
  const Part& PartOf(const Entry& entry) const { return *job_.inputs[entry.input]; }

  // A target whose layout has changed has rows in several. Where two of them have a sample of one
  // series at one time, only the one of higher rank may stay, for both will have one rank. That is
  // rare: their times tell.
  absl::Status FindContested() {
    std::vector<size_t> by_target(items_.size());
    for (size_t i = 0; i < items_.size(); ++i) by_target[i] = i;
    const auto target_of = [&](size_t i) { return items_[i].entries.front().target; };
    std::stable_sort(by_target.begin(), by_target.end(),
                     [&](size_t a, size_t b) { return target_of(a) < target_of(b); });
    for (size_t begin = 0; begin < by_target.size();) {
      size_t end = begin + 1;
      while (end < by_target.size() && target_of(by_target[end]) == target_of(by_target[begin])) {
        ++end;
      }
      if (end - begin > 1) {
        BARO_TRY(FindContestedOf({by_target.data() + begin, end - begin}));
      }
      begin = end;
    }
    return absl::OkStatus();
  }

  absl::Status FindContestedOf(std::span<const size_t> items) {
    std::vector<std::pair<const Entry*, std::string>> values;
    for (const size_t i : items) {
      for (const Entry& entry : items_[i].entries) values.emplace_back(&entry, std::string());
    }
    for (auto& [entry, value] : values) reader_.WantValue(TimesKeyOf(*entry), &value);
    BARO_TRY(reader_.Fetch());
    std::vector<std::pair<int64_t, LayoutId>> rows;
    for (const auto& [entry, value] : values) {
      BARO_TRY_ASSIGN(const auto times_ms, TimesOf(*entry, value));
      for (const int64_t time_ms : times_ms) rows.emplace_back(time_ms, entry->out);
    }
    std::sort(rows.begin(), rows.end());
    bool contested = false;
    for (size_t i = 1; i < rows.size(); ++i) {
      contested =
          contested || (rows[i].first == rows[i - 1].first && rows[i].second != rows[i - 1].second);
    }
    if (!contested) return context_.pause();
    for (const size_t i : items) items_[i].contested = true;
    auto& entries = contested_[items_[items.front()].entries.front().target];
    for (const auto& [entry, value] : values) entries.push_back(entry);
    return context_.pause();
  }

  absl::StatusOr<std::vector<int64_t>> TimesOf(const Entry& entry, std::string_view bytes) {
    auto times = DecodeSlotTimes(bytes);
    if (!times.ok()) return reader_.Damaged(TimesKeyOf(entry), times.status());
    return times;
  }

  absl::Status Write() {
    BARO_TRY(ToStatus(context_.database->env()->CreateDirIfMissing(Folder()),
                      "create folder for merging"));
    Part& part = parts_.emplace_back().part;
    part.number = context_.next_number();
    part.rank = job_.inputs.back()->rank;
    part.generation = job_.generation;
    part.written.cleaned = context_.tombstones->number_max();
    for (const auto& input : job_.inputs) {
      part.written.epoch = std::max(part.written.epoch, input->written.epoch);
    }
    part.slot = UINT32_MAX;
    part.time_ms_min = INT64_MAX;
    part.time_ms_max = INT64_MIN;
    for (const auto& input : job_.inputs) part.slot = std::min(part.slot, input->slot);
    part.class_byte = job_.inputs.front()->class_byte;
    writer_ =
        std::make_unique<PartWriter>(*context_.database, base::StrCat(Folder(), "/", part.number),
                                     true, context_.file_bytes_max);
    absl::Status status;
    for (size_t begin = 0; begin < items_.size() && status.ok();) {
      size_t end = begin;
      while (end < items_.size() &&
             items_[end].entries.front().out == items_[begin].entries.front().out) {
        ++end;
      }
      status = WriteLayout(std::span(items_).subspan(begin, end - begin));
      begin = end;
    }
    if (status.ok()) status = writer_->Finish();
    parts_.front().files = writer_->files();
    return status;
  }

  std::string Folder() const { return context_.database->path() + "/seal"; }

  void Complete(Part* part) {
    std::sort(targets_.begin(), targets_.end());
    part->targets = std::make_shared<TargetLayouts>(std::move(targets_));
  }

  // All blocks of one layout, then its times: the order of the keys.
  absl::Status WriteLayout(std::span<const Item> items) {
    const LayoutId layout = items.front().entries.front().out;
    layout_ = context_.dictionary->FindLayout(layout);
    if (layout_ == nullptr) {
      return absl::DataLossError(base::StrCat("cannot merge parts: no layout ", layout));
    }
    const size_t columns = layout_->columns.size();
    for (first_column_ = 0; first_column_ < columns; first_column_ += kBlockColumns) {
      column_count_ = std::min(kBlockColumns, columns - first_column_);
      BARO_TRY(ForEachBatch(items, column_count_, true));
    }
    return ForEachBatch(items, 1, false);
  }

  absl::Status ForEachBatch(std::span<const Item> items, uint64_t columns, bool values) {
    for (size_t begin = 0; begin < items.size();) {
      size_t end = begin;
      uint64_t cells = 0;
      while (end < items.size() && (end == begin || cells < kBatchCellsMax)) {
        cells += items[end].cells_of_column * columns;
        ++end;
      }
      BARO_TRY(WriteBatch(items.subspan(begin, end - begin), values));
      BARO_TRY(context_.pause());
      begin = end;
    }
    return absl::OkStatus();
  }

  absl::Status WriteBatch(std::span<const Item> items, bool values) {
    std::vector<std::vector<Loaded>> loaded(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      loaded[i].resize(items[i].entries.size());
      for (size_t e = 0; e < items[i].entries.size(); ++e) {
        const Entry& entry = items[i].entries[e];
        reader_.WantValue(TimesKeyOf(entry), &loaded[i][e].times);
        if (!values) continue;
        reader_.WantValue(ValueKeyOf(entry), &loaded[i][e].values);
      }
    }
    BARO_TRY(reader_.Fetch());
    for (size_t i = 0; i < items.size(); ++i) {
      BARO_TRY(values ? WriteBlock(items[i], &loaded[i]) : WriteTimes(items[i], loaded[i]));
    }
    return absl::OkStatus();
  }

  SlotKey ValueKeyOf(const Entry& entry) const {
    SlotKey key = KeyOf(entry);
    key.block = PartOf(entry).BlockOf(static_cast<uint32_t>(first_column_));
    return key;
  }

  absl::StatusOr<std::vector<SourceRows>> RowsOf(const Item& item,
                                                 const std::vector<Loaded>& loaded) {
    std::vector<SourceRows> rows(item.entries.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const Entry& entry = item.entries[i];
      auto times = SlotTimes::Parse(loaded[i].times);
      if (!times.ok()) return reader_.Damaged(TimesKeyOf(entry), times.status());
      BARO_TRY_ASSIGN(rows[i].times_ms, TimesOf(entry, loaded[i].times));
      rows[i].chunk_rows.assign(times->chunk_rows().begin(), times->chunk_rows().end());
      rows[i].dropped = DroppedRows(entry);
    }
    return rows;
  }

  bool MayDrop(const Entry& entry) const {
    const Part& part = PartOf(entry);
    return !context_.tombstones->empty() &&
           context_.tombstones->Touches(part.written, entry.target,
                                        {part.time_ms_min, part.time_ms_max});
  }
  std::vector<TimeRange> DeletedOf(const Entry& entry, ColumnId column) const {
    return context_.tombstones->Of(PartOf(entry).written, {entry.target, column});
  }

  // Where all columns of the layout are to go; the same for each of its blocks, so kept.
  std::vector<TimeRange> DroppedRows(const Entry& entry) {
    if (!MayDrop(entry)) return {};
    const auto [it, inserted] = dropped_rows_.try_emplace(&entry);
    if (!inserted) return it->second;
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
    it->second = all;
    return all;
  }

  absl::Status WriteBlock(const Item& item, std::vector<Loaded>* loaded) {
    BARO_TRY_ASSIGN(const std::vector<SourceRows> rows, RowsOf(item, *loaded));
    const RowPlan plan(rows, !item.thinned && !item.contested);
    if (plan.empty()) return absl::OkStatus();
    BlockMerge block(plan, column_count_);
    for (size_t i = 0; i < rows.size(); ++i) {
      BARO_TRY_ASSIGN(auto columns, PlacesOf(item.entries[i], rows[i], &(*loaded)[i]));
      block.AddSource(std::move(columns));
    }
    if (item.thinned) LeaveOutDropped(item, &block);
    if (item.contested) BARO_TRY(LeaveOutContested(item, &block));
    auto value = block.Run(rows);
    if (!value.ok()) return reader_.Damaged(ValueKeyOf(item.entries.front()), value.status());
    SlotKey key = parts_.front().part.Key();
    key.layout = item.entries.front().out;
    key.block = parts_.front().part.BlockOf(static_cast<uint32_t>(first_column_));
    key.target = item.entries.front().target;
    return writer_->Put(key, *value);
  }

  void LeaveOutDropped(const Item& item, BlockMerge* block) const {
    for (uint32_t i = 0; i < item.entries.size(); ++i) {
      const Entry& entry = item.entries[i];
      if (!MayDrop(entry)) continue;
      for (uint32_t c = 0; c < column_count_; ++c) {
        auto ranges = DeletedOf(entry, layout_->columns[first_column_ + c]);
        if (!ranges.empty()) block->LeaveOut({i, c, std::move(ranges), {}});
      }
    }
  }

  absl::StatusOr<std::vector<BlockMerge::Place>> PlacesOf(const Entry& entry,
                                                          const SourceRows& rows, Loaded* loaded) {
    auto parsed = SlotValues::Parse(loaded->values);
    if (parsed.ok() && parsed->column_count() != column_count_) {
      parsed = absl::DataLossError("it has too few columns or too many");
    }
    if (parsed.ok() && !std::equal(rows.chunk_rows.begin(), rows.chunk_rows.end(),
                                   parsed->chunk_rows().begin(), parsed->chunk_rows().end())) {
      parsed = absl::DataLossError("more times than values or fewer");
    }
    if (!parsed.ok()) return reader_.Damaged(ValueKeyOf(entry), parsed.status());
    loaded->parsed.push_back(*std::move(parsed));
    std::vector<BlockMerge::Place> places(column_count_);
    for (uint32_t c = 0; c < column_count_; ++c) places[c] = {&loaded->parsed.back(), c};
    return places;
  }

  // Times at which another layout of the target has a sample of one of the block's series, told by
  // a part of higher rank.
  absl::Status LeaveOutContested(const Item& item, BlockMerge* block) {
    std::map<ColumnId, uint32_t> wanted;
    for (uint32_t c = 0; c < column_count_; ++c) wanted[layout_->columns[first_column_ + c]] = c;
    PartReader others(*context_.database, context_.damaged_total);
    for (const Entry* other : contested_.at(item.entries.front().target)) {
      if (other->out == item.entries.front().out) continue;
      const StoredLayout* layout = context_.dictionary->FindLayout(other->in);
      PartFragment fragment;
      std::vector<uint32_t> columns;  // of the block, by position in the other layout
      for (uint32_t p = 0; layout != nullptr && p < layout->columns.size(); ++p) {
        const auto it = wanted.find(layout->columns[p]);
        if (it == wanted.end()) continue;
        fragment.positions.push_back(p);
        columns.push_back(it->second);
      }
      if (columns.empty()) continue;
      others.Want(PartOf(*other), other->in, other->target, &fragment);
      BARO_TRY(others.Fetch());
      for (uint32_t i = 0; i < item.entries.size(); ++i) {
        if (PriorityOf(*other) > PriorityOf(item.entries[i])) {
          LeaveOutOf(i, fragment, columns, block);
        }
      }
    }
    return absl::OkStatus();
  }

  std::pair<uint32_t, LayoutId> PriorityOf(const Entry& entry) const {
    return {PartOf(entry).rank, entry.in};
  }

  static void LeaveOutOf(uint32_t source, const PartFragment& other,
                         const std::vector<uint32_t>& columns, BlockMerge* block) {
    const size_t rows = other.times_ms.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      CellsLeftOut cells{source, columns[i], {}, {}};
      for (size_t row = 0; row < rows; ++row) {
        if (!model::IsNoSample(other.values[i * rows + row])) {
          cells.other_times_ms.push_back(other.times_ms[row]);
        }
      }
      if (!cells.other_times_ms.empty()) block->LeaveOut(std::move(cells));
    }
  }

  absl::Status WriteTimes(const Item& item, const std::vector<Loaded>& loaded) {
    BARO_TRY_ASSIGN(const std::vector<SourceRows> rows, RowsOf(item, loaded));
    const RowPlan plan(rows, !item.thinned && !item.contested);
    if (plan.empty()) return absl::OkStatus();
    Part& part = parts_.front().part;
    SlotKey key = part.Key();
    key.layout = item.entries.front().out;
    key.block = kTimesBlock;
    key.target = item.entries.front().target;
    BARO_TRY(writer_->Put(key, EncodeChunkedTimes(plan.chunk_rows(), plan.times_ms())));
    part.time_ms_min = std::min(part.time_ms_min, plan.times_ms().front());
    part.time_ms_max = std::max(part.time_ms_max, plan.times_ms().back());
    part.rows_max = std::max(part.rows_max, static_cast<uint32_t>(plan.times_ms().size()));
    part.samples += plan.times_ms().size() * layout_->columns.size();
    targets_.push_back({key.target, key.layout});
    return absl::OkStatus();
  }

  const MergeJob& job_;
  const MergeContext& context_;
  PartReader reader_;
  std::vector<Entry> entries_;
  std::vector<Item> items_;
  absl::flat_hash_map<TargetId, std::vector<const Entry*>> contested_;
  std::map<const Entry*, std::vector<TimeRange>> dropped_rows_;
  std::vector<SealedPart> parts_;
  std::unique_ptr<PartWriter> writer_;
  TargetLayouts targets_;
  // The block being written.
  const StoredLayout* layout_ = nullptr;
  size_t first_column_ = 0;
  size_t column_count_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<SealedPart>> MergeParts(const MergeJob& job,
                                                   const MergeContext& context) {
  return PartMerge(job, context).Run();
}

}  // namespace baro::tsdb
