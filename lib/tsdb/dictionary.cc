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
  const auto it = layout_by_hash_.find(hash);
  if (it == layout_by_hash_.end()) return false;
  recent_[0].layouts.add(it->second);  // whoever asks declares a target of it next
  return true;
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
  if (const auto it = layout_by_hash_.find(hash); it != layout_by_hash_.end()) {
    recent_[0].layouts.add(it->second);
    return absl::OkStatus();
  }
  const size_t columns_max = std::min<size_t>(limits_.columns_max, kColumnNumbersMax);
  std::string_view full;
  if (layout_by_hash_.size() >= limits_.layouts_max) full = "layouts_max";
  if (columns_.count() + layout.columns.size() > columns_max) full = "columns_max";
  if (columns_.size() + layout.columns.size() > kColumnNumbersMax) full = "columns_max";
  if (!full.empty()) {
    return Refuse(absl::StatusCode::kResourceExhausted, "layout of ", full,
                  base::StrCat(layout.columns.size(), " columns"));
  }
  std::vector<ColumnId> columns;
  columns.reserve(layout.columns.size());
  for (const model::Column& column : layout.columns) {
    const std::string_view limit = BrokenLimit(limits_, column.labels, 0);
    const model::Labels labels = limit.empty() ? column.labels : RefusedColumn(limit);
    columns.push_back(InternLabels(&columns_, kColumnKey, ViewsOf(labels)));
  }
  for (const model::Column& column : layout.columns) DescribeLocked(column.metadata);
  recent_[0].layouts.add(InternLayout(hash, std::move(columns))->id);
  return absl::OkStatus();
}

absl::Status Dictionary::CheckLabels(const model::Labels& labels, size_t more_labels) const {
  const std::string_view limit = BrokenLimit(limits_, labels, more_labels);
  if (limit.empty()) return absl::OkStatus();
  base::MutexLock lock(&mutex_);
  return Refuse(absl::StatusCode::kInvalidArgument, "", limit, Readable(labels.ToString()));
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
  const StoredLayout& layout = *layouts_[it->second];
  Declared declared;
  declared.layout = layout.id;
  const std::vector<Postings::LabelView> views = ViewsOf(labels);
  const auto known = targets_.Find(views);
  if (!known && targets_.count() >= limits_.targets_max) {
    return Refuse(absl::StatusCode::kResourceExhausted, "target ", "targets_max",
                  Readable(labels.ToString()));
  }
  const auto used = known ? usage_.find(*known) : usage_.end();
  // What the target had before does not stand in its own way.
  if (used != usage_.end()) CountSeries(&used->second, -1);
  const Room room = RoomOf(used != usage_.end() ? &used->second : nullptr, labels.Get("job"));
  std::vector<uint32_t> kept =
      KeptColumns(known.value_or(kNoTarget), labels.size(), layout, room, &declared.rejected);
  if (used != usage_.end()) CountSeries(&used->second, 1);
  for (const Declared::Rejection& rejection : declared.rejected) {
    NoteRefused(rejection.reason, 1, rejection.what);
  }
  // A target of which nothing would be stored must leave no trace.
  if (!known && kept.empty() && !declared.rejected.empty()) {
    return absl::ResourceExhaustedError(base::StrCat("cannot declare target ",
                                                     Readable(labels.ToString()), ": over limit ",
                                                     declared.rejected.front().reason));
  }
  declared.target = known ? *known : InternLabels(&targets_, kTargetKey, views);
  const size_t kept_count = kept.size();
  const StoredLayout* stored = Bind(declared.target, layout, std::move(kept));
  Usage& usage = usage_[declared.target];
  if (kept_count > usage.layout_series) {
    CountSeries(&usage, -1);
    usage.layout_series = kept_count;
    usage.layout = stored;
    if (limits_.series_per_job_max != 0) usage.job = labels.Get("job");
    CountSeries(&usage, 1);
  }
  usage.generation = generation_;
  recent_[0].targets.add(declared.target);
  recent_[0].layouts.add(layout.id);
  recent_[0].layouts.add(stored->id);
  return declared;
}

