// The log tells the oldest change since a version, and never one that is too late.
// Method: sequences by hand, then random ones against a list of everything.
#include "change_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include "baro/model/sample.h"

namespace baro::tsdb {
namespace {

TEST(ChangeLog, TellsTheOldestChangeSinceAVersion) {
  ChangeLog log;
  const uint64_t empty = log.Version();
  EXPECT_NE(empty, 0u);
  EXPECT_EQ(log.OldestSince(empty, 0), model::kTimeMsMax);
  log.Note(100, 200);
  const uint64_t first = log.Version();
  log.Note(300, 310);
  log.Note(250, 260);
  EXPECT_EQ(log.OldestSince(empty, 0), 100);
  EXPECT_EQ(log.OldestSince(first, 0), 250);
  EXPECT_EQ(log.OldestSince(log.Version(), 0), model::kTimeMsMax);
}

TEST(ChangeLog, LeavesOutWhatEndedBefore) {
  ChangeLog log;
  const uint64_t before = log.Version();
  log.Note(10, 20);
  static_cast<void>(log.Version());
  log.Note(100, 200);
  EXPECT_EQ(log.OldestSince(before, 21), 100);
  EXPECT_EQ(log.OldestSince(before, 20), 10);
}

TEST(ChangeLog, IgnoresAnEmptyRange) {
  ChangeLog log;
  const uint64_t before = log.Version();
  log.Note(INT64_MAX, INT64_MIN);
  EXPECT_EQ(log.OldestSince(before, INT64_MIN), model::kTimeMsMax);
}

TEST(ChangeLog, KnowsNothingOfAnotherLogsVersions) {
  ChangeLog one;
  ChangeLog other;
  EXPECT_NE(one.Version(), other.Version());
  EXPECT_EQ(other.OldestSince(one.Version(), 0), model::kTimeMsMin);
}

TEST(ChangeLog, IsNeverTooLateWhateverWasJoined) {
  const char* const given = std::getenv("BARO_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'123;
  std::cout << "BARO_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  ChangeLog log;
  struct Change {
    size_t version_count = 0;
    int64_t first_ms = 0;
    int64_t last_ms = 0;
  };
  std::vector<Change> changes;
  std::vector<uint64_t> versions;
  for (size_t i = 0; i < 3 * ChangeLog::kRunsMax; ++i) {
    const auto at = static_cast<int64_t>(i * 10 + random() % 2'000);
    changes.push_back({versions.size(), at, at + static_cast<int64_t>(random() % 50)});
    log.Note(changes.back().first_ms, changes.back().last_ms);
    if (random() % 4 != 0) versions.push_back(log.Version());
  }
  for (size_t i = 0; i < versions.size(); i += 1 + random() % 64) {
    const auto from_ms = static_cast<int64_t>(random() % (3 * ChangeLog::kRunsMax * 10));
    int64_t exact_ms = model::kTimeMsMax;
    for (const Change& change : changes) {
      if (change.version_count <= i || change.last_ms < from_ms) continue;
      exact_ms = std::min(exact_ms, change.first_ms);
    }
    EXPECT_LE(log.OldestSince(versions[i], from_ms), exact_ms) << "version " << i;
    if (i + ChangeLog::kRunsMax / 8 > versions.size() && from_ms == 0) {
      EXPECT_EQ(log.OldestSince(versions[i], from_ms), exact_ms) << "a new version is exact";
    }
  }
}

}  // namespace
}  // namespace baro::tsdb
