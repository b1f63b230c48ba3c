// DNS answers become targets as in Prometheus; a server that is away or lies changes nothing.
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <fstream>

#include "baro/base/strings.h"
#include "dns_message.h"
#include "dns_source.h"

namespace baro::discovery {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

std::string Big16(int value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

// The answer to `question`: the records' data, each owned by the question's name.
std::string AnswerTo(std::string_view question, int code, int type,
                     const std::vector<std::string>& records) {
  std::string answer(question);
  answer[2] = static_cast<char>(0x81);
  answer[3] = static_cast<char>(0x80 | code);
  answer.replace(6, 2, Big16(static_cast<int>(records.size())));
  for (const std::string& data : records) {
    answer += "\xc0\x0c";
    answer += Big16(type) + Big16(1) + Big16(0) + Big16(60);
    answer += Big16(static_cast<int>(data.size())) + data;
  }
  return answer;
}

TEST(DnsMessage, ReadsEachKindOfRecord) {
  const std::string question = *WriteDnsQuestion(7, "web.test.", DnsType::kA);
  auto answer = ReadDnsAnswer(AnswerTo(question, 0, 1, {"\x0a\x01\x02\x03"}), 7, DnsType::kA);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->records[0].host, "10.1.2.3");
  const std::string srv = Big16(1) + Big16(2) + Big16(8080) + std::string("\x01") + "a\xc0\x0c";
  answer = ReadDnsAnswer(AnswerTo(question, 0, 33, {srv}), 7, DnsType::kSrv);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->records[0].host, "a.web.test.");
  EXPECT_EQ(answer->records[0].port, 8080);
  answer = ReadDnsAnswer(AnswerTo(question, 0, 15, {Big16(5) + "\x02mx\xc0\x0c"}), 7, DnsType::kMx);
  EXPECT_EQ(answer->records[0].host, "mx.web.test.");
  answer = ReadDnsAnswer(AnswerTo(question, 3, 1, {}), 7, DnsType::kA);
  EXPECT_TRUE(answer->no_name);
}

TEST(DnsMessage, RefusesEveryTruncationAndLoops) {
  const std::string question = *WriteDnsQuestion(7, "web.test.", DnsType::kA);
  const std::string good = AnswerTo(question, 0, 1, {"\x0a\x01\x02\x03", "\x0a\x01\x02\x04"});
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ReadDnsAnswer(std::string_view(good).substr(0, size), 7, DnsType::kA).ok())
        << size;
  }
  EXPECT_FALSE(ReadDnsAnswer(good, 8, DnsType::kA).ok()) << "another question's";
  std::string loop = good;
  loop.replace(question.size(), 2, std::string("\xc0") + static_cast<char>(question.size()));
  EXPECT_FALSE(ReadDnsAnswer(loop, 7, DnsType::kA).ok());
  EXPECT_FALSE(WriteDnsQuestion(1, "a..b", DnsType::kA).ok());
  EXPECT_FALSE(WriteDnsQuestion(1, std::string(64, 'x'), DnsType::kA).ok());
}

TEST(ResolverConfig, OrdersTheNamesToTry) {
  const ResolverConfig config = ReadResolverConfig(
      "nameserver 10.0.0.10\nsearch ns.svc.cluster.local cluster.local\noptions ndots:5\n");
  EXPECT_EQ(config.servers, (std::vector<std::string>{"10.0.0.10"}));
  EXPECT_EQ(NamesToTry(config, "web.ns"),
            (std::vector<std::string>{"web.ns.ns.svc.cluster.local.", "web.ns.cluster.local.",
                                      "web.ns."}));
  EXPECT_EQ(NamesToTry(config, "web.ns."), (std::vector<std::string>{"web.ns."}));
  EXPECT_EQ(NamesToTry(ReadResolverConfig("search a\n"), "x.y"),
            (std::vector<std::string>{"x.y.", "x.y.a."}));
}

// A name server on loopback that answers each question with what the test says.
class NameServer {
 public:
  explicit NameServer(asio::io_context* io)
      : socket_(*io, udp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    Receive();
  }
  uint16_t port() const { return socket_.local_endpoint().port(); }
  int code = 0;
  std::vector<std::string> addresses;

 private:
  void Receive() {
    socket_.async_receive_from(asio::buffer(bytes_), from_, [this](const auto& error, size_t size) {
      if (error) return;
      const std::string_view question(bytes_.data(), size);
      socket_.send_to(asio::buffer(AnswerTo(question, code, 1, addresses)), from_);
      Receive();
    });
  }
  udp::socket socket_;
  udp::endpoint from_;
  std::array<char, 512> bytes_{};
};

TEST(DnsSource, FollowsTheRecordsAndKeepsThemOverAnOutage) {
  asio::io_context io;
  NameServer server(&io);
  server.addresses = {"\x0a\x01\x02\x03"};
  const std::string resolv_conf = ::testing::TempDir() + "dns_source_resolv.conf";
  std::ofstream(resolv_conf) << "nameserver 127.0.0.1\n";
  DnsDiscovery discovery;
  discovery.names = {"web.test"};
  discovery.type = DnsType::kA;
  discovery.port = 9100;
  discovery.refresh_interval = std::chrono::milliseconds(1000);
  DnsOptions options{resolv_conf, server.port(), 2000};
  const auto source = MakeDnsSource(discovery, {io.get_executor(), [] {}}, options);
  const auto poll_until = [&](int64_t now_ms, auto done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    source->Poll(now_ms);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      io.run_one_for(std::chrono::milliseconds(50));
    }
    return done();
  };
  ASSERT_TRUE(poll_until(0, [&] { return !source->groups().empty(); }));
  EXPECT_EQ(source->groups()[0].targets[0], "10.1.2.3:9100");
  EXPECT_EQ(source->groups()[0].labels.at("__meta_dns_name"), "web.test");
  server.code = 2;  // SERVFAIL
  ASSERT_TRUE(poll_until(1000, [&] { return source->errors() > 0; }));
  EXPECT_EQ(source->groups().size(), 1u);
  EXPECT_EQ(source->Broken()[0].first, "web.test");
  server.code = 3;  // NXDOMAIN
  ASSERT_TRUE(poll_until(2000, [&] { return source->groups().empty(); }));
  EXPECT_TRUE(source->Broken().empty());
}

TEST(DnsSource, TellsRecordsAsPrometheusDoes) {
  const auto groups = GroupsOfRecords("_x._tcp.a", 0, {{DnsType::kSrv, "h1.a.", 80}});
  EXPECT_EQ(groups[0].targets[0], "h1.a:80");
  EXPECT_EQ(groups[0].labels.at("__meta_dns_srv_record_target"), "h1.a.");
  EXPECT_EQ(groups[0].labels.at("__meta_dns_srv_record_port"), "80");
  EXPECT_EQ(GroupsOfRecords("a", 1, {{DnsType::kAaaa, "::1", 0}})[0].targets[0], "[::1]:1");
}

}  // namespace
}  // namespace baro::discovery
