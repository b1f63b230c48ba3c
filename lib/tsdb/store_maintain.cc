// Maintenance: rotation, sealing, retention. Every step leaves a state that Open() understands:
//
//   1 new journal with its checkpoint     writer   crash: both journals are replayed
//   2 part files written and synced                crash: the folder is emptied
//   3 files ingested                               crash: parts without a record are removed
//   4 part records + sealed epoch, synced  writer   the seal has happened
//   5 old journal dropped                          crash: dropped at open
#include <malloc.h>

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "journal_record.h"
#include "keys.h"
#include "store_impl.h"
#include "tier.h"

namespace baro::tsdb {
namespace {

// How often the maintenance thread looks at the clock.
constexpr absl::Duration kWakeInterval = absl::Seconds(1);
// A head is sealed early rather than growing beyond this; so is a journal.
constexpr uint64_t kHeadBytesMax = uint64_t{1} << 30;
// A smaller one may hold several slots.
constexpr uint64_t kHeadBytesRoomy = uint64_t{64} << 20;
constexpr uint64_t kJournalBytesMax = uint64_t{1} << 30;
// Short of memory, a head with less than this part of the limit is not sealed early.
constexpr uint64_t kHeadDivisor = 32;
// Rows that come a little after the slot's end still belong to its first part.
constexpr int64_t kGraceDivisor = 30;

}  // namespace

std::shared_ptr<const View> StoreImpl::CurrentView() const {
  base::MutexLock lock(&view_mutex_);
  return view_;
}

void StoreImpl::SetView(View view) {
  view.passed_over = PassedOver(view.parts, options_.slot_ms, 0);
  auto next = std::make_shared<const View>(std::move(view));
  std::shared_ptr<const View> before = next;
  {
    base::MutexLock lock(&view_mutex_);
    std::erase_if(held_views_, [](const auto& held) { return held.expired(); });
    held_views_.push_back(next);
    view_.swap(before);
  }
  // Tiers come to be read when samples go, and the other way round.
  for (const auto& part : next->parts) {
    const uint32_t number = part->number;
    if (before->passed_over.contains(number) == next->passed_over.contains(number)) continue;
    changes_->Note(part->time_ms_min, part->time_ms_max);
  }
}

void StoreImpl::MaintenanceLoop() {
  while (true) {
    {
      base::MutexLock lock(&wake_mutex_);
      if (stopping_) return;
      wake_.WaitWithTimeout(&wake_mutex_, kWakeInterval);
      if (stopping_) return;
    }
    // A failure is counted where it happened and tried again at the next turn.
    static_cast<void>(Maintain(false));
  }
}

absl::Status StoreImpl::OnWriter(const std::function<absl::Status()>& task) {
  absl::Status status;
  const std::function<void()> run = [&] { status = task(); };
  if (!committer_->Run(run)) return absl::UnavailableError("cannot maintain: the store is closed");
  return status;
}

bool StoreImpl::RotationDue() const {
  const int64_t grace_ms = options_.slot_ms / kGraceDivisor;
  const int64_t now_ms = options_.clock->NowMs() - grace_ms;
  const auto view = CurrentView();
  const Head& head = *view->heads.back();
  if (head.bytes() > kHeadBytesRoomy) {
    // Its samples may come faster than the clock goes: a backlog, or a replay of one.
    const int64_t newest_ms = std::max(head.time_ms_max(), INT64_MIN + grace_ms) - grace_ms;
    if (SlotOf(newest_ms, options_.slot_ms) > SlotOf(head.time_ms_min(), options_.slot_ms)) {
      return true;
    }
  }
  return SlotOf(now_ms, options_.slot_ms) > SlotOf(created_ms_.load(), options_.slot_ms) ||
         head.bytes() > kHeadBytesMax || journal_bytes_.load() > kJournalBytesMax ||
         MemoryIsShort();
}

// A head that is hardly worth a seal is left alone: the memory is elsewhere then.
bool StoreImpl::MemoryIsShort() const {
  if (options_.memory == nullptr || options_.memory->pressure() == base::Pressure::kNone) {
    return false;
  }
  return CurrentView()->heads.back()->bytes() > options_.memory->limit_bytes() / kHeadDivisor;
}

absl::Status StoreImpl::Maintain(bool force) {
  if (!ReplayComplete()) {
    if (!force) return absl::OkStatus();
    BARO_TRY(AwaitReplay());
  }
  {
    base::MutexLock lock(&maintain_mutex_);
    BARO_TRY(SealDue(force));
    BARO_TRY(Expire());
    DeleteCondemned();
    BARO_TRY(RemoveUnused());
  }
  // The merge thread has its own turns.
  if (force || !options_.background) BARO_TRY(Merge(force));
  return force ? CleanTombstones() : absl::OkStatus();
}

absl::Status StoreImpl::SealDue(bool force) {
  const bool rotate = (force || RotationDue()) && !CurrentView()->heads.back()->empty();
  if (rotate && !force && MemoryIsShort()) totals_.seals_for_memory.fetch_add(1);
  absl::Status status;
  if (rotate || !sealing_.empty() || !database_->writable()) {
    status = OnWriter([this] { return database_->Probe(); });
  }
  if (!sealing_.empty() && status.ok()) {
    status = OnWriter([this] { return WriteDueCheckpoint(); });
  }
  while (!sealing_.empty() && status.ok()) status = SealOldest();
  if (status.ok() && rotate) {
    status = OnWriter([this] { return Rotate(); });
    if (status.ok()) {
      const auto view = CurrentView();
      sealing_.push_back(std::const_pointer_cast<Head>(view->heads[view->heads.size() - 2]));
      status = SealOldest();
    }
  }
  if (!status.ok()) totals_.seal_failures.fetch_add(1, std::memory_order_relaxed);
  return status;
}

// On the writer thread.
absl::Status StoreImpl::Rotate() {
  const uint64_t epoch = live_->epoch() + 1;
  BARO_TRY(database_->MakeWritable());
  Checkpoint checkpoint = ingest_->TakeCheckpoint();
  checkpoint.created_ms = options_.clock->NowMs();
  // A rotation that failed half-way has left its journal behind.
  BARO_TRY(WriteWithPending({epoch, {EncodeJournalRecord(checkpoint)}}, {}));
  live_ = std::make_shared<Head>(epoch, options_.slot_ms);
  sample_encoder_.Reset();
  created_ms_.store(checkpoint.created_ms);
  checkpoint_due_ = false;
  journal_bytes_.store(0);
  View view = *CurrentView();
  view.heads.push_back(live_);
  SetView(std::move(view));
  return absl::OkStatus();
}

absl::Status StoreImpl::SealOldest() {
  const std::shared_ptr<Head> head = sealing_.front();
  if (ingested_.empty()) {
    head->Freeze();  // beside it the next one grows
    ClassRouter router(dictionary_.get(), *CurrentPolicy());
    BARO_TRY_ASSIGN(std::vector<SealedPart> parts, sealer_->Seal(*head, next_part_, &router));
    next_part_ += static_cast<uint32_t>(parts.size());
    const absl::Status status = IngestFiles(parts);
    RemoveFiles(*database_, parts);  // ingestion has linked or moved them
    if (!status.ok()) {
      for (const SealedPart& sealed : parts) {
        // What stays is removed at the next open; its number is not used again before.
        const auto [first, last] = sealed.part.KeyRange();
        static_cast<void>(database_->DeleteSlots(first, last));
      }
      return status;
    }
    ingested_ = std::move(parts);
  }
  // When this fails the records may be in the log all the same: the files stay, and the same
  // records are written next time.
  BARO_TRY(Publish(*head, ingested_));
  ingested_.clear();
  sealing_.erase(sealing_.begin());
  totals_.seals.fetch_add(1, std::memory_order_relaxed);
  dictionary_->ForgetIdle(head->Targets() | CurrentView()->heads.back()->Targets());
  const absl::Status dropped = database_->DropJournal(head->epoch());
  // What the head held goes back to the system: the budget counts what is resident.
  if (options_.memory != nullptr) malloc_trim(0);
  return dropped;
}

absl::Status StoreImpl::IngestFiles(const std::vector<SealedPart>& parts) {
  if (parts.empty()) return absl::OkStatus();
  std::vector<std::string> files;
  for (const SealedPart& part : parts) {
    files.insert(files.end(), part.files.begin(), part.files.end());
  }
  if (files.empty()) return absl::OkStatus();
  return database_->Ingest(files);
}

// The moment of the seal: records and sealed epoch in one write, then the view.
absl::Status StoreImpl::Publish(const Head& head, const std::vector<SealedPart>& parts) {
  std::vector<std::shared_ptr<const Part>> published;
  for (const SealedPart& sealed : parts) {
    auto part = std::make_shared<Part>(sealed.part);
    part->targets = pool_.Share(part->targets);
    published.push_back(std::move(part));
  }
  const IndexPuts exemplars = SaveExemplars();
  return OnWriter([&] {
    IndexPuts index = exemplars;
    for (const auto& part : published) {
      index.emplace_back(IdKey(kPartKey, part->number), EncodePart(*part));
    }
    index.emplace_back(IdKey(kStateKey, 0), StateValue(head.epoch()));
    BARO_TRY(WriteWithPending({live_->epoch(), {}}, index));
    View view = *CurrentView();
    view.parts.insert(view.parts.end(), published.begin(), published.end());
    std::erase_if(view.heads, [&](const auto& one) { return one.get() == &head; });
    SetView(std::move(view));
    return absl::OkStatus();
  });
}

// Files go when no reader can come back to them: DeleteFilesInRange does not respect snapshots.
void StoreImpl::DeleteCondemned() {
  std::erase_if(condemned_, [&](const std::shared_ptr<const Part>& part) {
    if (part.use_count() > 1) return false;
    const auto [first, last] = part->KeyRange();
    if (!database_->DeleteSlots(first, last).ok()) return false;
    quarantine_->Remove(part->number);
    return true;
  });
}

}  // namespace baro::tsdb
