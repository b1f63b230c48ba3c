// filefd, entropy, kernel_hung, schedstat, timex and os: single facts of the kernel and the system.

#include <sys/timex.h>

#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "collectors.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

using model::MetricType;

absl::Status NoNumber(const ProcFile& file) {
  return absl::DataLossError(base::StrCat("cannot parse ", file.path(), ": no number"));
}

absl::Status PutFirstNumber(ProcFile* file, const Family& family, Section* section) {
  BARO_TRY_ASSIGN(std::string_view text, file->Read());
  double number = 0;
  if (!ParseNumber(TrimSpace(text), &number)) return NoNumber(*file);
  section->Put(family, number);
  return absl::OkStatus();
}

constexpr Family kAllocated{"node_filefd_allocated", "File descriptor statistics: allocated."};
constexpr Family kMaximum{"node_filefd_maximum", "File descriptor statistics: maximum."};

class FilefdCollector final : public Collector {
 public:
  explicit FilefdCollector(const CollectorContext& context)
      : file_(context.options.paths.procfs + "/sys/fs/file-nr", 128) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(std::string_view text, file_.Read());
    text = TrimSpace(text);
    double allocated = 0;
    double unused = 0;
    double maximum = 0;
    if (!TakeNumber(&text, &allocated) || !TakeNumber(&text, &unused) ||
        !TakeNumber(&text, &maximum)) {
      return NoNumber(file_);
    }
    section->Put(kAllocated, allocated);
    section->Put(kMaximum, maximum);
    return absl::OkStatus();
  }

 private:
  ProcFile file_;
};

constexpr Family kEntropyAvailable{"node_entropy_available_bits", "Bits of available entropy."};
constexpr Family kEntropyPool{"node_entropy_pool_size_bits", "Bits of entropy pool."};

class EntropyCollector final : public Collector {
 public:
  explicit EntropyCollector(const CollectorContext& context)
      : available_(context.options.paths.procfs + "/sys/kernel/random/entropy_avail", 64),
        pool_(context.options.paths.procfs + "/sys/kernel/random/poolsize", 64) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY(PutFirstNumber(&available_, kEntropyAvailable, section));
    return PutFirstNumber(&pool_, kEntropyPool, section);
  }

 private:
  ProcFile available_;
  ProcFile pool_;
};

constexpr Family kHungTasks{
    "node_kernel_hung_tasks_total",
    "Total number of tasks that have been detected as hung since the system booted.",
    MetricType::kCounter};

class KernelHungCollector final : public Collector {
 public:
  explicit KernelHungCollector(const CollectorContext& context)
      : file_(context.options.paths.procfs + "/sys/kernel/hung_task_detect_count", 64) {}

  absl::Status Collect(Section* section) override {
    return PutFirstNumber(&file_, kHungTasks, section);
  }

 private:
  ProcFile file_;
};

constexpr Family kRunning{"node_schedstat_running_seconds_total",
                          "Number of seconds CPU spent running a process.",
                          MetricType::kCounter,
                          {"cpu"}};
constexpr Family kWaiting{"node_schedstat_waiting_seconds_total",
                          "Number of seconds spent by processing waiting for this CPU.",
                          MetricType::kCounter,
                          {"cpu"}};
constexpr Family kTimeslices{"node_schedstat_timeslices_total",
                             "Number of timeslices executed by CPU.",
                             MetricType::kCounter,
                             {"cpu"}};

class SchedstatCollector final : public Collector {
 public:
  explicit SchedstatCollector(const CollectorContext& context)
      : file_(context.options.paths.procfs + "/schedstat", 8192) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseSchedstat(text, &cpus_));
    for (const SchedCpu& cpu : cpus_) {
      section->Put(kRunning, {cpu.cpu}, static_cast<double>(cpu.running_ns) / 1e9);
      section->Put(kWaiting, {cpu.cpu}, static_cast<double>(cpu.waiting_ns) / 1e9);
      section->Put(kTimeslices, {cpu.cpu}, static_cast<double>(cpu.timeslices));
    }
    return absl::OkStatus();
  }

 private:
  ProcFile file_;
  std::vector<SchedCpu> cpus_;
};

// One field of adjtimex(2).
struct TimexColumn {
  Family family;
  double (*value)(const timex& now);
};

constexpr double kMicro = 1e6;
// Frequencies are parts per million with 16 bits behind the point.
constexpr double kPpm16 = 1e6 * 65'536;
// Offset and jitter are in nanoseconds when STA_NANO says so.
double Fraction(const timex& now) { return (now.status & STA_NANO) != 0 ? 1e9 : 1e6; }
double D(auto value) { return static_cast<double>(value); }

