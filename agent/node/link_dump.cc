#include "link_dump.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
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
  NetDevice device;
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
