#include "sealer.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/column.h"
#include "keys.h"
#include "part_writer.h"
#include "slot_value.h"

namespace baro::tsdb {
namespace {

// Neighbouring slots of a day share a part until it has this many samples: a backfill of one sample
// an hour must not make a file an hour. Not beyond the day, lest one young sample keep old ones
// past retention, and so that merges find parts within their windows.
constexpr uint64_t kPartSamplesMin = 16'384;
// Rows of one target in one part; a slot with more is cut in time. Bounds what a value decodes to.
constexpr size_t kPartRowsMax = 16'384;
static_assert(kPartRowsMax <= codec::kColumnValuesMax);

}  // namespace

absl::StatusOr<std::vector<SealedPart>> Sealer::Seal(const Head& head, uint32_t first_part,
                                                     ClassRouter* router) {
  const Plan plan = PlanRuns(head, router);
  std::vector<SealedPart> parts;
  BARO_TRY(ToStatus(database_->env()->CreateDirIfMissing(database_->path() + "/seal"),
                    "create folder for sealing"));
  for (const std::vector<Run>& level : plan.levels) {
    for (size_t begin = 0; begin < level.size();) {
      size_t end = begin;
      while (end < level.size() && level[end].retention_class == level[begin].retention_class) {
        ++end;
      }
      const std::span<const Run> runs(level.data() + begin, end - begin);
      for (const SlotRange& range : PlanParts(runs)) {
        const auto number = static_cast<uint32_t>(first_part + parts.size());
        absl::StatusOr<SealedPart> part = WritePart(runs, range, number);
        if (!part.ok()) {
          RemoveFiles(*database_, parts);
          return part.status();
        }
        part->part.written.epoch = head.epoch();
        parts.push_back(*std::move(part));
      }
      begin = end;
    }
  }
  return parts;
}

void RemoveFiles(const Database& database, const std::vector<SealedPart>& parts) {
  for (const SealedPart& part : parts) {
    for (const std::string& file : part.files) {
      database.env()->DeleteFile(file).PermitUncheckedError();
    }
  }
}

Sealer::Plan Sealer::PlanRuns(const Head& head, ClassRouter* router) const {
  Plan plan;
  for (const TargetId target : head.Targets()) {
    const TargetHead* rows = head.Find(target);
    const TargetSnapshot snapshot = rows->Snapshot();
    std::vector<std::pair<const StoredLayout*, int>> taken;
    AddRuns(target, rows, snapshot, 0, &taken, router, &plan);
    if (snapshot.side.empty()) continue;
    // In time order they make ordinary rows again, above all levels.
    std::vector<SideSample> side = snapshot.side;
    std::sort(side.begin(), side.end(), [](const SideSample& a, const SideSample& b) {
      return std::pair(a.time_ms, a.column) < std::pair(b.time_ms, b.column);
    });
    auto owned = std::make_unique<TargetHead>();
    owned->Lock();
    SeriesHint hint;
    Applied ignored;
    for (const SideSample& sample : side) {
      owned->AppendSample(sample.column, sample.time_ms, sample.value, &hint, &ignored);
    }
    owned->Unlock();
    int top = 0;
    for (const auto& [layout, level] : taken) top = std::max(top, level + 1);
    AddRuns(target, owned.get(), owned->Snapshot(), top, &taken, router, &plan);
    plan.owned.push_back(std::move(owned));
  }
  for (std::vector<Run>& runs : plan.levels) {
    std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
      return std::tuple(a.retention_class, a.layout->id, a.target) <
             std::tuple(b.retention_class, b.layout->id, b.target);
    });
  }
  return plan;
}

void Sealer::AddRuns(TargetId target, const TargetHead* head, const TargetSnapshot& snapshot,
                     int level_min, std::vector<std::pair<const StoredLayout*, int>>* taken,
                     ClassRouter* router, Plan* plan) const {
  for (const GroupSnapshot& group : snapshot.groups) {
    if (group.row_count == 0) continue;
    Run run{kRawClass, target, group.rows->layout(), {}, head, group};
    run.positions.resize(group.rows->column_count());
    std::iota(run.positions.begin(), run.positions.end(), 0U);
    if (run.layout == nullptr) {
      std::sort(run.positions.begin(), run.positions.end(), [&](uint32_t a, uint32_t b) {
        return group.rows->column(a) < group.rows->column(b);
      });
      std::vector<ColumnId> columns;
      for (const uint32_t position : run.positions) columns.push_back(group.rows->column(position));
      run.layout = dictionary_->InternColumns(std::move(columns));
    }
    for (const ClassColumns& columns : router->Route(target, *run.layout)) {
      Run of_class{columns.number, target, columns.layout, {}, head, group};
      for (const uint32_t position : columns.positions) {
        of_class.positions.push_back(run.positions[position]);
      }
      if (columns.positions.empty()) of_class.positions = run.positions;
      AddRun(std::move(of_class), std::max(level_min, group.level), taken, plan);
    }
  }
}

// `taken`: the layouts of this target so far and their levels. The same layout twice needs another
// part, for the keys would be the same.
void Sealer::AddRun(Run run, int level, std::vector<std::pair<const StoredLayout*, int>>* taken,
                    Plan* plan) {
  for (const auto& [layout, used] : *taken) {
    if (layout == run.layout) level = std::max(level, used + 1);
  }
  taken->emplace_back(run.layout, level);
  if (plan->levels.size() <= static_cast<size_t>(level)) {
    plan->levels.resize(static_cast<size_t>(level) + 1);
  }
  plan->levels[static_cast<size_t>(level)].push_back(std::move(run));
}

