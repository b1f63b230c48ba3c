// The tools every module stands on do what their headers say.

#include <filesystem>
#include <string>
#include <thread>

#include "baro/base/bounded_queue.h"
#include "baro/base/check.h"
#include "baro/base/clock.h"
#include "baro/base/disk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "gtest/gtest.h"

namespace baro::base {
namespace {

TEST(CheckDeathTest, PrintsBothValues) {
  EXPECT_DEATH(BARO_CHECK_EQ(1 + 1, 3), "1 \\+ 1 == 3 \\(2 vs 3\\)");
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  BARO_TRY_ASSIGN(const int half, Half(value));
  return Half(half);
}

TEST(Status, TryHandsTheErrorOn) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
  EXPECT_EQ(Quarter(5).status().message(), "odd");
}

TEST(BoundedQueue, RefusesWhenFullAndDrainsAfterClose) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.TryPush(1));
  EXPECT_TRUE(queue.TryPush(2));
  EXPECT_FALSE(queue.TryPush(3));
  queue.Close();
  EXPECT_FALSE(queue.TryPush(4));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), 2);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueue, AFullQueueMakesThePusherWait) {
  BoundedQueue<int> queue(1);
  TaskGroup tasks;
  tasks.Start("pusher", [&queue] {
    for (int i = 0; i < 1000; ++i) queue.Push(int{i});
    queue.Close();
  });
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(queue.Pop(), i);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(TaskGroup, RefusesWorkAfterStop) {
  TaskGroup tasks;
  int ran = 0;
  EXPECT_TRUE(tasks.Start("once", [&ran] { ++ran; }));
  tasks.Stop();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(tasks.Start("late", [&ran] { ++ran; }));
  tasks.Stop();
  EXPECT_EQ(ran, 1);
}

TEST(FakeClock, MovesOnlyWhenTold) {
  FakeClock clock(1'000);
  const int64_t start_ns = clock.MonotonicNs();
  clock.AdvanceMs(5);
  clock.SetNowMs(10);
  EXPECT_EQ(clock.NowMs(), 10);
  EXPECT_EQ(clock.MonotonicNs() - start_ns, 5'000'000);
}

TEST(Disk, GivesBackWhatWasAppendedAndNamesWhatIsMissing) {
  const std::string folder = StrCat(testing::TempDir(), "/baro_disk_", ::getpid());
  Disk* disk = RealDisk();
  ASSERT_TRUE(disk->CreateDirs(folder).ok());
  const std::string path = folder + "/a";
  {
    auto file = disk->OpenAppend(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("hello ").ok());
    ASSERT_TRUE((*file)->Append("world").ok());
    ASSERT_TRUE((*file)->Sync().ok());
  }
  EXPECT_EQ(*disk->Read(path, 6, 100), "world");
  EXPECT_EQ(*disk->Read(path, 600, 100), "");
  ASSERT_TRUE(disk->Truncate(path, 5).ok());
  EXPECT_EQ(*disk->Size(path), 5u);
  EXPECT_EQ(disk->List(folder)->size(), 1u);
  ASSERT_TRUE(disk->Remove(path).ok());
  ASSERT_TRUE(disk->SyncDir(folder).ok());
  const auto missing = disk->Read(path, 0, 1);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find(path), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace baro::base
