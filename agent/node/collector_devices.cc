// bonding, cpufreq, edac, powersupplyclass, thermal_zone: devices that sysfs lists in folders.

#include <array>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "device_collectors.h"
#include "proc_text.h"
#include "sys_folder.h"

namespace baro::agent {
namespace {

constexpr auto kGauge = model::MetricType::kGauge;
constexpr auto kCounter = model::MetricType::kCounter;

constexpr Family kBondingSlaves{"node_bonding_slaves",
                                "Number of configured slaves per bonding interface.",
                                kGauge,
                                {"master"}};
constexpr Family kBondingActive{
    "node_bonding_active", "Number of active slaves per bonding interface.", kGauge, {"master"}};

class BondingCollector final : public Collector {
 public:
  explicit BondingCollector(const CollectorContext& context)
      : root_(context.options.paths.sysfs + "/class/net/") {}

  absl::Status Collect(Section* section) override {
    const std::optional<std::string> masters = ReadSmallFile(root_ + "bonding_masters");
    if (!masters) return absl::NotFoundError("cannot read bonding_masters: no bonding here");
    std::string_view rest = *masters;
    for (std::string_view master = TakeField(&rest); !master.empty(); master = TakeField(&rest)) {
      PutMaster(master, section);
    }
    return absl::OkStatus();
  }

 private:
  void PutMaster(std::string_view master, Section* section) const {
    const std::string folder = base::StrCat(root_, master, "/");
    const std::string slaves = ReadSmallFile(folder + "bonding/slaves").value_or("");
    double count = 0;
    double active = 0;
    std::string_view rest = slaves;
    for (std::string_view slave = TakeField(&rest); !slave.empty(); slave = TakeField(&rest)) {
      std::optional<std::string> state =
          ReadSmallFile(base::StrCat(folder, "lower_", slave, "/bonding_slave/mii_status"));
      // Older kernels' name.
      if (!state) {
        state = ReadSmallFile(base::StrCat(folder, "slave_", slave, "/bonding_slave/mii_status"));
      }
      ++count;
      if (state == "up") ++active;
    }
    section->Put(kBondingSlaves, {master}, count);
    section->Put(kBondingActive, {master}, active);
  }

  const std::string root_;
};

struct FrequencyFile {
  const char* file;
  Family family;
};
constexpr std::array<FrequencyFile, 6> kFrequencies = {{
    {"cpuinfo_cur_freq",
     {"node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.", kGauge, {"cpu"}}},
    {"cpuinfo_min_freq",
     {"node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz.", kGauge, {"cpu"}}},
    {"cpuinfo_max_freq",
     {"node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz.", kGauge, {"cpu"}}},
    {"scaling_cur_freq",
     {"node_cpu_scaling_frequency_hertz",
      "Current scaled CPU thread frequency in hertz.",
      kGauge,
      {"cpu"}}},
    {"scaling_min_freq",
     {"node_cpu_scaling_frequency_min_hertz",
      "Minimum scaled CPU thread frequency in hertz.",
      kGauge,
      {"cpu"}}},
    {"scaling_max_freq",
     {"node_cpu_scaling_frequency_max_hertz",
      "Maximum scaled CPU thread frequency in hertz.",
      kGauge,
      {"cpu"}}},
}};
constexpr Family kGovernor{"node_cpu_scaling_governor",
                           "Current enabled CPU frequency governor.",
                           kGauge,
                           {"cpu", "governor"}};

class CpufreqCollector final : public Collector {
 public:
  explicit CpufreqCollector(const CollectorContext& context)
      : root_(context.options.paths.sysfs + "/devices/system/cpu/") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const auto names, FolderEntries(root_, "cpu"));
    // No frequency anywhere, as in most virtual machines, is no failure (so in node_exporter).
    for (const std::string& name : names) {
      const std::string_view cpu = std::string_view(name).substr(3);
      uint32_t number = 0;
      if (ParseNumber(cpu, &number)) PutCpu(cpu, root_ + name + "/cpufreq/", section);
    }
    return absl::OkStatus();
  }

