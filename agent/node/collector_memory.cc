// meminfo, vmstat, loadavg and pressure: files of numbers about the node as a whole.

#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "collectors.h"
#include "field_families.h"
#include "name_filter.h"

namespace baro::agent {
namespace {

using model::MetricType;

// Active(anon) is told as node_memory_Active_anon_bytes.
std::string MeminfoName(std::string_view field, bool in_kb) {
  std::string name;
  for (const char c : field) {
    if (c == ')') continue;
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += word ? c : '_';
  }
  return in_kb ? name + "_bytes" : name;
}

std::unique_ptr<OwnedFamily> MeminfoFamily(std::string_view field, bool in_kb) {
  const std::string name = MeminfoName(field, in_kb);
  return std::make_unique<OwnedFamily>("node_memory_" + name,
                                       base::StrCat("Memory information field ", name, "."),
                                       MetricType::kGauge);
}

class MeminfoCollector final : public Collector {
 public:
  explicit MeminfoCollector(const CollectorContext& context)
      : file_(context.options.paths.procfs + "/meminfo") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseMeminfo(text, &fields_));
    for (const MeminfoField& field : fields_) {
      FieldFamilies& families = field.in_kb ? families_in_kb_ : families_;
      const Family* family = families.Get(
          field.name, [&](std::string_view name) { return MeminfoFamily(name, field.in_kb); });
      if (family == nullptr) return absl::DataLossError("cannot read meminfo: too many fields");
      section->Put(*family, static_cast<double>(field.value) * (field.in_kb ? 1024 : 1));
    }
    return absl::OkStatus();
  }

 private:
  ProcFile file_;
  FieldFamilies families_;
  FieldFamilies families_in_kb_;
  std::vector<MeminfoField> fields_;
};

class VmstatCollector final : public Collector {
 public:
  VmstatCollector(const CollectorContext& context, NameFilter include)
      : file_(context.options.paths.procfs + "/vmstat", 8192), include_(std::move(include)) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseNamedValues(text, &values_));
    for (const NamedValue& value : values_) {
      if (!include_.Matches(value.name)) continue;
      const Family* family = families_.Get(value.name, [](std::string_view name) {
        return std::make_unique<OwnedFamily>(
            base::StrCat("node_vmstat_", name),
            base::StrCat("/proc/vmstat information field ", name, "."), MetricType::kUnknown);
      });
      if (family == nullptr) return absl::DataLossError("cannot read vmstat: too many fields");
      section->Put(*family, value.value);
    }
    return absl::OkStatus();
  }

 private:
  ProcFile file_;
  NameFilter include_;
  FieldFamilies families_;
  std::vector<NamedValue> values_;
};

constexpr std::array<Family, 3> kLoads = {{{"node_load1", "1m load average."},
                                           {"node_load5", "5m load average."},
                                           {"node_load15", "15m load average."}}};

class LoadavgCollector final : public Collector {
 public:
  explicit LoadavgCollector(const CollectorContext& context)
      : file_(context.options.paths.procfs + "/loadavg", 128) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    std::array<double, 3> loads{};
    BARO_TRY(ParseLoadavg(text, &loads));
    for (size_t i = 0; i < loads.size(); ++i) section->Put(kLoads[i], loads[i]);
    return absl::OkStatus();
  }

 private:
  ProcFile file_;
};

// One file of /proc/pressure and what is told of it; a null family is not told.
struct PressureSource {
  std::string_view file;
  const Family* some;
  const Family* full;
};

constexpr Family kCpuWaiting{"node_pressure_cpu_waiting_seconds_total",
                             "Total time in seconds that processes have waited for CPU time",
                             MetricType::kCounter};
constexpr Family kIoWaiting{"node_pressure_io_waiting_seconds_total",
                            "Total time in seconds that processes have waited due to IO congestion",
                            MetricType::kCounter};
constexpr Family kIoStalled{
    "node_pressure_io_stalled_seconds_total",
    "Total time in seconds no process could make progress due to IO congestion",
    MetricType::kCounter};
constexpr Family kMemoryWaiting{"node_pressure_memory_waiting_seconds_total",
                                "Total time in seconds that processes have waited for memory",
                                MetricType::kCounter};
constexpr Family kMemoryStalled{
    "node_pressure_memory_stalled_seconds_total",
    "Total time in seconds no process could make progress due to memory congestion",
    MetricType::kCounter};
constexpr Family kIrqStalled{
    "node_pressure_irq_stalled_seconds_total",
    "Total time in seconds no process could make progress due to IRQ congestion",
    MetricType::kCounter};

constexpr std::array<PressureSource, 4> kPressures = {
    {{"cpu", &kCpuWaiting, nullptr},
     {"io", &kIoWaiting, &kIoStalled},
     {"irq", nullptr, &kIrqStalled},
     {"memory", &kMemoryWaiting, &kMemoryStalled}}};

class PressureCollector final : public Collector {
 public:
  explicit PressureCollector(const CollectorContext& context) {
    for (const PressureSource& source : kPressures) {
      files_.emplace_back(base::StrCat(context.options.paths.procfs, "/pressure/", source.file),
                          256);
    }
  }

  absl::Status Collect(Section* section) override {
    for (size_t i = 0; i < kPressures.size(); ++i) {
      const auto text = files_[i].Read();
      // Only kernels with CONFIG_IRQ_TIME_ACCOUNTING have irq.
      if (kPressures[i].file == "irq" && absl::IsNotFound(text.status())) continue;
      BARO_TRY(text.status());
      PressureText pressure;
      BARO_TRY(ParsePressure(*text, &pressure));
      Put(kPressures[i].some, pressure.has_some, pressure.some_us, section);
      Put(kPressures[i].full, pressure.has_full, pressure.full_us, section);
    }
    return absl::OkStatus();
  }

 private:
  static void Put(const Family* family, bool has, uint64_t total_us, Section* section) {
    // Divided twice, as node_exporter does: once by 10^6 differs in the last bit.
    if (family != nullptr && has) section->Put(*family, static_cast<double>(total_us) / 1e3 / 1e3);
  }

  std::vector<ProcFile> files_;
};

}  // namespace

MadeCollector MakeMeminfoCollector(const CollectorContext& context) {
  return std::make_unique<MeminfoCollector>(context);
}

MadeCollector MakeVmstatCollector(const CollectorContext& context) {
  BARO_TRY_ASSIGN(NameFilter include, NameFilter::Make(context.options.filters.vmstat_include));
  return std::make_unique<VmstatCollector>(context, std::move(include));
}

MadeCollector MakeLoadavgCollector(const CollectorContext& context) {
  return std::make_unique<LoadavgCollector>(context);
}

MadeCollector MakePressureCollector(const CollectorContext& context) {
  return std::make_unique<PressureCollector>(context);
}

}  // namespace baro::agent
