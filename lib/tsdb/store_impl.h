// StoreImpl: the Store of store.h, put together from its parts. Split over store.cc (writing),
// store_beside.cc, store_open.cc, store_replay.cc, store_maintain.cc and store_read.cc.
//
// Threads: the committer's writer thread changes journal, head and ingest state; the maintenance
// thread (or the caller of Maintain) seals, the merge thread merges; readers take a View. Lock
// order: operation_mutex_, merge_mutex_, maintain_mutex_, then the committer's, then view_mutex_.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baro/base/mutex.h"
#include "baro/base/task_group.h"
#include "baro/tsdb/notes.h"
#include "baro/tsdb/store.h"
#include "baro/tsdb/store_admin.h"
#include "change_log.h"
#include "committer.h"
#include "database.h"
#include "dictionary.h"
#include "exemplars.h"
#include "expiry_clock.h"
#include "head.h"
#include "histogram_columns.h"
#include "ingest.h"
#include "merger.h"
#include "part.h"
#include "plan_cache.h"
#include "read_log.h"
#include "retention_class.h"
#include "sample_chain.h"
#include "sealer.h"
#include "series_set.h"
#include "view.h"

namespace baro::tsdb {

class StoreImpl final : public Store, public StoreAdmin, public Notes {
 public:
  static absl::StatusOr<std::unique_ptr<StoreImpl>> Open(StoreOptions options);
  ~StoreImpl() override;

  bool KnowsLayout(const model::ContentHash& hash) const override {
    return dictionary_->KnowsLayout(hash);
  }
  absl::Status DeclareLayout(const model::Layout& layout) override {
    return dictionary_->DeclareLayout(layout);
  }
  absl::StatusOr<Declared> DeclareTarget(const model::Labels& labels,
                                         const model::ContentHash& layout) override {
    return dictionary_->DeclareTarget(labels, layout);
  }
  absl::StatusOr<SeriesId> DeclareSeries(const model::Labels& labels) override {
    return dictionary_->DeclareSeries(labels);
  }
  uint64_t NumbersRemoved() const override { return dictionary_->removals(); }
  void Describe(const std::vector<model::Metadata>& metadata) override {
    dictionary_->Describe(metadata);
  }
  std::vector<SequenceRange> StoredSequences(const AgentId& agent) const override
      ABSL_LOCKS_EXCLUDED(replay_mutex_);
  bool ReplayComplete() const override { return replay_complete_.load(std::memory_order_acquire); }
  absl::Status AwaitReplay() const override ABSL_LOCKS_EXCLUDED(replay_mutex_);

  void Append(FrameBatch batch, AppendDone done) override;
  void Append(SampleBatch batch, AppendDone done) override;
  absl::Status SetRetention(const Retention& retention) override
      ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  absl::StatusOr<std::vector<model::ExemplarSeries>> Exemplars(
      const model::LabelRequest& request) const override;
  absl::Status Maintain(bool force) override ABSL_LOCKS_EXCLUDED(merge_mutex_, maintain_mutex_);
  Stats GetStats() const override;
  Cardinality GetCardinality(size_t limit) const override;
  absl::Status Close() override;

  StoreAdmin* admin() override { return this; }

  absl::Status WriteNotes(const std::vector<Note>& notes) override;
  absl::StatusOr<std::vector<Note>> ReadNotes(std::string_view prefix) const override;

  absl::Status Delete(const DeleteRequest& request) override ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  absl::StatusOr<DeleteCount> CountDelete(const DeleteRequest& request) const override;
  absl::Status CleanTombstones() override ABSL_LOCKS_EXCLUDED(merge_mutex_, maintain_mutex_);
  absl::Status Snapshot(const SnapshotRequest& request) override
      ABSL_LOCKS_EXCLUDED(operation_mutex_, merge_mutex_, maintain_mutex_);
  absl::StatusOr<BackupReport> Backup(const std::string& folder) override
      ABSL_LOCKS_EXCLUDED(operation_mutex_, merge_mutex_, maintain_mutex_);
  absl::StatusOr<VerifyReport> Verify() override ABSL_LOCKS_EXCLUDED(operation_mutex_);

  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest& request) const override;
  absl::StatusOr<std::vector<std::string>> LabelNames(
      const model::LabelRequest& request) const override;
  absl::StatusOr<std::vector<std::string>> LabelValues(
      const std::string& name, const model::LabelRequest& request) const override;
  std::vector<model::Metadata> MetricMetadata(const std::string& family,
                                              size_t limit) const override {
    return dictionary_->MetricMetadata(family, limit);
  }

  uint64_t ChangeVersion() const override { return changes_->Version(); }
  int64_t OldestChangeSince(uint64_t version, int64_t from_ms) const override {
    return changes_->OldestSince(version, from_ms);
  }