 private:
  static void PutCpu(std::string_view cpu, const std::string& folder, Section* section) {
    for (const FrequencyFile& frequency : kFrequencies) {
      const std::optional<double> kilohertz = ReadNumberFile(folder + frequency.file);
      if (kilohertz) section->Put(frequency.family, {cpu}, *kilohertz * 1000);
    }
    const std::optional<std::string> governor = ReadSmallFile(folder + "scaling_governor");
    const std::string all = ReadSmallFile(folder + "scaling_available_governors").value_or("");
    std::string_view rest = all;
    for (std::string_view one = TakeField(&rest); governor && !one.empty();
         one = TakeField(&rest)) {
      section->Put(kGovernor, {cpu, one}, one == *governor ? 1 : 0);
    }
  }

  const std::string root_;
};

constexpr Family kCorrectable{"node_edac_correctable_errors_total",
                              "Total correctable memory errors.",
                              kCounter,
                              {"controller"}};
constexpr Family kUncorrectable{"node_edac_uncorrectable_errors_total",
                                "Total uncorrectable memory errors.",
                                kCounter,
                                {"controller"}};
constexpr Family kRowCorrectable{"node_edac_csrow_correctable_errors_total",
                                 "Total correctable memory errors for this csrow.",
                                 kCounter,
                                 {"controller", "csrow"}};
constexpr Family kRowUncorrectable{"node_edac_csrow_uncorrectable_errors_total",
                                   "Total uncorrectable memory errors for this csrow.",
                                   kCounter,
                                   {"controller", "csrow"}};

// "mc12" → "12"; empty for what is no number behind the prefix.
std::string_view NumberBehind(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return {};
  uint32_t number = 0;
  name.remove_prefix(prefix.size());
  return ParseNumber(name, &number) ? name : std::string_view();
}

class EdacCollector final : public Collector {
 public:
  explicit EdacCollector(const CollectorContext& context)
      : root_(context.options.paths.sysfs + "/devices/system/edac/mc/") {}

  absl::Status Collect(Section* section) override {
    const auto names = FolderEntries(root_, "mc");
    // No memory controller to watch is no failure (so in node_exporter).
    if (absl::IsNotFound(names.status())) return absl::OkStatus();
    BARO_TRY(names.status());
    for (const std::string& name : *names) {
      const std::string_view controller = NumberBehind("mc", name);
      if (!controller.empty()) PutController(controller, root_ + name + "/", section);
    }
    return absl::OkStatus();
  }

 private:
  template <typename... Labels>
  static void PutFile(const Family& family, const std::string& file, Section* section,
                      Labels... labels) {
    const std::optional<double> count = ReadNumberFile(file);
    if (count) section->Put(family, {labels...}, *count);
  }

  static void PutController(std::string_view controller, const std::string& folder,
                            Section* section) {
    constexpr std::string_view kUnknown = "unknown";
    PutFile(kCorrectable, folder + "ce_count", section, controller);
    PutFile(kRowCorrectable, folder + "ce_noinfo_count", section, controller, kUnknown);
    PutFile(kUncorrectable, folder + "ue_count", section, controller);
    PutFile(kRowUncorrectable, folder + "ue_noinfo_count", section, controller, kUnknown);
    const auto rows = FolderEntries(folder, "csrow");
    if (!rows.ok()) return;
    for (const std::string& row : *rows) {
      const std::string_view number = NumberBehind("csrow", row);
      if (number.empty()) continue;
      PutFile(kRowCorrectable, folder + row + "/ce_count", section, controller, number);
      PutFile(kRowUncorrectable, folder + row + "/ue_count", section, controller, number);
    }
  }

  const std::string root_;
};

// A file of a power supply; charges are µAh, energies µWh, voltages µV, temperatures 0.1 °C.
struct SupplyFile {
  const char* file;
  Family family;
  double scale = 1;
};
#define BARO_SUPPLY(file, name)                                                                  \
  file, {                                                                                        \
    "node_power_supply_" name, name " value of /sys/class/power_supply/<power_supply>.", kGauge, \
        {"power_supply"}                                                                         \
  }
