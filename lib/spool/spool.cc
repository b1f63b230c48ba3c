#include "baro/spool/spool.h"

#include <algorithm>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "recovery.h"

namespace baro::spool {
namespace {

// A spool of fewer segments could not shed a part of itself.
constexpr uint64_t kSegmentsMin = 4;

uint64_t FrameCount(const SegmentFacts& facts) {
  return facts.last_sequence + 1 - facts.first_sequence;
}

// How many numbers of the set lie between the segment's first and last.
uint64_t StoredFrames(const SegmentFacts& facts, const base::IntervalSet& stored) {
  uint64_t count = 0;
  for (const base::Interval& range : stored.intervals()) {
    const uint64_t first = std::max(range.first, facts.first_sequence);
    const uint64_t last = std::min(range.last, facts.last_sequence);
    if (first <= last) count += last - first + 1;
  }
  return count;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(Options options) {
  options.segment_bytes = std::min(options.segment_bytes, options.bytes_max / kSegmentsMin);
  std::unique_ptr<Spool> spool(new Spool(std::move(options)));
  BARO_TRY(Recovery(spool.get()).Run());
  return spool;
}

absl::Status Spool::StartEpoch() {
  Identity identity{.agent_uuid = identity_.agent_uuid, .epoch = NewEpoch()};
  while (identity.epoch == identity_.epoch) identity.epoch = NewEpoch();
  BARO_TRY(WriteIdentity(options_.disk, options_.path, identity));
  identity_ = identity;
  stored_ = base::IntervalSet();
  for (auto& [number, segment] : segments_) segment.acknowledged_ms = 0;
  return absl::OkStatus();
}

std::string Spool::PathOf(uint64_t number) const {
  return base::StrCat(options_.path, "/", SegmentName(number));
}

absl::Status Spool::StartSegment(int64_t now_ms) {
  if (open_ != nullptr) {
    BARO_TRY(Sync());
    open_.reset();
    segments_.rbegin()->second.facts.sealed = true;
  }
  const SegmentHeader header{.number = next_segment_++,
                             .created_ms = now_ms,
                             .first_sequence = next_sequence_,
                             .next_declaration_id = next_declaration_id_};
  std::string bytes;
  AppendSegmentHeader(header, &bytes);
  BARO_TRY(MakeRoom(bytes.size()));
  BARO_TRY_ASSIGN(auto file, options_.disk->OpenAppend(PathOf(header.number)));
  absl::Status status = file->Append(bytes);
  if (status.ok()) status = file->Sync();
  // Without its directory entry a synced file is lost in a power cut.
  if (status.ok()) status = options_.disk->SyncDir(options_.path);
  if (!status.ok()) {
    (void)options_.disk->Remove(PathOf(header.number));  // recovery removes it otherwise
    return status;
  }
  Segment segment;
  segment.facts.number = header.number;
  segment.facts.created_ms = now_ms;
  segment.facts.first_sequence = next_sequence_;
  segment.facts.last_sequence = next_sequence_ - 1;
  segment.facts.bytes = bytes.size();
  segment.synced_bytes = bytes.size();
  segment.synced_last_sequence = next_sequence_ - 1;
  segments_.emplace(header.number, segment);
  bytes_ += bytes.size();
  open_ = std::move(file);
  return absl::OkStatus();
}

bool Spool::SegmentIsFull(int64_t now_ms) const {
  if (open_ == nullptr) return true;
  const SegmentFacts& facts = segments_.rbegin()->second.facts;
  if (!facts.has_batches()) return false;
  return facts.bytes >= options_.segment_bytes ||
         now_ms - facts.created_ms >= options_.segment_age_ms;
}

// Makes the segment what is known to be on disk; the rest is void and its sequences are given
// again.
void Spool::Abandon() {
  Segment& segment = segments_.rbegin()->second;
  open_.reset();
  bytes_ -= segment.facts.bytes - segment.synced_bytes;
  segment.facts.bytes = segment.synced_bytes;
  segment.facts.last_sequence = segment.synced_last_sequence;
  segment.facts.sample_count = segment.synced_samples;
  segment.facts.sealed = true;
  next_sequence_ = segment.synced_last_sequence + 1;
  // If this fails as well, the next segment's header says where this one ends.
  (void)options_.disk->Truncate(PathOf(segment.facts.number), segment.synced_bytes);
}

absl::Status Spool::Write(std::string_view bytes) {
  BARO_CHECK(open_ != nullptr);
  absl::Status status = MakeRoom(bytes.size());
  if (status.ok()) status = open_->Append(bytes);
  if (!status.ok()) {
    Abandon();
    return status;
  }
  segments_.rbegin()->second.facts.bytes += bytes.size();
  bytes_ += bytes.size();
  return absl::OkStatus();
}

absl::Status Spool::AppendDeclaration(uint64_t id, std::string_view bytes) {
  scratch_.clear();
  AppendRecord({.kind = RecordKind::kDeclaration, .declaration_id = id, .bytes = bytes}, &scratch_);
  BARO_TRY(Write(scratch_));
  next_declaration_id_ = std::max(next_declaration_id_, id + 1);
  return absl::OkStatus();
}

absl::Status Spool::AppendBatch(uint32_t frame_count, uint32_t sample_count, uint8_t priority,
                                std::string_view bytes) {
  BARO_CHECK_GT(frame_count, 0u);
  scratch_.clear();
  AppendRecord({.kind = RecordKind::kBatch,
                .first_sequence = next_sequence_,
                .frame_count = frame_count,
                .sample_count = sample_count,
                .priority = priority,
                .bytes = bytes},
               &scratch_);
  BARO_TRY(Write(scratch_));
  Segment& segment = segments_.rbegin()->second;
  segment.acknowledged_ms = 0;  // it was, up to here
  SegmentFacts& facts = segment.facts;
  next_sequence_ += frame_count;
  facts.last_sequence = next_sequence_ - 1;
  facts.sample_count += sample_count;
  facts.priority = std::max(facts.priority, priority);
  return absl::OkStatus();
}

absl::Status Spool::Sync() {
  BARO_CHECK(open_ != nullptr);
  const absl::Status status = open_->Sync();
  if (!status.ok()) {
    // The kernel may have dropped the unsynced pages: a second try would lie (fsyncgate, 2018).
    Abandon();
    return status;
  }
  Segment& segment = segments_.rbegin()->second;
  segment.synced_bytes = segment.facts.bytes;
  segment.synced_last_sequence = segment.facts.last_sequence;
  segment.synced_samples = segment.facts.sample_count;
  return absl::OkStatus();
}

std::vector<SegmentFacts> Spool::Segments() const {
  std::vector<SegmentFacts> all;
  all.reserve(segments_.size());
  for (const auto& [number, segment] : segments_) all.push_back(segment.facts);
  return all;
}

std::optional<SegmentFacts> Spool::FindSegment(uint64_t number) const {
  const auto found = segments_.find(number);
  if (found == segments_.end()) return std::nullopt;
  return found->second.facts;
}

SegmentReader Spool::OpenReader(uint64_t number) const { return {number, PathOf(number)}; }

absl::StatusOr<std::optional<Record>> Spool::ReadNext(SegmentReader* reader) const {
  const auto found = segments_.find(reader->number());
  if (found == segments_.end()) return std::optional<Record>();
  return reader->Next(options_.disk, found->second.synced_bytes);
}

bool Spool::IsStored(const SegmentFacts& facts) const {
  return !facts.has_batches() || stored_.Covers({facts.first_sequence, facts.last_sequence});
}

void Spool::SetStored(base::IntervalSet stored, int64_t now_ms) {
  stored_ = std::move(stored);
  for (auto& [number, segment] : segments_) {
    if (!segment.facts.has_batches()) continue;
    if (!IsStored(segment.facts)) {
      segment.acknowledged_ms = 0;
    } else if (segment.acknowledged_ms == 0) {
      segment.acknowledged_ms = std::max<int64_t>(now_ms, 1);
    }
  }
}

void Spool::Collect(int64_t now_ms) {
  ForgetEmptySegments();
  for (auto entry = segments_.begin(); entry != segments_.end();) {
    const Segment& segment = (entry++)->second;
    if (entry == segments_.end()) break;  // the newest keeps the count of sequences
    const bool graced =
        segment.acknowledged_ms != 0 && now_ms - segment.acknowledged_ms >= options_.grace_ms;
    if (graced) Forget(segment.facts.number, "", false);
  }
}

void Spool::ForgetEmptySegments() {
  for (auto entry = segments_.begin(); entry != segments_.end();) {
    const SegmentFacts& facts = (entry++)->second.facts;
    if (entry != segments_.end() && !facts.has_batches()) Forget(facts.number, "", false);
  }
}

bool Spool::ShedOne(const std::string& reason) {
  ForgetEmptySegments();
  if (segments_.size() < 2) return false;
  const Segment* chosen = nullptr;
  for (auto entry = segments_.begin(); entry != std::prev(segments_.end()); ++entry) {
    const Segment& segment = entry->second;
    if (IsStored(segment.facts)) {
      chosen = &segment;
      break;
    }
    if (chosen == nullptr || segment.facts.priority < chosen->facts.priority) chosen = &segment;
  }
  Forget(chosen->facts.number, reason, false);
  return true;
}

void Spool::SetAside(uint64_t number, const std::string& reason, bool keep) {
  const auto found = segments_.find(number);
  if (found == segments_.end() || std::next(found) == segments_.end()) return;
  if (keep) ++quarantined_total_;
  Forget(number, reason, keep);
}

void Spool::Forget(uint64_t number, const std::string& reason, bool keep) {
  const SegmentFacts facts = segments_.at(number).facts;
  if (!IsStored(facts)) {
    const uint64_t all = FrameCount(facts);
    const uint64_t frames = all - StoredFrames(facts, stored_);
    Loss& loss = lost_[reason];
    loss.frames += frames;
    // A segment that was stored in part: its samples are taken to be spread evenly.
    loss.samples += facts.sample_count * frames / all;
    loss.bytes += facts.bytes * frames / all;
  }
  // If the disk refuses, the file comes back at the next start and is delivered or removed then.
  const std::string path = PathOf(number);
  if (keep) {
    (void)options_.disk->Rename(path, base::StrCat(path, kDamagedSuffix));
  } else {
    (void)options_.disk->Remove(path);
  }
  bytes_ -= facts.bytes;
  segments_.erase(number);
}

absl::Status Spool::MakeRoom(uint64_t bytes) {
  while (bytes_ + bytes > options_.bytes_max) {
    if (!ShedOne("spool_full")) {
      return absl::ResourceExhaustedError(base::StrCat("cannot append to spool ", options_.path,
                                                       ": ", bytes_, " of ", options_.bytes_max,
                                                       " bytes are in its open segment"));
    }
  }
  return absl::OkStatus();
}

Stats Spool::GetStats() const {
  Stats stats;
  stats.bytes = bytes_;
  stats.segments = segments_.size();
  for (const auto& [number, segment] : segments_) {
    if (segment.facts.has_batches())
      stats.unacknowledged_frames +=
          FrameCount(segment.facts) - StoredFrames(segment.facts, stored_);
  }
  stats.quarantined_segments_total = quarantined_total_;
  stats.torn_bytes_total = torn_bytes_total_;
  stats.lost_total = lost_;
  return stats;
}

}  // namespace baro::spool
