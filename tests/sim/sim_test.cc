// Whatever breaks, and in whatever order: when peace comes, every row that the spool promised to
// keep is in the store, once, bit for bit, and nothing else is.
//
//   BARO_SIM_SEEDS=1000   how many seeds
//   BARO_SEED=17          this one, with its story
//   BARO_SIM_STORY=1      every step of it
//   BARO_SIM_STORE_FAULTS=0  the collector's disk only loses power, and never fills up or fails

#include <cstdio>
#include <cstdlib>

#include "gtest/gtest.h"
#include "world.h"

namespace baro::sim {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

TEST(Sim, NoAcknowledgedSampleIsLostOrDoubled) {
  const uint64_t seed_given = FromEnvironment("BARO_SEED", 0);
  const uint64_t first = seed_given != 0 ? seed_given : 1;
  const uint64_t count = seed_given != 0 ? 1 : FromEnvironment("BARO_SIM_SEEDS", 25);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    World world(seed, FromEnvironment("BARO_SIM_STORE_FAULTS", 1) != 0);
    const std::string failure = world.Run();
    if (seed_given != 0) std::printf("%s\n", world.Summary().c_str());
    ASSERT_EQ(failure, "") << "BARO_SEED=" << seed << "\n" << world.Summary();
  }
}

TEST(Sim, TheSameSeedGivesTheSameRun) {
  for (const uint64_t seed : {3u, 4u}) {
    World first(seed, false);
    World second(seed, false);
    EXPECT_EQ(first.Run(), second.Run());
    EXPECT_EQ(first.digest(), second.digest()) << first.Summary() << "\n" << second.Summary();
  }
}

}  // namespace
}  // namespace baro::sim
