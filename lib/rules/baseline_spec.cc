#include "baseline_spec.h"

#include <chrono>

#include "baro/base/strings.h"

namespace baro::rules {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int kSeasonsMax = 60;
constexpr size_t kQuantilesMax = 16;

}  // namespace

absl::Status ReadBaseline(const base::YamlNode& node, base::YamlMap* map, std::string* record,
                          std::optional<BaselineSpec>* baseline) {
  if (!record->empty()) return node.ErrorAt("only one of 'record' and 'baseline' must be set");
  if (node.scalar().empty()) return node.ErrorAt("expected the name of the baseline");
  *record = node.scalar();
  BaselineSpec& spec = baseline->emplace();
  std::string season = "week";
  std::chrono::milliseconds history{28 * kDayMs};
  map->Optional("season", &season);
  map->Optional("history", &history);
  map->Optional("quantiles", &spec.quantiles);
  map->Optional("band", &spec.band);
  map->Optional("floor", &spec.floor);
  map->Optional("samples_min", &spec.samples_min);
  map->Optional("exclude", &spec.exclude_query);
  if (season != "week" && season != "day") map->Fail("season", "expected week or day");
  spec.season_ms = season == "day" ? kDayMs : 7 * kDayMs;
  const int64_t seasons = history.count() / spec.season_ms;
  if (seasons < 1 || seasons > kSeasonsMax) {
    map->Fail("history", base::StrCat("expected 1 to ", kSeasonsMax, " seasons"));
    return absl::OkStatus();
  }
  spec.seasons = static_cast<int>(seasons);
  for (const double quantile : spec.quantiles) {
    if (!(quantile > 0 && quantile < 1)) map->Fail("quantiles", "expected numbers between 0 and 1");
  }
  if (spec.quantiles.size() > kQuantilesMax) {
    map->Fail("quantiles", base::StrCat("more than ", kQuantilesMax));
  }
  if (!(spec.band > 0)) map->Fail("band", "expected a number above 0");
  if (!(spec.floor >= 0)) map->Fail("floor", "expected a number not below 0");
  if (spec.samples_min < 1) map->Fail("samples_min", "expected a number above 0");
  return absl::OkStatus();
}

}  // namespace baro::rules