std::vector<Sealer::SlotRange> Sealer::PlanParts(std::span<const Run> runs) const {
  std::map<uint32_t, uint64_t> samples_by_slot;
  for (const Run& run : runs) {
    size_t first_row = 0;
    for (const int64_t time_ms : run.head->ReadTimes(run.rows, INT64_MIN, INT64_MAX, &first_row)) {
      samples_by_slot[SlotOf(time_ms, slot_ms_)] += run.positions.size();
    }
  }
  std::vector<SlotRange> ranges;
  int64_t window = 0;
  uint64_t samples = 0;
  for (const auto& [slot, count] : samples_by_slot) {
    const bool joins = !ranges.empty() && WindowOf(slot, kDaySlots) == window &&
                       samples < kPartSamplesMin && count < kPartSamplesMin;
    if (!joins) {
      ranges.push_back({SlotStart(slot, slot_ms_), 0, slot});
      window = WindowOf(slot, kDaySlots);
      samples = 0;
    }
    samples += count;
    ranges.back().end_ms = SlotEnd(slot, slot_ms_);
  }
  CutLongRanges(runs, &ranges);
  return ranges;
}

void Sealer::CutLongRanges(std::span<const Run> runs, std::vector<SlotRange>* ranges) const {
  for (size_t i = 0; i < ranges->size(); ++i) {
    for (const Run& run : runs) {
      size_t first_row = 0;
      const SlotRange range = (*ranges)[i];
      const auto times = run.head->ReadTimes(run.rows, range.start_ms, range.end_ms, &first_row);
      if (times.size() <= kPartRowsMax) continue;
      const int64_t cut_ms = times[kPartRowsMax];
      (*ranges)[i].end_ms = cut_ms - 1;
      // The rest is looked at in its turn.
      ranges->insert(ranges->begin() + static_cast<ptrdiff_t>(i) + 1,
                     {cut_ms, range.end_ms, range.slot});
    }
  }
}

absl::StatusOr<SealedPart> Sealer::WritePart(std::span<const Run> runs, const SlotRange& range,
                                             uint32_t number) const {
  SealedPart sealed;
  sealed.part.number = sealed.part.rank = number;
  sealed.part.class_byte = runs.front().retention_class;
  sealed.part.slot = range.slot;
  sealed.part.time_ms_min = INT64_MAX;
  sealed.part.time_ms_max = INT64_MIN;
  auto targets = std::make_shared<TargetLayouts>();
  std::vector<PartRun> inside;
  for (const Run& run : runs) {
    PartRun part_run{&run, 0, {}};
    part_run.times_ms =
        run.head->ReadTimes(run.rows, range.start_ms, range.end_ms, &part_run.first_row);
    if (part_run.times_ms.empty()) continue;
    sealed.part.time_ms_min = std::min(sealed.part.time_ms_min, part_run.times_ms.front());
    sealed.part.time_ms_max = std::max(sealed.part.time_ms_max, part_run.times_ms.back());
    sealed.part.samples += part_run.times_ms.size() * run.positions.size();
    sealed.part.rows_max =
        std::max(sealed.part.rows_max, static_cast<uint32_t>(part_run.times_ms.size()));
    targets->push_back({run.target, run.layout->id});
    inside.push_back(std::move(part_run));
  }
  std::sort(targets->begin(), targets->end());
  sealed.part.targets = std::move(targets);
  PartWriter writer(*database_, base::StrCat(database_->path(), "/seal/", number), false);
  absl::Status status;
  for (size_t begin = 0; begin < inside.size() && status.ok();) {
    size_t end = begin;
    while (end < inside.size() && inside[end].run->layout == inside[begin].run->layout) ++end;
    const std::span<const PartRun> same(inside.data() + begin, end - begin);
    status = WriteLayout(same, sealed.part.Key(), &writer);
    begin = end;
  }
  if (status.ok()) status = writer.Finish();
  sealed.files = writer.files();
  sealed.part.bytes = writer.bytes();
  if (status.ok()) return sealed;
  RemoveFiles(*database_, {sealed});
  return status;
}

// Value blocks of all targets, then the times: the order of the keys. Statistics come with the
// first merge, which decodes the values anyway.
absl::Status Sealer::WriteLayout(std::span<const PartRun> runs, SlotKey key,
                                 PartWriter* writer) const {
  key.layout = runs.front().run->layout->id;
  const size_t columns = runs.front().run->positions.size();
  std::vector<double> values;
  std::vector<std::string_view> encoded;
  for (size_t first = 0; first < columns; first += kBlockColumns) {
    const size_t count = std::min(kBlockColumns, columns - first);
    key.block = static_cast<uint16_t>(first / kBlockColumns);
    for (const PartRun& run : runs) {
      const size_t rows = run.times_ms.size();
      key.target = run.run->target;
      const std::span<const uint32_t> positions(run.run->positions.data() + first, count);
      if (run.run->head->FindEncoded(run.run->rows, positions, run.first_row, run.first_row + rows,
                                     &encoded)) {
        BARO_TRY(writer->Put(key, JoinSlotValues(rows, encoded)));
        continue;
      }
      values.resize(count * rows);
      BARO_TRY(run.run->head->Read(run.run->rows, positions, run.first_row, run.first_row + rows,
                                   values.data()));
      BARO_TRY(writer->Put(key, EncodeSlotValues(rows, values)));
    }
  }
  key.block = kTimesBlock;
  for (const PartRun& run : runs) {
    key.target = run.run->target;
    BARO_TRY(writer->Put(key, EncodeSlotTimes(run.times_ms)));
  }
  return absl::OkStatus();
}

}  // namespace baro::tsdb
