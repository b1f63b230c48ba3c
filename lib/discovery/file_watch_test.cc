// Target files are read when they change, and a broken one keeps what it said before.
#include "baro/discovery/file_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "baro/base/strings.h"

namespace baro::discovery {
namespace {

class FileWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = base::StrCat(::testing::TempDir(), "file_watch_",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  FileWatch Watch(const std::string& pattern) {
    FileDiscovery discovery;
    discovery.files = {folder_ + "/" + pattern};
    return FileWatch(discovery);
  }

  std::string folder_;
};

TEST_F(FileWatchTest, ReadsYamlAndJson) {
  Write("a.yml", "- targets: [h:1]\n  labels: {env: x}\n- targets: [h:2, h:3]\n");
  Write("b.json", "[\n\t{\"targets\": [\"h:4\"], \"labels\": {\"env\": \"y\\/z\"}}\n]\n");
  FileWatch yaml = Watch("a.yml");
  EXPECT_TRUE(yaml.Poll(0));
  ASSERT_EQ(yaml.groups().size(), 2u);
  EXPECT_EQ(yaml.groups()[0].labels.at("env"), "x");
  EXPECT_EQ(yaml.groups()[0].labels.at("__meta_filepath"), folder_ + "/a.yml");
  EXPECT_EQ(yaml.groups()[1].targets, (std::vector<std::string>{"h:2", "h:3"}));
  FileWatch json = Watch("b.json");
  EXPECT_TRUE(json.Poll(0)) << json.last_error();
  ASSERT_EQ(json.groups().size(), 1u);
  EXPECT_EQ(json.groups()[0].labels.at("env"), "y/z");
}

TEST_F(FileWatchTest, SeesChangesNewFilesAndLostOnes) {
  Write("a.yml", "- targets: [h:1]\n");
  FileWatch watch = Watch("*.yml");
  EXPECT_TRUE(watch.Poll(0));
  EXPECT_FALSE(watch.Poll(1));
  Write("a.yml", "- targets: [h:1, h:2]\n");
  EXPECT_TRUE(watch.Poll(2));
  EXPECT_EQ(watch.groups()[0].targets.size(), 2u);
  Write("b.yml", "- targets: [h:9]\n");
  EXPECT_TRUE(watch.Poll(3));
  EXPECT_EQ(watch.groups().size(), 2u);
  std::filesystem::remove(folder_ + "/a.yml");
  EXPECT_TRUE(watch.Poll(4));
  ASSERT_EQ(watch.groups().size(), 1u);
  EXPECT_EQ(watch.groups()[0].targets[0], "h:9");
}

TEST_F(FileWatchTest, KeepsTheLastGoodGroupsOfABrokenFile) {
  Write("a.yml", "- targets: [h:1]\n");
  FileWatch watch = Watch("a.yml");
  EXPECT_TRUE(watch.Poll(0));
  Write("a.yml", "- targetz: [h:1]\n");
  EXPECT_FALSE(watch.Poll(1));
  EXPECT_EQ(watch.errors(), 1u);
  EXPECT_NE(watch.last_error().find("a.yml:1:3: "), std::string::npos) << watch.last_error();
  EXPECT_EQ(watch.groups().size(), 1u);
  EXPECT_FALSE(watch.Poll(2));
  EXPECT_EQ(watch.errors(), 1u) << "not read again until it changes";
}

TEST_F(FileWatchTest, DoesWithoutAFile) {
  FileWatch watch = Watch("none.yml");
  EXPECT_FALSE(watch.Poll(0));
  EXPECT_TRUE(watch.groups().empty());
}

}  // namespace
}  // namespace baro::discovery
