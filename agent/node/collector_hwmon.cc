// hwmon: sensors, named by the kernel's files <type><number>_<element> (Documentation/hwmon).

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "device_collectors.h"
#include "field_families.h"
#include "proc_text.h"
#include "sys_folder.h"

namespace baro::agent {
namespace {

constexpr auto kGauge = model::MetricType::kGauge;
constexpr auto kCounter = model::MetricType::kCounter;

constexpr Family kChipNames{"node_hwmon_chip_names",
                            "Annotation metric for human-readable chip names",
                            kGauge,
                            {"chip", "chip_name"}};
constexpr Family kSensorLabel{"node_hwmon_sensor_label",
                              "Label for given chip and sensor",
                              kGauge,
                              {"chip", "sensor", "label"}};

// What a sensor's element is called and counted in.
struct Unit {
  std::string suffix;
  std::string help;
  double scale = 1;
  model::MetricType type = kGauge;
};

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

std::string Quoted(std::string_view element) { return base::StrCat(" (", element, ")"); }

Unit PowerUnit(std::string_view element) {
  if (element == "accuracy") {
    return {"", "Hardware monitor power meter accuracy, as a ratio", 1e-6};
  }
  if (IsOneOf(element, {"average_interval", "average_interval_min", "average_interval_max"})) {
    return {"_seconds", "Hardware monitor power usage update interval" + Quoted(element), 1e-3};
  }
  return {"_watt", "Hardware monitor for power usage in watts" + Quoted(element), 1e-6};
}

Unit UnitOf(std::string_view type, std::string_view element) {
  if (IsOneOf(element, {"fault", "alarm"})) {
    return {"", base::StrCat("Hardware sensor ", element, " status (", type, ")")};
  }
  if (element == "beep") return {"_enabled", "Hardware monitor sensor has beeping enabled"};
  if (IsOneOf(type, {"in", "cpu"})) {
    return {"_volts", "Hardware monitor for voltage" + Quoted(element), 1e-3};
  }
  if (type == "temp" && element != "type") {
    return {"_celsius", "Hardware monitor for temperature" + Quoted(element), 1e-3};
  }
  if (type == "curr") return {"_amps", "Hardware monitor for current" + Quoted(element), 1e-3};
  if (type == "energy") {
    return {"_joule_total", "Hardware monitor for joules used so far" + Quoted(element), 1e-6,
            kCounter};
  }
  if (type == "power") return PowerUnit(element);
  if (type == "humidity") {
    return {"",
            "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as "
            "a percentage)" +
                Quoted(element),
            1e-6};
  }
  if (type == "fan" && IsOneOf(element, {"input", "min", "max", "target"})) {
    return {"_rpm", "Hardware monitor for fan revolutions per minute" + Quoted(element)};
  }
  return {"", base::StrCat("Hardware monitor ", type, " element ", element)};
}

// Letters, digits, ':' and '_' in lower case, without '_' at the ends.
std::string CleanName(std::string_view name) {
  std::string clean;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool good = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
                      lower == ':' || lower == '_';
    clean += good ? lower : '_';
  }
  while (clean.ends_with('_')) clean.pop_back();
  clean.erase(0, std::min(clean.find_first_not_of('_'), clean.size()));
  return clean;
}

// "temp1_crit_alarm" → temp, 1, crit_alarm; "in0" has no element.
struct SensorFile {
  std::string type;
  std::string number;
  std::string element;
};

SensorFile SplitName(std::string_view name) {
  const size_t digit = name.find_first_of("0123456789");
  if (digit == std::string_view::npos) return {std::string(name), "0", ""};
  const size_t behind = std::min(name.find_first_not_of("0123456789", digit), name.size());
  const std::string_view rest = name.substr(behind);
  if (!rest.empty() && rest.front() != '_') return {};
  return {std::string(name.substr(0, digit)), std::string(name.substr(digit, behind - digit)),
          std::string(rest.empty() ? rest : rest.substr(1))};
}

class HwmonCollector final : public Collector {
 public:
  explicit HwmonCollector(const CollectorContext& context)
      : root_(context.options.paths.sysfs + "/class/hwmon/") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const auto names, FolderEntries(root_));
    for (const std::string& name : names) PutChip(root_ + name, section);
    return absl::OkStatus();
  }

 private:
  using Elements = std::map<std::string, std::string>;  // element → text
  using Sensors = std::map<std::string, Elements>;      // "temp1" → elements

  static void ReadSensors(const std::string& folder, Sensors* sensors) {
    constexpr std::array<std::string_view, 10> kTypes = {
        "in", "cpu", "fan", "pwm", "temp", "curr", "power", "energy", "humidity", "intrusion"};
    const auto files = FolderEntries(folder);
    if (!files.ok()) return;
    for (const std::string& file : *files) {
      const SensorFile sensor = SplitName(file);
      if (std::find(kTypes.begin(), kTypes.end(), sensor.type) == kTypes.end()) continue;
      const std::optional<std::string> text = ReadSmallFile(folder + "/" + file);
      if (text) (*sensors)[sensor.type + sensor.number][sensor.element] = *text;
    }
  }

  // A name that stays when modules are loaded in another order: the device's, with its bus.
  static std::string ChipName(const std::string& folder) {
    std::error_code error;
    const std::filesystem::path device = std::filesystem::canonical(folder + "/device", error);
    if (!error) {
      const std::string own = CleanName(device.filename().string());
      const std::string bus = CleanName(device.parent_path().filename().string());
      if (!own.empty()) return bus.empty() ? own : bus + "_" + own;
    }
    const std::string name = CleanName(ReadSmallFile(folder + "/name").value_or(""));
    return name.empty() ? CleanName(std::filesystem::path(folder).filename().string()) : name;
  }

  void PutChip(const std::string& folder, Section* section) {
    const std::string chip = ChipName(folder);
    const std::string chip_name = CleanName(ReadSmallFile(folder + "/name").value_or(""));
    if (!chip_name.empty()) section->Put(kChipNames, {chip, chip_name}, 1);
    Sensors sensors;
    ReadSensors(folder, &sensors);
    ReadSensors(folder + "/device", &sensors);
    for (const auto& [sensor, elements] : sensors) PutSensor(chip, sensor, elements, section);
  }

  void PutSensor(std::string_view chip, const std::string& sensor, const Elements& elements,
                 Section* section) {
    const std::string type = SplitName(sensor).type;
    for (const auto& [element, text] : elements) {
      double value = 0;
      if (element == "label") {
        section->Put(kSensorLabel, {chip, sensor, text}, 1);
      } else if (ParseNumber(std::string_view(text), &value)) {
        PutElement(chip, sensor, type, element, value, elements.contains(""), section);
      }
    }
  }

  void PutElement(std::string_view chip, std::string_view sensor, const std::string& type,
                  const std::string& element, double value, bool has_plain, Section* section) {
    const Unit unit = UnitOf(type, element.empty() && type == "temp" ? "input" : element);
    std::string name = "node_hwmon_" + type;
    // "input" is the value itself, unless there is a file of the sensor's own name as well.
    if (element == "input" ? has_plain : !element.empty()) name += "_" + CleanName(element);
    name += unit.suffix;
    const Family* const family = families_.Get(name, [&](std::string_view) {
      return std::make_unique<SensorFamily>(name, unit.help, unit.type);
    });
    if (family != nullptr) section->Put(*family, {chip, sensor}, value * unit.scale);
  }

  // Owns its texts; must not move.
  class SensorFamily {
   public:
    SensorFamily(std::string name, std::string help, model::MetricType type)
        : name_(std::move(name)),
          help_(std::move(help)),
          family_{name_, help_, type, {"chip", "sensor"}} {}
    const Family& family() const { return family_; }

   private:
    const std::string name_;
    const std::string help_;
    const Family family_;
  };

  // As FieldFamilies, of sensors.
  class SensorFamilies {
   public:
    template <typename Make>
    const Family* Get(const std::string& name, const Make& make) {
      auto found = families_.find(name);
      if (found == families_.end()) {
        if (families_.size() >= FieldFamilies::kFamiliesMax) return nullptr;
        found = families_.emplace(name, make(name)).first;
      }
      return &found->second->family();
    }

   private:
    std::map<std::string, std::unique_ptr<SensorFamily>> families_;
  };

  const std::string root_;
  SensorFamilies families_;
};

}  // namespace

MadeCollector MakeHwmonCollector(const CollectorContext& context) {
  return std::make_unique<HwmonCollector>(context);
}

}  // namespace baro::agent
