// netclass: what interfaces are and how they are linked. Most of it comes with the link dump that
// netdev needs anyway; the few facts that only sysfs has (speed, duplex, …) change with the link,
// so they are read when the link has changed, and once in a while: reading them all each time would
// cost a hundred times more, and some of them ask the driver.

#include <linux/if.h>

#include <array>
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

constexpr Family Property(std::string_view name, std::string_view help,
                          MetricType type = MetricType::kGauge) {
  return {name, help, type, {"device"}};
}

#define BARO_PROPERTY(name, ...) \
  Property("node_network_" name, "Network device property: " name __VA_OPT__(, ) __VA_ARGS__)

// A number of every link.
struct FactColumn {
  Family family;
  uint32_t LinkFacts::* value;
};
constexpr auto kCounter = MetricType::kCounter;
constexpr std::array<FactColumn, 11> kFactColumns = {{
    {BARO_PROPERTY("carrier_changes_total", kCounter), &LinkFacts::carrier_changes},
    {BARO_PROPERTY("carrier_up_changes_total", kCounter), &LinkFacts::carrier_ups},
    {BARO_PROPERTY("carrier_down_changes_total", kCounter), &LinkFacts::carrier_downs},
    {BARO_PROPERTY("flags"), &LinkFacts::flags},
    {BARO_PROPERTY("iface_id"), &LinkFacts::index},
    {BARO_PROPERTY("iface_link"), &LinkFacts::link},
    {BARO_PROPERTY("iface_link_mode"), &LinkFacts::link_mode},
    {BARO_PROPERTY("mtu_bytes"), &LinkFacts::mtu},
    {BARO_PROPERTY("net_dev_group"), &LinkFacts::group},
    {BARO_PROPERTY("protocol_type"), &LinkFacts::type},
    {BARO_PROPERTY("transmit_queue_length"), &LinkFacts::queue_length},
}};
constexpr Family kCarrier = BARO_PROPERTY("carrier");
constexpr Family kDormant = BARO_PROPERTY("dormant");
constexpr Family kUp = Property("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.");
constexpr Family kInfo{
    "node_network_info",
    "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
    MetricType::kGauge,
    {"device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"}};

// A number that only sysfs has; a file that cannot be read (a device without speed) is no series.
struct SysfsColumn {
  std::string_view file;
  Family family;
  double factor;
};
constexpr std::array<SysfsColumn, 4> kSysfsColumns = {{
    {"addr_assign_type", BARO_PROPERTY("address_assign_type"), 1},
    {"dev_id", BARO_PROPERTY("device_id"), 1},
    {"name_assign_type", BARO_PROPERTY("name_assign_type"), 1},
    {"speed", BARO_PROPERTY("speed_bytes"), 1e6 / 8},  // Mbit/s
}};
#undef BARO_PROPERTY

// RFC 2863, in the kernel's order (IF_OPER_…).
constexpr std::array<std::string_view, 7> kOperstates = {
    "unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"};
constexpr uint32_t kOperDormant = 5;
constexpr uint32_t kOperUp = 6;

std::string_view Operstate(uint32_t state) {
  return state < kOperstates.size() ? kOperstates[state] : "unknown";
}

// "-1", "0x10".
bool ParseSysfsNumber(std::string_view text, double* number) {
  text = TrimSpace(text);
  if (!text.starts_with("0x")) return ParseNumber(text, number);
  text.remove_prefix(2);
  uint64_t hex = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hex, 16);
  *number = static_cast<double>(hex);
  return error == std::errc() && end == text.data() + text.size();
}

// What sysfs told of one interface.
struct SysfsFacts {
  uint32_t passes_left = 0;
  uint32_t carrier_changes = 0;
  uint32_t flags = 0;
  std::array<double, kSysfsColumns.size()> values{};
  std::array<bool, kSysfsColumns.size()> has{};
  std::string duplex;
};
constexpr uint32_t kPassesBetween = 60;
constexpr size_t kDevicesMax = 16'384;

class NetclassCollector final : public Collector {
 public:
  NetclassCollector(const CollectorContext& context, NameFilter exclude)
      : links_(LinkSource::SeesNode(context.options.paths.procfs) ? context.links : nullptr),
        root_(context.options.paths.sysfs + "/class/net/"),
        exclude_(std::move(exclude)) {}

  void Prepare() override {
    if (links_ != nullptr) links_->Invalidate();
  }

  absl::Status Collect(Section* section) override {
    if (links_ == nullptr) {
      return absl::UnimplementedError("the node's network namespace is not the agent's");
    }
    BARO_TRY_ASSIGN(const std::vector<NetDevice>* devices, links_->Read());
    for (const NetDevice& device : *devices) {
      if (!exclude_.Matches(device.name)) PutDevice(device, section);
    }
    return absl::OkStatus();
  }

 private:
  void PutDevice(const NetDevice& device, Section* section) {
    const LinkFacts& facts = device.facts;
    const SysfsFacts& sysfs = Refresh(device);
    for (const FactColumn& column : kFactColumns) {
      section->Put(column.family, {device.name}, static_cast<double>(facts.*column.value));
    }
    if ((facts.flags & IFF_UP) != 0) {  // sysfs refuses both while an interface is down
      section->Put(kCarrier, {device.name}, facts.carrier);
      section->Put(kDormant, {device.name}, facts.operstate == kOperDormant ? 1 : 0);
    }
    for (size_t i = 0; i < kSysfsColumns.size(); ++i) {
      if (sysfs.has[i]) section->Put(kSysfsColumns[i].family, {device.name}, sysfs.values[i]);
    }
    section->Put(kUp, {device.name}, facts.operstate == kOperUp ? 1 : 0);
    section->Put(
        kInfo,
        {device.name, facts.address, facts.broadcast, sysfs.duplex, Operstate(facts.operstate),
         (facts.flags & IFF_UP) != 0 ? "up" : "down", facts.alias},
        1);
  }

  const SysfsFacts& Refresh(const NetDevice& device) {
    if (sysfs_.size() > kDevicesMax) sysfs_.clear();
    SysfsFacts& sysfs = sysfs_[device.name];
    if (sysfs.passes_left > 0 && sysfs.carrier_changes == device.facts.carrier_changes &&
        sysfs.flags == device.facts.flags) {
      --sysfs.passes_left;
      return sysfs;
    }
    sysfs.passes_left = kPassesBetween;
    sysfs.carrier_changes = device.facts.carrier_changes;
    sysfs.flags = device.facts.flags;
    for (size_t i = 0; i < kSysfsColumns.size(); ++i) {
      ProcFile file(base::StrCat(root_, device.name, "/", kSysfsColumns[i].file), 64);
      const auto text = file.Read();
      sysfs.has[i] = text.ok() && ParseSysfsNumber(*text, &sysfs.values[i]);
      sysfs.values[i] *= kSysfsColumns[i].factor;
    }
    ProcFile duplex(base::StrCat(root_, device.name, "/duplex"), 64);
    const auto text = duplex.Read();
    sysfs.duplex = text.ok() ? TrimSpace(*text) : std::string_view();
    return sysfs;
  }

  const std::shared_ptr<LinkSource> links_;
  const std::string root_;
  NameFilter exclude_;
  std::map<std::string, SysfsFacts> sysfs_;
};

}  // namespace

MadeCollector MakeNetclassCollector(const CollectorContext& context) {
  BARO_TRY_ASSIGN(NameFilter exclude, NameFilter::Make(context.options.filters.netclass_exclude));
  return std::make_unique<NetclassCollector>(context, std::move(exclude));
}

}  // namespace baro::agent
