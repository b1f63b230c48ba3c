// Replay: what was journaled and not sealed before the last end goes into heads again, beside what
// comes in meanwhile. A start makes a new head; its journal comes with the first record. So the
// store answers at once: queries see each sample as soon as it is loaded, and a warning until all
// are. Frames wait for the end, as their chains go on where the journals leave them.
//
// Old journals stay until their heads are sealed, and those are not before the live journal holds
// the chains' state: a crash at any point is followed by the same replay.
#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"
#include "journal_record.h"
#include "keys.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

// Read under one hold of the database, which keeps the writer from opening it anew.
constexpr uint64_t kChunkBytes = uint64_t{8} << 20;
constexpr size_t kReadAheadBytes = size_t{1} << 20;
// How long to wait for a database that cannot be opened at the moment.
constexpr absl::Duration kRetryPause = absl::Milliseconds(200);

}  // namespace

// The heads of old journals, and behind them the live one, whose journal is not there yet.
absl::Status StoreImpl::PrepareHeads() {
  base::MutexLock lock(&maintain_mutex_);
  View view = *CurrentView();
  uint64_t last_epoch = sealed_epoch_;
  for (const uint64_t epoch : database_->Journals()) {
    sealing_.push_back(std::make_shared<Head>(epoch, options_.slot_ms));
    view.heads.push_back(sealing_.back());
    last_epoch = epoch;
    rocksdb::ColumnFamilyMetaData files;
    database_->db()->GetColumnFamilyMetaData(database_->Journal(epoch), &files);
    replay_bytes_total_.fetch_add(files.size, std::memory_order_relaxed);
    BARO_TRY(SkipKeys(epoch));
  }
  live_ = std::make_shared<Head>(last_epoch + 1, options_.slot_ms);
  view.heads.push_back(live_);
  created_ms_.store(options_.clock->NowMs());
  checkpoint_due_ = !sealing_.empty();
  to_replay_ = sealing_;
  SetView(std::move(view));
  return absl::OkStatus();
}

// Record numbers count up over all journals.
absl::Status StoreImpl::SkipKeys(uint64_t epoch) {
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db()->NewIterator(rocksdb::ReadOptions(), database_->Journal(epoch)));
  it->SeekToLast();
  uint64_t number = 0;
  if (it->Valid()) {
    std::string_view key = FromSlice(it->key());
    if (TakeBigEndian(&key, &number)) next_journal_key_ = std::max(next_journal_key_, number + 1);
  }
  // The replay names a damaged journal; nobody needs its numbers.
  if (it->status().IsCorruption()) return absl::OkStatus();
  return ToStatus(it->status(), base::StrCat("read journal ", epoch, " of ", options_.path));
}

void StoreImpl::RunReplay() {
  const int64_t start_ns = options_.clock->MonotonicNs();
  Ingest ingest(dictionary_.get(), options_.limits.chains_per_agent_max, options_.retention_ms,
                &expiry_clock_);
  absl::Status status;
  for (const std::shared_ptr<Head>& head : to_replay_) {
    if (status.ok()) status = Replay(head.get(), &ingest);
  }
  if (status.ok()) {
    status = OnWriter([&] {
      ingest_->Adopt(&ingest);
      replay_complete_.store(true, std::memory_order_release);
      return absl::OkStatus();
    });
    KnowNewestTime();
  }
  to_replay_.clear();
  base::MutexLock lock(&replay_mutex_);
  replay_seconds_ = static_cast<double>(options_.clock->MonotonicNs() - start_ns) / 1e9;
  replay_status_ = status;
  replay_ended_ = true;
  replay_changed_.SignalAll();
}

absl::Status StoreImpl::AwaitReplay() const {
  base::MutexLock lock(&replay_mutex_);
  while (!replay_ended_ && !replay_stopped_) replay_changed_.Wait(&replay_mutex_);
  if (replay_ended_) return replay_status_;
  return absl::UnavailableError("cannot wait for the journal: the store is closed");
}

void StoreImpl::StopReplay() {
  {
    base::MutexLock lock(&replay_mutex_);
    replay_stopped_ = true;
    replay_changed_.SignalAll();
  }
  replay_thread_.Stop();
}

// Waits a moment; false when the store is closed.
bool StoreImpl::PauseReplay() {
  base::MutexLock lock(&replay_mutex_);
  if (!replay_stopped_) replay_changed_.WaitWithTimeout(&replay_mutex_, kRetryPause);
  return !replay_stopped_;
}

