#include "verbs/time_range.h"

#include <array>
#include <cmath>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "time_text.h"

namespace baro::cli {
namespace {

constexpr int64_t kPointsMax = 11'000;  // of one series, as in Prometheus

int64_t RoundStepMs(int64_t span_ms, int points) {
  constexpr std::array kSteps =
      std::to_array<int64_t>({1,   2,    5,    10,   15,    30,    60,    120,   300,    600,
                              900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800});
  for (const int64_t step : kSteps) {
    if (span_ms / (step * 1000) <= points) return step * 1000;
  }
  return span_ms / points;
}

}  // namespace

absl::StatusOr<Client::Range> ReadRange(const RangeOptions& options, int points,
                                        const Session& session) {
  const int64_t now_ms = session.clock->NowMs();
  Client::Range range;
  BARO_TRY_ASSIGN(range.end_ms, ParseInstant(options.to, now_ms));
  if (options.from.empty()) {
    BARO_TRY_ASSIGN(const int64_t since_ms, ParseDuration(options.since));
    range.start_ms = range.end_ms - since_ms;
  } else {
    BARO_TRY_ASSIGN(range.start_ms, ParseInstant(options.from, now_ms));
  }
  if (range.start_ms >= range.end_ms) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot show a range that ends before it starts: from ",
                     FormatTime(static_cast<double>(range.start_ms) / 1e3), " to ",
                     FormatTime(static_cast<double>(range.end_ms) / 1e3)));
  }
  const int64_t span_ms = range.end_ms - range.start_ms;
  if (options.step.empty()) {
    range.step_ms = RoundStepMs(span_ms, points);
    range.start_ms -= range.start_ms % range.step_ms;
    return range;
  }
  BARO_TRY_ASSIGN(range.step_ms, ParseDuration(options.step));
  if (range.step_ms == 0 || span_ms / range.step_ms > kPointsMax) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot use --step ", options.step, ": more than ", kPointsMax,
                     " values per series; use a longer step or a shorter range"));
  }
  return range;
}

std::string RangeText(const Client::Range& range) {
  constexpr int64_t kDayMs = 86'400'000;
  constexpr size_t kDateBytes = std::string_view("2026-11-23 ").size();
  std::string from = FormatTime(std::floor(static_cast<double>(range.start_ms) / 1e3));
  std::string to = FormatTime(std::floor(static_cast<double>(range.end_ms) / 1e3));
  from.resize(from.size() - std::string_view(" UTC").size());
  if (range.start_ms / kDayMs == range.end_ms / kDayMs) to.erase(0, kDateBytes);
  return base::StrCat("from ", from, " to ", to, ", every ",
                      FormatDuration(static_cast<double>(range.step_ms) / 1e3));
}

}  // namespace baro::cli
