// The bytes of columns, times and frames never change: what the first version wrote, testdata/
// {column,times,frame}_v1.hex, still decodes to the same bits. What is written today is held
// against the same files, so that a change of the encoder's choices is seen and decided on. A line
// is "name hex"; BARO_UPDATE_GOLDEN=1 writes the files again.

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "baro/codec/column.h"
#include "baro/codec/frame.h"
#include "baro/model/sample.h"
#include "bytes.h"
#include "gtest/gtest.h"
#include "random_values.h"

namespace baro::codec {
namespace {

// Names sort as written, so that a file's lines keep their order.
using Golden = std::map<std::string, std::string>;

// The file's content, after today's bytes were held against it.
Golden CheckGolden(const std::string& file_name, const Golden& today) {
  const std::string path = std::string(BARO_TESTDATA_DIR) + "/" + file_name;
  if (std::getenv("BARO_UPDATE_GOLDEN") != nullptr) {
    std::ofstream file(path);
    for (const auto& [name, bytes] : today)
      file << name << " " << absl::BytesToHexString(bytes) << "\n";
  }
  Golden golden;
  std::ifstream file(path);
  for (std::string name, hex; file >> name >> hex;) golden[name] = absl::HexStringToBytes(hex);
  EXPECT_EQ(golden.size(), today.size()) << path;
  for (const auto& [name, bytes] : today)
    EXPECT_EQ(absl::BytesToHexString(bytes), absl::BytesToHexString(golden[name])) << name;
  return golden;
}

// Series by rule, not by chance: no library's random distributions are part of the format.
std::map<std::string, std::vector<double>> ColumnCases() {
  std::map<std::string, std::vector<double>> cases;
  cases["special_values"] = SpecialValues();
  cases["constant_zero"] = std::vector<double>(128, 0.0);
  cases["constant_decimal"] = std::vector<double>(5, -12.75);
  cases["constant_stale"] = std::vector<double>(128, model::kStaleNan);
  cases["constant_odd"] = {DoubleOf(0x7ff0000000000099)};
  cases["runs_by_gap"] = std::vector<double>(100, 3);
  cases["runs_by_gap"].insert(cases["runs_by_gap"].end(), 28, 4);
  double sum = 0;
  for (int i = 0; i < 130; ++i) {
    cases["steady_counter"].push_back(1e6 + 15 * i);
    cases["counter_with_reset"].push_back(i < 70 ? 5e9 + i * 1500 + i * i % 17 : (i - 70) * 1500);
    cases["pages"].push_back(4096.0 * (250'000 + i * 7919 % 100));
    cases["cpu_seconds"].push_back((1'000'000 + 1500 * i + i * 7 % 13) / 100.0);
    cases["float_sum"].push_back(sum += 0.01 * (1 + i % 3));
    cases["runs_by_bitmap"].push_back(i / 3);
    cases["with_gaps"].push_back(i % 7 == 3 ? model::kStaleNan : i * i % 31 / 10.0);
    cases["partial_rows"].push_back(i % 2 == 0 ? model::kNoSample : 7.5 + i);
    cases["order_two"].push_back(1000.0 * i * i + i % 3);
    cases["bits"].push_back(
        DoubleOf(0x4000000000000000 +
                 uint64_t{0x9e3779b97f4a7c15} * static_cast<uint64_t>(i) % (uint64_t{1} << 52)));
  }
  return cases;
}

TEST(Golden, ColumnsKeepTheirBytes) {
  Golden today;
  const auto cases = ColumnCases();
  for (const auto& [name, values] : cases) EncodeColumn(values, &today[name]);
  for (const auto& [name, bytes] : CheckGolden("column_v1.hex", today)) {
    ASSERT_TRUE(cases.contains(name)) << name;
    std::vector<double> decoded(cases.at(name).size());
    std::string_view left = bytes;
    EXPECT_TRUE(DecodeColumn(&left, decoded).ok()) << name;
    EXPECT_TRUE(left.empty()) << name;
    EXPECT_TRUE(SameBits(decoded, cases.at(name))) << name;
  }
}

// As EncodeColumn() has them and among others: what a merged part holds.
TEST(Golden, ColumnsOfAGroupKeepTheirBytes) {
  std::map<std::string, std::vector<double>> columns;
  for (int b = 0; b < 6; ++b) {
    auto& bucket = columns["bucket_" + std::to_string(b)];
    for (int i = 0; i < 480; ++i) bucket.push_back(i * 40 + i * i * 7919 % 23 + (i * b * b) / 9);
  }
  for (int i = 0; i < 480; ++i) {
    const auto noise = uint64_t{0x9e3779b97f4a7c15} * static_cast<uint64_t>(i + 1);
    columns["gauge"].push_back(static_cast<double>(noise >> 50) / 100);
    columns["gauge_with_gaps"].push_back(i % 9 == 4 ? model::kStaleNan : columns["gauge"].back());
    columns["wide"].push_back(static_cast<double>(noise >> (i % 50)));
    columns["rare"].push_back(i / 100);
  }
  Golden today;
  ColumnGroupEncoder encoder;
  std::vector<const std::vector<double>*> before;
  for (const auto& [name, values] : columns) encoder.Append(values, &today[name]);
  for (const auto& [name, bytes] : CheckGolden("column_group_v1.hex", today)) {
    ASSERT_TRUE(columns.contains(name)) << name;
    std::vector<double> decoded(480);
    std::string_view left = bytes;
    const size_t back = ColumnsBack(bytes);
    ASSERT_LE(back, before.size()) << name;
    const auto status = DecodeColumn(
        &left, decoded, back == 0 ? std::span<const double>() : *before[before.size() - back]);
    EXPECT_TRUE(status.ok()) << name << status;
    EXPECT_TRUE(SameBits(decoded, columns.at(name))) << name;
    before.push_back(&columns.at(name));
  }
}

TEST(Golden, TimesKeepTheirBytes) {
  std::map<std::string, std::vector<int64_t>> cases;
  for (int64_t i = 0; i < 130; ++i) {
    cases["even"].push_back(1'700'000'000'000 + 15'000 * i);
    cases["jittered"].push_back(1'700'000'000'000 + 15'000 * i + i * 7 % 5);
    cases["unsorted"].push_back(i * 7919 % 130 * 1000 - 50'000);
  }
  cases["one"] = {-1};
  cases["widest"] = {model::kTimeMsMin, model::kTimeMsMax, 0};
  Golden today;
  for (const auto& [name, times_ms] : cases) EncodeTimes(times_ms, &today[name]);
  for (const auto& [name, bytes] : CheckGolden("times_v1.hex", today)) {
    ASSERT_TRUE(cases.contains(name)) << name;
    std::vector<int64_t> decoded(cases[name].size());
    std::string_view left = bytes;
    EXPECT_TRUE(DecodeTimes(&left, decoded).ok()) << name;
    EXPECT_TRUE(left.empty()) << name;
    EXPECT_EQ(decoded, cases[name]) << name;
  }
}

// All column cases side by side, cut to the shortest, as rows of one target.
std::vector<std::vector<double>> FrameRows() {
  std::vector<std::vector<double>> columns;
  for (const auto& [name, values] : ColumnCases()) {
    if (values.size() >= 20) columns.emplace_back(values.begin(), values.begin() + 20);
  }
  std::vector<std::vector<double>> rows(20);
  for (size_t r = 0; r < rows.size(); ++r) {
    for (const auto& column : columns) rows[r].push_back(column[r]);
  }
  return rows;
}

TEST(Golden, FramesAndTheStateKeepTheirBytes) {
  const auto rows = FrameRows();
  FrameEncoder encoder(rows[0].size());
  FrameDecoder decoder(rows[0].size());
  Golden today;
  for (size_t r = 0; r < rows.size(); ++r) {
    const int64_t time_ms = 1'700'000'000'000 + static_cast<int64_t>(15'000 * r + r % 3);
    encoder.Encode({time_ms, rows[r]}, r == 12, &today["chain"]);
  }
  std::string_view left = today["chain"];
  for (Row row; !left.empty();) ASSERT_TRUE(decoder.Decode(&left, &row).ok());
  decoder.EncodeState(&today["state"]);

  const Golden golden = CheckGolden("frame_v1.hex", today);
  left = golden.at("chain");
  FrameDecoder again(rows[0].size());
  Row row;
  for (const auto& values : rows) {
    ASSERT_TRUE(again.Decode(&left, &row).ok());
    EXPECT_TRUE(SameBits({row.values.begin(), row.values.end()}, values));
  }
  EXPECT_TRUE(left.empty());
  left = golden.at("state");
  FrameDecoder from_state(rows[0].size());
  ASSERT_TRUE(from_state.Decode(&left, &row).ok());
  EXPECT_TRUE(SameBits({row.values.begin(), row.values.end()}, rows.back()));
}

}  // namespace
}  // namespace baro::codec
