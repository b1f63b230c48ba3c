// netstat, sockstat, softnet, conntrack, arp and udp_queues: the network as a whole, from
// /proc/net.

#include <unistd.h>

#include <map>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "collectors.h"
#include "field_families.h"
#include "name_filter.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

// The node's network, also for an agent with a network namespace of its own: `net` is a link to the
// reader's; process 1 of the node's procfs is in the node's.
std::string NetFolder(const CollectorContext& context) {
  const std::string& procfs = context.options.paths.procfs;
  const std::string init = procfs + "/1/net";
  const bool is_ours = LinkSource::SeesNode(procfs);
  return !is_ours && access(init.c_str(), R_OK | X_OK) == 0 ? init : procfs + "/net";
}

using model::MetricType;

class NetstatCollector final : public Collector {
 public:
  NetstatCollector(const CollectorContext& context, NameFilter include)
      : netstat_(NetFolder(context) + "/netstat", 8192),
        snmp_(NetFolder(context) + "/snmp"),
        snmp6_(NetFolder(context) + "/snmp6", 8192),
        include_(std::move(include)) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(std::string_view text, netstat_.Read());
    BARO_TRY(ParseNetstat(text, &values_));
    BARO_TRY(PutValues(section));
    BARO_TRY_ASSIGN(text, snmp_.Read());
    BARO_TRY(ParseNetstat(text, &values_));
    BARO_TRY(PutValues(section));
    const auto text6 = snmp6_.Read();
    if (absl::IsNotFound(text6.status())) return absl::OkStatus();  // no IPv6
    BARO_TRY(text6.status());
    BARO_TRY(ParseSnmp6(*text6, &values_));
    return PutValues(section);
  }

 private:
  absl::Status PutValues(Section* section) {
    for (const ProtocolValue& value : values_) {
      key_.assign(value.protocol).append("_").append(value.name);
      if (!include_.Matches(key_)) continue;
      const Family* family = families_.Get(key_, [&](std::string_view key) {
        return std::make_unique<OwnedFamily>(
            base::StrCat("node_netstat_", key),
            base::StrCat("Statistic ", value.protocol, value.name, "."), MetricType::kUnknown);
      });
      if (family == nullptr) return absl::DataLossError("cannot read netstat: too many fields");
      section->Put(*family, value.value);
    }
    return absl::OkStatus();
  }

  ProcFile netstat_;
  ProcFile snmp_;
  ProcFile snmp6_;
  NameFilter include_;
  FieldFamilies families_;
  std::vector<ProtocolValue> values_;
  std::string key_;
};

class SockstatCollector final : public Collector {
 public:
  explicit SockstatCollector(const CollectorContext& context)
      : file_(NetFolder(context) + "/sockstat", 512),
        file6_(NetFolder(context) + "/sockstat6", 512),
        page_bytes_(static_cast<double>(sysconf(_SC_PAGESIZE))) {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseSockstat(text, &values_));
    BARO_TRY(PutValues(section));
    const auto text6 = file6_.Read();
    if (absl::IsNotFound(text6.status())) return absl::OkStatus();  // no IPv6
    BARO_TRY(text6.status());
    BARO_TRY(ParseSockstat(*text6, &values_));
    return PutValues(section);
  }

 private:
  absl::Status PutValues(Section* section) {
    for (const ProtocolValue& value : values_) {
      BARO_TRY(PutState(value.protocol, value.name, value.value, section));
      if (value.name == "mem") {
        BARO_TRY(PutState(value.protocol, "mem_bytes", value.value * page_bytes_, section));
      }
    }
    return absl::OkStatus();
  }

  absl::Status PutState(std::string_view protocol, std::string_view state, double value,
                        Section* section) {
    key_.assign(protocol).append("_").append(state);
    const Family* family = families_.Get(key_, [&](std::string_view key) {
      return std::make_unique<OwnedFamily>(
          base::StrCat("node_sockstat_", key),
          key == "sockets_used"
              ? std::string("Number of IPv4 sockets in use.")
              : base::StrCat("Number of ", protocol, " sockets in state ", state, "."),
          MetricType::kGauge);
    });
    if (family == nullptr) return absl::DataLossError("cannot read sockstat: too many fields");
    section->Put(*family, value);
    return absl::OkStatus();
  }

  ProcFile file_;
  ProcFile file6_;
  const double page_bytes_;
  FieldFamilies families_;
  std::vector<ProtocolValue> values_;
  std::string key_;
};

