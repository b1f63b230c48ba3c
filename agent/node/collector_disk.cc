// diskstats: block devices from /proc/diskstats, what they are from udev's database and sysfs.

#include <map>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "collectors.h"
#include "name_filter.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

using model::MetricType;

// One column of /proc/diskstats; the order is the kernel's (admin-guide/iostats.rst).
struct DiskColumn {
  Family family;
  double factor;  // to base units
};

constexpr double kSectorBytes = 512;  // whatever the device's own sector is
constexpr double kMsSeconds = 0.001;
constexpr auto kCounter = MetricType::kCounter;

constexpr std::array<DiskColumn, kDiskValuesMax> kColumns = {{
    {{"node_disk_reads_completed_total",
      "The total number of reads completed successfully.",
      kCounter,
      {"device"}},
     1},
    {{"node_disk_reads_merged_total", "The total number of reads merged.", kCounter, {"device"}},
     1},
    {{"node_disk_read_bytes_total",
      "The total number of bytes read successfully.",
      kCounter,
      {"device"}},
     kSectorBytes},
    {{"node_disk_read_time_seconds_total",
      "The total number of seconds spent by all reads.",
      kCounter,
      {"device"}},
     kMsSeconds},
    {{"node_disk_writes_completed_total",
      "The total number of writes completed successfully.",
      kCounter,
      {"device"}},
     1},
    {{"node_disk_writes_merged_total", "The number of writes merged.", kCounter, {"device"}}, 1},
    {{"node_disk_written_bytes_total",
      "The total number of bytes written successfully.",
      kCounter,
      {"device"}},
     kSectorBytes},
    {{"node_disk_write_time_seconds_total",
      "This is the total number of seconds spent by all writes.",
      kCounter,
      {"device"}},
     kMsSeconds},
    {{"node_disk_io_now",
      "The number of I/Os currently in progress.",
      MetricType::kGauge,
      {"device"}},
     1},
    {{"node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", kCounter, {"device"}},
     kMsSeconds},
    {{"node_disk_io_time_weighted_seconds_total",
      "The weighted # of seconds spent doing I/Os.",
      kCounter,
      {"device"}},
     kMsSeconds},
    {{"node_disk_discards_completed_total",
      "The total number of discards completed successfully.",
      kCounter,
      {"device"}},
     1},
    {{"node_disk_discards_merged_total",
      "The total number of discards merged.",
      kCounter,
      {"device"}},
     1},
    {{"node_disk_discarded_sectors_total",
      "The total number of sectors discarded successfully.",
      kCounter,
      {"device"}},
     1},
    {{"node_disk_discard_time_seconds_total",
      "This is the total number of seconds spent by all discards.",
      kCounter,
      {"device"}},
     kMsSeconds},
    {{"node_disk_flush_requests_total",
      "The total number of flush requests completed successfully",
      kCounter,
      {"device"}},
     1},
    {{"node_disk_flush_requests_time_seconds_total",
      "This is the total number of seconds spent by all flush requests.",
      kCounter,
      {"device"}},
     kMsSeconds},
}};

constexpr Family kDiskInfo{
    "node_disk_info",
    "Info of /sys/block/<block_device>.",
    MetricType::kGauge,
    {"device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"}};
constexpr Family kFilesystemInfo{"node_disk_filesystem_info",
                                 "Info about disk filesystem.",
                                 MetricType::kGauge,
                                 {"device", "type", "usage", "uuid", "version"}};
constexpr Family kMapperInfo{"node_disk_device_mapper_info",
                             "Info about disk device mapper.",
                             MetricType::kGauge,
                             {"device", "name", "uuid", "vg_name", "lv_name", "lv_layer"}};

// What a device is. Read when it appears and again every kPassesBetween passes: a file system may
// be made on it later.
struct DiskIdentity {
  uint32_t passes_left = 0;
  std::string major, minor, path, wwn, model, serial, revision, rotational;
  std::string fs_type, fs_usage, fs_uuid, fs_version;
  std::string dm_name, dm_uuid, dm_vg_name, dm_lv_name, dm_lv_layer;
};
constexpr uint32_t kPassesBetween = 60;
constexpr size_t kIdentitiesMax = 16'384;

