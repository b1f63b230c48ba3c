// SLO files: our own YAML, and OpenSLO v1, Sloth v1 and Pyrra's as they are (docs/slo.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/slo/slo_spec.h"

namespace baro::slo {

inline constexpr size_t kSlosMax = 10'000;

// Which format a document has is seen from its first keys. A file may hold several documents.
// Errors: InvalidArgument with the first mistake, "file:line:column: …"; `problems`, when given,
// gets one of each objective.
absl::StatusOr<std::vector<SloSpec>> ParseSloFile(std::string_view text, const std::string& file,
                                                  std::vector<std::string>* problems = nullptr);
// Errors: also NotFound, PermissionDenied and Unavailable for the file itself.
absl::StatusOr<std::vector<SloSpec>> ReadSloFile(const std::string& path,
                                                 std::vector<std::string>* problems = nullptr);
// What only all of them together show: a name twice, parts of a composite that are not there or
// that are composites themselves. Errors: InvalidArgument with the place.
absl::Status CheckSlos(const std::vector<SloSpec>& slos,
                       std::vector<std::string>* problems = nullptr);

}  // namespace baro::slo