  // Rewrites every sealed part that the view's tombstones touch, without what they delete; waits
  // for a merge under way, which leaves them out as well. When it returns OK the space is free as
  // soon as no reader holds the old parts. Heads are not touched. Errors: as Maintain(); parts done
  // by then stay done.
  absl::Status RewriteDeleted() ABSL_LOCKS_EXCLUDED(merge_mutex_, maintain_mutex_);

 private:
  // Counters since start; Stats' names.
  struct Totals {
    std::atomic<uint64_t> stored{0};
    std::atomic<uint64_t> duplicate{0};
    std::atomic<uint64_t> overwritten{0};
    std::atomic<uint64_t> out_of_order{0};
    std::atomic<uint64_t> too_old{0};
    std::atomic<uint64_t> too_new{0};
    std::atomic<uint64_t> nan_replaced{0};  // before the journal; Ingest counts its own
    std::atomic<uint64_t> histograms_stored{0};
    std::atomic<uint64_t> histograms_invalid{0};
    std::atomic<uint64_t> histograms_over_limit{0};
    std::atomic<uint64_t> exemplars_stored{0};
    std::atomic<uint64_t> exemplars_duplicate{0};
    std::atomic<uint64_t> exemplars_out_of_order{0};
    std::atomic<uint64_t> exemplars_refused{0};
    std::atomic<uint64_t> frames_refused_target{0};
    std::atomic<uint64_t> frames_undecodable{0};
    std::atomic<uint64_t> commits{0};
    std::atomic<uint64_t> commit_failures{0};
    std::atomic<uint64_t> seals{0};
    std::atomic<uint64_t> seal_failures{0};
    std::atomic<uint64_t> targets_removed{0};
    std::atomic<uint64_t> columns_removed{0};
    std::atomic<uint64_t> layouts_removed{0};
    std::atomic<uint64_t> journal_damages{0};
    std::atomic<uint64_t> merges{0};
    std::atomic<uint64_t> merge_failures{0};
    std::atomic<uint64_t> seals_for_memory{0};
    std::atomic<uint64_t> batches_refused_memory{0};
  };

  // The outcome of a merge that takes the place of its inputs.
  struct PartSwap {
    std::vector<std::shared_ptr<const Part>> out;
    std::vector<std::shared_ptr<const Part>> in;
  };

  explicit StoreImpl(StoreOptions options);

  // store_open.cc
  absl::Status Load();
  absl::Status LoadDictionary();
  absl::Status LoadParts();
  absl::Status LoadTombstones(View* view);
  absl::Status RemoveLeftovers();
  // store_verify.cc
  void NameLostParts();
  // What is before `record` has been replayed; what is behind it is lost. The journal's tables are
  // kept for people.
  void NameJournalDamage(uint64_t epoch, uint64_t record, std::string_view what);

  // store_replay.cc: of Open(), then on the replay thread
  absl::Status PrepareHeads() ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  absl::Status SkipKeys(uint64_t epoch);
  void RunReplay() ABSL_LOCKS_EXCLUDED(replay_mutex_);
  absl::Status Replay(Head* head, Ingest* ingest);
  absl::Status ReplayChunk(Head* head, Ingest* ingest, SampleDecoder* samples, uint64_t* next_key,
                           bool* more);
  bool PauseReplay() ABSL_LOCKS_EXCLUDED(replay_mutex_);
  bool replay_stopped() const ABSL_LOCKS_EXCLUDED(replay_mutex_);
  void StopReplay() ABSL_LOCKS_EXCLUDED(replay_mutex_);
  std::vector<std::string> ReplayWarnings() const ABSL_LOCKS_EXCLUDED(replay_mutex_);
  // …on the writer thread
  Checkpoint TakeCheckpoint() const;
  absl::Status WriteDueCheckpoint();

  // store.cc, on the writer thread
  static size_t BytesOf(const SampleBatch& batch);
  void Submit(Committer::Item item);
  void Refuse(const AppendDone& done) const;

  // store_beside.cc: what travels beside floats, on the caller's thread
  void KnowNewestTime() ABSL_LOCKS_EXCLUDED(beside_mutex_);  // once all journals are replayed
  void ReplaceReserved(SampleBatch* batch);
  void AppendBeside(SampleBatch batch, AppendDone done) ABSL_LOCKS_EXCLUDED(beside_mutex_);
  AppendDone WithRefusals(const HistogramRefusals& refusals, uint64_t exemplars_refused,
                          AppendDone done);
  absl::Status CheckExemplars(SampleBatch* batch, uint64_t* refused) const;
  void ApplyExemplars(const std::vector<ExemplarSample>& exemplars, AppendResult* result);
  absl::Status LoadExemplars();

