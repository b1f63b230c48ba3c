// Spool: a durable queue on disk between the agent's sources and the collector, bounded in bytes.
//
//   StartSegment ─► AppendDeclaration, AppendBatch … ─► Sync ─► readable ─► SetStored ─► Collect
//
// A folder of append-only segments, each self-contained: it holds the declarations its batches use.
// Only synced records can be read, so what a collector has acknowledged can never be unknown to an
// agent that lost power. Bytes: docs/formats/spool.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/disk.h"
#include "baro/base/interval_set.h"
#include "baro/spool/segment.h"
#include "baro/spool/segment_reader.h"

namespace baro::spool {

using AgentUuid = std::array<uint8_t, 16>;

// Who numbers the frames. A new epoch starts when sequences may have been lost.
struct Identity {
  AgentUuid agent_uuid{};
  uint64_t epoch = 0;
  bool operator==(const Identity&) const = default;
};

struct Options {
  std::string path;
  // All segments together. 256 MiB hold half a day of 5,000 samples/s at ≈ 1 byte each.
  uint64_t bytes_max = uint64_t{256} << 20;
  // When SegmentIsFull() says so.
  uint64_t segment_bytes = uint64_t{4} << 20;
  int64_t segment_age_ms = int64_t{15} * 60 * 1000;
  // How long an acknowledged segment stays, so that a collector restored from a backup can be
  // filled up again; shorter when room is needed.
  int64_t grace_ms = int64_t{10} * 60 * 1000;
  base::Disk* disk = base::RealDisk();
  // What a new folder is called; a zero uuid draws a random one.
  Identity new_identity{};
};

struct SegmentFacts {
  uint64_t number = 0;
  int64_t created_ms = 0;
  // Of its batches; first > last when it has none yet.
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  uint64_t bytes = 0;
  uint64_t sample_count = 0;
  uint8_t priority = 0;  // the largest of its batches
  bool sealed = false;   // nothing will be appended
  bool has_batches() const { return first_sequence <= last_sequence; }
};

// What went to waste, by reason.
struct Loss {
  uint64_t frames = 0;
  uint64_t samples = 0;
  uint64_t bytes = 0;
};

struct Stats {
  uint64_t bytes = 0;
  uint64_t segments = 0;
  uint64_t unacknowledged_frames = 0;
  uint64_t quarantined_segments_total = 0;
  uint64_t torn_bytes_total = 0;           // never synced, cut off at start
  std::map<std::string, Loss> lost_total;  // "spool_full", "disk_full", "undecodable", "damaged"
};

// Thread-compatible. The caller owns the disk. Every error leaves the spool usable: after a failed
// append or sync it is the caller's to start a segment and write the frames again.
class Spool {
 public:
  // Opens the folder or makes it. Cuts off the torn end of the newest segment, sets damaged ones
  // aside (FILE.damaged) and starts a new epoch when sequences may have been lost with them.
  // Errors: Unavailable (the disk fails), ResourceExhausted (the disk is full).
  static absl::StatusOr<std::unique_ptr<Spool>> Open(Options options);

  const Identity& identity() const { return identity_; }
  // What is declared wrong by the collector's Welcome (it has stored sequences this spool has never
  // given): everything goes on under a new epoch. It is random: two copies of one folder must not
  // meet again under one number, with other frames behind the same sequences.
  absl::Status StartEpoch();
  // Every frame gets the next number; what Append refused has not used it.
  uint64_t next_sequence() const { return next_sequence_; }
  uint64_t next_declaration_id() const { return next_declaration_id_; }

  // Seals the open segment (syncs it) and opens a new one. Every process starts with one.
  // Errors: Unavailable, ResourceExhausted: no segment is open; try again later.
  absl::Status StartSegment(int64_t now_ms);
  bool has_open_segment() const { return open_ != nullptr; }
  // Number of the open segment. Requires has_open_segment().
  uint64_t open_segment() const { return segments_.rbegin()->first; }
  bool SegmentIsFull(int64_t now_ms) const;

  // Require an open segment. Errors close it: all that was not synced is void, its sequences will
  // be given again.
  //   ResourceExhausted  the disk is full, or the spool and nothing is left to shed.
  //   Unavailable        the disk fails.
  absl::Status AppendDeclaration(uint64_t id, std::string_view bytes);
  absl::Status AppendBatch(uint32_t frame_count, uint32_t sample_count, uint8_t priority,
                           std::string_view bytes);
  absl::Status Sync();

  // Ascending by number.
  std::vector<SegmentFacts> Segments() const;
  std::optional<SegmentFacts> FindSegment(uint64_t number) const;
  // From the segment's start. The reader sees what is synced, also later on.
  SegmentReader OpenReader(uint64_t number) const;
  // The next synced record; nothing at the end, or when the segment is gone. `bytes` of the record
  // live until the next call. Errors: Unavailable; DataLoss: the caller calls SetAside().
  absl::StatusOr<std::optional<Record>> ReadNext(SegmentReader* reader) const;

  // What the collector has stored, whole; replaces what was said before.
  void SetStored(base::IntervalSet stored, int64_t now_ms);
  const base::IntervalSet& stored() const { return stored_; }
  // Removes acknowledged segments after their grace.
  void Collect(int64_t now_ms);
  // Makes room: acknowledged segments first, then the oldest of the lowest priority. False when
  // only the open segment is left.
  bool ShedOne(const std::string& reason);
  // Gives up a segment, counts what was not stored of it, and keeps the file as FILE.damaged when
  // `keep`. The newest one stays: it holds the count of sequences.
  void SetAside(uint64_t number, const std::string& reason, bool keep);

  Stats GetStats() const;

 private:
  struct Segment {
    SegmentFacts facts;
    uint64_t synced_bytes = 0;
    uint64_t synced_last_sequence = 0;
    uint64_t synced_samples = 0;
    int64_t acknowledged_ms = 0;  // 0: not yet
  };
  friend class Recovery;

  explicit Spool(Options options) : options_(std::move(options)) {}

  absl::Status Write(std::string_view bytes);
  absl::Status MakeRoom(uint64_t bytes);
  void Abandon();
  void ForgetEmptySegments();
  void Forget(uint64_t number, const std::string& reason, bool keep);
  bool IsStored(const SegmentFacts& facts) const;
  std::string PathOf(uint64_t number) const;

  const Options options_;
  Identity identity_;
  uint64_t next_sequence_ = 1;
  uint64_t next_declaration_id_ = 1;
  uint64_t next_segment_ = 1;
  // The newest may be open; all others are sealed.
  std::map<uint64_t, Segment> segments_;
  std::unique_ptr<base::AppendFile> open_;
  uint64_t bytes_ = 0;
  base::IntervalSet stored_;
  std::string scratch_;
  uint64_t quarantined_total_ = 0;
  uint64_t torn_bytes_total_ = 0;
  std::map<std::string, Loss> lost_;
};

}  // namespace baro::spool
