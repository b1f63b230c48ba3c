#include "exemplars.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "bytes.h"

namespace baro::tsdb {
namespace {

uint64_t KeyOf(SeriesId series) { return uint64_t{series.target} << 32 | series.column; }

// Bytes that begin a character of UTF-8.
size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<uint8_t>(byte) & 0xc0) != 0x80;
  }));
}

void PutLabels(const model::Labels& labels, std::string* bytes) {
  PutVarint(labels.size(), bytes);
  for (const model::Label& label : labels) {
    PutText(label.name, bytes);
    PutText(label.value, bytes);
  }
}

bool TakeLabels(std::string_view* bytes, model::Labels* labels) {
  uint64_t count = 0;
  if (!TakeVarint(bytes, &count) || count > bytes->size() / 2) return false;
  std::vector<model::Label> list(count);
  for (model::Label& label : list) {
    std::string_view name;
    std::string_view value;
    if (!TakeText(bytes, &name) || !TakeText(bytes, &value)) return false;
    label.name = name;
    label.value = value;
  }
  *labels = model::Labels::FromUnsorted(std::move(list));
  return true;
}

}  // namespace

absl::Status CheckExemplar(const model::Exemplar& exemplar) {
  size_t characters = 0;
  for (const model::Label& label : exemplar.labels) {
    characters += CountCharacters(label.name) + CountCharacters(label.value);
  }
  if (characters <= kExemplarLabelsMax) return absl::OkStatus();
  return absl::InvalidArgumentError(base::StrCat("cannot store exemplar: labels of ", characters,
                                                 " characters, the limit is ", kExemplarLabelsMax));
}

void PutExemplars(std::span<const ExemplarSample> exemplars, std::string* bytes) {
  PutVarint(exemplars.size(), bytes);
  SeriesId series;
  uint64_t time_ms = 0;
  for (const ExemplarSample& sample : exemplars) {
    const auto time = static_cast<uint64_t>(sample.exemplar.time_ms);
    PutVarint(ZigZag(static_cast<int32_t>(sample.series.target - series.target)), bytes);
    PutVarint(ZigZag(static_cast<int32_t>(sample.series.column - series.column)), bytes);
    PutVarint(ZigZag(static_cast<int64_t>(time - time_ms)), bytes);
    PutDouble(sample.exemplar.value, bytes);
    PutLabels(sample.exemplar.labels, bytes);
    series = sample.series;
    time_ms = time;
  }
}

bool TakeExemplars(std::string_view* bytes, std::vector<ExemplarSample>* exemplars) {
  uint64_t count = 0;
  constexpr size_t kBytesMin = 12;  // of one
  if (!TakeVarint(bytes, &count) || count > bytes->size() / kBytesMin) return false;
  exemplars->resize(count);
  SeriesId series;
  uint64_t time_ms = 0;
  for (ExemplarSample& sample : *exemplars) {
    uint64_t target = 0;
    uint64_t column = 0;
    uint64_t time = 0;
    if (!TakeVarint(bytes, &target) || !TakeVarint(bytes, &column) || !TakeVarint(bytes, &time) ||
        !TakeDouble(bytes, &sample.exemplar.value) || !TakeLabels(bytes, &sample.exemplar.labels)) {
      return false;
    }
    series.target += static_cast<uint32_t>(UnZigZag(target));
    series.column += static_cast<uint32_t>(UnZigZag(column));
    time_ms += static_cast<uint64_t>(UnZigZag(time));
    sample.series = series;
    sample.exemplar.time_ms = static_cast<int64_t>(time_ms);
  }
  return true;
}

