#include "baro/tsdb/store.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "journal_record.h"
#include "keys.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

// What an item holds in the queue beyond its payload.
constexpr size_t kItemBytes = 256;

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(StoreOptions options) {
  return StoreImpl::Open(std::move(options));
}

void StoreImpl::Append(FrameBatch batch, AppendDone done) {
  const size_t bytes = batch.body.size() + batch.targets.size() * sizeof(FrameBatch::FrameTarget);
  Submit({std::move(batch), std::move(done), bytes + kItemBytes});
}

void StoreImpl::Append(SampleBatch batch, AppendDone done) {
  ReplaceReserved(&batch);
  if (!batch.histograms.empty() || !batch.exemplars.empty()) {
    AppendBeside(std::move(batch), std::move(done));
    return;
  }
  const size_t bytes = BytesOf(batch);
  Submit({std::move(batch), std::move(done), bytes});
}

size_t StoreImpl::BytesOf(const SampleBatch& batch) {
  return batch.series.size() * (sizeof(SeriesId) + sizeof(int64_t) + sizeof(double)) + kItemBytes;
}

void StoreImpl::Submit(Committer::Item item) {
  if (options_.memory != nullptr && options_.memory->pressure() == base::Pressure::kStop) {
    totals_.batches_refused_memory.fetch_add(1, std::memory_order_relaxed);
    AppendResult result;
    result.status = absl::ResourceExhaustedError(
        base::StrCat("cannot append: ", options_.memory->resident_bytes() >> 20, " MiB of ",
                     options_.memory->limit_bytes() >> 20, " MiB (--memory.limit) are in use"));
    item.done(result);
    return;
  }
  if (committer_->Submit(std::move(item))) return;
  Refuse(item.done);  // NOLINT(bugprone-use-after-move): Submit() leaves a refused item alone
}

void StoreImpl::Refuse(const AppendDone& done) const {
  AppendResult result;
  if (committer_->closed()) {
    result.status = absl::UnavailableError("cannot append: the store is closed");
  } else {
    result.status = absl::ResourceExhaustedError(
        base::StrCat("cannot append: ", committer_->depth(), " batches are waiting already"));
  }
  done(result);
}

// The latest time a sample may have.
int64_t StoreImpl::LatestMs() const {
  int64_t latest_ms = 0;
  if (ingest_->retention_ms() == 0 || options_.future_ms_max == 0 ||
      __builtin_add_overflow(options_.clock->NowMs(), options_.future_ms_max, &latest_ms)) {
    return model::kTimeMsMax;
  }
  return latest_ms;
}

void StoreImpl::Commit(std::vector<Committer::Item> items) {
  std::vector<AppendResult> results(items.size());
  std::vector<bool> journaled(items.size());
  const absl::Status status = WriteJournal(&items, &results, &journaled);
  totals_.commits.fetch_add(1, std::memory_order_relaxed);
  if (!status.ok()) totals_.commit_failures.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < items.size(); ++i) {
    if (journaled[i]) {
      if (status.ok()) {
        results[i] = Apply(items[i]);
      } else {
        results[i].status = status;
      }
    }
    Count(results[i]);
    items[i].done(results[i]);
  }
  if (options_.background && ReplayComplete() && RotationDue()) {
    base::MutexLock lock(&wake_mutex_);
    wake_.Signal();
  }
}

