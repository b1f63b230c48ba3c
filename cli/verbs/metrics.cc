// baro metrics: what there is to ask for, with type, unit and meaning.

#include <iterator>
#include <map>
#include <set>

#include <re2/re2.h>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "verbs/query_output.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// The family a series' metric belongs to, when metadata knows it: "http_seconds" for
// "http_seconds_bucket".
std::string FamilyOf(const std::string& metric, const std::map<std::string, Metadata>& metadata) {
  if (metadata.count(metric) > 0) return metric;
  for (const std::string_view end : {"_bucket", "_count", "_sum", "_total", "_created", "_info"}) {
    if (!metric.ends_with(end)) continue;
    std::string family = metric.substr(0, metric.size() - end.size());
    const auto found = metadata.find(family);
    if (found == metadata.end()) continue;
    const std::string& type = found->second.type;
    // Counters and infos are asked for by their full name; only histograms and summaries are many.
    return type == "histogram" || type == "summary" ? family : metric;
  }
  return metric;
}

// Metadata of the metric itself or, for OpenMetrics' counters, of its name without the suffix.
Metadata MetadataOf(const std::string& metric, const std::map<std::string, Metadata>& metadata) {
  auto found = metadata.find(metric);
  for (const std::string_view end : {"_total", "_info"}) {
    if (found == metadata.end() && metric.ends_with(end)) {
      found = metadata.find(metric.substr(0, metric.size() - end.size()));
    }
  }
  return found == metadata.end() ? Metadata{} : found->second;
}

}  // namespace

absl::Status Run(const MetricsArguments& arguments, Session* session) {
  const RE2 pattern(arguments.pattern, RE2::Quiet);
  if (!pattern.ok()) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot read the pattern \"", arguments.pattern, "\": ", pattern.error()));
  }
  BARO_TRY_ASSIGN(const auto names, session->client->LabelValues("__name__", {}));
  BARO_TRY_ASSIGN(const auto all, session->client->AllMetadata());
  std::map<std::string, Metadata> metadata;
  for (const MetricMetadata& entry : all) metadata[entry.metric] = entry.metadata;
  std::set<std::string> shown;
  for (const std::string& name : names) {
    if (RE2::PartialMatch(name, pattern)) shown.insert(FamilyOf(name, metadata));
  }

  const size_t found = shown.size();
  session->is_empty = shown.empty();
  if (arguments.limit > 0 && found > static_cast<size_t>(arguments.limit)) {
    shown.erase(std::next(shown.begin(), arguments.limit), shown.end());
    NoteMore(found, arguments.limit, session);
  }
  List list;
  list.table.columns = {
      {"METRIC", Align::kLeft, Cut::kLast}, {"TYPE"}, {"UNIT"}, {"HELP", Align::kLeft, Cut::kEnd}};
  for (const std::string& name : shown) {
    const Metadata of = MetadataOf(name, metadata);
    list.records.push_back(
        {{"metric", name}, {"type", of.type}, {"unit", of.unit}, {"help", of.help}});
    list.table.rows.push_back(
        {{Harmless(name)}, {Harmless(of.type)}, {Harmless(of.unit)}, {Harmless(of.help)}});
  }
  list.total = base::StrCat(found, " of ", names.size(), " metrics");
  if (shown.empty()) {
    base::StrAppend(&session->notes, "baro: no metric's name matches \"",
                    Harmless(arguments.pattern), "\"\n");
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