ExemplarStore::Verdict ExemplarStore::Insert(const ExemplarSample& sample, bool any_order) {
  Entry entry{sample.series, sample.exemplar.time_ms, sample.exemplar.value, {}};
  PutLabels(sample.exemplar.labels, &entry.labels);
  base::MutexLock lock(&mutex_);
  if (exemplars_max_ == 0) return Verdict::kOutOfOrder;
  const auto known = series_.find(KeyOf(entry.series));
  uint32_t older = known == series_.end() ? kNone : known->second.newest;
  for (size_t steps = 0; older != kNone && ring_[older].time_ms > entry.time_ms; ++steps) {
    if (steps == kLateStepsMax && !any_order) return Verdict::kOutOfOrder;
    older = ring_[older].older;
  }
  for (uint32_t at = older; at != kNone && ring_[at].time_ms == entry.time_ms;
       at = ring_[at].older) {
    const bool same_value =
        std::bit_cast<uint64_t>(ring_[at].value) == std::bit_cast<uint64_t>(entry.value);
    if (same_value && ring_[at].labels == entry.labels) return Verdict::kDuplicate;
  }
  const uint32_t next_older = older == kNone ? kNone : ring_[older].older;
  const uint32_t place = TakePlace();
  if (older == place) older = next_older;
  ring_[place] = std::move(entry);
  LinkBehind(older, place, &series_[KeyOf(ring_[place].series)]);
  ++version_;
  return Verdict::kStored;
}

uint32_t ExemplarStore::TakePlace() {
  if (ring_.size() < exemplars_max_) {
    ring_.emplace_back();
    return static_cast<uint32_t>(ring_.size() - 1);
  }
  const auto place = static_cast<uint32_t>(next_);
  next_ = (next_ + 1) % ring_.size();
  Unlink(place);
  ++evicted_total_;
  return place;
}

void ExemplarStore::Unlink(uint32_t place) {
  const Entry& entry = ring_[place];
  const auto it = series_.find(KeyOf(entry.series));
  Ends& ends = it->second;
  (entry.older == kNone ? ends.oldest : ring_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? ends.newest : ring_[entry.newer].older) = entry.older;
  if (ends.oldest == kNone) series_.erase(it);
}

void ExemplarStore::LinkBehind(uint32_t older, uint32_t place, Ends* ends) {
  Entry& entry = ring_[place];
  entry.older = older;
  entry.newer = older == kNone ? ends->oldest : ring_[older].newer;
  (older == kNone ? ends->oldest : ring_[older].newer) = place;
  (entry.newer == kNone ? ends->newest : ring_[entry.newer].older) = place;
}

ExemplarSample ExemplarStore::Unpack(const Entry& entry) const {
  ExemplarSample sample{entry.series, {{}, entry.time_ms, entry.value}};
  std::string_view bytes = entry.labels;
  BARO_CHECK(TakeLabels(&bytes, &sample.exemplar.labels));
  return sample;
}

std::vector<SeriesId> ExemplarStore::Series() const {
  base::MutexLock lock(&mutex_);
  std::vector<SeriesId> series;
  series.reserve(series_.size());
  for (const auto& [key, ends] : series_) series.push_back(ring_[ends.oldest].series);
  return series;
}

std::vector<model::Exemplar> ExemplarStore::Find(SeriesId series, int64_t start_ms,
                                                 int64_t end_ms) const {
  base::MutexLock lock(&mutex_);
  std::vector<model::Exemplar> found;
  const auto it = series_.find(KeyOf(series));
  if (it == series_.end()) return found;
  for (uint32_t at = it->second.oldest; at != kNone; at = ring_[at].newer) {
    if (ring_[at].time_ms > end_ms) break;
    if (ring_[at].time_ms >= start_ms) found.push_back(Unpack(ring_[at]).exemplar);
  }
  return found;
}

std::vector<ExemplarSample> ExemplarStore::All(int64_t oldest_ms) const {
  base::MutexLock lock(&mutex_);
  std::vector<ExemplarSample> all;
  all.reserve(ring_.size());
  for (size_t i = 0; i < ring_.size(); ++i) {
    const Entry& entry = ring_[(next_ + i) % ring_.size()];
    if (entry.time_ms >= oldest_ms) all.push_back(Unpack(entry));
  }
  return all;
}

size_t ExemplarStore::size() const {
  base::MutexLock lock(&mutex_);
  return ring_.size();
}

uint64_t ExemplarStore::evicted_total() const {
  base::MutexLock lock(&mutex_);
  return evicted_total_;
}

uint64_t ExemplarStore::version() const {
  base::MutexLock lock(&mutex_);
  return version_;
}

}  // namespace baro::tsdb
