// JSON of the query API to answers. The bytes may come from anything that listens on the port, so
// they are never trusted: size and depth are bounded, a wrong shape is an error with its place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/answer.h"

namespace baro::cli {

// 11,000 points × 300 series at 20 bytes; larger answers are for programs, not for people.
inline constexpr size_t kAnswerBytesMax = 64 << 20;
inline constexpr size_t kAnswerDepthMax = 16;

// What every answer has around its data.
struct Notes {
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

// Errors of all: DataLoss when `json` is not what the API answers, with what is wrong;
// the API's own error (status "error") as InvalidArgument (bad_data), FailedPrecondition
// (execution), DeadlineExceeded (timeout, canceled) or Internal (others), with its text.
absl::StatusOr<QueryAnswer> DecodeQuery(std::string_view json, Notes* notes);
// The `text` of a point that is a histogram. Errors: DataLoss.
absl::StatusOr<Histogram> DecodeHistogram(std::string_view json);
absl::StatusOr<std::vector<std::string>> DecodeStrings(std::string_view json, Notes* notes);
absl::StatusOr<std::vector<LabelSet>> DecodeLabelSets(std::string_view json, Notes* notes);
absl::StatusOr<std::vector<MetricMetadata>> DecodeMetadata(std::string_view json, Notes* notes);
absl::StatusOr<std::vector<Target>> DecodeTargets(std::string_view json, Notes* notes);

// data as one record: nested objects flattened as "headStats.numSeries", arrays left out.
absl::StatusOr<Record> DecodeRecord(std::string_view json, Notes* notes);
// data, or its member `list`, as an array of records.
absl::StatusOr<std::vector<Record>> DecodeRecords(std::string_view json, std::string_view list,
                                                  Notes* notes);

}  // namespace baro::cli
