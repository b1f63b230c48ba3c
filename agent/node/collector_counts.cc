// interrupts, mdadm, processes, tcpstat: things counted from one file, or from one file a process.

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "device_collectors.h"
#include "mdstat.h"
#include "proc_text.h"
#include "sys_folder.h"

namespace baro::agent {
namespace {

constexpr auto kGauge = model::MetricType::kGauge;

constexpr Family kInterrupts{"node_interrupts_total",
                             "Interrupt details.",
                             model::MetricType::kCounter,
                             {"cpu", "type", "info", "devices"}};

// Lines " 16:  100  200  IO-APIC  16-fasteoi  ehci_hcd"; the first names the CPUs.
class InterruptsCollector final : public Collector {
 public:
  explicit InterruptsCollector(const CollectorContext& context)
      : file_(context.options.paths.procfs + "/interrupts", 16'384) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(std::string_view text, file_.Read());
    std::string_view line;
    if (!TakeLine(&text, &line)) return absl::DataLossError("cannot read interrupts: empty");
    cpus_.clear();
    while (!TakeField(&line).empty()) cpus_.push_back(base::StrCat(cpus_.size()));
    while (TakeLine(&text, &line)) PutLine(line, section);
    return absl::OkStatus();
  }

 private:
  void PutLine(std::string_view line, Section* section) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view name = TrimSpace(line.substr(0, colon));
    line.remove_prefix(colon + 1);
    counts_.resize(cpus_.size());
    for (uint64_t& count : counts_) {
      if (!TakeNumber(&line, &count)) return;  // ERR and MIS have one count for all CPUs
    }
    uint32_t number = 0;
    const bool is_numbered = ParseNumber(name, &number);
    const std::string_view first = is_numbered ? TakeField(&line) : std::string_view();
    const std::string rest = Joined(line);
    const std::string_view info = is_numbered ? first : std::string_view(rest);
    const std::string_view devices = is_numbered ? std::string_view(rest) : std::string_view();
    if (info.empty()) return;
    for (size_t cpu = 0; cpu < cpus_.size(); ++cpu) {
      section->Put(kInterrupts, {cpus_[cpu], name, info, devices},
                   static_cast<double>(counts_[cpu]));
    }
  }
  // The fields with one space between them.
  static std::string Joined(std::string_view line) {
    std::string joined;
    for (std::string_view field = TakeField(&line); !field.empty(); field = TakeField(&line)) {
      base::StrAppend(&joined, joined.empty() ? "" : " ", field);
    }
    return joined;
  }

  ProcFile file_;
  std::vector<std::string> cpus_;
  std::vector<uint64_t> counts_;
};

constexpr Family kMdState{
    "node_md_state", "Indicates the state of md-device.", kGauge, {"device", "state"}};
constexpr Family kMdDisks{
    "node_md_disks", "Number of active/failed/spare disks of device.", kGauge, {"device", "state"}};
constexpr Family kMdRequired{
    "node_md_disks_required", "Total number of disks of device.", kGauge, {"device"}};
constexpr Family kMdBlocks{
    "node_md_blocks", "Total number of blocks on device.", kGauge, {"device"}};
constexpr Family kMdSynced{
    "node_md_blocks_synced", "Number of blocks synced on device.", kGauge, {"device"}};

class MdadmCollector final : public Collector {
 public:
  explicit MdadmCollector(const CollectorContext& context)
      : file_(context.options.paths.procfs + "/mdstat") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseMdstat(text, &devices_));
    for (const MdDevice& device : devices_) PutDevice(device, section);
    return absl::OkStatus();
  }

 private:
  static void PutDevice(const MdDevice& device, Section* section) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kStates = {
        {{"active", "active"},
         {"inactive", "inactive"},
         {"recovering", "recovering"},
         {"resync", "resyncing"},
         {"check", "checking"}}};
    section->Put(kMdRequired, {device.name}, device.disks_required);
    section->Put(kMdDisks, {device.name, "active"}, device.disks_active);
    section->Put(kMdDisks, {device.name, "failed"}, device.disks_failed);
    section->Put(kMdDisks, {device.name, "spare"}, device.disks_spare);
    for (const auto& [label, state] : kStates) {
      section->Put(kMdState, {device.name, label}, device.state == state ? 1 : 0);
    }
    section->Put(kMdBlocks, {device.name}, device.blocks);
    section->Put(kMdSynced, {device.name}, device.blocks_synced);
  }

  ProcFile file_;
  std::vector<MdDevice> devices_;
};

