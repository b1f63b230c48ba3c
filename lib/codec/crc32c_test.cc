// CRC-32C gives the sums that RFC 3720 prints, and its two implementations agree.

#include "baro/codec/crc32c.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace baro::codec {
namespace {

TEST(Crc32c, GivesTheSumsOfTheStandard) {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
}

TEST(Crc32c, TheSoftwareTwinAgreesWithTheHardwareAtEveryLengthAndCut) {
  const auto hardware = crc32c_internal::HardwareExtend();
  std::mt19937_64 random(1);
  std::string bytes(300, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const std::string_view all = std::string_view(bytes).substr(0, size);
    const uint32_t software = crc32c_internal::ExtendSoftware(0, all);
    EXPECT_EQ(Crc32c(all), software) << "size " << size;
    if (hardware != nullptr) {
      EXPECT_EQ(hardware(0, all), software) << "size " << size;
    }
    const size_t cut = size / 3;
    EXPECT_EQ(ExtendCrc32c(Crc32c(all.substr(0, cut)), all.substr(cut)), software);
  }
}

}  // namespace
}  // namespace baro::codec