class DiskstatsCollector final : public Collector {
 public:
  DiskstatsCollector(const CollectorContext& context, NameFilter exclude)
      : file_(context.options.paths.procfs + "/diskstats"),
        sysfs_(context.options.paths.sysfs),
        udev_data_(context.options.paths.udev_data),
        exclude_(std::move(exclude)) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseDiskstats(text, &disks_));
    for (const DiskText& disk : disks_) {
      if (exclude_.Matches(disk.name)) continue;
      PutIdentity(disk.name, Identify(disk), section);
      for (size_t i = 0; i < disk.value_count; ++i) {
        section->Put(kColumns[i].family, {disk.name},
                     static_cast<double>(disk.values[i]) * kColumns[i].factor);
      }
    }
    return absl::OkStatus();
  }

 private:
  const DiskIdentity& Identify(const DiskText& disk) {
    key_.assign(disk.name);
    if (identities_.size() > kIdentitiesMax) identities_.clear();
    DiskIdentity& identity = identities_[key_];
    if (identity.passes_left-- == 0) {
      identity = ReadIdentity(disk);
      identity.passes_left = kPassesBetween;
    }
    return identity;
  }

  DiskIdentity ReadIdentity(const DiskText& disk) const {
    DiskIdentity identity;
    identity.major = base::StrCat(disk.major);
    identity.minor = base::StrCat(disk.minor);
    identity.rotational = "0";
    ProcFile rotational(base::StrCat(sysfs_, "/block/", disk.name, "/queue/rotational"), 64);
    if (const auto text = rotational.Read(); text.ok()) identity.rotational = TrimSpace(*text);
    ProcFile udev(base::StrCat(udev_data_, "/b", disk.major, ":", disk.minor));
    if (const auto text = udev.Read(); text.ok()) FillFromUdev(*text, &identity);
    return identity;
  }

  static void FillFromUdev(std::string_view text, DiskIdentity* identity) {
    const auto get = [&](std::string_view name) { return std::string(UdevProperty(text, name)); };
    identity->path = get("ID_PATH");
    identity->wwn = get("ID_WWN");
    identity->model = get("ID_MODEL");
    identity->revision = get("ID_REVISION");
    // The serial printed on the disk first; virtio disks have only the last one.
    for (const char* name : {"SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"}) {
      if (identity->serial.empty()) identity->serial = get(name);
    }
    identity->fs_type = get("ID_FS_TYPE");
    identity->fs_usage = get("ID_FS_USAGE");
    identity->fs_uuid = get("ID_FS_UUID");
    identity->fs_version = get("ID_FS_VERSION");
    identity->dm_name = get("DM_NAME");
    identity->dm_uuid = get("DM_UUID");
    identity->dm_vg_name = get("DM_VG_NAME");
    identity->dm_lv_name = get("DM_LV_NAME");
    identity->dm_lv_layer = get("DM_LV_LAYER");
  }

  static void PutIdentity(std::string_view name, const DiskIdentity& disk, Section* section) {
    section->Put(kDiskInfo,
                 {name, disk.major, disk.minor, disk.path, disk.wwn, disk.model, disk.serial,
                  disk.revision, disk.rotational},
                 1);
    if (!disk.fs_type.empty()) {
      section->Put(kFilesystemInfo,
                   {name, disk.fs_type, disk.fs_usage, disk.fs_uuid, disk.fs_version}, 1);
    }
    if (!disk.dm_name.empty()) {
      section->Put(
          kMapperInfo,
          {name, disk.dm_name, disk.dm_uuid, disk.dm_vg_name, disk.dm_lv_name, disk.dm_lv_layer},
          1);
    }
  }

  ProcFile file_;
  const std::string sysfs_;
  const std::string udev_data_;
  NameFilter exclude_;
  std::vector<DiskText> disks_;
  std::map<std::string, DiskIdentity> identities_;
  std::string key_;
};

}  // namespace

MadeCollector MakeDiskstatsCollector(const CollectorContext& context) {
  BARO_TRY_ASSIGN(NameFilter exclude, NameFilter::Make(context.options.filters.diskstats_exclude));
  return std::make_unique<DiskstatsCollector>(context, std::move(exclude));
}

}  // namespace baro::agent
