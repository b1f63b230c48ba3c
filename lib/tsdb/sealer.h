// Sealer: writes a head that nobody writes to any more into sorted files, one a part, and
// parts for each retention class.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "database.h"
#include "dictionary.h"
#include "head.h"
#include "part.h"
#include "part_writer.h"
#include "retention_class.h"

namespace baro::tsdb {

struct SealedPart {
  Part part;
  std::vector<std::string> files;
};
// Left-over files do no harm: the next start empties the folder.
void RemoveFiles(const Database& database, const std::vector<SealedPart>& parts);

// Thread-compatible; runs on the maintenance thread, reads the head beside its readers.
class Sealer {
 public:
  Sealer(Database* database, Dictionary* dictionary, int64_t slot_ms)
      : database_(database), dictionary_(dictionary), slot_ms_(slot_ms) {}

  // Part numbers count up from `first_part`, later levels of the head later, so that the last
  // written sample keeps winning. New layouts are left pending in the dictionary.
  // Errors: ResourceExhausted (disk full), Unavailable, DataLoss; files that were written are
  // removed.
  absl::StatusOr<std::vector<SealedPart>> Seal(const Head& head, uint32_t first_part,
                                               ClassRouter* router);

 private:
  // Rows of one target that share layout and level. `positions` maps stored columns to the group's.
  struct Run {
    uint8_t retention_class = kRawClass;
    TargetId target = 0;
    const StoredLayout* layout = nullptr;
    std::vector<uint32_t> positions;
    const TargetHead* head = nullptr;
    GroupSnapshot rows;
  };
  // Side samples have no TargetHead; they get one for the length of a seal.
  struct Plan {
    std::vector<std::vector<Run>> levels;
    std::vector<std::unique_ptr<TargetHead>> owned;
  };
  struct SlotRange {
    int64_t start_ms = 0;
    int64_t end_ms = 0;  // part of the range
    uint32_t slot = 0;
  };

  // What of a run lies in one part.
  struct PartRun {
    const Run* run = nullptr;
    size_t first_row = 0;
    std::vector<int64_t> times_ms;
  };

  Plan PlanRuns(const Head& head, ClassRouter* router) const;
  void AddRuns(TargetId target, const TargetHead* head, const TargetSnapshot& snapshot,
               int level_min, std::vector<std::pair<const StoredLayout*, int>>* taken,
               ClassRouter* router, Plan* plan) const;
  static void AddRun(Run run, int level, std::vector<std::pair<const StoredLayout*, int>>* taken,
                     Plan* plan);
  std::vector<SlotRange> PlanParts(std::span<const Run> runs) const;
  void CutLongRanges(std::span<const Run> runs, std::vector<SlotRange>* ranges) const;
  absl::Status WriteLayout(std::span<const PartRun> runs, SlotKey key, PartWriter* writer) const;
  absl::StatusOr<SealedPart> WritePart(std::span<const Run> runs, const SlotRange& range,
                                       uint32_t number) const;

  Database* const database_;
  Dictionary* const dictionary_;
  const int64_t slot_ms_;
};

}  // namespace baro::tsdb
