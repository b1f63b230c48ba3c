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

std::string PartPrefix(uint32_t slot, uint32_t part) {
  std::string bytes;
  PutBigEndian(kRawClass, &bytes);
  PutBigEndian(slot, &bytes);
  PutBigEndian(part, &bytes);
  return bytes;
}

uint32_t SlotOf(int64_t time_ms, int64_t slot_ms) {
  int64_t slot = time_ms / slot_ms;
  if (time_ms % slot_ms < 0) --slot;
  constexpr int64_t kHalf = int64_t{1} << 31;
  return static_cast<uint32_t>(std::clamp(slot, -kHalf, kHalf - 1) + kHalf);
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
