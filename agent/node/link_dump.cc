#include "link_dump.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

// The kernel fills at most this much a message batch; larger is offered when a single interface
// needs it, which none does without IFLA_EXT_MASK.
constexpr size_t kDatagramBytesMax = 64 << 10;

absl::Status BadDump(std::string_view cause) {
  return absl::DataLossError(base::StrCat("cannot parse link dump: ", cause));
}

absl::Status SystemError(std::string_view what) {
  return absl::UnavailableError(base::StrCat("cannot ", what, ": ", std::strerror(errno)));
}

void FillDevice(const rtnl_link_stats64& stats, NetDevice* device) {
  device->rx_bytes = stats.rx_bytes;
  device->rx_packets = stats.rx_packets;
  device->rx_errs = stats.rx_errors;
  // /proc/net/dev's sums, which the names of the field's metrics are about.
  device->rx_drop = stats.rx_dropped + stats.rx_missed_errors;
  device->rx_fifo = stats.rx_fifo_errors;
  device->rx_frame =
      stats.rx_length_errors + stats.rx_over_errors + stats.rx_crc_errors + stats.rx_frame_errors;
  device->rx_compressed = stats.rx_compressed;
  device->rx_multicast = stats.multicast;
  device->rx_nohandler = stats.rx_nohandler;
  device->has_nohandler = true;
  device->tx_bytes = stats.tx_bytes;
  device->tx_packets = stats.tx_packets;
  device->tx_errs = stats.tx_errors;
  device->tx_drop = stats.tx_dropped;
  device->tx_fifo = stats.tx_fifo_errors;
  device->tx_colls = stats.collisions;
  device->tx_carrier = stats.tx_carrier_errors + stats.tx_aborted_errors + stats.tx_window_errors +
                       stats.tx_heartbeat_errors;
  device->tx_compressed = stats.tx_compressed;
}

// "02:fc:00:00:00:01". Hardware addresses have at most 32 bytes (MAX_ADDR_LEN).
std::string HardwareAddress(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes.substr(0, 32)) {
    const auto byte = static_cast<uint8_t>(c);
    if (!text.empty()) text += ':';
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

// A number of one or four bytes; zero when it is of another size.
uint32_t Number(std::string_view value) {
  if (value.size() == 1) return static_cast<uint8_t>(value[0]);
  uint32_t number = 0;
  if (value.size() == sizeof number) std::memcpy(&number, value.data(), sizeof number);
  return number;
}

void FillFact(unsigned type, std::string_view value, LinkFacts* facts) {
  switch (type) {
    case IFLA_MTU:
      facts->mtu = Number(value);
      break;
    case IFLA_LINK:
      facts->link = Number(value);
      break;
    case IFLA_LINKMODE:
      facts->link_mode = Number(value);
      break;
    case IFLA_GROUP:
      facts->group = Number(value);
      break;
    case IFLA_TXQLEN:
      facts->queue_length = Number(value);
      break;
    case IFLA_OPERSTATE:
      facts->operstate = Number(value);
      break;
    case IFLA_CARRIER:
      facts->carrier = Number(value);
      break;
    case IFLA_CARRIER_CHANGES:
      facts->carrier_changes = Number(value);
      break;
    case IFLA_CARRIER_UP_COUNT:
      facts->carrier_ups = Number(value);
      break;
    case IFLA_CARRIER_DOWN_COUNT:
      facts->carrier_downs = Number(value);
      break;
    case IFLA_ADDRESS:
      facts->address = HardwareAddress(value);
      break;
    case IFLA_BROADCAST:
      facts->broadcast = HardwareAddress(value);
      break;
    case IFLA_IFALIAS:
      facts->alias = value.substr(0, value.find('\0'));
      break;
    default:
      break;
  }
}

// The attributes of one RTM_NEWLINK message. A link without name or counters is no error: it is
// skipped by its empty name.
absl::Status ParseLink(std::string_view attributes, NetDevice* device) {
  bool has_stats = false;
  std::string_view name;
  while (attributes.size() >= sizeof(rtattr)) {
    rtattr header;
    std::memcpy(&header, attributes.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > attributes.size()) {
      return BadDump("attribute longer than its message");
    }
    const std::string_view value = attributes.substr(sizeof header, header.rta_len - sizeof header);
    if (header.rta_type == IFLA_IFNAME) {
      name = value.substr(0, value.find('\0'));
    } else if (header.rta_type == IFLA_STATS64) {
      rtnl_link_stats64 stats{};  // an older kernel's is shorter, a newer one's longer
      std::memcpy(&stats, value.data(), std::min(value.size(), sizeof stats));
      FillDevice(stats, device);
      has_stats = true;
    } else {
      FillFact(header.rta_type, value, &device->facts);
    }
    attributes.remove_prefix(std::min<size_t>(RTA_ALIGN(header.rta_len), attributes.size()));
  }
  if (has_stats) device->name = name;
  return absl::OkStatus();
}

absl::Status ParseMessage(const nlmsghdr& header, std::string_view payload,
                          std::vector<NetDevice>* devices) {
  if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
    return absl::UnavailableError("link dump was interrupted by a change");
  }
  if (header.nlmsg_type == NLMSG_ERROR) {
    int32_t error = 0;
    if (payload.size() >= sizeof error) std::memcpy(&error, payload.data(), sizeof error);
    return absl::UnavailableError(base::StrCat(
        "cannot dump links: ", std::strerror(error < 0 && error > -4096 ? -error : 0)));
  }
  if (header.nlmsg_type != RTM_NEWLINK) return absl::OkStatus();
  const size_t skip = NLMSG_ALIGN(sizeof(ifinfomsg));
  if (payload.size() < skip) return BadDump("link message too short");
  ifinfomsg link;
  std::memcpy(&link, payload.data(), sizeof link);
  NetDevice device;
  device.facts.index = static_cast<uint32_t>(link.ifi_index);
  device.facts.link = device.facts.index;
  // What netlink adds to the device's own flags is told elsewhere (operstate, carrier).
  device.facts.flags = link.ifi_flags & ~uint32_t{IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT};
  device.facts.type = link.ifi_type;
  BARO_TRY(ParseLink(payload.substr(skip), &device));
  if (device.name.empty()) return absl::OkStatus();
  if (devices->size() >= kProcRowsMax) return BadDump("too many interfaces");
  devices->push_back(device);
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseLinkDump(std::string_view bytes, std::vector<NetDevice>* devices, bool* done) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) {
      return BadDump("message longer than its datagram");
    }
    if (header.nlmsg_type == NLMSG_DONE) {
      *done = true;
      return absl::OkStatus();
    }
    const std::string_view payload = bytes.substr(sizeof header, header.nlmsg_len - sizeof header);
    BARO_TRY(ParseMessage(header, payload, devices));
    bytes.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
  }
  return absl::OkStatus();
}

