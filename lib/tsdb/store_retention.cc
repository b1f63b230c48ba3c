// Retention: classes and their numbers, expiry.
#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"
#include "keys.h"
#include "store_impl.h"
#include "tier.h"

namespace baro::tsdb {
namespace {

absl::Status Invalid(std::string_view what, int64_t value) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot set retention: ", what, " is ", value, " ms"));
}

absl::Status Check(const Retention& retention) {
  if (retention.retention_ms < 0) return Invalid("that of samples", retention.retention_ms);
  for (const RetentionClass& one : retention.classes) {
    if (one.retention_ms < 0) {
      return Invalid(base::StrCat("that of ", SelectorText(one.matchers)), one.retention_ms);
    }
  }
  if (retention.tiers.size() > kDownsampledTiersMax) {
    return absl::InvalidArgumentError(base::StrCat("cannot set retention: ", retention.tiers.size(),
                                                   " tiers, at most ", kDownsampledTiersMax));
  }
  int64_t before_ms = kDownsampledIntervalMinMs - 1;
  for (const DownsampledTier& tier : retention.tiers) {
    // Too short, or not longer than the one before.
    if (tier.interval_ms <= before_ms) return Invalid("the interval of a tier", tier.interval_ms);
    if (tier.retention_ms < 0) return Invalid("that of a tier", tier.retention_ms);
    before_ms = tier.interval_ms;
  }
  return absl::OkStatus();
}

}  // namespace

std::shared_ptr<const RetentionPolicy> StoreImpl::CurrentPolicy() const {
  base::MutexLock lock(&view_mutex_);
  return policy_;
}

std::vector<bool> StoreImpl::TakenClasses() const {
  std::vector<bool> taken(kRetentionClassMax + 1);
  for (const auto& part : CurrentView()->parts) taken[RetentionClassOf(part->class_byte)] = true;
  return taken;
}

// At open, before there is a writer thread.
absl::Status StoreImpl::LoadClasses() {
  base::MutexLock lock(&maintain_mutex_);
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db()->NewIterator(rocksdb::ReadOptions(), database_->index()));
  const std::string prefix(1, kClassKey);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    std::string_view key = FromSlice(it->key()).substr(1);
    uint32_t number = 0;
    if (!TakeBigEndian(&key, &number) || number <= kRawClass || number > kRetentionClassMax) {
      return absl::DataLossError(
          base::StrCat("cannot load retention class ", number, " of ", options_.path));
    }
    class_numbers_[it->value().ToString()] = static_cast<uint8_t>(number);
  }
  BARO_TRY(ToStatus(it->status(), base::StrCat("read the index of ", options_.path)));
  const Retention retention{options_.retention_ms, options_.retention_classes, options_.tiers};
  BARO_TRY(Check(retention));
  ClassNumbers numbers = class_numbers_;
  BARO_TRY_ASSIGN(RetentionPolicy policy, MakePolicy(retention, TakenClasses(), &numbers));
  BARO_TRY(WriteClasses(class_numbers_, numbers));
  class_numbers_ = std::move(numbers);
  ingest_->SetRetention(policy.RawMax());
  base::MutexLock view_lock(&view_mutex_);
  policy_ = std::make_shared<const RetentionPolicy>(std::move(policy));
  return absl::OkStatus();
}

absl::Status StoreImpl::WriteClasses(const ClassNumbers& before, const ClassNumbers& after) {
  if (before == after) return absl::OkStatus();
  BARO_TRY(database_->MakeWritable());
  rocksdb::WriteBatch batch;
  for (const auto& [text, number] : before) {
    BARO_TRY(ToStatus(batch.Delete(database_->index(), IdKey(kClassKey, number)),
                      "gather retention classes"));
  }
  for (const auto& [text, number] : after) {
    BARO_TRY(ToStatus(batch.Put(database_->index(), IdKey(kClassKey, number), text),
                      "gather retention classes"));
  }
  return database_->Write(&batch);
}

absl::Status StoreImpl::SetRetention(const Retention& retention) {
  BARO_TRY(Check(retention));
  base::MutexLock lock(&maintain_mutex_);
  ClassNumbers numbers = class_numbers_;
  BARO_TRY_ASSIGN(RetentionPolicy policy, MakePolicy(retention, TakenClasses(), &numbers));
  // No part has a class whose number a crash could forget.
  const ClassNumbers before = class_numbers_;
  BARO_TRY(OnWriter([&] { return WriteClasses(before, numbers); }));
  class_numbers_ = std::move(numbers);
  ingest_->SetRetention(policy.RawMax());
  base::MutexLock view_lock(&view_mutex_);
  policy_ = std::make_shared<const RetentionPolicy>(std::move(policy));
  return absl::OkStatus();
}

absl::Status StoreImpl::Expire() {
  const auto policy = CurrentPolicy();
  const auto view = CurrentView();
  const int64_t now_ms = expiry_clock_.NowMs();
  const std::set<int64_t> waiting = DaysThatWait(view->parts, *policy, options_.slot_ms, now_ms);
  const auto expired = [&](const std::shared_ptr<const Part>& part) {
    const int64_t retention_ms = policy->Of(*part);
    const bool waits = part->interval_ms == 0 && part->class_byte == kRawClass &&
                       waiting.contains(DayOf(*part, options_.slot_ms));
    return retention_ms != 0 && part->time_ms_max < now_ms - retention_ms && !waits;
  };
  std::vector<std::shared_ptr<const Part>> gone;
  std::copy_if(view->parts.begin(), view->parts.end(), std::back_inserter(gone), expired);
  if (gone.empty()) return absl::OkStatus();
  const absl::Status written = OnWriter([&] {
    BARO_TRY(database_->MakeWritable());
    rocksdb::WriteBatch writes;
    View next = *CurrentView();
    for (const auto& part : gone) {
      BARO_TRY(ToStatus(writes.Delete(database_->index(), IdKey(kPartKey, part->number)),
                        "gather an expiry"));
    }
    BARO_TRY(database_->Write(&writes));
    std::erase_if(next.parts, [&](const auto& part) {
      return std::find(gone.begin(), gone.end(), part) != gone.end();
    });
    SetView(std::move(next));
    for (const auto& part : gone) changes_->Note(part->time_ms_min, part->time_ms_max);
    return absl::OkStatus();
  });
  if (!written.ok()) return written;
  condemned_.insert(condemned_.end(), gone.begin(), gone.end());
  return absl::OkStatus();
}

}  // namespace baro::tsdb