  // store.cc again, on the writer thread
  int64_t LatestMs() const;
  void Commit(std::vector<Committer::Item> items);
  absl::Status WriteJournal(std::vector<Committer::Item>* items, std::vector<AppendResult>* results,
                            std::vector<bool>* journaled);
  AppendResult Apply(const Committer::Item& item);
  void Count(const AppendResult& result);
  // Of what was appended to the head: its samples can be read by now.
  void NoteAppended(Head* head) {
    const auto [first_ms, last_ms] = head->TakeChanged();
    changes_->Note(first_ms, last_ms);
  }
  // Records for the end of a journal, and what goes into the index.
  struct JournalWrite {
    uint64_t epoch = 0;
    std::vector<std::string> records;
  };
  using IndexPuts = std::vector<std::pair<std::string, std::string>>;
  // All exemplars, for the write that lets a journal go.
  IndexPuts SaveExemplars() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);
  // Adds the dictionary's pending entries, writes all at once and syncs.
  absl::Status WriteWithPending(const JournalWrite& journal, const IndexPuts& index,
                                const std::vector<std::string>& index_removals = {});
  absl::Status TakeBackDoubtful(uint64_t epoch, uint64_t end_key, rocksdb::WriteBatch* batch) const;

  // store_maintain.cc
  void MaintenanceLoop() ABSL_LOCKS_EXCLUDED(wake_mutex_);
  absl::Status OnWriter(const std::function<absl::Status()>& task);
  bool RotationDue() const;
  bool MemoryIsShort() const;
  absl::Status Rotate();
  absl::Status SealOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);
  absl::Status SealDue(bool force) ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);
  absl::Status Publish(const Head& head, const std::vector<SealedPart>& parts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);
  absl::Status IngestFiles(const std::vector<SealedPart>& parts);
  absl::Status Expire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);
  void DeleteCondemned() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);
  // store_removal.cc
  absl::Status RemoveUnused() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);
  LiveNumbers FindLive() ABSL_LOCKS_EXCLUDED(view_mutex_);

  // store_retention.cc
  absl::Status LoadClasses();
  absl::Status WriteClasses(const ClassNumbers& before, const ClassNumbers& after);
  std::vector<bool> TakenClasses() const;
  std::shared_ptr<const RetentionPolicy> CurrentPolicy() const ABSL_LOCKS_EXCLUDED(view_mutex_);
  // store_admin.cc
  absl::Status DeleteOnWriter(const DeleteRequest& request, std::shared_ptr<Head>* rotated);
  bool IsInLiveHead(const DeleteRequest& request) const;
  // store_clean.cc
  void CleanWhenDue() ABSL_LOCKS_EXCLUDED(merge_mutex_, maintain_mutex_);
  absl::Status EndTombstones();
  // store_snapshot.cc
  absl::Status WriteSnapshot(const SnapshotRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(operation_mutex_)
          ABSL_LOCKS_EXCLUDED(merge_mutex_, maintain_mutex_);
  absl::Status LeaveOutJournals(const std::string& folder) const;

  // store_merge.cc
  absl::Status MakeTiers(bool force) ABSL_EXCLUSIVE_LOCKS_REQUIRED(merge_mutex_);
  void MergeLoop() ABSL_LOCKS_EXCLUDED(wake_mutex_);
  absl::Status Merge(bool force) ABSL_LOCKS_EXCLUDED(merge_mutex_);
  // What the job makes takes the place of its inputs; a tier's that of `outdated`.
  absl::Status RunJob(const MergeJob& job, const std::vector<std::shared_ptr<const Part>>& outdated,
                      bool in_background) ABSL_EXCLUSIVE_LOCKS_REQUIRED(merge_mutex_);
  absl::Status MakeWay(absl::Duration worked) ABSL_LOCKS_EXCLUDED(wake_mutex_);
  absl::Status Swap(const std::vector<std::shared_ptr<const Part>>& out,
                    const std::vector<SealedPart>& merged) ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  void NoteSwapped(const PartSwap& swap, bool all_there);
  void DropFiles() ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  absl::Status FinishSwap() ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  absl::Status SwapRecords() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintain_mutex_);

  // store_read.cc
  void NoteRead(const SelectionPlan& plan) const;
  absl::StatusOr<std::unique_ptr<base::MemoryShare>> ReserveLabels(
      const Selection& selection) const;

  std::shared_ptr<const View> CurrentView() const ABSL_LOCKS_EXCLUDED(view_mutex_);
  void SetView(View view) ABSL_LOCKS_EXCLUDED(view_mutex_);
  std::string StateValue(uint64_t sealed_epoch) const;

  const StoreOptions options_;  // but what SetRetention() has changed: policy_
  ExpiryClock expiry_clock_;
  std::shared_ptr<Database> database_;
  std::shared_ptr<Dictionary> dictionary_;
  std::shared_ptr<std::atomic<uint64_t>> damaged_total_;
  const std::shared_ptr<ChangeLog> changes_;
  const std::shared_ptr<Quarantine> quarantine_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<Sealer> sealer_;
  TargetLayoutsPool pool_ ABSL_GUARDED_BY(maintain_mutex_);

  // The writer thread's (before it starts: Open's).
  std::shared_ptr<Head> live_;
  uint64_t next_journal_key_ = 1;
  SampleEncoder sample_encoder_;  // of the live journal
  // By epoch: a write that failed may have left records from next_journal_key_ up to this key.
  std::map<uint64_t, uint64_t> doubtful_;
  uint64_t sealed_epoch_ = 0;
  bool state_is_written_ = false;
  bool checkpoint_due_ = false;  // of the live journal: WriteDueCheckpoint()
  uint32_t next_tombstone_ = 1;

  base::Mutex operation_mutex_;  // one snapshot, backup or verification at a time

  // One merge or rewrite at a time. Before maintain_mutex_, which a merge takes only to swap.
  base::Mutex merge_mutex_;
  int64_t clean_due_ns_ = 0;  // the merge thread's; 0: no deletes wait
  // Parts that could not be read whole; until the next start.
  std::set<uint32_t> unmerged_ ABSL_GUARDED_BY(merge_mutex_);

  base::Mutex maintain_mutex_;
  std::vector<std::shared_ptr<Head>> sealing_ ABSL_GUARDED_BY(maintain_mutex_);
  uint32_t next_part_ ABSL_GUARDED_BY(maintain_mutex_) = 1;
  // Parts of the oldest of sealing_: their files are in, their records perhaps.
  std::vector<SealedPart> ingested_ ABSL_GUARDED_BY(maintain_mutex_);
  // The numbers of retention classes; in the index.
  ClassNumbers class_numbers_ ABSL_GUARDED_BY(maintain_mutex_);
  // Of a merge whose files are in, its records perhaps.
  std::optional<PartSwap> swap_ ABSL_GUARDED_BY(maintain_mutex_);
  std::vector<std::shared_ptr<const Part>> condemned_ ABSL_GUARDED_BY(maintain_mutex_);
  // When the dictionary was last asked what can go, and which journal was live then.
  std::optional<int64_t> removal_ms_ ABSL_GUARDED_BY(maintain_mutex_);
  uint64_t removal_epoch_ ABSL_GUARDED_BY(maintain_mutex_) = 0;

  // Held from a batch's conversion until the committer has it.
  base::Mutex beside_mutex_;
  HistogramColumns histogram_columns_ ABSL_GUARDED_BY(beside_mutex_);

  ExemplarStore exemplars_;
  // What the index has of them: that many values, as of this version.
  size_t exemplar_values_ ABSL_GUARDED_BY(maintain_mutex_) = 0;
  uint64_t exemplar_version_ ABSL_GUARDED_BY(maintain_mutex_) = 0;

  mutable base::Mutex view_mutex_;
  std::shared_ptr<const View> view_ ABSL_GUARDED_BY(view_mutex_);
  // All that readers may still hold, view_ among them.
  std::vector<std::weak_ptr<const View>> held_views_ ABSL_GUARDED_BY(view_mutex_);
  std::shared_ptr<const RetentionPolicy> policy_ ABSL_GUARDED_BY(view_mutex_);

  mutable Totals totals_;
  mutable ReadLog reads_;
  std::unique_ptr<PlanCache> plans_;
  std::atomic<uint64_t> journal_bytes_{0};
  std::atomic<int64_t> created_ms_{0};  // when the live head was made

  std::vector<std::shared_ptr<Head>> to_replay_;  // Open's, then the replay thread's
  std::atomic<bool> replay_complete_{false};
  std::atomic<uint64_t> replay_bytes_done_{0};
  std::atomic<uint64_t> replay_bytes_total_{0};  // about
  mutable base::Mutex replay_mutex_;
  mutable base::CondVar replay_changed_;
  bool replay_stopped_ ABSL_GUARDED_BY(replay_mutex_) = false;
  bool replay_ended_ ABSL_GUARDED_BY(replay_mutex_) = false;
  absl::Status replay_status_ ABSL_GUARDED_BY(replay_mutex_);
  double replay_seconds_ ABSL_GUARDED_BY(replay_mutex_) = 0;
  base::TaskGroup replay_thread_;

  base::Mutex wake_mutex_;
  base::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(wake_mutex_) = false;
  std::unique_ptr<Committer> committer_;
  base::TaskGroup maintenance_;
  base::TaskGroup merging_;
};

}  // namespace baro::tsdb
