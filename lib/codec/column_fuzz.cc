// Columns: arbitrary bytes never crash the decoder; arbitrary doubles and times come back.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/codec/column.h"

namespace baro::codec {
namespace {

// Decodes as a run of a length that the input chooses.
void DecodeBytes(std::string_view bytes) {
  const size_t count =
      bytes.size() < 2
          ? bytes.size()
          : 1 + (static_cast<uint8_t>(bytes[0]) * 7 + static_cast<uint8_t>(bytes[1])) % 600;
  if (bytes.size() >= 2) bytes.remove_prefix(2);
  std::vector<double> values(count);
  std::string_view left = bytes;
  (void)DecodeColumn(&left, values);
  BARO_CHECK_LE(left.size(), bytes.size());
  std::vector<int64_t> times_ms(count);
  left = bytes;
  (void)DecodeTimes(&left, times_ms);
  BARO_CHECK_LE(left.size(), bytes.size());
}

// The same bytes as a column that refers to another.
void DecodeRelated(std::string_view bytes) {
  const size_t count = 1 + bytes.size() % 300;
  std::vector<double> reference(count);
  for (size_t i = 0; i < count; ++i) reference[i] = static_cast<double>(i * i % 97) / 8;
  std::vector<double> values(count);
  std::string_view left = bytes;
  (void)ColumnsBack(bytes);
  (void)DecodeColumn(&left, values, reference);
  BARO_CHECK_LE(left.size(), bytes.size());
}

template <typename T>
std::vector<T> From(std::string_view bytes) {
  std::vector<T> values(std::min(bytes.size() / sizeof(T), kColumnValuesMax));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

// Small numbers scaled by what the first byte says: reaches the decimal forms, which random bits
// never do.
std::vector<double> SmallNumbers(std::string_view bytes) {
  static constexpr double kUnits[] = {1, 0.01, 1e-9, 4096, 0.1, 1e-15, -1, 7};
  std::vector<double> values;
  double sum = 0;
  for (const char byte : bytes.substr(0, kColumnValuesMax)) {
    sum += byte * kUnits[static_cast<uint8_t>(bytes[0]) % 8];
    values.push_back(sum);
  }
  return values;
}

void RoundTrip(const std::vector<double>& values) {
  std::string bytes;
  EncodeColumn(values, &bytes);
  std::string_view left = bytes;
  std::vector<double> decoded(values.size());
  BARO_CHECK(DecodeColumn(&left, decoded).ok());
  BARO_CHECK(left.empty());
  BARO_CHECK(values.empty() ||
             std::memcmp(values.data(), decoded.data(), values.size() * sizeof(double)) == 0);
}

// Each column beside one that is a little different.
void RoundTripGroup(const std::vector<double>& values) {
  if (values.empty()) return;
  std::vector<std::vector<double>> columns = {values, values, values};
  for (size_t i = 0; i < values.size(); ++i) columns[1][i] += static_cast<double>(i % 3);
  ColumnGroupEncoder encoder;
  std::vector<std::vector<double>> decoded;
  for (const auto& column : columns) {
    std::string bytes;
    encoder.Append(column, &bytes);
    const size_t back = ColumnsBack(bytes);
    BARO_CHECK_LE(back, decoded.size());
    std::vector<double> again(column.size());
    std::string_view left = bytes;
    BARO_CHECK(DecodeColumn(&left, again,
                            back == 0 ? std::span<const double>() : decoded[decoded.size() - back])
                   .ok());
    BARO_CHECK(left.empty() &&
               std::memcmp(column.data(), again.data(), column.size() * sizeof(double)) == 0);
    decoded.push_back(std::move(again));
  }
}

void RoundTrip(const std::vector<int64_t>& times_ms) {
  std::string bytes;
  EncodeTimes(times_ms, &bytes);
  std::string_view left = bytes;
  std::vector<int64_t> decoded(times_ms.size());
  BARO_CHECK(DecodeTimes(&left, decoded).ok());
  BARO_CHECK(left.empty() && decoded == times_ms);
}

}  // namespace
}  // namespace baro::codec

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  baro::codec::DecodeBytes(bytes);
  baro::codec::DecodeRelated(bytes);
  baro::codec::RoundTripGroup(baro::codec::From<double>(bytes));
  baro::codec::RoundTripGroup(baro::codec::SmallNumbers(bytes));
  baro::codec::RoundTrip(baro::codec::From<double>(bytes));
  baro::codec::RoundTrip(baro::codec::From<int64_t>(bytes));
  baro::codec::RoundTrip(baro::codec::SmallNumbers(bytes));
  return 0;
}
