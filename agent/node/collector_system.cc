// uname and time: what the node is and what time it has.

#include <sys/utsname.h>

#include <ctime>
#include <filesystem>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "collectors.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

constexpr Family kUname{"node_uname_info",
                        "Labeled system information as provided by the uname system call.",
                        model::MetricType::kGauge,
                        {"sysname", "release", "version", "machine", "nodename", "domainname"}};

class UnameCollector final : public Collector {
 public:
  absl::Status Collect(Section* section) override {
    utsname name{};
    if (uname(&name) != 0) return absl::UnavailableError("cannot ask for uname");
    section->Put(
        kUname,
        {name.sysname, name.release, name.version, name.machine, name.nodename, name.domainname},
        1);
    return absl::OkStatus();
  }
};

constexpr Family kTime{"node_time_seconds", "System time in seconds since epoch (1970)."};
constexpr Family kZoneOffset{"node_time_zone_offset_seconds",
                             "System time zone offset in seconds.",
                             model::MetricType::kGauge,
                             {"time_zone"}};
constexpr Family kClockSource{"node_time_clocksource_current_info",
                              "Current clocksource read from '/sys/devices/system/clocksource'.",
                              model::MetricType::kGauge,
                              {"device", "clocksource"}};
constexpr Family kClockSourceAvailable{
    "node_time_clocksource_available_info",
    "Available clocksources read from '/sys/devices/system/clocksource'.",
    model::MetricType::kGauge,
    {"device", "clocksource"}};

// One folder clocksource<device>.
struct ClockSource {
  std::string device;
  ProcFile available;
  ProcFile current;
};

class TimeCollector final : public Collector {
 public:
  explicit TimeCollector(const CollectorContext& context) : clock_(context.clock) {
    const std::string root = context.options.paths.sysfs + "/devices/system/clocksource";
    std::error_code error;
    for (std::filesystem::directory_iterator it(root, error), end; !error && it != end;
         it.increment(error)) {
      const std::string name = it->path().filename();
      constexpr std::string_view kPrefix = "clocksource";
      if (!name.starts_with(kPrefix)) continue;
      sources_.push_back({name.substr(kPrefix.size()),
                          ProcFile(base::StrCat(root, "/", name, "/available_clocksource"), 256),
                          ProcFile(base::StrCat(root, "/", name, "/current_clocksource"), 64)});
    }
  }

  absl::Status Collect(Section* section) override {
    const int64_t now_ms = clock_->NowMs();
    section->Put(kTime, static_cast<double>(now_ms) / 1e3);
    const time_t now_s = now_ms / 1000;
    tm local{};
    if (localtime_r(&now_s, &local) != nullptr) {
      section->Put(kZoneOffset, {local.tm_zone}, static_cast<double>(local.tm_gmtoff));
    }
    for (ClockSource& source : sources_) BARO_TRY(PutSource(&source, section));
    return absl::OkStatus();
  }

 private:
  static absl::Status PutSource(ClockSource* source, Section* section) {
    BARO_TRY_ASSIGN(std::string_view available, source->available.Read());
    available = TrimSpace(available);
    for (std::string_view name = TakeField(&available); !name.empty();
         name = TakeField(&available)) {
      section->Put(kClockSourceAvailable, {source->device, name}, 1);
    }
    BARO_TRY_ASSIGN(const std::string_view current, source->current.Read());
    section->Put(kClockSource, {source->device, TrimSpace(current)}, 1);
    return absl::OkStatus();
  }

  const base::Clock* const clock_;
  std::vector<ClockSource> sources_;
};

}  // namespace

MadeCollector MakeUnameCollector(const CollectorContext&) {
  return std::make_unique<UnameCollector>();
}

MadeCollector MakeTimeCollector(const CollectorContext& context) {
  return std::make_unique<TimeCollector>(context);
}

}  // namespace baro::agent
