#include "dns_source.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <utility>

#include "baro/base/random.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::discovery {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kDatagramBytesMax = 4096;

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string HostPort(std::string_view host, uint16_t port) {
  while (host.ends_with('.')) host.remove_suffix(1);
  const bool v6 = host.find(':') != std::string_view::npos;
  return base::StrCat(v6 ? "[" : "", host, v6 ? "]" : "", ":", port);
}

// Lives as long as its source or its look-ups under way, whichever end last.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  Resolver(DnsDiscovery discovery, const SourceContext& context, DnsOptions options)
      : discovery_(std::move(discovery)),
        context_(context),
        options_(std::move(options)),
        deadline_(context.executor),
        random_(base::RandomSeed()) {}

  bool Poll(int64_t now_ms) {
    if (!under_way_ && now_ms >= next_ms_) {
      next_ms_ = now_ms + discovery_.refresh_interval.count();
      under_way_ = true;
      asio::co_spawn(context_.executor, Run(shared_from_this()),
                     [self = shared_from_this()](const std::exception_ptr& thrown) {
                       self->under_way_ = false;
                       if (thrown != nullptr) ++self->errors_;
                     });
    }
    return std::exchange(changed_, false);
  }
  void Close() {
    closed_ = true;
    Abort();
  }

  std::vector<TargetGroup> groups() const {
    std::vector<TargetGroup> groups;
    for (const auto& [name, found] : groups_) {
      groups.insert(groups.end(), found.begin(), found.end());
    }
    return groups;
  }
  uint64_t errors() const { return errors_; }
  const std::map<std::string, std::string>& broken() const { return broken_; }

 private:
  static asio::awaitable<void> Run(std::shared_ptr<Resolver> self) {
    for (const std::string& name : self->discovery_.names) {
      const auto records = co_await self->LookUp(name);
      if (self->closed_) co_return;
      self->Take(name, records);
    }
    if (self->changed_ && self->context_.on_news) self->context_.on_news();
  }

  void Take(const std::string& name, const absl::StatusOr<std::vector<DnsRecord>>& records) {
    if (!records.ok()) {
      ++errors_;
      broken_[name] = base::FromAbsl(records.status().message());
      return;
    }
    broken_.erase(name);
    std::vector<TargetGroup> groups = GroupsOfRecords(name, discovery_.port, *records);
    if (groups_[name] == groups) return;
    groups_[name] = std::move(groups);
    changed_ = true;
  }

  // An existing name ends the search; that none exists is known when all servers say so.
  asio::awaitable<absl::StatusOr<std::vector<DnsRecord>>> LookUp(std::string name) {
    const ResolverConfig config = ReadResolverConfig(ReadText(options_.resolv_conf));
    absl::Status failure;
    for (const std::string& full_name : NamesToTry(config, name)) {
      const auto answer = co_await AskAnyServer(config, full_name);
      if (closed_) co_return absl::CancelledError("cannot look up: closing");
      if (!answer.ok()) {
        failure = answer.status();
      } else if (!answer->no_name) {
        co_return answer->records;
      }
    }
    if (!failure.ok()) co_return failure;
    co_return std::vector<DnsRecord>();
  }

  asio::awaitable<absl::StatusOr<DnsAnswer>> AskAnyServer(ResolverConfig config, std::string name) {
    absl::Status failure;
    for (const std::string& server : config.servers) {
      auto answer = co_await AskServer(server, name);
      if (answer.ok() || closed_) co_return answer;
      failure = absl::UnavailableError(base::StrCat("cannot look up ", name, " at ", server, ": ",
                                                    base::FromAbsl(answer.status().message())));
    }
    co_return failure;
  }

  asio::awaitable<absl::StatusOr<DnsAnswer>> AskServer(std::string server, std::string name) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(server, error);
    if (error) co_return absl::InvalidArgumentError("the server's address is none");
    const auto id = static_cast<uint16_t>(random_());
    BARO_CO_TRY_ASSIGN(const std::string question, WriteDnsQuestion(id, name, discovery_.type));
    BARO_CO_TRY_ASSIGN(std::string bytes, co_await AskOverUdp(address, question));
    BARO_CO_TRY_ASSIGN(DnsAnswer answer, ReadDnsAnswer(bytes, id, discovery_.type));
    if (!answer.truncated) co_return answer;
    BARO_CO_TRY_ASSIGN(bytes, co_await AskOverTcp(address, question));
    BARO_CO_TRY_ASSIGN(answer, ReadDnsAnswer(bytes, id, discovery_.type));
    co_return answer;
  }

  asio::awaitable<absl::StatusOr<std::string>> AskOverUdp(asio::ip::address address,
                                                          std::string question) {
    boost::system::error_code error;
    udp_.emplace(context_.executor);
    udp_->connect(udp::endpoint(address, options_.server_port), error);
    StartDeadline();
    std::string bytes(kDatagramBytesMax, '\0');
    size_t size = 0;
    if (!error) std::tie(error, size) = co_await udp_->async_send(asio::buffer(question), kAwait);
    if (!error) std::tie(error, size) = co_await udp_->async_receive(asio::buffer(bytes), kAwait);
    deadline_.cancel();
    udp_.reset();
    if (error) co_return absl::UnavailableError(Words(error));
    bytes.resize(size);
    co_return bytes;
  }

  asio::awaitable<absl::StatusOr<std::string>> AskOverTcp(asio::ip::address address,
                                                          std::string question) {
    boost::system::error_code error;
    size_t size = 0;
    tcp_.emplace(context_.executor);
    StartDeadline();
    std::tie(error) = co_await tcp_->async_connect({address, options_.server_port}, kAwait);
    const std::string message = base::StrCat(std::string{static_cast<char>(question.size() >> 8),
                                                         static_cast<char>(question.size() & 0xff)},
                                             question);
    if (!error) {
      std::tie(error, size) = co_await asio::async_write(*tcp_, asio::buffer(message), kAwait);
    }
    std::string bytes(2, '\0');
    if (!error) {
      std::tie(error, size) = co_await asio::async_read(*tcp_, asio::buffer(bytes), kAwait);
    }
    if (!error) {
      const size_t told = static_cast<size_t>(static_cast<unsigned char>(bytes[0])) << 8 |
                          static_cast<unsigned char>(bytes[1]);
      bytes.assign(told, '\0');
      std::tie(error, size) = co_await asio::async_read(*tcp_, asio::buffer(bytes), kAwait);
    }
    deadline_.cancel();
    tcp_.reset();
    if (error) co_return absl::UnavailableError(Words(error));
    co_return bytes;
  }

  static std::string Words(const boost::system::error_code& error) {
    return error == asio::error::operation_aborted ? "no answer in time" : error.message();
  }

  void StartDeadline() {
    deadline_.expires_after(std::chrono::milliseconds(options_.timeout_ms));
    deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->Abort();
    });
  }

  void Abort() {
    boost::system::error_code ignored;
    deadline_.cancel();
    if (udp_) udp_->cancel(ignored);
    if (tcp_) tcp_->close(ignored);
  }

  const DnsDiscovery discovery_;
  const SourceContext context_;
  const DnsOptions options_;
  asio::steady_timer deadline_;
  std::mt19937_64 random_;
  std::optional<udp::socket> udp_;
  std::optional<tcp::socket> tcp_;
  std::map<std::string, std::vector<TargetGroup>> groups_;  // by name
  std::map<std::string, std::string> broken_;               // names, errors
  uint64_t errors_ = 0;
  int64_t next_ms_ = 0;
  bool under_way_ = false;
  bool changed_ = false;
  bool closed_ = false;
};

