// RuleStorage: where rules write what they find out, and keep what must outlive the process.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"

namespace baro::rules {

struct RuleSample {
  model::Labels labels;
  int64_t time_ms = 0;
  double value = 0;
  std::optional<model::Histogram> histogram;  // then `value` does not count
};

struct RuleNote {
  std::string key;    // begins with "rules/"
  std::string value;  // empty: removes
};

// Thread-safe.
class RuleStorage {
 public:
  virtual ~RuleStorage() = default;

  // When it returns OK, all of them can be read and are durable.
  // Errors: what could not be stored, and why; the rest of the samples is stored if it can be.
  virtual absl::Status Write(std::span<const RuleSample> samples) = 0;
  // All of them or none; durable when it returns.
  virtual absl::Status Save(const std::vector<RuleNote>& notes) = 0;
  // Those whose keys begin with `prefix`, by key.
  virtual absl::StatusOr<std::vector<RuleNote>> Load(std::string_view prefix) const = 0;
};

}  // namespace baro::rules