constexpr std::array<SupplyFile, 17> kSupplies = {{
    {BARO_SUPPLY("capacity", "capacity")},
    {BARO_SUPPLY("online", "online")},
    {BARO_SUPPLY("present", "present")},
    {BARO_SUPPLY("cycle_count", "cyclecount")},
    {BARO_SUPPLY("charge_now", "charge_ampere"), 1e-6},
    {BARO_SUPPLY("charge_full", "charge_full"), 1e-6},
    {BARO_SUPPLY("charge_full_design", "charge_full_design"), 1e-6},
    {BARO_SUPPLY("current_now", "current_ampere"), 1e-6},
    {BARO_SUPPLY("current_max", "current_max"), 1e-6},
    {BARO_SUPPLY("energy_now", "energy_watthour"), 1e-6},
    {BARO_SUPPLY("energy_full", "energy_full"), 1e-6},
    {BARO_SUPPLY("energy_full_design", "energy_full_design"), 1e-6},
    {BARO_SUPPLY("power_now", "power_watt"), 1e-6},
    {BARO_SUPPLY("voltage_now", "voltage_volt"), 1e-6},
    {BARO_SUPPLY("voltage_max", "voltage_max"), 1e-6},
    {BARO_SUPPLY("voltage_min_design", "voltage_min_design"), 1e-6},
    {BARO_SUPPLY("temp", "temp_celsius"), 0.1},
}};
#undef BARO_SUPPLY

class PowerSupplyCollector final : public Collector {
 public:
  explicit PowerSupplyCollector(const CollectorContext& context)
      : root_(context.options.paths.sysfs + "/class/power_supply/") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const auto supplies, FolderEntries(root_));
    for (const std::string& supply : supplies) {
      for (const SupplyFile& file : kSupplies) {
        const std::optional<double> value = ReadNumberFile(root_ + supply + "/" + file.file);
        if (value) section->Put(file.family, {supply}, *value * file.scale);
      }
    }
    return absl::OkStatus();
  }

 private:
  const std::string root_;
};

constexpr Family kZoneTemperature{
    "node_thermal_zone_temp", "Zone temperature in Celsius", kGauge, {"zone", "type"}};
constexpr Family kCoolingState{"node_cooling_device_cur_state",
                               "Current throttle state of the cooling device",
                               kGauge,
                               {"name", "type"}};
constexpr Family kCoolingStateMax{"node_cooling_device_max_state",
                                  "Maximum throttle state of the cooling device",
                                  kGauge,
                                  {"name", "type"}};

class ThermalZoneCollector final : public Collector {
 public:
  explicit ThermalZoneCollector(const CollectorContext& context)
      : root_(context.options.paths.sysfs + "/class/thermal/") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const auto names, FolderEntries(root_));
    for (const std::string& name : names) {
      const std::string folder = root_ + name + "/";
      const std::string type = ReadSmallFile(folder + "type").value_or("");
      const std::string_view zone = NumberBehind("thermal_zone", name);
      const std::string_view device = NumberBehind("cooling_device", name);
      // A zone whose sensor is asleep has no temperature.
      if (!zone.empty()) {
        PutFile(kZoneTemperature, folder + "temp", 1e-3, zone, type, section);
      } else if (!device.empty()) {
        PutFile(kCoolingState, folder + "cur_state", 1, device, type, section);
        PutFile(kCoolingStateMax, folder + "max_state", 1, device, type, section);
      }
    }
    return absl::OkStatus();
  }

 private:
  static void PutFile(const Family& family, const std::string& file, double scale,
                      std::string_view name, std::string_view type, Section* section) {
    const std::optional<double> value = ReadNumberFile(file);
    if (value) section->Put(family, {name, type}, *value * scale);
  }

  const std::string root_;
};

}  // namespace

MadeCollector MakeBondingCollector(const CollectorContext& context) {
  return std::make_unique<BondingCollector>(context);
}
MadeCollector MakeCpufreqCollector(const CollectorContext& context) {
  return std::make_unique<CpufreqCollector>(context);
}
MadeCollector MakeEdacCollector(const CollectorContext& context) {
  return std::make_unique<EdacCollector>(context);
}
MadeCollector MakePowerSupplyCollector(const CollectorContext& context) {
  return std::make_unique<PowerSupplyCollector>(context);
}
MadeCollector MakeThermalZoneCollector(const CollectorContext& context) {
  return std::make_unique<ThermalZoneCollector>(context);
}

}  // namespace baro::agent
