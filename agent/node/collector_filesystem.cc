// filesystem: size and space of every mount, through the statfs helper.

#include <cctype>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "collectors.h"
#include "name_filter.h"
#include "statfs_client.h"

namespace baro::agent {
namespace {

constexpr Family Gauge(std::string_view name, std::string_view help) {
  return {
      name, help, model::MetricType::kGauge, {"device", "mountpoint", "fstype", "device_error"}};
}

constexpr Family kDeviceError =
    Gauge("node_filesystem_device_error",
          "Whether an error occurred while getting statistics for the given device.");
constexpr Family kReadOnly = Gauge("node_filesystem_readonly", "Filesystem read-only status.");
constexpr Family kSize = Gauge("node_filesystem_size_bytes", "Filesystem size in bytes.");
constexpr Family kFree = Gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.");
constexpr Family kAvailable =
    Gauge("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.");
constexpr Family kFiles = Gauge("node_filesystem_files", "Filesystem total file nodes.");
constexpr Family kFilesFree =
    Gauge("node_filesystem_files_free", "Filesystem total free file nodes.");
constexpr Family kPurgeable =
    Gauge("node_filesystem_purgeable_bytes",
          "Filesystem space available including purgeable space (MacOS specific).");
constexpr Family kMountInfo{"node_filesystem_mount_info",
                            "Filesystem mount information.",
                            model::MetricType::kGauge,
                            {"device", "major", "minor", "mountpoint"}};

// How long the first pass waits for answers, so that the very first row has them; and later ones,
// whose answers are usually there before they are asked for. A slower mount is told with the
// numbers of the pass before.
constexpr std::chrono::milliseconds kFirstPatience{100};
constexpr std::chrono::milliseconds kPatience{5};

// A mount that is told.
struct ToldMount {
  Mount mount;
  std::string path;  // where statfs() finds it from here
  std::string major;
  std::string minor;
};

// errno in Go's spelling, which node_exporter's label has.
std::string ErrorText(uint64_t error) {
  std::string text = std::strerror(static_cast<int>(error));
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<uint8_t>(text[0])));
  return text;
}

class FilesystemCollector final : public Collector {
 public:
  FilesystemCollector(const CollectorContext& context, NameFilter exclude_mount_points,
                      NameFilter exclude_types)
      : init_file_(context.options.paths.procfs + "/1/mountinfo", 16'384),
        self_file_(context.options.paths.procfs + "/self/mountinfo", 16'384),
        rootfs_(context.options.paths.rootfs),
        exclude_mount_points_(std::move(exclude_mount_points)),
        exclude_types_(std::move(exclude_types)),
        metrics_(context.metrics),
        client_({context.options.statfs_program, context.options.mount_timeout}, context.clock) {
    while (rootfs_.ends_with('/')) rootfs_.pop_back();
  }

  void Prepare() override {
    prepared_ = RefreshMounts();
    if (prepared_.ok()) prepared_ = client_.Ask(paths_);
    metrics_->statfs_kills.Increment(static_cast<double>(client_.kills() - kills_told_));
    kills_told_ = client_.kills();
  }

  absl::Status Collect(Section* section) override {
    BARO_TRY(prepared_);
    client_.Receive(first_ ? kFirstPatience : kPatience);
    first_ = false;
    for (const ToldMount& told : told_) PutMount(told, client_.Get(told.path), section);
    return absl::OkStatus();
  }

 private:
  absl::Status RefreshMounts() {
    if (current_file_ != nullptr && !current_file_->MayHaveChanged()) return absl::OkStatus();
    current_file_ = &init_file_;
    auto text = init_file_.Read();
    if (!text.ok()) {  // process 1 is not ours to see, or not there
      current_file_ = &self_file_;
      text = self_file_.Read();
    }
    BARO_TRY(text.status());
    BARO_TRY(ParseMountinfo(*text, &mounts_));
    Select();
    return absl::OkStatus();
  }

  void Select() {
    told_.clear();
    paths_.clear();
    std::set<std::tuple<std::string, std::string, std::string>> seen;
    for (Mount& mount : mounts_) {
      mount.mount_point = StripRoot(mount.mount_point);
      if (exclude_mount_points_.Matches(mount.mount_point)) continue;
      if (exclude_types_.Matches(mount.fs_type)) continue;
      if (!seen.insert({mount.device, mount.mount_point, mount.fs_type}).second) continue;
      const std::string path = rootfs_.empty() ? mount.mount_point : rootfs_ + mount.mount_point;
      told_.push_back({mount, path, base::StrCat(mount.major), base::StrCat(mount.minor)});
      paths_.push_back(path);
    }
  }

  // The node's own name of a mount that is seen below rootfs.
  std::string StripRoot(const std::string& path) const {
    if (rootfs_.empty() || !path.starts_with(rootfs_)) return path;
    const std::string stripped = path.substr(rootfs_.size());
    if (stripped.empty()) return "/";
    return stripped.starts_with('/') ? stripped : path;
  }

  static void PutMount(const ToldMount& told, const MountNumbers& numbers, Section* section) {
    const Mount& mount = told.mount;
    const double read_only = mount.read_only ? 1 : 0;
    const auto put = [&](const Family& family, std::string_view error, double value) {
      section->Put(family, {mount.device, mount.mount_point, mount.fs_type, error}, value);
    };
    switch (numbers.state) {
      case MountNumbers::State::kUnknown:
        return;  // new, and has not answered yet
      case MountNumbers::State::kError:
      case MountNumbers::State::kStuck: {
        const std::string error = numbers.state == MountNumbers::State::kStuck
                                      ? "mountpoint timeout"
                                      : ErrorText(numbers.reply.error);
        put(kDeviceError, error, 1);
        put(kReadOnly, error, read_only);
        break;
      }
      case MountNumbers::State::kGood: {
        const StatfsReply& reply = numbers.reply;
        const auto block_bytes = static_cast<double>(reply.block_bytes);
        put(kDeviceError, "", 0);
        put(kReadOnly, "", read_only);
        put(kSize, "", static_cast<double>(reply.blocks) * block_bytes);
        put(kFree, "", static_cast<double>(reply.blocks_free) * block_bytes);
        put(kAvailable, "", static_cast<double>(reply.blocks_available) * block_bytes);
        put(kFiles, "", static_cast<double>(reply.files));
        put(kFilesFree, "", static_cast<double>(reply.files_free));
        put(kPurgeable, "", 0);
        break;
      }
    }
    section->Put(kMountInfo, {mount.device, told.major, told.minor, mount.mount_point}, 1);
  }

  ProcFile init_file_;
  ProcFile self_file_;
  ProcFile* current_file_ = nullptr;
  std::string rootfs_;  // empty for "/"
  NameFilter exclude_mount_points_;
  NameFilter exclude_types_;
  NodeMetrics* const metrics_;
  StatfsClient client_;
  uint64_t kills_told_ = 0;
  std::vector<Mount> mounts_;
  std::vector<ToldMount> told_;
  std::vector<std::string> paths_;
  absl::Status prepared_ = absl::UnavailableError("not prepared");
  bool first_ = true;
};

}  // namespace

MadeCollector MakeFilesystemCollector(const CollectorContext& context) {
  const NodeFilters& filters = context.options.filters;
  BARO_TRY_ASSIGN(NameFilter mount_points,
                  NameFilter::Make(filters.filesystem_mount_points_exclude));
  BARO_TRY_ASSIGN(NameFilter types, NameFilter::Make(filters.filesystem_types_exclude));
  return std::make_unique<FilesystemCollector>(context, std::move(mount_points), std::move(types));
}

}  // namespace baro::agent
