#include "recovery.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "baro/base/crc32c.h"
#include "baro/base/random.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::spool {
namespace {

constexpr std::string_view kIdentityMagic = "BAROSPID";
constexpr size_t kIdentityBytes = 8 + 16 + 8 + 4;
constexpr size_t kNameDigits = 20;  // of 2^64

std::string EncodeIdentity(const Identity& identity) {
  std::string bytes(kIdentityMagic);
  bytes.append(reinterpret_cast<const char*>(identity.agent_uuid.data()),
               identity.agent_uuid.size());
  for (size_t i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(identity.epoch >> (8 * i)));
  const uint32_t checksum = base::Crc32c(bytes);
  for (size_t i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(checksum >> (8 * i)));
  return bytes;
}

bool DecodeIdentity(std::string_view bytes, Identity* identity) {
  if (bytes.size() != kIdentityBytes) return false;
  Identity read;
  std::memcpy(read.agent_uuid.data(), bytes.data() + kIdentityMagic.size(), 16);
  for (size_t i = 0; i < 8; ++i)
    read.epoch |= uint64_t{static_cast<uint8_t>(bytes[24 + i])} << (8 * i);
  if (EncodeIdentity(read) != bytes) return false;
  *identity = read;
  return true;
}

}  // namespace

uint64_t NewEpoch() { return (base::RandomSeed() >> 2) | 1; }

namespace {

Identity NewIdentity(Identity wanted) {
  if (wanted.agent_uuid == AgentUuid{}) {
    for (size_t i = 0; i < wanted.agent_uuid.size(); i += sizeof(uint64_t)) {
      const uint64_t bits = base::RandomSeed();
      std::memcpy(wanted.agent_uuid.data() + i, &bits, sizeof bits);
    }
  }
  if (wanted.epoch == 0) wanted.epoch = NewEpoch();
  return wanted;
}

bool ParseSegmentName(std::string_view name, uint64_t* number) {
  if (name.size() != kNameDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix))
    return false;
  const char* end = name.data() + kNameDigits;
  const auto [parsed, error] = std::from_chars(name.data(), end, *number);
  return error == std::errc() && parsed == end && *number > 0;
}

}  // namespace

std::string SegmentName(uint64_t number) {
  const std::string digits = std::to_string(number);
  return base::StrCat(std::string(kNameDigits - digits.size(), '0'), digits, kSegmentSuffix);
}

absl::Status WriteIdentity(base::Disk* disk, const std::string& folder, const Identity& identity) {
  const std::string path = base::StrCat(folder, "/", kIdentityFile);
  const std::string fresh = path + ".new";
  if (disk->Size(fresh).ok()) BARO_TRY(disk->Remove(fresh));
  BARO_TRY_ASSIGN(auto file, disk->OpenAppend(fresh));
  BARO_TRY(file->Append(EncodeIdentity(identity)));
  BARO_TRY(file->Sync());
  BARO_TRY(disk->Rename(fresh, path));
  return disk->SyncDir(folder);
}

absl::Status Recovery::Run() {
  const Options& options = spool_->options_;
  BARO_TRY(disk_->CreateDirs(options.path));
  BARO_TRY(FindSegments());
  BARO_TRY(LoadIdentity());
  for (size_t i = 0; i < found_.size(); ++i) {
    const bool newest = i + 1 == found_.size();
    const uint64_t end = newest ? UINT64_MAX : found_[i + 1].header.first_sequence;
    const bool next_is_here = !newest && found_[i + 1].number == found_[i].number + 1;
    BARO_TRY(LoadSegment(found_[i], end, next_is_here));
    if (newest) BARO_TRY(SyncFile(found_[i].path));
  }
  if (sequences_lost_) BARO_TRY(spool_->StartEpoch());
  RemoveOldDamagedFiles();
  return absl::OkStatus();
}

absl::Status Recovery::LoadIdentity() {
  const std::string path = base::StrCat(spool_->options_.path, "/", kIdentityFile);
  const auto bytes = disk_->Read(path, 0, kIdentityBytes + 1);
  if (bytes.ok() && DecodeIdentity(*bytes, &spool_->identity_)) {
    // The newest segment is never removed: a folder without one has lost its count.
    if (found_.empty()) sequences_lost_ = true;
    return absl::OkStatus();
  }
  if (bytes.ok()) {
    SetFileAside(path);
  } else if (!absl::IsNotFound(bytes.status())) {
    return bytes.status();
  }
  spool_->identity_ = NewIdentity(spool_->options_.new_identity);
  return WriteIdentity(disk_, spool_->options_.path, spool_->identity_);
}