std::vector<uint32_t> Dictionary::KeptColumns(TargetId target, size_t target_labels,
                                              const StoredLayout& layout, Room room,
                                              std::vector<Declared::Rejection>* rejected) const {
  // What was stored once stays stored: a replay must not drop what was acknowledged.
  const auto bound = bindings_.find(PairKey(target, layout.id));
  const bool bound_whole = bound != bindings_.end() && bound->second->all;
  if (bound_whole) room = {UINT64_MAX, {}, UINT64_MAX};
  const Roaring* refused = columns_.postings().Carriers(kRefusedColumn);
  absl::flat_hash_map<PairId, uint64_t> of_metric;
  const auto limit_of = [&](ColumnId column, size_t kept)
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> std::string_view {
    if (refused != nullptr && refused->contains(column)) {
      return columns_.Get(column, kRefusedColumn);
    }
    // Lengths were looked at when the layout was declared.
    if (columns_.pairs(column).size() + target_labels > limits_.labels_per_series_max) {
      return "labels_per_series_max";
    }
    if (kept >= limits_.series_per_target_max) return "series_per_target_max";
    if (kept >= room.total) return room.total_limit;
    if (kept >= room.of_job) return "series_per_job_max";
    if (limits_.series_per_metric_max == 0 || bound_whole) return {};
    const PairId metric = MetricOf(column);
    const auto [it, inserted] = of_metric.try_emplace(metric, 0);
    if (inserted) {
      const auto counted = series_by_metric_.find(metric);
      it->second = counted == series_by_metric_.end() ? 0 : counted->second;
    }
    if (it->second >= limits_.series_per_metric_max) return "series_per_metric_max";
    ++it->second;
    return {};
  };
  std::vector<uint32_t> kept;
  kept.reserve(layout.columns.size());
  for (uint32_t i = 0; i < layout.columns.size(); ++i) {
    const std::string_view limit = limit_of(layout.columns[i], kept.size());
    if (limit.empty()) {
      kept.push_back(i);
    } else {
      rejected->push_back(
          {i, std::string(limit), Readable(columns_.Materialise(layout.columns[i]).ToString())});
    }
  }
  return kept;
}

const StoredLayout* Dictionary::Bind(TargetId target, const StoredLayout& layout,
                                     std::vector<uint32_t> kept) {
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
  if (bound != nullptr && bound->all == binding->all && bound->kept == binding->kept) {
    return bound->stored;
  }
  const bool was_partial = bound != nullptr && !bound->all;
  bound = binding;
  // The rule needs no bytes, only the exception does.
  if (binding->all && !was_partial) return binding->stored;
  std::string bytes;
  PutVarint(binding->kept.size(), &bytes);
  for (const uint32_t i : binding->kept) PutVarint(i, &bytes);
  std::string name = IdKey(kBindingKey, target);
  PutBigEndian(layout.id, &name);
  if (binding->all) bytes.clear();
  pending_.emplace_back(std::move(name), std::move(bytes));
  return binding->stored;
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
  if (used != usage_.end()) used->second.generation = generation_;
  if (known_target) recent_[0].targets.add(*known_target);
  if (known_column) recent_[0].columns.add(*known_column);
  if (used != usage_.end() && known_column && used->second.single_columns.contains(*known_column)) {
    return SeriesId{*known_target, *known_column};
  }
  const std::string_view limit =
      SeriesLimit(used == usage_.end() ? nullptr : &used->second, halves, !known_column);
  if (!limit.empty()) {
    return Refuse(absl::StatusCode::kResourceExhausted, "", limit, Readable(labels.ToString()));
  }
  SeriesId series;
  series.target = known_target ? *known_target : InternLabels(&targets_, kTargetKey, halves.target);
  series.column = known_column ? *known_column : InternLabels(&columns_, kColumnKey, halves.column);
  recent_[0].targets.add(series.target);
  recent_[0].columns.add(series.column);
  Usage& usage = usage_[series.target];
  usage.generation = generation_;
  usage.single_columns.add(series.column);
  ++series_in_use_;
  CountColumn(series.column, 1);
  if (limits_.series_per_job_max != 0) {
    if (usage.series() == 1) usage.job = labels.Get("job");
    if (!usage.job.empty()) ++series_by_job_[usage.job];
  }
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
    layouts_.push_back(std::make_unique<StoredLayout>(StoredLayout{id, std::move(columns)}));
  }
  return layouts_[it->second].get();
}

