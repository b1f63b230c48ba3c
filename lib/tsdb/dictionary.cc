#include "dictionary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/frame.h"
#include "bytes.h"
#include "keys.h"
#include "split.h"

namespace baro::tsdb {
namespace {

constexpr size_t kReadableTextMax = 200;
// Label sets kept as model::Labels for selections; about half a kilobyte each.
constexpr size_t kLabelCacheMax = 100'000;

uint64_t PairKey(TargetId target, LayoutId layout) { return uint64_t{target} << 32 | layout; }

std::string Readable(std::string text) {
  if (text.size() > kReadableTextMax) text = text.substr(0, kReadableTextMax) + "…";
  return text;
}

std::string EncodeLabels(std::span<const Postings::LabelView> labels) {
  std::string bytes;
  PutVarint(labels.size(), &bytes);
  for (const Postings::LabelView& label : labels) {
    PutText(label.name, &bytes);
    PutText(label.value, &bytes);
  }
  return bytes;
}

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

std::string EncodeLayout(const model::ContentHash& hash, const std::vector<ColumnId>& columns) {
  std::string bytes(reinterpret_cast<const char*>(hash.data()), hash.size());
  PutVarint(columns.size(), &bytes);
  int64_t before = 0;
  for (const ColumnId column : columns) {
    PutVarint(ZigZag(int64_t{column} - before), &bytes);
    before = column;
  }
  return bytes;
}

// Layouts of the store's own are told from declared ones by a seed in their hash.
model::ContentHash HashColumns(const std::vector<ColumnId>& columns) {
  constexpr uint64_t kOwnLayoutSeed = 0x6261726f;
  const XXH128_hash_t hash =
      XXH3_128bits_withSeed(columns.data(), columns.size() * sizeof(ColumnId), kOwnLayoutSeed);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  model::ContentHash result;
  static_assert(sizeof(result) == sizeof(canonical));
  std::memcpy(result.data(), &canonical, sizeof(result));
  return result;
}

std::string EncodeMetadata(const model::Metadata& metadata) {
  std::string bytes(1, static_cast<char>(metadata.type));
  PutText(metadata.help, &bytes);
  PutText(metadata.unit, &bytes);
  return bytes;
}

// The limit that one label breaks; empty when it breaks none.
std::string_view BrokenLimit(const Limits& limits, const model::Labels& labels,
                             size_t more_labels) {
  if (labels.size() + more_labels > limits.labels_per_series_max) return "labels_per_series_max";
  for (const model::Label& label : labels) {
    if (label.name.size() > limits.label_name_bytes_max) return "label_name_bytes_max";
    if (label.value.size() > limits.label_value_bytes_max) return "label_value_bytes_max";
  }
  return {};
}

// New series cost memory for as long as they are known; known ones go on.
bool IsMemoryShort(const base::MemoryBudget* memory) {
  return memory != nullptr && memory->pressure() >= base::Pressure::kRefuse;
}

// Stands in a layout for a column that no target may have, so that what is refused is not kept:
// one a limit. No target's rows have it, so no reader meets it.
constexpr std::string_view kRefusedColumn = "__refused__";

model::Labels RefusedColumn(std::string_view limit) {
  return model::Labels{{std::string(kRefusedColumn), std::string(limit)}};
}

absl::Status CheckDistinct(const model::Layout& layout) {
  std::vector<const model::Labels*> sorted;
  sorted.reserve(layout.columns.size());
  for (const model::Column& column : layout.columns) sorted.push_back(&column.labels);
  std::sort(sorted.begin(), sorted.end(),
            [](const model::Labels* a, const model::Labels* b) { return *a < *b; });
  const auto twice =
      std::adjacent_find(sorted.begin(), sorted.end(),
                         [](const model::Labels* a, const model::Labels* b) { return *a == *b; });
  if (twice == sorted.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(base::StrCat("cannot declare layout: column ",
                                                 Readable((*twice)->ToString()), " occurs twice"));
}

}  // namespace

bool Dictionary::KnowsLayout(const model::ContentHash& hash) const {
  base::MutexLock lock(&mutex_);
  return layout_by_hash_.contains(hash);
}

absl::Status Dictionary::DeclareLayout(const model::Layout& layout) {
  if (layout.columns.size() > codec::kFrameColumnsMax) {
    return absl::InvalidArgumentError(base::StrCat("cannot declare layout: ", layout.columns.size(),
                                                   " columns, the limit is ",
                                                   codec::kFrameColumnsMax));
  }
  const model::ContentHash hash = layout.Hash();
  BARO_TRY(CheckDistinct(layout));
  base::MutexLock lock(&mutex_);
  if (layout_by_hash_.contains(hash)) return absl::OkStatus();
  std::vector<ColumnId> columns;
  columns.reserve(layout.columns.size());
  for (const model::Column& column : layout.columns) {
    const std::string_view limit = BrokenLimit(limits_, column.labels, 0);
    const model::Labels labels = limit.empty() ? column.labels : RefusedColumn(limit);
    columns.push_back(InternLabels(&columns_, kColumnKey, ViewsOf(labels)));
  }
  for (const model::Column& column : layout.columns) DescribeLocked(column.metadata);
  InternLayout(hash, std::move(columns));
  return absl::OkStatus();
}

absl::Status Dictionary::CheckLabels(const model::Labels& labels, size_t more_labels) const {
  const std::string_view limit = BrokenLimit(limits_, labels, more_labels);
  if (limit.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      base::StrCat("cannot declare ", Readable(labels.ToString()), ": over limit ", limit));
}

absl::StatusOr<Declared> Dictionary::DeclareTarget(const model::Labels& labels,
                                                   const model::ContentHash& layout_hash) {
  BARO_TRY(CheckLabels(labels, 0));
  base::MutexLock lock(&mutex_);
  const auto it = layout_by_hash_.find(layout_hash);
  if (it == layout_by_hash_.end()) {
    return absl::NotFoundError(
        base::StrCat("cannot declare target ", Readable(labels.ToString()), ": unknown layout"));
  }
  const StoredLayout& layout = layouts_[it->second];
  Declared declared;
  declared.layout = layout.id;
  const std::vector<Postings::LabelView> views = ViewsOf(labels);
  const auto known = targets_.Find(views);
  const auto used = known ? usage_.find(*known) : usage_.end();
  const uint64_t own = used != usage_.end() ? used->second.layout_series : 0;
  const uint64_t others = series_in_use_ - own;
  uint64_t room = others < limits_.series_max ? limits_.series_max - others : 0;
  if (IsMemoryShort(memory_)) room = std::min(room, own);
  std::vector<uint32_t> kept =
      KeptColumns(known.value_or(kNoTarget), labels.size(), layout, room, &declared.rejected);
  // A target of which nothing would be stored must leave no trace.
  if (!known && kept.empty() && !declared.rejected.empty()) {
    return absl::ResourceExhaustedError(base::StrCat("cannot declare target ",
                                                     Readable(labels.ToString()), ": over limit ",
                                                     declared.rejected.front().reason));
  }
  declared.target = known ? *known : InternLabels(&targets_, kTargetKey, views);
  Usage& usage = usage_[declared.target];
  const uint64_t series = std::max<uint64_t>(usage.layout_series, kept.size());
  series_in_use_ += series - usage.layout_series;
  usage.layout_series = series;
  usage.generation = generation_;
  Bind(declared.target, layout, std::move(kept));
  return declared;
}

std::vector<uint32_t> Dictionary::KeptColumns(TargetId target, size_t target_labels,
                                              const StoredLayout& layout, uint64_t room,
                                              std::vector<Declared::Rejection>* rejected) const {
  // What was stored once stays stored: a replay must not drop what was acknowledged.
  const auto bound = bindings_.find(PairKey(target, layout.id));
  if (bound != bindings_.end() && bound->second->all) room = UINT64_MAX;
  const Roaring* refused = columns_.postings().Carriers(kRefusedColumn);
  std::vector<uint32_t> kept;
  kept.reserve(layout.columns.size());
  for (uint32_t i = 0; i < layout.columns.size(); ++i) {
    const ColumnId column = layout.columns[i];
    // Lengths were looked at when the layout was declared.
    std::string_view limit;
    if (columns_.pairs(column).size() + target_labels > limits_.labels_per_series_max) {
      limit = "labels_per_series_max";
    }
    if (refused != nullptr && refused->contains(column))
      limit = columns_.Get(column, kRefusedColumn);
    if (limit.empty() && kept.size() >= limits_.series_per_target_max) {
      limit = "series_per_target_max";
    }
    if (limit.empty() && kept.size() >= room) {
      limit = IsMemoryShort(memory_) ? "memory_limit" : "series_max";
    }
    if (limit.empty()) {
      kept.push_back(i);
    } else {
      rejected->push_back(
          {i, std::string(limit), Readable(columns_.Materialise(column).ToString())});
    }
  }
  return kept;
}

void Dictionary::Bind(TargetId target, const StoredLayout& layout, std::vector<uint32_t> kept) {
  const uint64_t key = PairKey(target, layout.id);
  auto binding = std::make_shared<Binding>();
  binding->all = kept.size() == layout.columns.size();
  binding->stored = &layout;
  if (!binding->all) {
    std::vector<ColumnId> columns;
    columns.reserve(kept.size());
    for (const uint32_t i : kept) columns.push_back(layout.columns[i]);
    binding->stored = InternLayout(HashColumns(columns), columns);
    binding->kept = std::move(kept);
  }
  auto& bound = bindings_[key];
  if (bound != nullptr && bound->all == binding->all && bound->kept == binding->kept) return;
  const bool was_partial = bound != nullptr && !bound->all;
  bound = binding;
  if (binding->all && !was_partial) return;  // the rule needs no bytes, only the exception does
  std::string bytes;
  PutVarint(binding->kept.size(), &bytes);
  for (const uint32_t i : binding->kept) PutVarint(i, &bytes);
  std::string name = IdKey(kBindingKey, target);
  PutBigEndian(layout.id, &name);
  if (binding->all) bytes.clear();
  pending_.emplace_back(std::move(name), std::move(bytes));
}

absl::StatusOr<SeriesId> Dictionary::DeclareSeries(const model::Labels& labels) {
  BARO_TRY(CheckLabels(labels, 0));
  base::MutexLock lock(&mutex_);
  LabelHalves& halves = halves_;
  SplitLabels(labels, &halves);
  // What is refused must leave no trace, neither here nor on disk.
  const auto known_target = targets_.Find(halves.target);
  const auto known_column = columns_.Find(halves.column);
  const auto used = known_target ? usage_.find(*known_target) : usage_.end();
  uint64_t of_target = 0;
  if (used != usage_.end()) {
    Usage& usage = used->second;
    usage.generation = generation_;
    if (known_column && usage.single_columns.contains(*known_column)) {
      return SeriesId{*known_target, *known_column};
    }
    of_target = usage.layout_series + usage.single_columns.cardinality();
  }
  std::string_view limit;
  if (of_target >= limits_.series_per_target_max) limit = "series_per_target_max";
  if (series_in_use_ >= limits_.series_max) limit = "series_max";
  if (IsMemoryShort(memory_)) limit = "memory_limit";
  if (!limit.empty()) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot declare ", Readable(labels.ToString()), ": over limit ", limit));
  }
  SeriesId series;
  series.target = known_target ? *known_target : InternLabels(&targets_, kTargetKey, halves.target);
  series.column = known_column ? *known_column : InternLabels(&columns_, kColumnKey, halves.column);
  Usage& usage = usage_[series.target];
  usage.generation = generation_;
  usage.single_columns.add(series.column);
  ++series_in_use_;
  return series;
}

uint32_t Dictionary::InternLabels(LabelTable* table, char kind,
                                  std::span<const Postings::LabelView> labels) {
  if (const auto found = table->Find(labels)) return *found;
  const uint32_t id = table->size();
  BARO_CHECK_LT(id, UINT32_MAX);
  pending_.emplace_back(IdKey(kind, id), EncodeLabels(labels));
  BARO_CHECK(table->TryInsert(id, labels));
  return id;
}

const StoredLayout* Dictionary::InternLayout(const model::ContentHash& hash,
                                             std::vector<ColumnId> columns) {
  const auto id = static_cast<LayoutId>(layouts_.size());
  const auto [it, inserted] = layout_by_hash_.try_emplace(hash, id);
  if (inserted) {
    pending_.emplace_back(IdKey(kLayoutKey, id), EncodeLayout(hash, columns));
    layouts_.push_back({id, std::move(columns)});
  }
  return &layouts_[it->second];
}

const StoredLayout* Dictionary::InternColumns(std::vector<ColumnId> columns) {
  const model::ContentHash hash = HashColumns(columns);
  base::MutexLock lock(&mutex_);
  return InternLayout(hash, std::move(columns));
}

void Dictionary::Describe(const std::vector<model::Metadata>& metadata) {
  base::MutexLock lock(&mutex_);
  for (const model::Metadata& one : metadata) DescribeLocked(one);
}

void Dictionary::DescribeLocked(const model::Metadata& metadata) {
  if (metadata.family.empty()) return;
  model::Metadata& known = metadata_[metadata.family];
  if (known == metadata) return;
  known = metadata;
  pending_.emplace_back(kMetadataKey + metadata.family, EncodeMetadata(metadata));
}

std::vector<model::Metadata> Dictionary::MetricMetadata(const std::string& family,
                                                        size_t limit) const {
  base::MutexLock lock(&mutex_);
  std::vector<model::Metadata> found;
  if (!family.empty()) {
    const auto it = metadata_.find(family);
    if (it != metadata_.end()) found.push_back(it->second);
    return found;
  }
  for (const auto& [name, metadata] : metadata_) {
    if (limit != 0 && found.size() >= limit) break;
    found.push_back(metadata);
  }
  return found;
}

std::shared_ptr<const LabelCache> Dictionary::Labels() const {
  base::MutexLock lock(&mutex_);
  if (label_cache_ == nullptr || label_cache_->size() > kLabelCacheMax) {
    label_cache_ = std::make_shared<LabelCache>(*this);
  }
  return label_cache_;
}

const StoredLayout* Dictionary::FindLayout(LayoutId id) const {
  base::MutexLock lock(&mutex_);
  return id < layouts_.size() ? &layouts_[id] : nullptr;
}

std::shared_ptr<const Binding> Dictionary::FindBinding(TargetId target, LayoutId layout) const {
  base::MutexLock lock(&mutex_);
  const auto it = bindings_.find(PairKey(target, layout));
  if (it != bindings_.end()) return it->second;
  if (!targets_.Has(target) || layout >= layouts_.size()) return nullptr;
  auto binding = std::make_shared<Binding>();
  binding->stored = &layouts_[layout];
  return binding;
}

bool Dictionary::HasSeries(SeriesId series) const {
  base::MutexLock lock(&mutex_);
  return targets_.Has(series.target) && HasColumn(series.column);
}

std::shared_ptr<const ComponentList> Dictionary::ComponentsOf(ColumnId base) const {
  base::MutexLock lock(&mutex_);
  return components_.Of(base);
}

absl::StatusOr<std::shared_ptr<const ComponentList>> Dictionary::DeclareComponents(
    ColumnId base, std::span<const ComponentCode> codes) {
  base::MutexLock lock(&mutex_);
  return components_.Add(base, codes, &pending_);
}

absl::StatusOr<uint32_t> Dictionary::DeclareBounds(const std::vector<double>& bounds) {
  base::MutexLock lock(&mutex_);
  return components_.AddBounds(bounds, &pending_);
}

const std::vector<double>* Dictionary::FindBounds(uint32_t id) const {
  base::MutexLock lock(&mutex_);
  return components_.bounds(id);
}

ColumnId Dictionary::BaseOf(ColumnId column) const {
  base::MutexLock lock(&mutex_);
  return components_.Has(column) ? components_.BaseOf(column) : column;
}

size_t Dictionary::component_count() const {
  base::MutexLock lock(&mutex_);
  return components_.size();
}

std::vector<Dictionary::Entry> Dictionary::Pending() const {
  base::MutexLock lock(&mutex_);
  return pending_;
}

void Dictionary::PendingIsDurable(size_t count) {
  base::MutexLock lock(&mutex_);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(count));
}

