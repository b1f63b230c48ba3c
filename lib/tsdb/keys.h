// Keys of everything the store keeps in RocksDB. Bytes: docs/formats/keys.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "baro/tsdb/store.h"

namespace baro::tsdb {

// Columns of a layout that share one value: neighbours in a layout are read together.
inline constexpr size_t kBlockColumns = 32;
// Column-block numbers with a meaning of their own; Part::BlockOf() gives the others.
inline constexpr uint16_t kSealedStatsBlock = 0x8000;  // + block: only in parts of format version 1
inline constexpr uint16_t kTimesBlock = 0xffff;
// The class byte of a key: the retention class in the lower six bits, 1 … 63, and the tier above
// it: 0 raw samples, then the downsampled tiers.
inline constexpr uint8_t kRawClass = 1;
inline constexpr int kTierShift = 6;
inline constexpr uint8_t kTiersMax = 3;
inline constexpr uint8_t kRetentionClassMax = (1 << kTierShift) - 1;
inline uint8_t TierOf(uint8_t class_byte) { return class_byte >> kTierShift; }
inline uint8_t RetentionClassOf(uint8_t class_byte) { return class_byte & kRetentionClassMax; }

// class u8 | slot u32 | part u32 | layout u32 | column-block u16 | target u32, big-endian, so that
// one metric across all targets of a part is one sequential scan.
struct SlotKey {
  uint8_t retention_class = kRawClass;
  uint32_t slot = 0;
  uint32_t part = 0;
  LayoutId layout = 0;
  uint16_t block = 0;
  TargetId target = 0;
  auto operator<=>(const SlotKey&) const = default;
};
std::string EncodeSlotKey(const SlotKey& key);
bool DecodeSlotKey(std::string_view bytes, SlotKey* key);
// class | slot | part: what all keys of a part begin with.
std::string PartPrefix(const SlotKey& key);

// The number of the slot that holds a time: floor division, moved up by 2^31 so that times before
// 1970 sort first. Times beyond ±2^31 slots share the first or last one; parts keep exact bounds.
uint32_t SlotOf(int64_t time_ms, int64_t slot_ms);
// The first and last time of a slot; the first slot reaches back for ever.
int64_t SlotStart(uint32_t slot, int64_t slot_ms);
int64_t SlotEnd(uint32_t slot, int64_t slot_ms);

// Merges join what lies in one window: 4 slots (2 h), then 48 (a day of UTC).
inline constexpr uint32_t kHoursSlots = 4;
inline constexpr uint32_t kDaySlots = 48;
// The number of a window of `slots` slots that holds a slot; windows begin at 1970.
int64_t WindowOf(uint32_t slot, uint32_t slots);

// Keys of column family `index`: one letter, then the id.
inline constexpr char kTargetKey = 't';
inline constexpr char kColumnKey = 'c';
inline constexpr char kLayoutKey = 'l';
inline constexpr char kBindingKey = 'b';
inline constexpr char kMetadataKey = 'm';
inline constexpr char kPartKey = 'p';
inline constexpr char kStateKey = 's';
inline constexpr char kNextKey = 'n';
inline constexpr char kClassKey = 'r';      // retention classes
inline constexpr char kComponentKey = 'h';  // columns of histograms' insides
inline constexpr char kBoundsKey = 'o';     // custom bounds of histograms
inline constexpr char kExemplarKey = 'e';   // exemplars, as they were at the last seal
inline constexpr char kTombstoneKey = 'd';
inline constexpr char kNoteKey = 'x';  // what others keep here: baro/tsdb/notes.h
std::string IdKey(char kind, uint32_t id);

std::string JournalKey(uint64_t number);
std::string JournalName(uint64_t epoch);
// False for a column family that is not a journal.
bool ParseJournalName(std::string_view name, uint64_t* epoch);

}  // namespace baro::tsdb