constexpr Family kThreads{"node_processes_threads", "Allocated threads in system"};
constexpr Family kThreadsMax{"node_processes_max_threads", "Limit of threads in the system"};
constexpr Family kProcessState{
    "node_processes_state", "Number of processes in each state.", kGauge, {"state"}};
constexpr Family kThreadState{
    "node_processes_threads_state", "Number of threads in each state.", kGauge, {"thread_state"}};
constexpr Family kPids{"node_processes_pids", "Number of PIDs"};
constexpr Family kPidsMax{"node_processes_max_processes", "Number of max PIDs limit"};

// The state of "12 (a (b) c) S 1 …", and how many threads.
struct ProcessStat {
  char state = '\0';
  uint64_t threads = 0;
};
bool ParseProcessStat(std::string_view text, ProcessStat* stat) {
  // A name may hold anything, also ") S": its end is the last bracket.
  const size_t end = text.rfind(')');
  if (end == std::string_view::npos) return false;
  std::string_view rest = text.substr(end + 1);
  const std::string_view state = TakeField(&rest);
  if (state.size() != 1) return false;
  stat->state = state[0];
  for (int skipped = 0; skipped < 16; ++skipped) TakeField(&rest);
  return TakeNumber(&rest, &stat->threads);
}

class ProcessesCollector final : public Collector {
 public:
  explicit ProcessesCollector(const CollectorContext& context)
      : root_(context.options.paths.procfs + "/") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const auto entries, FolderEntries(root_));
    std::map<char, double> processes;
    std::map<char, double> threads;
    double pids = 0;
    double all_threads = 0;
    for (const std::string& entry : entries) {
      uint32_t pid = 0;
      ProcessStat stat;
      if (!ParseNumber(std::string_view(entry), &pid)) continue;
      if (!ReadStat(root_ + entry + "/stat", &stat)) continue;  // it has ended meanwhile
      ++pids;
      ++processes[stat.state];
      all_threads += static_cast<double>(stat.threads);
      CountThreads(entry, stat, &threads);
    }
    section->Put(kThreads, all_threads);
    PutLimit(kThreadsMax, "sys/kernel/threads-max", section);
    for (const auto& [state, count] : processes) {
      section->Put(kProcessState, {std::string_view(&state, 1)}, count);
    }
    for (const auto& [state, count] : threads) {
      section->Put(kThreadState, {std::string_view(&state, 1)}, count);
    }
    section->Put(kPids, pids);
    PutLimit(kPidsMax, "sys/kernel/pid_max", section);
    return absl::OkStatus();
  }

 private:
  static bool ReadStat(const std::string& path, ProcessStat* stat) {
    const std::optional<std::string> text = ReadSmallFile(path);
    return text && ParseProcessStat(*text, stat);
  }
  // The first thread's state is the process's.
  void CountThreads(const std::string& pid, const ProcessStat& process,
                    std::map<char, double>* threads) const {
    ++(*threads)[process.state];
    if (process.threads <= 1) return;
    const auto tasks = FolderEntries(root_ + pid + "/task");
    if (!tasks.ok()) return;
    for (const std::string& task : *tasks) {
      ProcessStat stat;
      if (task != pid && ReadStat(root_ + pid + "/task/" + task + "/stat", &stat)) {
        ++(*threads)[stat.state];
      }
    }
  }
  void PutLimit(const Family& family, const char* file, Section* section) const {
    const std::optional<double> limit = ReadNumberFile(root_ + file);
    if (limit) section->Put(family, *limit);
  }

  const std::string root_;
};

