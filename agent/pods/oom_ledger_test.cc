// OOM kills are counted by container and outlive the restarts that they cause.
#include "oom_ledger.h"

#include <gtest/gtest.h>

namespace baro::agent {
namespace {

PodRecord Pod(std::vector<std::string> oom_killed_last = {}) {
  PodRecord pod;
  pod.uid = "u";
  double time = 100;
  for (const char* name : {"web", "proxy"}) {
    ContainerRecord container;
    container.name = name;
    for (const std::string& killed : oom_killed_last) container.oom_killed_last |= killed == name;
    container.last_end_seconds = time++;
    pod.containers.push_back(container);
  }
  return pod;
}

TEST(OomLedger, CountsKillsOfTheLiving) {
  OomLedger ledger;
  ledger.Update(Pod(), 0, {{"web", 0}, {"proxy", 0}});
  ledger.Update(Pod(), 2, {{"web", 2}, {"proxy", 0}});
  EXPECT_EQ(ledger.Kills("u", "web"), 2);
  EXPECT_EQ(ledger.Kills("u", "proxy"), 0);
}

TEST(OomLedger, KnowsTheVictimThatTookItsGroupWithIt) {
  OomLedger ledger;
  ledger.Update(Pod(), 0, {{"web", 0}, {"proxy", 0}});
  ledger.Update(Pod(), 1, {{"proxy", 0}});  // web is dead, its group is gone
  EXPECT_EQ(ledger.Kills("u", "web"), 1);
  ledger.Update(Pod(), 1, {{"web", 0}, {"proxy", 0}});  // back, in a new group
  EXPECT_EQ(ledger.Kills("u", "web"), 1);
  ledger.Update(Pod(), 2, {{"proxy", 0}});
  ledger.Update(Pod(), 2, {{"web", 0}, {"proxy", 0}});
  EXPECT_EQ(ledger.Kills("u", "web"), 2);
  EXPECT_EQ(ledger.Kills("u", "proxy"), 0);
}

TEST(OomLedger, AsksTheKubeletWhenTwoAreGone) {
  OomLedger ledger;
  ledger.Update(Pod(), 0, {{"web", 0}, {"proxy", 0}});
  ledger.Update(Pod(), 1, {});
  EXPECT_EQ(ledger.Kills("u", "web") + ledger.Kills("u", "proxy"), 0) << "nobody knows yet";
  ledger.Update(Pod({"proxy"}), 1, {});
  EXPECT_EQ(ledger.Kills("u", "proxy"), 1);
  EXPECT_EQ(ledger.Kills("u", "web"), 0);
}

TEST(OomLedger, LearnsOfKillsBeforeItsOwnStart) {
  OomLedger ledger;
  ledger.Update(Pod({"web"}), 3, {{"web", 0}, {"proxy", 0}});
  EXPECT_EQ(ledger.Kills("u", "web"), 3);
}

TEST(OomLedger, NeverGoesBackAndNeverCountsTwice) {
  OomLedger ledger;
  double before = 0;
  for (int restart = 1; restart <= 50; ++restart) {
    ledger.Update(Pod(), restart, {{"proxy", 0}});
    for (int pass = 0; pass < 3; ++pass) {
      ledger.Update(Pod(), restart, {{"web", 0}, {"proxy", 0}});
      EXPECT_GE(ledger.Kills("u", "web"), before);
      before = ledger.Kills("u", "web");
    }
  }
  // The first one came before this ledger knew the container: nobody could tell whose it was until
  // it happened again.
  EXPECT_EQ(before, 50);
}

}  // namespace
}  // namespace baro::agent