class DnsSource final : public Source {
 public:
  DnsSource(DnsDiscovery discovery, const SourceContext& context, DnsOptions options)
      : resolver_(std::make_shared<Resolver>(std::move(discovery), context, std::move(options))) {}
  ~DnsSource() override { resolver_->Close(); }

  bool Poll(int64_t now_ms) override { return resolver_->Poll(now_ms); }
  std::vector<TargetGroup> groups() const override { return resolver_->groups(); }
  uint64_t errors() const override { return resolver_->errors(); }
  std::vector<std::pair<std::string, std::string>> Broken() const override {
    return {resolver_->broken().begin(), resolver_->broken().end()};
  }

 private:
  const std::shared_ptr<Resolver> resolver_;
};

}  // namespace

std::vector<TargetGroup> GroupsOfRecords(const std::string& name, uint16_t port,
                                         const std::vector<DnsRecord>& records) {
  std::vector<TargetGroup> groups;
  for (const DnsRecord& record : records) {
    TargetGroup group;
    group.labels["__meta_dns_name"] = name;
    switch (record.type) {
      case DnsType::kSrv:
        group.labels["__meta_dns_srv_record_target"] = record.host;
        group.labels["__meta_dns_srv_record_port"] = std::to_string(record.port);
        break;
      case DnsType::kMx:
        group.labels["__meta_dns_mx_record_target"] = record.host;
        break;
      case DnsType::kNs:
        group.labels["__meta_dns_ns_record_target"] = record.host;
        break;
      default:
        break;
    }
    group.targets.push_back(
        HostPort(record.host, record.type == DnsType::kSrv ? record.port : port));
    groups.push_back(std::move(group));
  }
  return groups;
}

std::unique_ptr<Source> MakeDnsSource(DnsDiscovery discovery, const SourceContext& context,
                                      DnsOptions options) {
  return std::make_unique<DnsSource>(std::move(discovery), context, std::move(options));
}

}  // namespace baro::discovery
