// Of several agents one leads at a time, and another takes over when it stops or cannot renew.
// Method: elections with short times against the double of the API.
#include "agent/kube/lease_election.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "baro/base/eventually.h"
#include "baro/base/task_group.h"
#include "baro/kubernetes/testing/api_double.h"

namespace baro::agent {
namespace {

namespace asio = boost::asio;
using kubernetes::testing::ApiDouble;
using kubernetes::testing::Fault;

const std::string kLease =
    "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/baro-agent-cluster";

std::string NewFolder() {
  std::string pattern = ::testing::TempDir() + "/lease_XXXXXX";
  return mkdtemp(pattern.data());
}

class Candidate {
 public:
  Candidate(const ApiDouble& api, const std::string& identity)
      : election_(
            io_.get_executor(), api.client_config(),
            LeaseOptions{
                .identity = identity, .duration_ms = 400, .renew_deadline_ms = 250, .retry_ms = 20},
            base::RealClock(), [this](bool leading) {
              leading_ = leading;
              ++changes_;
            }) {
    asio::co_spawn(io_, election_.Run(), [](const std::exception_ptr&) {});
    thread_.Start("candidate", [this] { io_.run(); });
  }
  ~Candidate() { Stop(); }
  void Stop() {
    asio::post(io_, [this] { election_.Close(); });
    thread_.Stop();
  }
  bool leading() const { return leading_; }
  int changes() const { return changes_; }
  bool Becomes(bool leading) const {
    return base::Eventually([&] { return leading_ == leading; });
  }

 private:
  asio::io_context io_{1};
  std::atomic<bool> leading_ = false;
  std::atomic<int> changes_ = 0;
  LeaseElection election_;
  base::TaskGroup thread_;
};

TEST(LeaseElection, TheFirstLeadsAndStays) {
  ApiDouble api(NewFolder());
  Candidate first(api, "first");
  ASSERT_TRUE(first.Becomes(true));
  const int writes = api.requests(kLease);
  EXPECT_TRUE(base::Eventually([&] { return api.requests(kLease) >= writes + 60; }));
  EXPECT_EQ(first.changes(), 1);
  EXPECT_TRUE(absl::StrContains(api.Object(kLease), R"("holderIdentity":"first")"));
}

TEST(LeaseElection, AnotherTakesOverWhenTheHolderStops) {
  ApiDouble api(NewFolder());
  Candidate first(api, "first");
  ASSERT_TRUE(first.Becomes(true));
  Candidate second(api, "second");
  EXPECT_FALSE(second.leading());
  first.Stop();
  EXPECT_FALSE(first.leading());
  ASSERT_TRUE(second.Becomes(true));
  EXPECT_TRUE(absl::StrContains(api.Object(kLease), R"("leaseTransitions":1)"));
}

TEST(LeaseElection, AHolderThatCannotRenewStopsLeading) {
  ApiDouble api(NewFolder());
  Candidate first(api, "first");
  ASSERT_TRUE(first.Becomes(true));
  api.Inject({.kind = Fault::Kind::kStatus, .status = 503, .path_prefix = "/", .count = 100'000});
  EXPECT_TRUE(first.Becomes(false));
}

TEST(LeaseElection, AFaultThatPassesChangesNothing) {
  ApiDouble api(NewFolder());
  Candidate first(api, "first");
  ASSERT_TRUE(first.Becomes(true));
  api.Inject({.kind = Fault::Kind::kStatus, .status = 500, .path_prefix = kLease, .count = 3});
  const int writes = api.requests(kLease);
  EXPECT_TRUE(base::Eventually([&] { return api.requests(kLease) >= writes + 12; }));
  EXPECT_EQ(first.changes(), 1);
}

}  // namespace
}  // namespace baro::agent