bool StoreImpl::replay_stopped() const {
  base::MutexLock lock(&replay_mutex_);
  return replay_stopped_;
}

absl::Status StoreImpl::Replay(Head* head, Ingest* ingest) {
  SampleDecoder samples;
  uint64_t next_key = 0;
  while (true) {
    if (replay_stopped()) return absl::UnavailableError("cannot replay: the store is closed");
    bool more = false;
    bool there = false;
    absl::Status status;
    {
      const Database::Using use(*database_);
      there = database_->db() != nullptr;
      if (there) status = ReplayChunk(head, ingest, &samples, &next_key, &more);
    }
    if (absl::IsDataLoss(status)) {
      NameJournalDamage(head->epoch(), next_key, base::FromAbsl(status.message()));
      return absl::OkStatus();
    }
    BARO_TRY(status);
    if (there && !more) return absl::OkStatus();
    if (!there && !PauseReplay()) return absl::UnavailableError("cannot replay: no database");
  }
}

absl::Status StoreImpl::ReplayChunk(Head* head, Ingest* ingest, SampleDecoder* samples,
                                    uint64_t* next_key, bool* more) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = kReadAheadBytes;
  const uint64_t epoch = head->epoch();
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db()->NewIterator(options, database_->Journal(epoch)));
  uint64_t bytes = 0;
  for (it->Seek(JournalKey(*next_key)); it->Valid() && bytes < kChunkBytes; it->Next()) {
    std::string_view key = FromSlice(it->key());
    uint64_t number = 0;
    auto record = DecodeJournalRecord(FromSlice(it->value()), samples);
    const bool numbered = TakeBigEndian(&key, &number);
    *next_key = number;
    if (!numbered) return absl::DataLossError("its key is too short");
    if (!record.ok()) return record.status();
    *next_key = number + 1;
    bytes += it->value().size();
    // What could not be decoded then cannot be now, and the sender was told.
    if (const auto* frames = std::get_if<FrameBatch>(&*record)) {
      static_cast<void>(ingest->Apply(*frames, head));
    } else if (const auto* batch = std::get_if<SampleBatch>(&*record)) {
      static_cast<void>(ingest->Apply(*batch, head));
    } else if (const auto* beside = std::get_if<ExemplarRecord>(&*record)) {
      for (const ExemplarSample& sample : beside->exemplars) exemplars_.Restore(sample);
    } else {
      BARO_TRY(ingest->Restore(std::get<Checkpoint>(*record)));
    }
  }
  NoteAppended(head);
  *more = it->Valid();
  replay_bytes_done_.fetch_add(bytes, std::memory_order_relaxed);
  return ToStatus(it->status(), base::StrCat("replay journal ", epoch, " of ", options_.path));
}

// On the writer thread. Before the first frame of a journal that was not begun by a rotation, and
// before the journals go that the chains' state came from.
absl::Status StoreImpl::WriteDueCheckpoint() {
  if (!checkpoint_due_) return absl::OkStatus();
  BARO_TRY(WriteWithPending({live_->epoch(), {EncodeJournalRecord(TakeCheckpoint())}}, {}));
  checkpoint_due_ = false;
  return absl::OkStatus();
}

Checkpoint StoreImpl::TakeCheckpoint() const {
  Checkpoint checkpoint = ingest_->TakeCheckpoint();
  checkpoint.created_ms = created_ms_.load();
  return checkpoint;
}

std::vector<SequenceRange> StoreImpl::StoredSequences(const AgentId& agent) const {
  static_cast<void>(AwaitReplay());  // closed: what is known
  return ingest_->StoredSequences(agent);
}

std::vector<std::string> StoreImpl::ReplayWarnings() const {
  if (ReplayComplete()) return {};
  base::MutexLock lock(&replay_mutex_);
  if (replay_ended_) {
    return {base::StrCat("samples from before the last start are missing: ",
                         base::FromAbsl(replay_status_.message()))};
  }
  const uint64_t done = replay_bytes_done_.load(std::memory_order_relaxed);
  const uint64_t total = std::max(done, replay_bytes_total_.load(std::memory_order_relaxed));
  return {base::StrCat("recent samples are still being loaded: ", done, " of ", total,
                       " bytes of the journal")};
}

}  // namespace baro::tsdb
