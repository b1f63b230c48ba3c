// What the dictionary left on disk, read again at open.
#include <algorithm>
#include <cstring>
#include <utility>

#include "baro/base/strings.h"
#include "bytes.h"
#include "dictionary.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

// False unless sorted by name, as they are written.
bool DecodeLabels(std::string_view bytes, std::vector<Postings::LabelView>* labels) {
  uint64_t count = 0;
  if (!TakeVarint(&bytes, &count) || count > bytes.size()) return false;
  labels->clear();
  for (uint64_t i = 0; i < count; ++i) {
    Postings::LabelView label;
    if (!TakeText(&bytes, &label.name) || !TakeText(&bytes, &label.value)) return false;
    if (label.value.empty() || (!labels->empty() && labels->back().name >= label.name)) {
      return false;
    }
    labels->push_back(label);
  }
  return bytes.empty();
}

}  // namespace

absl::Status Dictionary::Load(std::string_view key, std::string_view value) {
  if (key.empty()) return absl::DataLossError("cannot load dictionary: empty key");
  const char kind = key.front();
  base::MutexLock lock(&mutex_);
  return LoadLocked(kind, key.substr(1), value);
}

void Dictionary::LoadingIsDone() {
  base::MutexLock lock(&mutex_);
  layouts_.resize(std::max<size_t>(layouts_.size(), next_layout_));
}

absl::Status Dictionary::LoadLocked(char kind, std::string_view key, std::string_view value) {
  const auto damaged = [&] {
    return absl::DataLossError(base::StrCat("cannot load dictionary: damaged entry '",
                                            std::string(1, kind), "' of ", value.size(), " bytes"));
  };
  if (kind == kMetadataKey) return LoadMetadata(key, value) ? absl::OkStatus() : damaged();
  if (kind == kNextKey) return LoadNextNumbers(value) ? absl::OkStatus() : damaged();
  if (kind == kBindingKey) return LoadBinding(key, value) ? absl::OkStatus() : damaged();
  if (kind == kComponentKey) return components_.Load(key, value) ? absl::OkStatus() : damaged();
  if (kind == kBoundsKey) return components_.LoadBounds(key, value) ? absl::OkStatus() : damaged();
  uint32_t id = 0;
  if (!TakeBigEndian(&key, &id) || !key.empty()) return damaged();
  if (kind == kLayoutKey) return LoadLayout(id, value) ? absl::OkStatus() : damaged();
  return LoadLabels(kind, id, value) ? absl::OkStatus() : damaged();
}

bool Dictionary::LoadMetadata(std::string_view key, std::string_view value) {
  model::Metadata metadata{std::string(key), {}, {}, {}};
  std::string_view help;
  std::string_view unit;
  if (value.empty() || value.front() > static_cast<char>(model::MetricType::kStateset)) {
    return false;
  }
  metadata.type = static_cast<model::MetricType>(value.front());
  value.remove_prefix(1);
  if (!TakeText(&value, &help) || !TakeText(&value, &unit)) return false;
  metadata.help = help;
  metadata.unit = unit;
  metadata_[metadata.family] = {metadata, pass_};
  return true;
}

bool Dictionary::LoadNextNumbers(std::string_view value) {
  uint32_t targets = 0;
  uint32_t columns = 0;
  uint32_t layouts = 0;
  if (!TakeVarint32(&value, &targets) || !TakeVarint32(&value, &columns) ||
      !TakeVarint32(&value, &layouts) || !value.empty()) {
    return false;
  }
  targets_.ReserveIds(targets);
  columns_.ReserveIds(columns);
  next_layout_ = layouts;
  removals_.store(1, std::memory_order_release);
  return true;
}

bool Dictionary::LoadLabels(char kind, uint32_t id, std::string_view value) {
  LabelTable& table = kind == kTargetKey ? targets_ : columns_;
  if (!DecodeLabels(value, &views_)) return false;
  if (table.Has(id) || id > table.size() + (1U << 20)) return false;
  return table.TryInsert(id, views_);
}

bool Dictionary::LoadLayout(LayoutId id, std::string_view value) {
  model::ContentHash hash;
  uint64_t count = 0;
  // Gaps are what was removed, all of it below next_layout_; that number itself is the first one
  // given out afterwards.
  if (id < layouts_.size() || (id > layouts_.size() && id > next_layout_)) return false;
  if (value.size() < hash.size()) return false;
  std::memcpy(hash.data(), value.data(), hash.size());
  value.remove_prefix(hash.size());
  if (!TakeVarint(&value, &count) || count > value.size()) return false;
  StoredLayout layout{id, {}};
  int64_t column = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t delta = 0;
    if (!TakeVarint(&value, &delta)) return false;
    column += UnZigZag(delta);
    if (column < 0 || column > UINT32_MAX || !HasColumn(static_cast<ColumnId>(column))) {
      return false;
    }
    layout.columns.push_back(static_cast<ColumnId>(column));
  }
  layout_by_hash_[hash] = id;
  layouts_.resize(id);
  layouts_.push_back(std::make_unique<StoredLayout>(std::move(layout)));
  return value.empty();
}

bool Dictionary::LoadBinding(std::string_view key, std::string_view value) {
  TargetId target = 0;
  LayoutId layout = 0;
  if (!TakeBigEndian(&key, &target) || !TakeBigEndian(&key, &layout)) return false;
  if (!HasLayout(layout) || !targets_.Has(target)) return true;  // removed since
  std::vector<uint32_t> kept;
  uint64_t count = layouts_[layout]->columns.size();
  if (value.empty()) {
    for (uint32_t i = 0; i < count; ++i) kept.push_back(i);
  } else if (!TakeVarint(&value, &count) || count > value.size()) {
    return false;
  } else {
    for (uint64_t i = 0; i < count; ++i) {
      uint32_t position = 0;
      if (!TakeVarint32(&value, &position)) return false;
      if (position >= layouts_[layout]->columns.size()) return false;
      kept.push_back(position);
    }
  }
  const size_t pending = pending_.size();
  Bind(target, *layouts_[layout], std::move(kept));
  pending_.resize(pending);  // it came from there
  return true;
}

}  // namespace baro::tsdb