absl::Status StoreImpl::WriteJournal(std::vector<Committer::Item>* items,
                                     std::vector<AppendResult>* results,
                                     std::vector<bool>* journaled) {
  using Verdict = Ingest::Plan::Verdict;
  Ingest::Plan plan;
  JournalWrite writes{live_->epoch(), {}};
  const int64_t latest_ms = LatestMs();
  bool checkpoint_added = false;
  for (size_t i = 0; i < items->size(); ++i) {
    std::string record;
    std::visit([&](auto& batch) { batch.time_ms_max = latest_ms; }, (*items)[i].batch);
    if (const auto* frames = std::get_if<FrameBatch>(&(*items)[i].batch)) {
      if (!ReplayComplete()) {
        (*results)[i].status = absl::UnavailableError(
            "cannot append frames: the journals of the last run are being loaded");
        continue;
      }
      const auto [verdict, status] = ingest_->Check(*frames, &plan);
      if (verdict == Verdict::kDuplicate) (*results)[i] = ingest_->Duplicate(*frames);
      if (verdict == Verdict::kRefuse) (*results)[i].status = status;
      if (verdict != Verdict::kJournal) continue;
      // The state that the first frames go on from comes before them.
      if (checkpoint_due_ && !checkpoint_added) {
        writes.records.push_back(EncodeJournalRecord(TakeCheckpoint()));
        checkpoint_added = true;
      }
      record = EncodeJournalRecord(*frames);
    } else {
      const auto& samples = std::get<SampleBatch>((*items)[i].batch);
      (*results)[i].status = ingest_->Check(samples);
      if (!(*results)[i].status.ok()) continue;
      if (!samples.exemplars.empty()) {
        writes.records.push_back(EncodeJournalRecord(ExemplarRecord{samples.exemplars}));
        (*journaled)[i] = true;
      }
      if (samples.series.empty()) continue;
      record = EncodeJournalRecord(samples, &sample_encoder_);
    }
    writes.records.push_back(std::move(record));
    (*journaled)[i] = true;
  }
  if (writes.records.empty()) return absl::OkStatus();
  size_t bytes = 0;
  for (const std::string& record : writes.records) bytes += record.size();
  if (absl::Status status = WriteWithPending(writes, {}); !status.ok()) {
    sample_encoder_.Reset();  // whether these records are in the journal nobody knows
    return status;
  }
  if (checkpoint_added) checkpoint_due_ = false;
  journal_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status StoreImpl::WriteWithPending(const JournalWrite& journal, const IndexPuts& index,
                                         const std::vector<std::string>& index_removals) {
  BARO_TRY(database_->MakeWritable());
  if (!journal.records.empty() && database_->Journal(journal.epoch) == nullptr) {
    BARO_TRY(database_->Probe());
    BARO_TRY(database_->CreateJournal(journal.epoch).status());
  }
  rocksdb::WriteBatch batch;
  if (!state_is_written_) {
    BARO_TRY(ToStatus(batch.Put(database_->index(), IdKey(kStateKey, 0), StateValue(sealed_epoch_)),
                      "gather the state"));
  }
  const uint64_t end_key = next_journal_key_ + journal.records.size();
  for (uint64_t key = next_journal_key_; const std::string& record : journal.records) {
    const rocksdb::Status put =
        batch.Put(database_->Journal(journal.epoch), JournalKey(key++), record);
    BARO_TRY(ToStatus(put, "gather a batch"));
  }
  BARO_TRY(TakeBackDoubtful(journal.epoch, end_key, &batch));
  for (const auto& [key, value] : index) {
    BARO_TRY(ToStatus(batch.Put(database_->index(), key, value), "gather the index"));
  }
  for (const std::string& key : index_removals) {
    BARO_TRY(ToStatus(batch.Delete(database_->index(), key), "gather a removal"));
  }
  const Dictionary::Unwritten unwritten = dictionary_->NotWritten();
  for (const std::string& key : unwritten.removals) {
    BARO_TRY(ToStatus(batch.Delete(database_->index(), key), "gather a removal"));
  }
  for (const auto& [key, value] : unwritten.entries) {
    BARO_TRY(ToStatus(batch.Put(database_->index(), key, value), "gather a declaration"));
  }
  if (absl::Status status = database_->Write(&batch); !status.ok()) {
    uint64_t& doubtful_end = doubtful_[journal.epoch];
    doubtful_end = std::max(doubtful_end, end_key);
    return status;
  }
  next_journal_key_ = end_key;
  state_is_written_ = true;
  doubtful_.clear();
  dictionary_->PendingIsDurable(unwritten.pending);
  dictionary_->RemovalsAreDurable(unwritten.removals.size());
  return absl::OkStatus();
}

// A failed write may be in the log all the same, and RocksDB opened anew has it then. The next one
// writes over its records, as it has the same keys, and removes those beyond its own.
absl::Status StoreImpl::TakeBackDoubtful(uint64_t epoch, uint64_t end_key,
                                         rocksdb::WriteBatch* batch) const {
  for (const auto& [doubtful_epoch, doubtful_end] : doubtful_) {
    rocksdb::ColumnFamilyHandle* journal = database_->Journal(doubtful_epoch);
    if (journal == nullptr) continue;  // sealed and dropped
    uint64_t key = doubtful_epoch == epoch ? end_key : next_journal_key_;
    for (; key < doubtful_end; ++key) {
      BARO_TRY(ToStatus(batch->Delete(journal, JournalKey(key)), "gather a removal"));
    }
  }
  return absl::OkStatus();
}

AppendResult StoreImpl::Apply(const Committer::Item& item) {
  if (const auto* frames = std::get_if<FrameBatch>(&item.batch)) {
    const AppendResult result = ingest_->Apply(*frames, live_.get());
    NoteAppended(live_.get());
    if (!result.status.ok()) totals_.frames_undecodable.fetch_add(1, std::memory_order_relaxed);
    return result;
  }
  const auto& samples = std::get<SampleBatch>(item.batch);
  AppendResult result = ingest_->Apply(samples, live_.get());
  NoteAppended(live_.get());
  ApplyExemplars(samples.exemplars, &result);
  return result;
}

void StoreImpl::Count(const AppendResult& result) {
  totals_.stored.fetch_add(result.stored, std::memory_order_relaxed);
  totals_.duplicate.fetch_add(result.duplicate, std::memory_order_relaxed);
  totals_.overwritten.fetch_add(result.overwritten, std::memory_order_relaxed);
  totals_.out_of_order.fetch_add(result.out_of_order, std::memory_order_relaxed);
  totals_.too_old.fetch_add(result.too_old, std::memory_order_relaxed);
  totals_.too_new.fetch_add(result.too_new, std::memory_order_relaxed);
  totals_.histograms_stored.fetch_add(result.histograms_stored, std::memory_order_relaxed);
  totals_.frames_refused_target.fetch_add(result.frames_refused_target, std::memory_order_relaxed);
}

absl::Status StoreImpl::Close() {
  {
    base::MutexLock lock(&wake_mutex_);
    stopping_ = true;
    wake_.SignalAll();
  }
  StopReplay();
  maintenance_.Stop();
  merging_.Stop();
  if (committer_ != nullptr) committer_->Stop();
  return absl::OkStatus();
}

StoreImpl::~StoreImpl() {
  const absl::Status status = Close();
  static_cast<void>(status);
}

}  // namespace baro::tsdb
