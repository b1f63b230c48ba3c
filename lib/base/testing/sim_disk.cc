#include "baro/base/sim_disk.h"

#include <algorithm>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::base {
namespace {

absl::Status PowerIsOff() { return absl::UnavailableError("cannot use the disk: power is off"); }

std::string_view FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

absl::Status Missing(std::string_view verb, std::string_view path) {
  return absl::NotFoundError(StrCat("cannot ", verb, " ", path, ": no such file"));
}

}  // namespace

class SimDisk::Handle final : public AppendFile {
 public:
  Handle(SimDisk* disk, std::string path, std::shared_ptr<File> file)
      : disk_(disk), path_(std::move(path)), file_(std::move(file)), born_(disk->power_cuts_) {}

  absl::Status Append(std::string_view bytes) override {
    if (born_ != disk_->power_cuts_) return PowerIsOff();
    return disk_->AppendTo(file_.get(), path_, bytes);
  }
  absl::Status Sync() override {
    if (born_ != disk_->power_cuts_) return PowerIsOff();
    BARO_TRY(disk_->Before(Operation::kSync, path_));
    file_->durable = file_->bytes;
    return absl::OkStatus();
  }

 private:
  SimDisk* const disk_;
  const std::string path_;
  const std::shared_ptr<File> file_;
  const uint64_t born_;
};

absl::Status SimDisk::Before(Operation operation, const std::string& path) {
  if (power_off_) return PowerIsOff();
  if (operation != Operation::kRead && ++change_count_ == cut_at_) {
    power_off_ = true;
    return PowerIsOff();
  }
  const Fault fault = plan_ ? plan_(operation, path) : Fault::kNone;
  if (fault == Fault::kNoSpace)
    return absl::ResourceExhaustedError(StrCat("cannot write ", path, ": no space left on device"));
  if (fault == Fault::kIoError)
    return absl::UnavailableError(StrCat("cannot use ", path, ": input/output error"));
  return absl::OkStatus();
}

absl::Status SimDisk::AppendTo(File* file, const std::string& path, std::string_view bytes) {
  absl::Status status = Before(Operation::kAppend, path);
  const uint64_t used = used_bytes();
  const uint64_t room = capacity_bytes_ > used ? capacity_bytes_ - used : 0;
  if (status.ok() && bytes.size() > room) {
    status = absl::ResourceExhaustedError(
        StrCat("cannot append to ", path, ": no space left on device"));
  }
  // A failed write may have written a part.
  const uint64_t part = status.ok() ? bytes.size() : RandomBelow(bytes.size() + 1);
  file->bytes.append(bytes.substr(0, std::min(part, room)));
  return status;
}

absl::StatusOr<std::unique_ptr<AppendFile>> SimDisk::OpenAppend(const std::string& path) {
  auto found = names_.find(path);
  if (found == names_.end()) {
    BARO_TRY(Before(Operation::kCreate, path));
    ChangeName({.from = "", .to = path, .file = std::make_shared<File>()});
    found = names_.find(path);
  } else if (power_off_) {
    return PowerIsOff();
  }
  return std::make_unique<Handle>(this, path, found->second);
}

absl::StatusOr<std::string> SimDisk::Read(const std::string& path, uint64_t offset,
                                          size_t size_max) {
  BARO_TRY(Before(Operation::kRead, path));
  const auto found = names_.find(path);
  if (found == names_.end()) return Missing("open", path);
  const std::string& bytes = found->second->bytes;
  return bytes.substr(std::min<uint64_t>(offset, bytes.size()), size_max);
}

absl::StatusOr<uint64_t> SimDisk::Size(const std::string& path) {
  if (power_off_) return PowerIsOff();
  const auto found = names_.find(path);
  if (found == names_.end()) return Missing("stat", path);
  return found->second->bytes.size();
}

absl::Status SimDisk::Truncate(const std::string& path, uint64_t size) {
  BARO_TRY(Before(Operation::kTruncate, path));
  const auto found = names_.find(path);
  if (found == names_.end()) return Missing("truncate", path);
  found->second->bytes.resize(size);
  return absl::OkStatus();
}

absl::Status SimDisk::Rename(const std::string& from, const std::string& to) {
  BARO_TRY(Before(Operation::kRename, from));
  const auto found = names_.find(from);
  if (found == names_.end()) return Missing("rename", from);
  ChangeName({.from = from, .to = to, .file = found->second});
  return absl::OkStatus();
}

absl::Status SimDisk::Remove(const std::string& path) {
  BARO_TRY(Before(Operation::kRemove, path));
  if (!names_.contains(path)) return Missing("remove", path);
  ChangeName({.from = path, .to = "", .file = nullptr});
  return absl::OkStatus();
}

absl::Status SimDisk::CreateDirs(const std::string&) {
  return power_off_ ? PowerIsOff() : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SimDisk::List(const std::string& path) {
  if (power_off_) return PowerIsOff();
  std::vector<std::string> files;
  for (const auto& [name, file] : names_) {
    if (FolderOf(name) == path) files.push_back(name.substr(path.size() + 1));
  }
  return files;
}

absl::Status SimDisk::SyncDir(const std::string& path) {
  BARO_TRY(Before(Operation::kSyncDir, path));
  const auto here = [&path](const NameChange& change) {
    return FolderOf(change.to.empty() ? change.from : change.to) == path;
  };
  for (const NameChange& change : unsynced_changes_) {
    if (here(change)) Apply(change, &durable_names_);
  }
  std::erase_if(unsynced_changes_, here);
  return absl::OkStatus();
}

void SimDisk::ChangeName(NameChange change) {
  Apply(change, &names_);
  unsynced_changes_.push_back(std::move(change));
}

void SimDisk::Apply(const NameChange& change, Names* names) {
  if (!change.from.empty()) names->erase(change.from);
  if (!change.to.empty()) (*names)[change.to] = change.file;
}

void SimDisk::Settle(File* file) {
  const bool appended = file->bytes.size() >= file->durable.size() &&
                        file->bytes.compare(0, file->durable.size(), file->durable) == 0;
  if (appended) {
    const uint64_t synced = file->durable.size();
    const uint64_t kept = RandomBelow(file->bytes.size() - synced + 1);
    file->bytes.resize(synced + kept);
    for (uint64_t garbage = RandomBelow(std::min<uint64_t>(kept, 64) + 1); garbage > 0; --garbage)
      file->bytes[file->bytes.size() - garbage] = static_cast<char>(random_());
  } else if (RandomBelow(2) == 0) {
    file->bytes = file->durable;  // an unsynced truncation came undone
  }
  file->durable = file->bytes;
}

void SimDisk::PowerCut() {
  const uint64_t kept = RandomBelow(unsynced_changes_.size() + 1);
  for (uint64_t i = 0; i < kept; ++i) Apply(unsynced_changes_[i], &durable_names_);
  unsynced_changes_.clear();
  names_ = durable_names_;
  for (auto& [name, file] : names_) Settle(file.get());
  power_off_ = false;
  cut_at_ = 0;
  ++power_cuts_;
}

void SimDisk::FlipBit(const std::string& path, uint64_t offset) {
  const auto found = names_.find(path);
  BARO_CHECK(found != names_.end());
  File& file = *found->second;
  BARO_CHECK_LT(offset, file.bytes.size());
  file.bytes[offset] = static_cast<char>(file.bytes[offset] ^ 0x10);
  file.durable = file.bytes;
}

uint64_t SimDisk::used_bytes() const {
  uint64_t used = 0;
  for (const auto& [name, file] : names_) used += file->bytes.size();
  return used;
}

}  // namespace baro::base