absl::Status Recovery::FindSegments() {
  BARO_TRY_ASSIGN(const auto names, disk_->List(spool_->options_.path));
  std::vector<Found> candidates;
  for (const std::string& name : names) {
    Found found{.path = base::StrCat(spool_->options_.path, "/", name)};
    if (ParseSegmentName(name, &found.number)) candidates.push_back(found);
  }
  for (Found& found : candidates) {
    spool_->next_segment_ = std::max(spool_->next_segment_, found.number + 1);
    const bool newest = found.number == candidates.back().number;
    const auto bytes = disk_->Read(found.path, 0, kSegmentHeaderBytes + 1);
    auto header = bytes.ok() ? DecodeSegmentHeader(*bytes) : bytes.status();
    if (header.ok() && header->number == found.number) {
      found.header = *header;
      found_.push_back(std::move(found));
    } else if (newest && bytes.ok() && bytes->size() <= kSegmentHeaderBytes) {
      // Power went away while it was created: nothing was ever written behind its header.
      BARO_TRY(disk_->Remove(found.path));
    } else {
      SetFileAside(found.path);
      sequences_lost_ = sequences_lost_ || newest;
    }
  }
  return absl::OkStatus();
}

uint64_t Recovery::ScanRecords(const Found& found, uint64_t end, uint64_t size,
                               Spool::Segment* segment) {
  SegmentFacts& facts = segment->facts;
  SegmentReader reader(found.number, found.path);
  uint64_t good_bytes = kSegmentHeaderBytes;
  while (true) {
    const auto record = reader.Next(disk_, size);
    if (!record.ok() || !record->has_value()) break;
    const Record& read = **record;
    if (read.kind == RecordKind::kBatch) {
      if (read.first_sequence != facts.last_sequence + 1 || read.last_sequence() >= end) break;
      facts.last_sequence = read.last_sequence();
      facts.sample_count += read.sample_count;
      facts.priority = std::max(facts.priority, read.priority);
    } else {
      spool_->next_declaration_id_ =
          std::max(spool_->next_declaration_id_, read.declaration_id + 1);
    }
    good_bytes = reader.offset();
  }
  return good_bytes;
}

// After a mere kill the end of the newest file may be in the page cache only. It will be read and
// sent, so it must survive a power cut from here on.
absl::Status Recovery::SyncFile(const std::string& path) {
  BARO_TRY_ASSIGN(auto file, disk_->OpenAppend(path));
  return file->Sync();
}

absl::Status Recovery::LoadSegment(const Found& found, uint64_t end, bool next_is_here) {
  BARO_TRY_ASSIGN(const uint64_t size, disk_->Size(found.path));
  Spool::Segment segment;
  SegmentFacts& facts = segment.facts;
  facts.number = found.number;
  facts.created_ms = found.header.created_ms;
  facts.first_sequence = found.header.first_sequence;
  facts.last_sequence = found.header.first_sequence - 1;
  facts.sealed = true;
  facts.bytes = ScanRecords(found, end, size, &segment);
  segment.synced_bytes = facts.bytes;
  segment.synced_last_sequence = facts.last_sequence;
  segment.synced_samples = facts.sample_count;
  if (facts.bytes < size) {
    // What the next segment gave again was void; only what lies before it is missing. When the next
    // one is gone (stored, so nothing of it is missing), nobody knows where this one ended: most
    // likely at a write that failed.
    const uint64_t lost = next_is_here ? end - facts.last_sequence - 1 : 0;
    BARO_TRY(CutOff(found, facts.bytes, size, lost));
  }
  spool_->next_sequence_ = std::max(spool_->next_sequence_, facts.last_sequence + 1);
  spool_->next_declaration_id_ =
      std::max(spool_->next_declaration_id_, found.header.next_declaration_id);
  spool_->bytes_ += facts.bytes;
  spool_->segments_.emplace(found.number, segment);
  return absl::OkStatus();
}

absl::Status Recovery::CutOff(const Found& found, uint64_t good_bytes, uint64_t size,
                              uint64_t lost_frames) {
  if (lost_frames == 0) {
    spool_->torn_bytes_total_ += size - good_bytes;
  } else {
    ++spool_->quarantined_total_;
    Loss& loss = spool_->lost_["damaged"];
    loss.frames += lost_frames;
    loss.bytes += size - good_bytes;
    const std::string copy = base::StrCat(found.path, kDamagedSuffix);
    const auto bytes = disk_->Read(found.path, 0, size);
    auto file = disk_->OpenAppend(copy);
    if (bytes.ok() && file.ok()) (void)(*file)->Append(*bytes);  // evidence; not worth an error
  }
  return disk_->Truncate(found.path, good_bytes);
}

void Recovery::SetFileAside(const std::string& path) {
  ++spool_->quarantined_total_;
  const auto size = disk_->Size(path);
  spool_->lost_["damaged"].bytes += size.ok() ? *size : 0;
  (void)disk_->Rename(path, base::StrCat(path, kDamagedSuffix));
}

void Recovery::RemoveOldDamagedFiles() {
  const auto names = disk_->List(spool_->options_.path);
  if (!names.ok()) return;
  std::vector<std::string> damaged;
  for (const std::string& name : *names) {
    if (name.ends_with(kDamagedSuffix)) damaged.push_back(name);
  }
  for (size_t i = 0; i + kDamagedFilesKept < damaged.size(); ++i)
    (void)disk_->Remove(base::StrCat(spool_->options_.path, "/", damaged[i]));
}

}  // namespace baro::spool