// One column of /proc/net/softnet_stat (net/core/net-procfs.c); later kernels append more.
struct SoftnetColumn {
  size_t index;
  Family family;
};
constexpr size_t kSoftnetCpuColumn = 12;
constexpr std::array<SoftnetColumn, 7> kSoftnetColumns = {{
    {0,
     {"node_softnet_processed_total",
      "Number of processed packets",
      MetricType::kCounter,
      {"cpu"}}},
    {1, {"node_softnet_dropped_total", "Number of dropped packets", MetricType::kCounter, {"cpu"}}},
    {2,
     {"node_softnet_times_squeezed_total",
      "Number of times processing packets ran out of quota",
      MetricType::kCounter,
      {"cpu"}}},
    {8,
     {"node_softnet_cpu_collision_total",
      "Number of collision occur while obtaining device lock while transmitting",
      MetricType::kCounter,
      {"cpu"}}},
    {9,
     {"node_softnet_received_rps_total",
      "Number of times cpu woken up received_rps",
      MetricType::kCounter,
      {"cpu"}}},
    {10,
     {"node_softnet_flow_limit_count_total",
      "Number of times flow limit has been reached",
      MetricType::kCounter,
      {"cpu"}}},
    {11, {"node_softnet_backlog_len", "Softnet backlog status", MetricType::kGauge, {"cpu"}}},
}};

class SoftnetCollector final : public Collector {
 public:
  explicit SoftnetCollector(const CollectorContext& context)
      : file_(NetFolder(context) + "/softnet_stat") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseHexRows(text, &rows_));
    for (size_t i = 0; i < rows_.size(); ++i) {
      const HexRow& row = rows_[i];
      // Offline CPUs have no line, so the number is told since 5.14.
      const uint64_t cpu = row.size() > kSoftnetCpuColumn ? row[kSoftnetCpuColumn] : i;
      cpu_.clear();
      base::StrAppend(&cpu_, cpu);
      for (const SoftnetColumn& column : kSoftnetColumns) {
        if (column.index >= row.size()) break;
        section->Put(column.family, {cpu_}, static_cast<double>(row[column.index]));
      }
    }
    return absl::OkStatus();
  }

 private:
  ProcFile file_;
  std::vector<HexRow> rows_;
  std::string cpu_;
};

constexpr Family kEntries{"node_nf_conntrack_entries",
                          "Number of currently allocated flow entries for connection tracking."};
constexpr Family kEntriesLimit{"node_nf_conntrack_entries_limit",
                               "Maximum size of connection tracking table."};

// A column of /proc/net/stat/nf_conntrack by its heading; told as the sum over all CPUs.
struct ConntrackColumn {
  std::string_view heading;
  Family family;
};
constexpr std::array<ConntrackColumn, 8> kConntrackColumns = {{
    {"found",
     {"node_nf_conntrack_stat_found", "Number of searched entries which were successful."}},
    {"invalid",
     {"node_nf_conntrack_stat_invalid", "Number of packets seen which can not be tracked."}},
    {"ignore",
     {"node_nf_conntrack_stat_ignore",
      "Number of packets seen which are already connected to a conntrack entry."}},
    {"insert", {"node_nf_conntrack_stat_insert", "Number of entries inserted into the list."}},
    {"insert_failed",
     {"node_nf_conntrack_stat_insert_failed",
      "Number of entries for which list insertion was attempted but failed."}},
    {"drop",
     {"node_nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure."}},
    {"early_drop",
     {"node_nf_conntrack_stat_early_drop",
      "Number of dropped conntrack entries to make room for new ones, if maximum table size was "
      "reached."}},
    {"search_restart",
     {"node_nf_conntrack_stat_search_restart",
      "Number of conntrack table lookups which had to be restarted due to hashtable resizes."}},
}};

