// The checksum is the published one, and both ways to compute it agree.

#include "baro/base/crc32c.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace baro::base {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, GivesThePublishedChecksums) {
  std::string ascending(32, '\0');
  for (size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<char>(i);
  const std::string descending(ascending.rbegin(), ascending.rend());
  for (auto* checksum : {&Crc32c, &Crc32cPortable}) {
    EXPECT_EQ(checksum("", 0), 0u);
    EXPECT_EQ(checksum("123456789", 0), 0xE3069283u);
    EXPECT_EQ(checksum(std::string(32, '\0'), 0), 0x8A9136AAu);
    EXPECT_EQ(checksum(std::string(32, '\xFF'), 0), 0x62A8AB43u);
    EXPECT_EQ(checksum(ascending, 0), 0x46DD794Eu);
    EXPECT_EQ(checksum(descending, 0), 0x113FDB5Cu);
  }
}

TEST(Crc32c, TheInstructionAgreesWithTheTablesAtEverySizeAndAlignment) {
  std::mt19937_64 random(20'261'123);
  std::string bytes(300, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t start = 0; start < 8; ++start) {
    for (size_t size = 0; start + size <= bytes.size(); ++size) {
      const auto piece = std::string_view(bytes).substr(start, size);
      ASSERT_EQ(Crc32c(piece), Crc32cPortable(piece)) << "start " << start << " size " << size;
    }
  }
}

TEST(Crc32c, GoesOnFromAnEarlierChecksum) {
  const std::string bytes = "append-only segments, one checksum a record";
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto front = std::string_view(bytes).substr(0, cut);
    const auto back = std::string_view(bytes).substr(cut);
    EXPECT_EQ(Crc32c(back, Crc32c(front)), Crc32c(bytes));
    EXPECT_EQ(Crc32cPortable(back, Crc32cPortable(front)), Crc32c(bytes));
  }
}

}  // namespace
}  // namespace baro::base