constexpr auto kCounter = MetricType::kCounter;
constexpr std::array<TimexColumn, 16> kTimexColumns = {{
    {{"node_timex_offset_seconds", "Time offset in between local system and reference clock."},
     [](const timex& now) { return D(now.offset) / Fraction(now); }},
    {{"node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment."},
     [](const timex& now) { return 1 + D(now.freq) / kPpm16; }},
    {{"node_timex_maxerror_seconds", "Maximum error in seconds."},
     [](const timex& now) { return D(now.maxerror) / kMicro; }},
    {{"node_timex_estimated_error_seconds", "Estimated error in seconds."},
     [](const timex& now) { return D(now.esterror) / kMicro; }},
    {{"node_timex_status", "Value of the status array bits."},
     [](const timex& now) { return D(now.status); }},
    {{"node_timex_loop_time_constant", "Phase-locked loop time constant."},
     [](const timex& now) { return D(now.constant); }},
    {{"node_timex_tick_seconds", "Seconds between clock ticks."},
     [](const timex& now) { return D(now.tick) / kMicro; }},
    {{"node_timex_pps_frequency_hertz", "Pulse per second frequency."},
     [](const timex& now) { return D(now.ppsfreq) / kPpm16; }},
    {{"node_timex_pps_jitter_seconds", "Pulse per second jitter."},
     [](const timex& now) { return D(now.jitter) / Fraction(now); }},
    {{"node_timex_pps_shift_seconds", "Pulse per second interval duration."},
     [](const timex& now) { return D(now.shift); }},
    {{"node_timex_pps_stability_hertz",
      "Pulse per second stability, average of recent frequency changes."},
     [](const timex& now) { return D(now.stabil) / kPpm16; }},
    {{"node_timex_pps_jitter_total", "Pulse per second count of jitter limit exceeded events.",
      kCounter},
     [](const timex& now) { return D(now.jitcnt); }},
    {{"node_timex_pps_calibration_total", "Pulse per second count of calibration intervals.",
      kCounter},
     [](const timex& now) { return D(now.calcnt); }},
    {{"node_timex_pps_error_total", "Pulse per second count of calibration errors.", kCounter},
     [](const timex& now) { return D(now.errcnt); }},
    {{"node_timex_pps_stability_exceeded_total",
      "Pulse per second count of stability limit exceeded events.", kCounter},
     [](const timex& now) { return D(now.stbcnt); }},
    {{"node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset."},
     [](const timex& now) { return D(now.tai); }},
}};
constexpr Family kSyncStatus{"node_timex_sync_status",
                             "Is clock synchronized to a reliable server (1 = yes, 0 = no)."};

class TimexCollector final : public Collector {
 public:
  absl::Status Collect(Section* section) override {
    timex now{};
    const int state = adjtimex(&now);
    if (state < 0) return absl::PermissionDeniedError("cannot ask adjtimex");
    section->Put(kSyncStatus, state == TIME_ERROR ? 0 : 1);
    for (const TimexColumn& column : kTimexColumns) section->Put(column.family, column.value(now));
    return absl::OkStatus();
  }
};

constexpr Family kOsInfo{
    "node_os_info",
    "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, "
    "name, pretty_name, variant, variant_id, version, version_codename, version_id.",
    MetricType::kGauge,
    {"build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant",
     "variant_id", "version", "version_codename", "version_id"}};
constexpr Family kOsVersion{"node_os_version",
                            "Metric containing the major.minor part of the OS version.",
                            MetricType::kGauge,
                            {"id", "id_like", "name"}};

// "22.04" of "22.04.1".
std::string_view MajorMinor(std::string_view version) {
  const size_t dot = version.find('.');
  if (dot == std::string_view::npos) return version;
  return version.substr(0, version.find('.', dot + 1));
}

class OsCollector final : public Collector {
 public:
  explicit OsCollector(const CollectorContext& context)
      : etc_(context.options.paths.rootfs + "/etc/os-release"),
        usr_(context.options.paths.rootfs + "/usr/lib/os-release") {}

  absl::Status Collect(Section* section) override {
    auto text = etc_.Read();
    if (!text.ok()) text = usr_.Read();
    BARO_TRY(text.status());
    const auto get = [&](std::string_view name) { return OsReleaseValue(*text, name); };
    const std::string id = get("ID");
    const std::string id_like = get("ID_LIKE");
    const std::string name = get("NAME");
    const std::string version_id = get("VERSION_ID");
    section->Put(kOsInfo,
                 {get("BUILD_ID"), id, id_like, get("IMAGE_ID"), get("IMAGE_VERSION"), name,
                  get("PRETTY_NAME"), get("VARIANT"), get("VARIANT_ID"), get("VERSION"),
                  get("VERSION_CODENAME"), version_id},
                 1);
    double version = 0;
    if (ParseNumber(MajorMinor(version_id), &version)) {
      section->Put(kOsVersion, {id, id_like, name}, version);
    }
    return absl::OkStatus();
  }

 private:
  ProcFile etc_;
  ProcFile usr_;
};

}  // namespace

MadeCollector MakeFilefdCollector(const CollectorContext& context) {
  return std::make_unique<FilefdCollector>(context);
}
MadeCollector MakeEntropyCollector(const CollectorContext& context) {
  return std::make_unique<EntropyCollector>(context);
}
MadeCollector MakeKernelHungCollector(const CollectorContext& context) {
  return std::make_unique<KernelHungCollector>(context);
}
MadeCollector MakeSchedstatCollector(const CollectorContext& context) {
  return std::make_unique<SchedstatCollector>(context);
}
MadeCollector MakeTimexCollector(const CollectorContext&) {
  return std::make_unique<TimexCollector>();
}
MadeCollector MakeOsCollector(const CollectorContext& context) {
  return std::make_unique<OsCollector>(context);
}

}  // namespace baro::agent
