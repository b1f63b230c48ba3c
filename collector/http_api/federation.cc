#include "http_api/federation.h"

#include <algorithm>
#include <map>
#include <optional>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/exposition_writer.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

// About 500 bytes each until the answer is written. More is a mistake in a selector.
constexpr size_t kSeriesMax = 1'000'000;

struct LastSample {
  std::string name;
  model::Labels labels;  // without the name
  int64_t time_ms = 0;
  double value = 0;
  std::optional<model::Histogram> histogram;
};

ExposedType TypeOf(const LastSample& sample) {
  if (!sample.histogram) return ExposedType::kUntyped;
  return sample.histogram->reset_hint == model::ResetHint::kGauge ? ExposedType::kGaugeHistogram
                                                                  : ExposedType::kHistogram;
}

// Nothing when the series has ended, has no name, or has no sample in the range.
std::optional<LastSample> LastOf(const model::SeriesSet& set, const model::SeriesView& view) {
  if (view.times_ms.empty()) return std::nullopt;
  LastSample last;
  const size_t at = view.times_ms.size() - 1;
  last.time_ms = view.times_ms[at];
  last.value = view.values[at];
  if (model::IsStaleNan(last.value)) return std::nullopt;
  if (model::IsHistogramMark(last.value)) {
    if (view.histograms.empty() || view.histograms[at] == nullptr) return std::nullopt;
    if (view.histograms[at]->is_stale()) return std::nullopt;
    last.histogram = *view.histograms[at];
  }
  last.labels = set.labels(view.index).Merge();
  last.name = last.labels.Get(model::kMetricName);
  if (last.name.empty()) return std::nullopt;
  last.labels.Remove(model::kMetricName);
  return last;
}

absl::Status AddLastSamples(const ApiParts& parts, const net::ServerRequest& request,
                            std::vector<model::Matcher> matchers, std::vector<LastSample>* found) {
  model::SelectRequest select;
  select.end_ms = parts.clock->NowMs();
  select.start_ms = select.end_ms - parts.engine->options().lookback_ms;
  select.matchers = std::move(matchers);
  select.histograms = true;
  select.series_max = kSeriesMax;
  BARO_TRY_ASSIGN(const auto set, parts.source->Select(select));
  const auto reader = set->Read(0, set->size());
  model::SeriesView view;
  for (;;) {
    BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
    if (!more) return absl::OkStatus();
    if (request.cancelled->load()) return absl::CancelledError("the client has gone");
    if (auto last = LastOf(*set, view)) found->push_back(*std::move(last));
  }
}

absl::StatusOr<std::vector<LastSample>> LastSamples(const ApiParts& parts,
                                                    const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY(parameters.form_error());
  std::vector<std::vector<model::Matcher>> selectors;
  for (const std::string& text : parameters.All("match[]")) {
    BARO_TRY_ASSIGN(std::vector<model::Matcher> matchers, promql::ParseSelector(text));
    selectors.push_back(std::move(matchers));
  }
  std::vector<LastSample> found;
  for (auto& matchers : selectors) {
    if (matchers.empty()) continue;  // {} shows nothing, as in Prometheus
    BARO_TRY(AddLastSamples(parts, request, std::move(matchers), &found));
  }
  const auto key = [](const LastSample& sample) { return std::tie(sample.name, sample.labels); };
  std::sort(found.begin(), found.end(),
            [key](const LastSample& a, const LastSample& b) { return key(a) < key(b); });
  // Selectors may overlap.
  found.erase(
      std::unique(found.begin(), found.end(),
                  [key](const LastSample& a, const LastSample& b) { return key(a) == key(b); }),
      found.end());
  return found;
}

// The series' own labels, then the external ones that it does not have. A series without an
// instance gets an empty one, so that the scraper's honor_labels leaves it without.
std::vector<model::Label> WrittenLabels(const model::Labels& labels,
                                        const std::map<std::string, std::string>& external) {
  std::vector<model::Label> written(labels.begin(), labels.end());
  for (const auto& [name, value] : external) {
    if (!labels.Has(name)) written.push_back({name, value});
  }
  return written;
}

net::ServerResponse Refusal(const absl::Status& error) {
  int status = 500;
  if (absl::IsInvalidArgument(error)) status = 400;
  if (absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error)) status = 503;
  if (absl::IsResourceExhausted(error)) status = 422;
  return net::ServerResponse::Text(status, base::StrCat(base::FromAbsl(error.message()), "\n"));
}

}  // namespace

net::ServerResponse Federate(const ApiParts& parts, const net::ServerRequest& request) {
  const auto samples = LastSamples(parts, request);
  if (!samples.ok()) return Refusal(samples.status());
  std::map<std::string, std::string> external = parts.facts.external_labels();
  external.emplace("instance", "");
  const ExpositionFormat format = ChooseExposition(request.Header("Accept"));
  ExpositionWriter writer(format);
  const LastSample* before = nullptr;
  for (const LastSample& sample : *samples) {
    const std::vector<model::Label> labels = WrittenLabels(sample.labels, external);
    const ExposedSample exposed{&labels, sample.time_ms, sample.value,
                                sample.histogram ? &*sample.histogram : nullptr};
    if (!writer.CanWrite(exposed)) continue;
    if (before == nullptr || before->name != sample.name || TypeOf(*before) != TypeOf(sample)) {
      writer.Family(sample.name, TypeOf(sample));
    }
    before = &sample;
    writer.Add(exposed);
  }
  net::ServerResponse response;
  response.content_type = format.ContentType();
  response.body = writer.Take();
  return response;
}

}  // namespace baro::collector
