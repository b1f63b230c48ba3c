#include "keys.h"

#include <algorithm>
#include <charconv>

#include "baro/base/strings.h"
#include "bytes.h"

namespace baro::tsdb {
namespace {
constexpr std::string_view kJournalPrefix = "journal.";
}  // namespace

std::string EncodeSlotKey(const SlotKey& key) {
  std::string bytes;
  bytes.reserve(19);
  PutBigEndian(key.retention_class, &bytes);
  PutBigEndian(key.slot, &bytes);
  PutBigEndian(key.part, &bytes);
  PutBigEndian(key.layout, &bytes);
  PutBigEndian(key.block, &bytes);
  PutBigEndian(key.target, &bytes);
  return bytes;
}

bool DecodeSlotKey(std::string_view bytes, SlotKey* key) {
  return TakeBigEndian(&bytes, &key->retention_class) && TakeBigEndian(&bytes, &key->slot) &&
         TakeBigEndian(&bytes, &key->part) && TakeBigEndian(&bytes, &key->layout) &&
         TakeBigEndian(&bytes, &key->block) && TakeBigEndian(&bytes, &key->target) && bytes.empty();
}

std::string PartPrefix(const SlotKey& key) {
  std::string bytes;
  PutBigEndian(key.retention_class, &bytes);
  PutBigEndian(key.slot, &bytes);
  PutBigEndian(key.part, &bytes);
  return bytes;
}

uint32_t SlotOf(int64_t time_ms, int64_t slot_ms) {
  int64_t slot = time_ms / slot_ms;
  if (time_ms % slot_ms < 0) --slot;
  constexpr int64_t kHalf = int64_t{1} << 31;
  return static_cast<uint32_t>(std::clamp(slot, -kHalf, kHalf - 1) + kHalf);
}

int64_t SlotStart(uint32_t slot, int64_t slot_ms) {
  if (slot == 0) return INT64_MIN;
  constexpr int64_t kHalf = int64_t{1} << 31;
  int64_t start = 0;
  if (__builtin_mul_overflow(int64_t{slot} - kHalf, slot_ms, &start)) {
    return slot < kHalf ? INT64_MIN : INT64_MAX;
  }
  return start;
}

int64_t SlotEnd(uint32_t slot, int64_t slot_ms) {
  if (slot == UINT32_MAX) return INT64_MAX;
  const int64_t next = SlotStart(slot + 1, slot_ms);
  return next == INT64_MIN ? next : next - 1;
}

int64_t WindowOf(uint32_t slot, uint32_t slots) {
  const int64_t signed_slot = int64_t{slot} - (int64_t{1} << 31);
  const int64_t window = signed_slot / slots;
  return signed_slot % slots < 0 ? window - 1 : window;
}

std::string IdKey(char kind, uint32_t id) {
  std::string bytes(1, kind);
  PutBigEndian(id, &bytes);
  return bytes;
}

std::string JournalKey(uint64_t number) {
  std::string bytes;
  PutBigEndian(number, &bytes);
  return bytes;
}

std::string JournalName(uint64_t epoch) { return base::StrCat(kJournalPrefix, epoch); }

bool ParseJournalName(std::string_view name, uint64_t* epoch) {
  if (!name.starts_with(kJournalPrefix)) return false;
  name.remove_prefix(kJournalPrefix.size());
  const auto result = std::from_chars(name.data(), name.data() + name.size(), *epoch);
  return result.ec == std::errc() && result.ptr == name.data() + name.size();
}

}  // namespace baro::tsdb
