// What must hold when a world has healed.
#include <bit>
#include <map>
#include <string>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "world.h"

namespace baro::sim {
namespace {

using Stored = std::map<std::string, std::map<int64_t, uint64_t>>;  // bits by series and time

absl::StatusOr<Stored> ReadAll(const tsdb::Store& store) {
  model::SelectRequest request;
  request.start_ms = 0;
  request.end_ms = int64_t{1} << 50;
  auto matcher = model::Matcher::Create(model::MatchType::kNotEqual, "__name__", "");
  if (!matcher.ok()) return matcher.status();
  request.matchers.push_back(*matcher);
  auto set = store.Select(request);
  if (!set.ok()) return set.status();
  Stored stored;
  const auto reader = (*set)->Read(0, (*set)->size());
  model::SeriesView view;
  while (true) {
    const auto more = reader->Next(&view);
    if (!more.ok()) return more.status();
    if (!*more) return stored;
    auto& series = stored[(*set)->labels(view.index).Merge().ToString()];
    for (size_t i = 0; i < view.times_ms.size(); ++i) {
      const bool is_new =
          series.emplace(view.times_ms[i], std::bit_cast<uint64_t>(view.values[i])).second;
      if (!is_new) return absl::DataLossError(base::StrCat("sample twice at ", view.times_ms[i]));
    }
  }
}

std::string SeriesName(const GivenRow& row, size_t column) {
  model::Labels labels = row.target;
  for (const model::Label& label : row.columns[column]) labels.Set(label.name, label.value);
  return labels.ToString();
}

std::string Place(const GivenRow& row, size_t column) {
  return base::StrCat(SeriesName(row, column), " at ", row.time_ms);
}

}  // namespace

std::string World::Check() {
  for (const auto& [reason, loss] : agent_.spool->GetStats().lost_total)
    lost_frames_[reason] += loss.frames;
  for (const auto& [reason, frames] : lost_frames_) {
    const bool allowed = reason == "spool_full" || reason == "disk_full";
    if (frames > 0 && !allowed) return base::StrCat(frames, " frames lost by reason ", reason);
  }
  const auto stored = ReadAll(*collector_.host->store());
  if (!stored.ok()) return base::StrCat("store: ", base::FromAbsl(stored.status().message()));
  return CheckStored(*stored);
}

std::string World::CheckStored(const Stored& stored) const {
  Stored unexplained = stored;
  uint64_t missing_rows = 0;
  std::string first_missing;
  for (const GivenRow& row : given_) {
    size_t missing = 0;
    for (size_t i = 0; i < row.values.size(); ++i) {
      const auto series = stored.find(SeriesName(row, i));
      const bool has_series = series != stored.end();
      const auto sample =
          has_series ? series->second.find(row.time_ms) : decltype(series->second.end()){};
      if (!has_series || sample == series->second.end()) {
        if (!model::IsStaleNan(row.values[i])) ++missing;
        continue;
      }
      if (sample->second != std::bit_cast<uint64_t>(row.values[i]))
        return base::StrCat("another value: ", Place(row, i));
      unexplained[series->first].erase(row.time_ms);
    }
    if (missing == 0 || !row.durable) continue;
    if (first_missing.empty()) first_missing = Place(row, 0);
    ++missing_rows;
  }
  uint64_t shed = 0;
  for (const auto& [reason, frames] : lost_frames_) shed += frames;
  if (missing_rows > shed) {
    return base::StrCat(missing_rows, " durable rows are missing, ", shed,
                        " were shed; the first: ", first_missing);
  }
  for (const auto& [series, samples] : unexplained) {
    for (const auto& [time_ms, bits] : samples) {
      if (!model::IsStaleNan(std::bit_cast<double>(bits)))
        return base::StrCat("sample from nowhere: ", series, " at ", time_ms);
    }
  }
  return "";
}

}  // namespace baro::sim