constexpr Family kTcpStates{
    "node_tcp_connection_states", "Number of connection states.", kGauge, {"state"}};

// By sock_diag, which does not print a line a socket.
class TcpstatCollector final : public Collector {
 public:
  absl::Status Collect(Section* section) override {
    counts_ = {};
    rx_bytes_ = tx_bytes_ = 0;
    BARO_TRY(Count(AF_INET));
    BARO_TRY(Count(AF_INET6));
    for (size_t state = 1; state < counts_.size(); ++state) {
      if (counts_[state] > 0) section->Put(kTcpStates, {kNames[state]}, counts_[state]);
    }
    section->Put(kTcpStates, {"rx_queued_bytes"}, rx_bytes_);
    section->Put(kTcpStates, {"tx_queued_bytes"}, tx_bytes_);
    return absl::OkStatus();
  }

 private:
  // By the kernel's numbers (TCP_ESTABLISHED is 1).
  static constexpr std::array<std::string_view, 12> kNames = {
      "",          "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
      "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing"};

  absl::Status Count(uint8_t family) {
    const int socket_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (socket_fd < 0) return absl::UnavailableError("cannot open a sock_diag socket");
    const absl::Status status = Dump(socket_fd, family);
    close(socket_fd);
    return status;
  }

  absl::Status Dump(int socket_fd, uint8_t family) {
    struct {
      nlmsghdr header;
      inet_diag_req_v2 request;
    } message = {};
    message.header.nlmsg_len = sizeof(message);
    message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.request.sdiag_family = family;
    message.request.sdiag_protocol = IPPROTO_TCP;
    message.request.idiag_states = 0xFFF;
    if (send(socket_fd, &message, sizeof(message), 0) < 0) {
      return absl::UnavailableError("cannot ask sock_diag");
    }
    std::array<char, 32'768> buffer;
    bool done = false;
    while (!done) {
      const ssize_t got = recv(socket_fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) return absl::UnavailableError("cannot read from sock_diag");
      BARO_TRY(AddAll({buffer.data(), static_cast<size_t>(got)}, &done));
    }
    return absl::OkStatus();
  }

  // The messages of one datagram.
  absl::Status AddAll(std::string_view bytes, bool* done) {
    nlmsghdr header;
    while (bytes.size() >= sizeof header) {
      std::memcpy(&header, bytes.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) {
        return absl::DataLossError("a sock_diag message is longer than its datagram");
      }
      *done = header.nlmsg_type == NLMSG_DONE;
      if (*done) return absl::OkStatus();
      if (header.nlmsg_type == NLMSG_ERROR) {
        return absl::UnavailableError("sock_diag refuses to list sockets");
      }
      inet_diag_msg message;
      if (header.nlmsg_len >= sizeof header + sizeof message) {
        std::memcpy(&message, bytes.data() + sizeof header, sizeof message);
        Add(message);
      }
      bytes.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
    }
    return absl::OkStatus();
  }

  void Add(const inet_diag_msg& message) {
    if (message.idiag_state < counts_.size()) ++counts_[message.idiag_state];
    rx_bytes_ += static_cast<double>(message.idiag_rqueue);
    tx_bytes_ += static_cast<double>(message.idiag_wqueue);
  }

  std::array<double, 12> counts_ = {};
  double rx_bytes_ = 0;
  double tx_bytes_ = 0;
};

}  // namespace

MadeCollector MakeInterruptsCollector(const CollectorContext& context) {
  return std::make_unique<InterruptsCollector>(context);
}
MadeCollector MakeMdadmCollector(const CollectorContext& context) {
  return std::make_unique<MdadmCollector>(context);
}
MadeCollector MakeProcessesCollector(const CollectorContext& context) {
  return std::make_unique<ProcessesCollector>(context);
}
MadeCollector MakeTcpstatCollector(const CollectorContext&) {
  return std::make_unique<TcpstatCollector>();
}

}  // namespace baro::agent
