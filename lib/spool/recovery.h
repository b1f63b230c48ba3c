// Recovery: makes a spool of whatever a crash, a power cut or a failing disk left in the folder.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "baro/spool/spool.h"

namespace baro::spool {

inline constexpr std::string_view kIdentityFile = "identity";
inline constexpr std::string_view kSegmentSuffix = ".seg";
inline constexpr std::string_view kDamagedSuffix = ".damaged";
// Damaged files are evidence; more than these few would eat the disk.
inline constexpr size_t kDamagedFilesKept = 2;

std::string SegmentName(uint64_t number);

// Writes the identity file so that a power cut leaves the old one or the new one.
// Random, never 0.
uint64_t NewEpoch();
absl::Status WriteIdentity(base::Disk* disk, const std::string& folder, const Identity& identity);

// Lives for the length of Spool::Open().
class Recovery {
 public:
  explicit Recovery(Spool* spool) : spool_(spool), disk_(spool->options_.disk) {}
  absl::Status Run();

 private:
  struct Found {
    uint64_t number = 0;
    std::string path;
    SegmentHeader header{};
  };

  absl::Status LoadIdentity();
  absl::Status FindSegments();
  // Reads what is good of a segment; `end` is the first sequence of the next one that is there,
  // `next_is_here` whether that one was written right after it.
  absl::Status LoadSegment(const Found& found, uint64_t end, bool next_is_here);
  absl::Status SyncFile(const std::string& path);
  uint64_t ScanRecords(const Found& found, uint64_t end, uint64_t size, Spool::Segment* segment);
  absl::Status CutOff(const Found& found, uint64_t good_bytes, uint64_t size, uint64_t lost_frames);
  void SetFileAside(const std::string& path);
  void RemoveOldDamagedFiles();

  Spool* const spool_;
  base::Disk* const disk_;
  std::vector<Found> found_;
  bool sequences_lost_ = false;
};

}  // namespace baro::spool