const StoredLayout* Dictionary::InternColumns(std::vector<ColumnId> columns) {
  const model::ContentHash hash = HashColumns(columns);
  base::MutexLock lock(&mutex_);
  const StoredLayout* layout = InternLayout(hash, std::move(columns));
  recent_[0].layouts.add(layout->id);
  return layout;
}

void Dictionary::Describe(const std::vector<model::Metadata>& metadata) {
  base::MutexLock lock(&mutex_);
  for (const model::Metadata& one : metadata) DescribeLocked(one);
}

void Dictionary::DescribeLocked(const model::Metadata& metadata) {
  if (metadata.family.empty()) return;
  Family& known = metadata_[metadata.family];
  known.pass = pass_;
  if (known.metadata == metadata) return;
  known.metadata = metadata;
  pending_.emplace_back(kMetadataKey + metadata.family, EncodeMetadata(metadata));
}

std::vector<model::Metadata> Dictionary::MetricMetadata(const std::string& family,
                                                        size_t limit) const {
  base::MutexLock lock(&mutex_);
  std::vector<model::Metadata> found;
  if (!family.empty()) {
    const auto it = metadata_.find(family);
    if (it != metadata_.end()) found.push_back(it->second.metadata);
    return found;
  }
  for (const auto& [name, known] : metadata_) {
    if (limit != 0 && found.size() >= limit) break;
    found.push_back(known.metadata);
  }
  return found;
}

std::shared_ptr<const LabelCache> Dictionary::Labels() const {
  base::MutexLock lock(&mutex_);
  // Short of memory nothing is kept beyond the selection that asked for it.
  const bool is_short = memory_ != nullptr && memory_->pressure() != base::Pressure::kNone;
  if (label_cache_ == nullptr || label_cache_->size() > kLabelCacheMax || is_short) {
    label_cache_ = std::make_shared<LabelCache>(*this);
  }
  return label_cache_;
}

const StoredLayout* Dictionary::FindLayout(LayoutId id) const {
  base::MutexLock lock(&mutex_);
  return HasLayout(id) ? layouts_[id].get() : nullptr;
}

std::shared_ptr<const Binding> Dictionary::FindBinding(TargetId target, LayoutId layout) const {
  base::MutexLock lock(&mutex_);
  const auto it = bindings_.find(PairKey(target, layout));
  if (it != bindings_.end()) return it->second;
  if (!targets_.Has(target) || !HasLayout(layout)) return nullptr;
  auto binding = std::make_shared<Binding>();
  binding->stored = layouts_[layout].get();
  return binding;
}

bool Dictionary::HasSeries(SeriesId series) const {
  base::MutexLock lock(&mutex_);
  return targets_.Has(series.target) && HasColumn(series.column);
}

bool Dictionary::WasGivenOut(SeriesId series) const {
  base::MutexLock lock(&mutex_);
  return series.target < targets_.size() &&
         (IsComponent(series.column) ? components_.Has(series.column)
                                     : series.column < columns_.size());
}

std::optional<SeriesId> Dictionary::FindUnknown(std::span<const SeriesId> series) const {
  base::MutexLock lock(&mutex_);
  TargetId known = kNoTarget;  // series of one target lie together
  for (const SeriesId one : series) {
    if (one.target != known && !targets_.Has(one.target)) return one;
    known = one.target;
    if (!HasColumn(one.column)) return one;
  }
  return std::nullopt;
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
    CountSeries(&it->second, -1);
    usage_.erase(it++);
  }
  ++generation_;
}

size_t Dictionary::target_count() const {
  base::MutexLock lock(&mutex_);
  return targets_.count();
}

size_t Dictionary::column_count() const {
  base::MutexLock lock(&mutex_);
  return columns_.count();
}

size_t Dictionary::layout_count() const {
  base::MutexLock lock(&mutex_);
  return layout_by_hash_.size();
}

}  // namespace baro::tsdb
