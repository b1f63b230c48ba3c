// netdev: traffic per interface, by netlink where the node's own network namespace is ours, else
// from /proc/1/net/dev.

#include <string>

#include "baro/base/status.h"
#include "collectors.h"
#include "link_dump.h"
#include "name_filter.h"

namespace baro::agent {
namespace {

// One counter of NetDevice.
struct NetColumn {
  Family family;
  uint64_t NetDevice::* value;
};

constexpr Family Counter(std::string_view name, std::string_view help) {
  return {name, help, model::MetricType::kCounter, {"device"}};
}

#define BARO_NET_FAMILY(name) \
  Counter("node_network_" name "_total", "Network device statistic " name ".")
constexpr std::array<NetColumn, 16> kColumns = {{
    {BARO_NET_FAMILY("receive_bytes"), &NetDevice::rx_bytes},
    {BARO_NET_FAMILY("receive_packets"), &NetDevice::rx_packets},
    {BARO_NET_FAMILY("receive_errs"), &NetDevice::rx_errs},
    {BARO_NET_FAMILY("receive_drop"), &NetDevice::rx_drop},
    {BARO_NET_FAMILY("receive_fifo"), &NetDevice::rx_fifo},
    {BARO_NET_FAMILY("receive_frame"), &NetDevice::rx_frame},
    {BARO_NET_FAMILY("receive_compressed"), &NetDevice::rx_compressed},
    {BARO_NET_FAMILY("receive_multicast"), &NetDevice::rx_multicast},
    {BARO_NET_FAMILY("transmit_bytes"), &NetDevice::tx_bytes},
    {BARO_NET_FAMILY("transmit_packets"), &NetDevice::tx_packets},
    {BARO_NET_FAMILY("transmit_errs"), &NetDevice::tx_errs},
    {BARO_NET_FAMILY("transmit_drop"), &NetDevice::tx_drop},
    {BARO_NET_FAMILY("transmit_fifo"), &NetDevice::tx_fifo},
    {BARO_NET_FAMILY("transmit_colls"), &NetDevice::tx_colls},
    {BARO_NET_FAMILY("transmit_carrier"), &NetDevice::tx_carrier},
    {BARO_NET_FAMILY("transmit_compressed"), &NetDevice::tx_compressed},
}};
constexpr Family kNoHandler = BARO_NET_FAMILY("receive_nohandler");
#undef BARO_NET_FAMILY

class NetdevCollector final : public Collector {
 public:
  NetdevCollector(const CollectorContext& context, NameFilter exclude)
      : links_(LinkSource::SeesNode(context.options.paths.procfs) ? context.links : nullptr),
        init_file_(context.options.paths.procfs + "/1/net/dev"),
        file_(context.options.paths.procfs + "/net/dev"),
        exclude_(std::move(exclude)) {}

  void Prepare() override {
    if (links_ != nullptr) links_->Invalidate();
  }

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::vector<NetDevice>* devices, Read());
    for (const NetDevice& device : *devices) {
      if (exclude_.Matches(device.name)) continue;
      for (const NetColumn& column : kColumns) {
        section->Put(column.family, {device.name}, static_cast<double>(device.*column.value));
      }
      if (device.has_nohandler) {
        section->Put(kNoHandler, {device.name}, static_cast<double>(device.rx_nohandler));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<const std::vector<NetDevice>*> Read() {
    if (links_ != nullptr) {
      auto devices = links_->Read();
      if (devices.ok()) return devices;
    }
    // Process 1 of another procfs is in its node's network namespace.
    auto text = init_file_.Read();
    if (!text.ok()) text = file_.Read();
    BARO_TRY(text.status());
    BARO_TRY(ParseNetDev(*text, &devices_));
    return &devices_;
  }

  const std::shared_ptr<LinkSource> links_;  // null: netlink knows another node's interfaces
  ProcFile init_file_;
  ProcFile file_;
  NameFilter exclude_;
  std::vector<NetDevice> devices_;
};

}  // namespace

MadeCollector MakeNetdevCollector(const CollectorContext& context) {
  BARO_TRY_ASSIGN(NameFilter exclude, NameFilter::Make(context.options.filters.netdev_exclude));
  return std::make_unique<NetdevCollector>(context, std::move(exclude));
}

}  // namespace baro::agent
