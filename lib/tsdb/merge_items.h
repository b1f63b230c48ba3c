// What a merge has in hand: the pieces of its inputs that become one target and layout of the
// outgoing part, and that part itself. Of merger.cc alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "keys.h"
#include "part_writer.h"
#include "sealer.h"
#include "slot_value.h"

namespace baro::tsdb {

// What one input has for one outgoing target and layout.
struct MergeEntry {
  uint8_t class_byte = kRawClass;
  LayoutId out = 0;
  TargetId target = 0;
  uint32_t input = 0;  // in the job
  LayoutId in = 0;
  // Of the outgoing columns in `in`; empty: the same ones.
  const std::vector<uint32_t>* positions = nullptr;
};

// The entries of one outgoing target and layout, by rank.
struct MergeItem {
  std::span<const MergeEntry> entries;
  // Cells have to be looked at one by one: something in them is deleted, or other layouts of the
  // target have samples of the same times.
  bool deleted = false;
  bool contested = false;
  uint64_t cells_of_column = 0;
  std::vector<bool> kept;  // rows; of a tier

  LayoutId layout() const { return entries.front().out; }
  TargetId target() const { return entries.front().target; }
  bool may_copy() const { return !deleted && !contested; }
};

// An entry's bytes while its item is in a batch.
struct LoadedEntry {
  std::string times;
  std::vector<std::pair<uint16_t, std::string>> values;  // by block
  std::vector<SlotValues> parsed;                        // of each
  std::vector<SlotValues::Referred> referred;            // of each, as far as decoded
};

// The part of one class, while it is written.
struct MergeOutput {
  SealedPart sealed;
  std::unique_ptr<PartWriter> writer;
  TargetLayouts targets;
};

}  // namespace baro::tsdb
