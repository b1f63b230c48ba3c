#include <algorithm>
#include <optional>
#include <set>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

// start, end, match[] and limit, as labels and label values take them.
absl::StatusOr<model::LabelRequest> LabelRequestOf(const Parameters& parameters) {
  model::LabelRequest request;
  BARO_TRY_ASSIGN(request.limit, LimitParameter(parameters));
  BARO_TRY_ASSIGN(request.start_ms, TimeParameter(parameters, "start", model::kTimeMsMin));
  BARO_TRY_ASSIGN(request.end_ms, TimeParameter(parameters, "end", model::kTimeMsMax));
  BARO_TRY_ASSIGN(request.selectors, MatchParameters(parameters));
  return request;
}

// One more than wanted is asked for, to know whether something was left out.
net::ServerResponse ListAnswer(std::vector<std::string> list, size_t limit) {
  Notes notes;
  if (limit != 0 && list.size() > limit) {
    list.resize(limit);
    notes.warnings.emplace_back(kTruncated);
  }
  JsonWriter writer = StartAnswer();
  writer.Strings(list);
  return FinishAnswer(&writer, notes);
}

absl::Status AddSeries(const model::SeriesSource& source, model::SelectRequest request,
                       std::vector<model::Labels>* found, Notes* notes) {
  BARO_TRY_ASSIGN(const auto set, source.Select(request));
  found->reserve(found->size() + set->size());
  for (size_t i = 0; i < set->size(); ++i) found->push_back(set->labels(i).Merge());
  notes->warnings.insert(notes->warnings.end(), set->warnings().begin(), set->warnings().end());
  return absl::OkStatus();
}

bool IsUtf8Name(std::string_view name) {
  if (name.empty()) return false;
  JsonWriter writer;
  writer.String(name);
  // The writer replaces what is not UTF-8.
  return writer.Take().front().find("\\ufffd") == std::string::npos;
}

void WriteMetadata(const model::Metadata& metadata, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("type", model::MetricTypeName(metadata.type));
  object.Add("help", metadata.help);
  object.Add("unit", metadata.unit);
}

}  // namespace

Answer SeriesList(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY(parameters.form_error());
  if (parameters.All("match[]").empty()) {
    return absl::InvalidArgumentError("no match[] parameter provided");
  }
  BARO_TRY_ASSIGN(const size_t limit, LimitParameter(parameters));
  model::SelectRequest select;
  BARO_TRY_ASSIGN(select.start_ms, TimeParameter(parameters, "start", model::kTimeMsMin));
  BARO_TRY_ASSIGN(select.end_ms, TimeParameter(parameters, "end", model::kTimeMsMax));
  const auto selectors = MatchParameters(parameters);
  if (!selectors.ok()) return InvalidParameter("match[]", selectors.status());
  std::vector<model::Labels> found;
  Notes notes;
  for (const std::vector<model::Matcher>& matchers : *selectors) {
    select.matchers = matchers;
    BARO_TRY(AddSeries(*parts.source, select, &found, &notes));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (limit != 0 && found.size() > limit) {
    found.resize(limit);
    notes.warnings.emplace_back(kTruncated);
  }
  JsonWriter writer = StartAnswer();
  {
    JsonList list(&writer);
    for (const model::Labels& labels : found) list.Next()->Labels(labels);
  }
  return FinishAnswer(&writer, notes);
}

Answer LabelNames(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(model::LabelRequest wanted, LabelRequestOf(parameters));
  const size_t limit = wanted.limit;
  if (limit != 0) ++wanted.limit;
  BARO_TRY_ASSIGN(std::vector<std::string> names, parts.source->LabelNames(wanted));
  return ListAnswer(std::move(names), limit);
}

Answer LabelValues(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  const std::string name = UnescapeName(request.PathValue("name"));
  if (!IsUtf8Name(name)) {
    return absl::InvalidArgumentError(base::StrCat("invalid label name: ", GoQuoted(name)));
  }
  BARO_TRY_ASSIGN(model::LabelRequest wanted, LabelRequestOf(parameters));
  const size_t limit = wanted.limit;
  if (limit != 0) ++wanted.limit;
  BARO_TRY_ASSIGN(std::vector<std::string> values, parts.source->LabelValues(name, wanted));
  return ListAnswer(std::move(values), limit);
}

Answer MetricMetadata(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const std::optional<size_t> limit, CountParameter(parameters, "limit"));
  // A family has one description here, so that there is nothing to cut.
  BARO_TRY(CountParameter(parameters, "limit_per_metric").status());
  const std::string family(parameters.Get("metric"));
  std::vector<model::Metadata> found;
  if (limit != 0) found = parts.source->MetricMetadata(family, limit.value_or(0));
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    for (const model::Metadata& metadata : found) {
      JsonList list(object.Key(metadata.family));
      WriteMetadata(metadata, list.Next());
    }
  }
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
