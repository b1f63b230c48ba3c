// Whatever listens on the collector's port, decoding its answer neither crashes nor grows without
// bound, and what was decoded can be printed.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/decode.h"
#include "api/plan.h"
#include "baro/base/check.h"
#include "render/histogram.h"
#include "render/json.h"
#include "render/series_table.h"
#include "render/text.h"
#include "verbs/expression_place.h"
#include "verbs/shell_words.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace baro::cli;  // NOLINT(google-build-using-namespace)
  const std::string_view json(reinterpret_cast<const char*>(bytes), size);
  Notes notes;
  if (const auto answer = DecodeQuery(json, &notes); answer.ok() && !answer->series.empty()) {
    // What we print is read back the same.
    const auto again = DecodeQuery(QueryJson(*answer, {}, {}), &notes);
    BARO_CHECK(again.ok());
    BARO_CHECK_EQ(again->series.size(), answer->series.size());
    for (const Series& series : answer->series) (void)SelectorText(series.labels);
    (void)ExactRecords(*answer);
  }
  (void)DecodeStrings(json, &notes);
  (void)DecodeLabelSets(json, &notes);
  (void)DecodeMetadata(json, &notes);
  (void)DecodeTargets(json, &notes);
  if (const auto record = DecodeRecord(json, &notes); record.ok()) (void)JsonRecord(*record);
  (void)DecodeRecords(json, "agents", &notes);
  (void)DecodeExplanation(json, &notes);
  (void)DecodeRunningQueries(json, &notes);
  (void)DecodeTopQueries(json, &notes);
  if (const auto histogram = DecodeHistogram(json); histogram.ok()) {
    (void)QuantileOf(*histogram, 0.9);
    (void)RenderHistogram(*histogram, Unit::kSeconds, Screen{});
  }
  // A name that is being typed is in the expression.
  const ExpressionPlace place = PlaceOf(json);
  BARO_CHECK_EQ(place.before.size() + place.typed.size(), json.size());
  (void)ShellWords(json);
  const std::string harmless = Harmless(json);
  BARO_CHECK(harmless.find('\x1b') == std::string::npos);
  BARO_CHECK(DisplayWidth(CutToWidth(harmless, 20, Cut::kMiddle)) <= 20);
  return 0;
}