class ConntrackCollector final : public Collector {
 public:
  explicit ConntrackCollector(const CollectorContext& context)
      : count_(context.options.paths.procfs + "/sys/net/netfilter/nf_conntrack_count", 64),
        limit_(context.options.paths.procfs + "/sys/net/netfilter/nf_conntrack_max", 64),
        stat_(NetFolder(context) + "/stat/nf_conntrack") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY(PutNumber(&count_, kEntries, section));
    BARO_TRY(PutNumber(&limit_, kEntriesLimit, section));
    const auto text = stat_.Read();
    if (!text.ok()) return absl::OkStatus();  // CONFIG_NF_CONNTRACK_PROCFS is often off
    std::string_view rest = *text;
    std::string_view headings;
    if (!TakeLine(&rest, &headings)) return absl::OkStatus();
    BARO_TRY(ParseHexRows(rest, &rows_));
    PutColumns(headings, section);
    return absl::OkStatus();
  }

 private:
  static absl::Status PutNumber(ProcFile* file, const Family& family, Section* section) {
    BARO_TRY_ASSIGN(const std::string_view text, file->Read());
    double number = 0;
    if (!ParseNumber(TrimSpace(text), &number)) {
      return absl::DataLossError(base::StrCat("cannot parse ", file->path(), ": no number"));
    }
    section->Put(family, number);
    return absl::OkStatus();
  }

  void PutColumns(std::string_view headings, Section* section) const {
    size_t index = 0;
    for (std::string_view heading = TakeField(&headings); !heading.empty();
         heading = TakeField(&headings), ++index) {
      for (const ConntrackColumn& column : kConntrackColumns) {
        if (column.heading != heading) continue;
        double sum = 0;
        for (const HexRow& row : rows_) {
          if (index < row.size()) sum += static_cast<double>(row[index]);
        }
        section->Put(column.family, sum);
      }
    }
  }

  ProcFile count_;
  ProcFile limit_;
  ProcFile stat_;
  std::vector<HexRow> rows_;
};

constexpr Family kArpEntries{
    "node_arp_entries", "ARP entries by device", MetricType::kGauge, {"device"}};

class ArpCollector final : public Collector {
 public:
  explicit ArpCollector(const CollectorContext& context) : file_(NetFolder(context) + "/arp") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
    BARO_TRY(ParseArp(text, &devices_));
    std::map<std::string_view, uint64_t> counts;
    for (const std::string_view device : devices_) ++counts[device];
    for (const auto& [device, count] : counts) {
      section->Put(kArpEntries, {device}, static_cast<double>(count));
    }
    return absl::OkStatus();
  }

 private:
  ProcFile file_;
  std::vector<std::string_view> devices_;
};

constexpr Family kUdpQueues{"node_udp_queues",
                            "Number of allocated memory in the kernel for UDP datagrams in bytes.",
                            MetricType::kGauge,
                            {"queue", "ip"}};

class UdpQueuesCollector final : public Collector {
 public:
  explicit UdpQueuesCollector(const CollectorContext& context)
      : file_(NetFolder(context) + "/udp"), file6_(NetFolder(context) + "/udp6") {}

  absl::Status Collect(Section* section) override {
    BARO_TRY(Put(&file_, "v4", section));
    return Put(&file6_, "v6", section);
  }

 private:
  static absl::Status Put(ProcFile* file, std::string_view ip, Section* section) {
    const auto text = file->Read();
    if (absl::IsNotFound(text.status())) return absl::OkStatus();  // no such IP version here
    BARO_TRY(text.status());
    UdpQueues queues;
    BARO_TRY(ParseUdpQueues(*text, &queues));
    section->Put(kUdpQueues, {"tx", ip}, static_cast<double>(queues.tx_bytes));
    section->Put(kUdpQueues, {"rx", ip}, static_cast<double>(queues.rx_bytes));
    return absl::OkStatus();
  }

  ProcFile file_;
  ProcFile file6_;
};

}  // namespace

MadeCollector MakeNetstatCollector(const CollectorContext& context) {
  BARO_TRY_ASSIGN(NameFilter include, NameFilter::Make(context.options.filters.netstat_include));
  return std::make_unique<NetstatCollector>(context, std::move(include));
}
MadeCollector MakeSockstatCollector(const CollectorContext& context) {
  return std::make_unique<SockstatCollector>(context);
}
MadeCollector MakeSoftnetCollector(const CollectorContext& context) {
  return std::make_unique<SoftnetCollector>(context);
}
MadeCollector MakeConntrackCollector(const CollectorContext& context) {
  return std::make_unique<ConntrackCollector>(context);
}
MadeCollector MakeArpCollector(const CollectorContext& context) {
  return std::make_unique<ArpCollector>(context);
}
MadeCollector MakeUdpQueuesCollector(const CollectorContext& context) {
  return std::make_unique<UdpQueuesCollector>(context);
}

}  // namespace baro::agent
