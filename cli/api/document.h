// One parsed answer: its envelope checked, its data ready to be walked.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "api/decode.h"
#include "simdjson.h"

namespace baro::cli {

// Owns the parsed text; data() and all views into it live as long. Immutable after Open().
class Document {
 public:
  // Errors as in decode.h.
  absl::Status Open(std::string_view json, Notes* notes, size_t depth_max = kAnswerDepthMax);
  simdjson::dom::element data() const { return data_; }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element data_;
};

// "cannot read the answer: <what>".
absl::Status BadAnswer(std::string_view what);

// The object's labels, sorted by name. Errors: DataLoss when a value is no string.
absl::StatusOr<LabelSet> ReadLabels(simdjson::dom::element element);

// The object's members in order; objects inside as "outer.inner", lists left out. Empty for others.
Record FlatRecord(simdjson::dom::element object);

// The member as text; empty when it is missing or no string.
std::string TextMember(simdjson::dom::element object, std::string_view name);

}  // namespace baro::cli