LinkDump::~LinkDump() { Close(); }

void LinkDump::Close() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

absl::Status LinkDump::Open() {
  if (socket_ >= 0) return absl::OkStatus();
  socket_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (socket_ < 0) return SystemError("open netlink socket");
  const timeval timeout{.tv_sec = 1, .tv_usec = 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  return absl::OkStatus();
}

absl::Status LinkDump::ReadOnce(std::vector<NetDevice>* devices) {
  BARO_TRY(Open());
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (send(socket_, &request, sizeof request, 0) < 0) return SystemError("ask for links");
  devices->clear();
  bytes_.resize(kDatagramBytesMax);
  for (bool done = false; !done;) {
    const ssize_t got = recv(socket_, bytes_.data(), bytes_.size(), MSG_TRUNC);
    if (got < 0) return SystemError("read links");
    if (static_cast<size_t>(got) > bytes_.size()) return BadDump("datagram truncated");
    BARO_TRY(ParseLinkDump({bytes_.data(), static_cast<size_t>(got)}, devices, &done));
  }
  return absl::OkStatus();
}

absl::StatusOr<const std::vector<NetDevice>*> LinkSource::Read() {
  if (fresh_) return &devices_;
  BARO_TRY(dump_.Read(&devices_));
  fresh_ = true;
  return &devices_;
}

bool LinkSource::SeesNode(const std::string& procfs) {
  if (procfs == "/proc") return true;
  struct stat node{};
  struct stat self{};
  return stat((procfs + "/1/ns/net").c_str(), &node) == 0 &&
         stat("/proc/self/ns/net", &self) == 0 && node.st_ino == self.st_ino &&
         node.st_dev == self.st_dev;
}

absl::Status LinkDump::Read(std::vector<NetDevice>* devices) {
  absl::Status status;
  for (int attempt = 0; attempt < 3; ++attempt) {
    status = ReadOnce(devices);
    if (status.ok()) return status;
    Close();  // what is still under way for the failed question must not answer the next
  }
  return status;
}

}  // namespace baro::agent
