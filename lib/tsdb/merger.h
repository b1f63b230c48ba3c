// Merger: writes parts anew as one (one a retention class): samples of one series together, of two
// at one time the one of higher rank, without what was deleted.
//
// One column-block of some targets is in memory at a time. Encoded chunks are copied where nothing
// in them changes: a day is mostly copied from its hours. Downsampling is a merge that keeps a few
// rows of each bucket; which ones, a first pass over all columns finds out.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "database.h"
#include "dictionary.h"
#include "merge_plan.h"
#include "retention_class.h"
#include "sealer.h"
#include "tombstones.h"

namespace baro::tsdb {

struct MergeContext {
  const Database* database = nullptr;
  Dictionary* dictionary = nullptr;
  std::atomic<uint64_t>* damaged_total = nullptr;
  // What they delete is left out.
  std::shared_ptr<const Tombstones> tombstones;
  // Sends samples to their classes; not asked about tiers.
  ClassRouter* router = nullptr;
  // A number for one more part.
  std::function<uint32_t()> next_number;
  // Called between batches; may wait, to leave the machine to others. An error ends the merge.
  std::function<absl::Status()> pause;
  uint64_t file_bytes_max = kPartFileBytesMax;
};

// The outcome has the rank of the highest input and the generation of the job; nothing when no
// sample is left. New layouts are left pending in the dictionary.
// Errors: ResourceExhausted (disk full), Unavailable, DataLoss (an input is damaged), or what
// `pause` said; files that were written are removed.
absl::StatusOr<std::vector<SealedPart>> MergeParts(const MergeJob& job,
                                                   const MergeContext& context);

}  // namespace baro::tsdb
