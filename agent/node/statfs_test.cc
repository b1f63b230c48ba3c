// A mount that never answers delays nobody: the others are told at once, it is told as stuck after
// the timeout, and its helper process is killed and replaced. Method: a real helper process that
// hangs on paths with "stuck" in them; time is a fake clock's but for waiting on the helper. Where
// the machine lets us, a real FUSE mount without a daemon as well.

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "node_testing.h"
#include "statfs_client.h"

namespace baro::agent {
namespace {

using State = MountNumbers::State;

class StatfsClientTest : public testing::Test {
 protected:
  base::FakeClock clock_{1'700'000'000'000};
  StatfsClient client_{{{BARO_STATFS_HELPER}, std::chrono::milliseconds(5'000)}, &clock_};

  // Asks and waits for the answer of every path but those that hang. The fake clock stands still,
  // so only the helper's silence could end it early.
  State Ask(const std::vector<std::string>& paths, const std::string& path) {
    EXPECT_TRUE(client_.Ask(paths).ok());
    for (const std::string& awaited : paths) {
      if (awaited.find("stuck") != std::string::npos || awaited == hanging_) continue;
      for (int i = 0; i < 1000 && client_.IsAsked(awaited); ++i) {
        client_.Receive(std::chrono::milliseconds(10));
      }
    }
    return client_.Get(path).state;
  }

  std::string hanging_;
};

TEST_F(StatfsClientTest, TellsNumbersAndErrors) {
  EXPECT_EQ(Ask({"/", "/nonexistent"}, "/"), State::kGood);
  const MountNumbers& root = client_.Get("/");
  struct statfs direct{};
  ASSERT_EQ(statfs("/", &direct), 0);
  EXPECT_EQ(root.reply.blocks, direct.f_blocks);
  EXPECT_EQ(root.reply.block_bytes, static_cast<uint64_t>(direct.f_bsize));
  EXPECT_EQ(client_.Get("/nonexistent").state, State::kError);
  EXPECT_EQ(client_.Get("/nonexistent").reply.error, static_cast<uint64_t>(ENOENT));
  EXPECT_EQ(client_.Get("/never asked").state, State::kUnknown);
}

TEST_F(StatfsClientTest, LeavesAStuckMountAloneAndTellsTheOthers) {
  const std::vector<std::string> paths = {"/stuck", "/", "/proc"};
  EXPECT_EQ(Ask(paths, "/proc"), State::kGood);
  EXPECT_EQ(client_.Get("/stuck").state, State::kUnknown);
  const pid_t first = client_.helper();

  clock_.AdvanceMs(4'999);
  EXPECT_EQ(Ask(paths, "/"), State::kGood);
  EXPECT_EQ(client_.helper(), first) << "killed before the timeout";

  clock_.AdvanceMs(1);
  EXPECT_EQ(Ask(paths, "/"), State::kGood);
  EXPECT_EQ(client_.Get("/stuck").state, State::kStuck);
  EXPECT_EQ(client_.kills(), 1u);
  EXPECT_NE(client_.helper(), first);

  // Not asked again for a minute, then once.
  clock_.AdvanceMs(59'999);
  EXPECT_EQ(Ask(paths, "/"), State::kGood);
  EXPECT_EQ(client_.kills(), 1u);
  clock_.AdvanceMs(1);
  EXPECT_EQ(Ask(paths, "/"), State::kGood);
  clock_.AdvanceMs(5'000);
  ASSERT_TRUE(client_.Ask(paths).ok());
  EXPECT_EQ(client_.kills(), 2u);
  EXPECT_EQ(client_.Get("/stuck").state, State::kStuck);
}

TEST_F(StatfsClientTest, AsksOnceWhileACallIsUnderWay) {
  // More passes than the helper has threads: if each asked anew, "/" would not be answered.
  for (int pass = 0; pass < 100; ++pass) ASSERT_TRUE(client_.Ask({"/stuck"}).ok());
  EXPECT_EQ(Ask({"/stuck", "/"}, "/"), State::kGood);
}

TEST_F(StatfsClientTest, ReplacesAHelperThatDied) {
  EXPECT_EQ(Ask({"/"}, "/"), State::kGood);
  const pid_t first = client_.helper();
  ASSERT_EQ(kill(first, SIGKILL), 0);
  for (int i = 0; i < 100 && client_.helper() == first; ++i) {
    ASSERT_TRUE(client_.Ask({"/"}).ok());
    client_.Receive(std::chrono::milliseconds(100));
  }
  EXPECT_NE(client_.helper(), first);
  EXPECT_EQ(Ask({"/", "/tmp"}, "/tmp"), State::kGood);
}

TEST(StatfsClient, SaysWhenThereIsNoHelper) {
  base::FakeClock clock(0);
  StatfsClient client({{"/nonexistent/helper"}, std::chrono::milliseconds(5'000)}, &clock);
  EXPECT_EQ(client.Ask({"/"}).code(), absl::StatusCode::kUnavailable);
}

// A FUSE mount whose daemon (we) never answers: statfs() on it hangs as on a dead NFS server.
TEST_F(StatfsClientTest, SurvivesADeadFuseMount) {
  TestFolder folder;
  const int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fuse < 0) GTEST_SKIP() << "no /dev/fuse";
  const std::string options = base::StrCat("fd=", fuse, ",rootmode=40000,user_id=0,group_id=0");
  if (mount("dead", folder.path().c_str(), "fuse", 0, options.c_str()) != 0) {
    close(fuse);
    GTEST_SKIP() << "may not mount";
  }
  hanging_ = folder.path();
  EXPECT_EQ(Ask({folder.path(), "/"}, "/"), State::kGood);
  clock_.AdvanceMs(5'000);
  EXPECT_EQ(Ask({folder.path(), "/", "/proc"}, "/proc"), State::kGood);
  EXPECT_EQ(client_.Get(folder.path()).state, State::kStuck);
  EXPECT_EQ(client_.kills(), 1u);
  umount2(folder.path().c_str(), MNT_DETACH);
  close(fuse);
}

}  // namespace
}  // namespace baro::agent
