// Intervals grow while the CPU share is nearly used up, and come back afterwards.
#include "cpu_governor.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "baro/agent/scrape_manager.h"

namespace baro::agent {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// One second in which `share` of a limit of half a CPU is used.
void Second(double share, CpuGovernor* governor, int64_t* cpu_ns, int64_t* now_ns) {
  *cpu_ns += static_cast<int64_t>(share * 0.5 * kSecond);
  *now_ns += kSecond;
  governor->Observe(*cpu_ns, *now_ns);
}

TEST(CpuGovernor, StretchesUntilThereIsRoomAndComesBack) {
  CpuGovernor governor(0.5);
  int64_t cpu_ns = 0;
  int64_t now_ns = 0;
  governor.Observe(cpu_ns, now_ns);
  Second(0.6, &governor, &cpu_ns, &now_ns);
  EXPECT_EQ(governor.stretch(), 1);
  // The load shrinks as intervals grow.
  for (int i = 0; i < 60; ++i) Second(2.0 / governor.stretch(), &governor, &cpu_ns, &now_ns);
  EXPECT_GE(governor.stretch(), 2.0 / 0.7 / 1.5);
  EXPECT_LE(governor.stretch(), 2.0 / 0.4 * 1.5);
  for (int i = 0; i < 60; ++i) Second(3, &governor, &cpu_ns, &now_ns);
  EXPECT_EQ(governor.stretch(), CpuGovernor::kStretchMax) << "bounded";
  for (int i = 0; i < 60; ++i) Second(0.1, &governor, &cpu_ns, &now_ns);
  EXPECT_EQ(governor.stretch(), 1);
}

TEST(CpuGovernor, DoesNothingWithoutALimit) {
  CpuGovernor governor(0);
  governor.Observe(0, 0);
  governor.Observe(100 * kSecond, kSecond);
  EXPECT_EQ(governor.stretch(), 1);
}

TEST(CpuGovernor, ReadsTheLimitOfACgroup) {
  const std::string folder = ::testing::TempDir() + "cpu_governor";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/cpu.max") << "25000 100000\n";
  EXPECT_EQ(CgroupCpuLimit(folder), 0.25);
  std::ofstream(folder + "/cpu.max") << "max 100000\n";
  EXPECT_EQ(CgroupCpuLimit(folder), 0);
  EXPECT_EQ(CgroupCpuLimit(folder + "/none"), 0);
}

}  // namespace
}  // namespace baro::agent
