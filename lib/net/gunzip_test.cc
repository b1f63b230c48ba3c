// A gzip body comes back whole however it is cut into pieces, and never grows beyond its limit.
#include "gunzip.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"
#include "baro/net/testing/test_server.h"

namespace baro::net {
namespace {

using testing::GzipPack;

std::string Text(size_t size) {
  std::string text;
  while (text.size() < size) base::StrAppend(&text, "metric_", text.size(), " 1\n");
  return text;
}

TEST(Gunzip, UnpacksWhateverThePieces) {
  const std::string plain = Text(300'000);
  const std::string packed = GzipPack(plain);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, packed.size()}) {
    Gunzip gunzip(plain.size());
    std::string unpacked;
    for (size_t at = 0; at < packed.size(); at += piece) {
      ASSERT_TRUE(gunzip.Append(std::string_view(packed).substr(at, piece), &unpacked).ok());
    }
    EXPECT_TRUE(gunzip.Finish().ok());
    EXPECT_EQ(unpacked, plain) << "in pieces of " << piece;
  }
}

TEST(Gunzip, ReadsSeveralMembers) {
  Gunzip gunzip(100);
  std::string unpacked;
  ASSERT_TRUE(gunzip.Append(GzipPack("one ") + GzipPack("two"), &unpacked).ok());
  EXPECT_TRUE(gunzip.Finish().ok());
  EXPECT_EQ(unpacked, "one two");
}

TEST(Gunzip, StopsABomb) {
  Gunzip gunzip(100'000);
  std::string unpacked;
  const absl::Status status = gunzip.Append(GzipPack(std::string(50'000'000, 'x')), &unpacked);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_LE(unpacked.size(), 100'001u);
}

TEST(Gunzip, RefusesDamageAndTruncation) {
  const std::string packed = GzipPack(Text(1000));
  Gunzip cut(100'000);
  std::string unpacked;
  ASSERT_TRUE(cut.Append(std::string_view(packed).substr(0, packed.size() - 5), &unpacked).ok());
  EXPECT_EQ(cut.Finish().code(), absl::StatusCode::kInvalidArgument);
  Gunzip not_gzip(100'000);
  EXPECT_EQ(not_gzip.Append("metric 1\n", &unpacked).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace baro::net
