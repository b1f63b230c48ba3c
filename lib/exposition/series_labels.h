// From the bytes of a sample to its identity: which family it stands in, and what its labels are.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "baro/exposition/parser.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"

namespace baro::exposition {

// What the HELP, TYPE and UNIT lines read so far say of the family that samples stand in now.
// Thread-compatible.
class FamilyInEffect {
 public:
  // `entry` is kHelp, kType or kUnit. A line about another family starts afresh.
  void Apply(Entry entry, const MetaView& meta);
  // Goes on from a state that was told before.
  void Reset(model::Metadata metadata) { metadata_ = std::move(metadata); }
  // Whether a sample of this name belongs to the family: x_bucket to the histogram x.
  bool Owns(std::string_view metric) const;
  const model::Metadata& metadata() const { return metadata_; }
  uint64_t Hash() const;

  // Whether a line about another family came since Mark(): then what was read since Mark() says
  // all.
  bool restarted() const { return restarted_; }
  void Mark() { restarted_ = false; }

 private:
  model::Metadata metadata_;
  bool restarted_ = false;
};

// The labels of one sample, unescaped, with `le` of a histogram and `quantile` of a summary in the
// form that Prometheus 3 gives them ("1" becomes "1.0"). Refers to the sample's bytes.
// Thread-compatible; meant to be used again and again.
class SeriesLabels {
 public:
  // `type` is that of the family that owns the sample, else kUnknown.
  // Errors: InvalidArgument, when a label name occurs twice; the cause alone.
  absl::Status Resolve(const SampleView& sample, model::MetricType type);
  absl::Status Resolve(const ExemplarView& exemplar);

  std::string_view metric() const { return labels_.empty() ? "" : labels_.front().second; }
  // As model::Labels::Hash().
  uint64_t Hash() const;
  model::Labels ToLabels() const;

 private:
  void Add(const LabelView& label, model::MetricType type);
  std::string_view Keep(std::string text);
  absl::Status CheckNames();

  std::vector<std::pair<std::string_view, std::string_view>> labels_;
  std::vector<std::string_view> sorted_;
  std::deque<std::string> kept_;  // what could not be referred to
};

// The metadata of a sample whose family nothing is said about.
inline model::Metadata UnknownFamily(std::string_view metric) {
  model::Metadata metadata;
  metadata.family = metric;
  return metadata;
}

// The name of a sample without its escapes: `text` itself when it has none.
std::string_view PlainName(std::string_view text, bool escaped, std::string* scratch);

}  // namespace baro::exposition
