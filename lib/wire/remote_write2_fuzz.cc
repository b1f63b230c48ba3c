// Holds the reader of remote write 2.0 against protobuf's own parser on arbitrary bytes: what one
// accepts the other accepts, and both see the same.

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/wire/remote_write2.h"
#include "histogram_differential.h"
#include "prometheus/write_v2.pb.h"

namespace baro::wire {
namespace {

namespace v2 = io::prometheus::write::v2;

void CheckLabels(const RemoteWrite2Reader& reader, const RemoteSeries2& ours,
                 const v2::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.label_refs.size(), static_cast<size_t>(theirs.labels_refs_size()));
  bool good = theirs.labels_refs_size() % 2 == 0;
  for (int i = 0; i < theirs.labels_refs_size(); ++i) {
    BARO_CHECK_EQ(ours.label_refs[static_cast<size_t>(i)], theirs.labels_refs(i));
    good = good && theirs.labels_refs(i) < reader.symbols().size();
  }
  std::vector<LabelView> views;
  BARO_CHECK_EQ(reader.Labels(ours.label_refs, &views), good);
  const auto labels = SeriesLabels(reader, ours);
  if (labels.ok()) BARO_CHECK(good && labels->Has(model::kMetricName));
}

void CheckSamples(const RemoteSeries2& ours, const v2::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.samples.size(), static_cast<size_t>(theirs.samples_size()));
  BARO_CHECK_EQ(ours.starts_ms.size(), ours.samples.size());
  for (int i = 0; i < theirs.samples_size(); ++i) {
    const auto at = static_cast<size_t>(i);
    BARO_CHECK_EQ(ours.samples[at].time_ms, theirs.samples(i).timestamp());
    BARO_CHECK_EQ(ours.starts_ms[at], theirs.samples(i).start_timestamp());
    BARO_CHECK_EQ(BitsOf(ours.samples[at].value), BitsOf(theirs.samples(i).value()));
  }
}

void CheckHistograms(const RemoteSeries2& ours, const v2::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.histograms.size(), static_cast<size_t>(theirs.histograms_size()));
  for (int i = 0; i < theirs.histograms_size(); ++i) {
    const WireHistogram& histogram = ours.histograms[static_cast<size_t>(i)];
    CheckSameHistogram(histogram, theirs.histograms(i));
    BARO_CHECK_EQ(histogram.start_ms, theirs.histograms(i).start_timestamp());
    CheckHistogramFromWire(histogram);
  }
}

void CheckExemplars(const v2::Request& request, const RemoteSeries2& ours,
                    const v2::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.exemplars.size(), static_cast<size_t>(theirs.exemplars_size()));
  for (int i = 0; i < theirs.exemplars_size(); ++i) {
    const RemoteExemplar& exemplar = ours.exemplars[static_cast<size_t>(i)];
    const v2::Exemplar& told = theirs.exemplars(i);
    BARO_CHECK_EQ(exemplar.time_ms, told.timestamp());
    BARO_CHECK_EQ(BitsOf(exemplar.value), BitsOf(told.value()));
    (void)CheckExemplarLabels(exemplar);
    if (exemplar.damaged_refs) continue;
    BARO_CHECK_EQ(exemplar.labels.size() * 2, static_cast<size_t>(told.labels_refs_size()));
    for (size_t j = 0; j < exemplar.labels.size(); ++j) {
      const auto symbol = [&](size_t ref) {
        return request.symbols(static_cast<int>(told.labels_refs(static_cast<int>(ref))));
      };
      BARO_CHECK_EQ(exemplar.labels[j].name, symbol(2 * j));
      BARO_CHECK_EQ(exemplar.labels[j].value, symbol(2 * j + 1));
    }
  }
}

void CheckMetadata(const RemoteSeries2& ours, const v2::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.created_ms, theirs.created_timestamp());
  BARO_CHECK_EQ(ours.metadata.help, theirs.metadata().help_ref());
  BARO_CHECK_EQ(ours.metadata.unit, theirs.metadata().unit_ref());
  const int type = theirs.metadata().type();
  if (type >= 0 && type <= 7) BARO_CHECK_EQ(static_cast<int>(ours.metadata.type), type);
}

bool OursAccepts(std::string_view request) {
  RemoteWrite2Reader reader(request);
  RemoteSeries2 series;
  while (reader.Next(&series)) {
  }
  return reader.status().ok() &&
         std::all_of(reader.symbols().begin(), reader.symbols().end(), IsValidUtf8);
}

void CheckAgainstProtobuf(std::string_view bytes) {
  v2::Request request;
  const bool theirs = request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  BARO_CHECK_EQ(OursAccepts(bytes), theirs);
  if (!theirs) return;
  RemoteWrite2Reader reader(bytes);
  BARO_CHECK_EQ(reader.symbols().size(), static_cast<size_t>(request.symbols_size()));
  for (int i = 0; i < request.symbols_size(); ++i) {
    BARO_CHECK_EQ(reader.symbols()[static_cast<size_t>(i)], request.symbols(i));
  }
  RemoteSeries2 series;
  int index = 0;
  for (; reader.Next(&series); ++index) {
    const v2::TimeSeries& told = request.timeseries(index);
    CheckLabels(reader, series, told);
    CheckSamples(series, told);
    CheckHistograms(series, told);
    CheckExemplars(request, series, told);
    CheckMetadata(series, told);
  }
  BARO_CHECK_EQ(index, request.timeseries_size());
}

}  // namespace
}  // namespace baro::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It reports each invalid text on stderr, thousands a second here.
  static const auto kReporter = google::protobuf::SetLogHandler(nullptr);
  (void)kReporter;
  baro::wire::CheckAgainstProtobuf({reinterpret_cast<const char*>(data), size});
  return 0;
}
