#include "part.h"

#include <algorithm>
#include <utility>

#include "baro/base/strings.h"
#include "bytes.h"

namespace baro::tsdb {
namespace {
// Neighbouring slots are equal or nearly so; a longer memory would hardly find more.
constexpr size_t kRecentMax = 8;
}  // namespace

std::pair<std::string, std::string> Part::KeyRange() const {
  SlotKey next = Key();
  ++next.part;
  return {PartPrefix(Key()), PartPrefix(next)};
}

std::string EncodePart(const Part& part) {
  std::string bytes;
  PutVarint(part.slot, &bytes);
  PutVarint(ZigZag(part.time_ms_min), &bytes);
  PutVarint(ZigZag(part.time_ms_max), &bytes);
  PutVarint(part.samples, &bytes);
  PutVarint(part.rows_max, &bytes);
  PutVarint(part.bytes, &bytes);
  PutVarint(part.targets->size(), &bytes);
  TargetLayout before;
  for (const TargetLayout& one : *part.targets) {
    PutVarint(one.target - before.target, &bytes);
    PutVarint(ZigZag(int64_t{one.layout} - int64_t{before.layout}), &bytes);
    before = one;
  }
  // Records of the first version end here.
  PutVarint(part.written.epoch, &bytes);
  PutVarint(part.written.cleaned, &bytes);
  PutVarint(part.rank == part.number ? 0 : part.rank, &bytes);
  bytes.push_back(static_cast<char>(part.class_byte));
  bytes.push_back(static_cast<char>(part.generation));
  PutVarint(static_cast<uint64_t>(part.interval_ms), &bytes);
  return bytes;
}

absl::StatusOr<Part> DecodePart(uint32_t number, std::string_view bytes) {
  const size_t size = bytes.size();
  Part part;
  part.number = number;
  auto targets = std::make_shared<TargetLayouts>();
  uint64_t min = 0;
  uint64_t max = 0;
  uint64_t count = 0;
  const auto damaged = [&] {
    return absl::DataLossError(
        base::StrCat("cannot load part ", number, ": byte ", size - bytes.size(), " of ", size));
  };
  if (!TakeVarint32(&bytes, &part.slot) || !TakeVarint(&bytes, &min) || !TakeVarint(&bytes, &max) ||
      !TakeVarint(&bytes, &part.samples) || !TakeVarint32(&bytes, &part.rows_max) ||
      !TakeVarint(&bytes, &part.bytes) || !TakeVarint(&bytes, &count) || count > bytes.size()) {
    return damaged();
  }
  part.time_ms_min = UnZigZag(min);
  part.time_ms_max = UnZigZag(max);
  TargetLayout one;
  for (uint64_t i = 0; i < count; ++i) {
    uint32_t target = 0;
    uint64_t layout = 0;
    if (!TakeVarint32(&bytes, &target) || !TakeVarint(&bytes, &layout)) return damaged();
    one.target += target;
    one.layout = static_cast<LayoutId>(one.layout + UnZigZag(layout));
    targets->push_back(one);
  }
  // Records of the first version end here.
  if (!bytes.empty()) {
    if (!TakeVarint(&bytes, &part.written.epoch) || !TakeVarint32(&bytes, &part.written.cleaned) ||
        !TakeVarint32(&bytes, &part.rank) || bytes.size() < 2) {
      return damaged();
    }
    part.class_byte = static_cast<uint8_t>(bytes[0]);
    part.generation = static_cast<Generation>(bytes[1]);
    bytes.remove_prefix(2);
    uint64_t interval = 0;
    if (RetentionClassOf(part.class_byte) == 0 || part.generation > Generation::kDay ||
        (!bytes.empty() && !TakeVarint(&bytes, &interval)) || interval > INT64_MAX ||
        !bytes.empty()) {
      return damaged();
    }
    part.interval_ms = static_cast<int64_t>(interval);
  }
  if (part.rank == 0) part.rank = number;
  part.targets = std::move(targets);
  return part;
}

std::shared_ptr<const TargetLayouts> TargetLayoutsPool::Share(
    std::shared_ptr<const TargetLayouts> list) {
  for (const auto& weak : recent_) {
    const auto known = weak.lock();
    if (known != nullptr && *known == *list) return known;
  }
  if (recent_.size() >= kRecentMax) recent_.erase(recent_.begin());
  recent_.push_back(list);
  return list;
}

}  // namespace baro::tsdb
