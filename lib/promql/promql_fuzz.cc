// The parser survives any bytes, and what it has printed it reads back to the same text.

#include <cstdint>
#include <string>
#include <string_view>

#include "baro/base/check.h"
#include "baro/promql/engine.h"
#include "baro/promql/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::promql;
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  (void)ParseSelector(query);
  const auto expr = ParseExpression(query);
  if (!expr.ok()) return 0;
  const std::string printed = Print(**expr);
  const auto again = ParseExpression(printed);
  BARO_CHECK(again.ok());
  BARO_CHECK(Print(**again) == printed);
  const std::string pretty = PrintPretty(**expr);
  BARO_CHECK(pretty.size() > kQueryBytesMax || ParseExpression(pretty).ok());
  return 0;
}