void Dictionary::ForgetIdle(const Roaring& live) {
  base::MutexLock lock(&mutex_);
  for (auto it = usage_.begin(); it != usage_.end();) {
    if (live.contains(it->first) || it->second.generation == generation_) {
      ++it;
      continue;
    }
    series_in_use_ -= it->second.layout_series + it->second.single_columns.cardinality();
    usage_.erase(it++);
  }
  ++generation_;
}

size_t Dictionary::target_count() const {
  base::MutexLock lock(&mutex_);
  return targets_.size();
}

size_t Dictionary::column_count() const {
  base::MutexLock lock(&mutex_);
  return columns_.size();
}

size_t Dictionary::layout_count() const {
  base::MutexLock lock(&mutex_);
  return layouts_.size();
}

absl::Status Dictionary::Load(std::string_view key, std::string_view value) {
  if (key.empty()) return absl::DataLossError("cannot load dictionary: empty key");
  const char kind = key.front();
  base::MutexLock lock(&mutex_);
  return LoadLocked(kind, key.substr(1), value);
}

absl::Status Dictionary::LoadLocked(char kind, std::string_view key, std::string_view value) {
  const auto damaged = [&] {
    return absl::DataLossError(base::StrCat("cannot load dictionary: damaged entry '",
                                            std::string(1, kind), "' of ", value.size(), " bytes"));
  };
  if (kind == kMetadataKey) {
    model::Metadata metadata{std::string(key), {}, {}, {}};
    std::string_view help;
    std::string_view unit;
    if (value.empty() || value.front() > static_cast<char>(model::MetricType::kStateset)) {
      return damaged();
    }
    metadata.type = static_cast<model::MetricType>(value.front());
    value.remove_prefix(1);
    if (!TakeText(&value, &help) || !TakeText(&value, &unit)) return damaged();
    metadata.help = help;
    metadata.unit = unit;
    metadata_[metadata.family] = metadata;
    return absl::OkStatus();
  }
  if (kind == kBindingKey) return LoadBinding(key, value) ? absl::OkStatus() : damaged();
  if (kind == kComponentKey) return components_.Load(key, value) ? absl::OkStatus() : damaged();
  if (kind == kBoundsKey) return components_.LoadBounds(key, value) ? absl::OkStatus() : damaged();
  uint32_t id = 0;
  if (!TakeBigEndian(&key, &id) || !key.empty()) return damaged();
  if (kind == kLayoutKey) return LoadLayout(id, value) ? absl::OkStatus() : damaged();
  return LoadLabels(kind, id, value) ? absl::OkStatus() : damaged();
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
  if (id != layouts_.size() || value.size() < hash.size()) return false;
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
  layouts_.push_back(std::move(layout));
  return value.empty();
}

bool Dictionary::LoadBinding(std::string_view key, std::string_view value) {
  TargetId target = 0;
  LayoutId layout = 0;
  if (!TakeBigEndian(&key, &target) || !TakeBigEndian(&key, &layout)) return false;
  if (layout >= layouts_.size() || !targets_.Has(target)) return false;
  std::vector<uint32_t> kept;
  uint64_t count = layouts_[layout].columns.size();
  if (value.empty()) {
    for (uint32_t i = 0; i < count; ++i) kept.push_back(i);
  } else if (!TakeVarint(&value, &count) || count > value.size()) {
    return false;
  } else {
    for (uint64_t i = 0; i < count; ++i) {
      uint32_t position = 0;
      if (!TakeVarint32(&value, &position)) return false;
      if (position >= layouts_[layout].columns.size()) return false;
      kept.push_back(position);
    }
  }
  const size_t pending = pending_.size();
  Bind(target, layouts_[layout], std::move(kept));
  pending_.resize(pending);  // it came from there
  return true;
}

}  // namespace baro::tsdb
