#include "remote_write/incoming_write.h"

#include <algorithm>

#include "baro/base/strings.h"

namespace baro::collector {

void AddWritten(WriteVersion version, const WriteCounts& written, net::ServerResponse* response) {
  if (version != WriteVersion::kTwo) return;
  response->headers.emplace_back(kSamplesWritten, base::StrCat(written.samples));
  response->headers.emplace_back(kHistogramsWritten, base::StrCat(written.histograms));
  response->headers.emplace_back(kExemplarsWritten, base::StrCat(written.exemplars));
}

void IncomingWrite::Accept(const wire::RemoteValues& values, tsdb::SeriesId series) {
  received_.samples += values.samples.size();
  received_.histograms += values.histograms.size();
  received_.exemplars += values.exemplars.size();
  AcceptSamples(values.samples, series);
  if (!values.histograms.empty()) AcceptHistograms(values.histograms, series);
  if (!values.exemplars.empty()) AcceptExemplars(values.exemplars, series);
}

void IncomingWrite::RefuseSeries(Refusal why, const wire::RemoteValues& values,
                                 std::string_view what) {
  received_.samples += values.samples.size();
  received_.histograms += values.histograms.size();
  received_.exemplars += values.exemplars.size();
  Refuse(why, values.samples.size() + values.histograms.size(), what);
  exemplars_refused_.count += values.exemplars.size();
}

void IncomingWrite::AcceptSamples(std::span<const model::Sample> samples, tsdb::SeriesId series) {
  for (const model::Sample& sample : samples) AddSample(sample.time_ms, sample.value, series);
  accepted_.samples += samples.size();
}

void IncomingWrite::AddSample(int64_t time_ms, double value, tsdb::SeriesId series) {
  if (model::IsNoSample(value) || model::IsHistogramMark(value)) [[unlikely]] {
    ++nans_replaced_;
    value = model::kNormalNan;
  }
  batch_.series.push_back(series);
  batch_.times_ms.push_back(time_ms);
  batch_.values.push_back(value);
}

void IncomingWrite::AcceptHistograms(std::span<const wire::WireHistogram> histograms,
                                     tsdb::SeriesId series) {
  for (const wire::WireHistogram& wire : histograms) {
    if (wire.IsStale()) {
      AddSample(wire.time_ms, model::kStaleNan, series);
      ++accepted_.histograms;
      continue;
    }
    auto histogram = wire::HistogramFromWire(wire);
    if (!histogram.ok()) {
      Refuse(Refusal::kInvalidHistogram, 1, base::FromAbsl(histogram.status().message()));
      continue;
    }
    batch_.histograms.push_back({series, wire.time_ms, *std::move(histogram)});
    ++accepted_.histograms;
  }
}

void IncomingWrite::AcceptExemplars(std::span<const wire::RemoteExemplar> exemplars,
                                    tsdb::SeriesId series) {
  for (const wire::RemoteExemplar& exemplar : exemplars) {
    auto labels = wire::CheckExemplarLabels(exemplar);
    if (!labels.ok()) {
      if (!exemplars_refused_.any) {
        exemplars_refused_.first = base::FromAbsl(labels.status().message());
      }
      exemplars_refused_.any = true;
      ++exemplars_refused_.count;
      continue;
    }
    batch_.exemplars.push_back({series, {*std::move(labels), exemplar.time_ms, exemplar.value}});
    ++accepted_.exemplars;
  }
}

void IncomingWrite::Refuse(Refusal why, uint64_t count, std::string_view what) {
  Refused& refused = refused_[static_cast<size_t>(why)];
  if (!refused.any) refused.first = what;
  refused.any = true;
  refused.count += count;
}

// What the store had already counts as written: a sender that sends again must not be told that it
// was in vain. Of the too old and too new the store does not say whether they were floats or
// histograms: those missing among the histograms are taken for them.
WriteCounts IncomingWrite::Written(const tsdb::AppendResult& result) const {
  WriteCounts written = accepted_;
  const auto take = [](uint64_t count, uint64_t* from) { *from -= std::min(count, *from); };
  take(result.exemplars_out_of_order + result.exemplars_refused, &written.exemplars);
  take(result.histograms_refused, &written.histograms);
  const uint64_t refused = result.too_old + result.too_new;
  const uint64_t missing = std::min(
      refused, written.histograms - std::min(result.histograms_stored, written.histograms));
  take(missing, &written.histograms);
  take(refused - missing, &written.samples);
  return written;
}

void IncomingWrite::TakeRefusals(const tsdb::AppendResult& result) {
  if (result.too_old > 0) {
    Refuse(Refusal::kTooOld, result.too_old, "samples older than the retention");
  }
  if (result.too_new > 0) {
    Refuse(Refusal::kTooNew, result.too_new, "samples more than a day ahead of this clock");
  }
  if (result.histograms_refused > 0) {
    Refuse(Refusal::kInvalidHistogram, result.histograms_refused, result.histogram_refusal);
  }
  const uint64_t exemplars = result.exemplars_out_of_order + result.exemplars_refused;
  if (exemplars == 0) return;
  if (!exemplars_refused_.any) {
    exemplars_refused_.first = result.exemplars_refused > 0
                                   ? "labels longer than 128 characters, too old or too new"
                                   : "older than too many of its series";
  }
  exemplars_refused_.any = true;
  exemplars_refused_.count += exemplars;
}

std::string IncomingWrite::RefusalText() const {
  std::string text;
  for (size_t why = 0; why < refused_.size(); ++why) {
    const auto& [any, count, first] = refused_[why];
    if (!any) continue;
    base::StrAppend(&text, text.empty() ? "" : "; ", count, " refused (", kRefusalNames[why],
                    "): ", first);
  }
  // Under 1.0 exemplars were never a reason to refuse, and senders take any 400 for the whole
  // request's failure.
  if (version_ == WriteVersion::kTwo && exemplars_refused_.any) {
    base::StrAppend(&text, text.empty() ? "" : "; ", exemplars_refused_.count,
                    " exemplars refused: ", exemplars_refused_.first);
  }
  return text;
}

net::ServerResponse IncomingWrite::Finish(const tsdb::AppendResult& result) {
  const WriteCounts written = Written(result);
  TakeRefusals(result);
  const std::string refused = RefusalText();
  net::ServerResponse response;
  response.status = 204;
  if (!refused.empty()) {
    response = net::ServerResponse::Text(
        400, base::StrCat(refused, "; of ", received_.samples + received_.histograms,
                          " samples the others are stored\n"));
  }
  AddWritten(version_, written, &response);
  return response;
}

}  // namespace baro::collector
