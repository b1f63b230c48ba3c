// SloStorage: where objectives write their series, and keep what must outlive the process.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"

namespace baro::slo {

struct SloSample {
  model::Labels labels;
  int64_t time_ms = 0;
  double value = 0;
};

struct SloNote {
  std::string key;    // begins with "slo/"
  std::string value;  // empty: removes
};

// Thread-safe.
class SloStorage {
 public:
  virtual ~SloStorage() = default;
  // When it returns OK, all of them can be read and are durable. Errors: what could not be stored,
  // and why; the rest is stored if it can be.
  virtual absl::Status Write(std::span<const SloSample> samples) = 0;
  // All of them or none; durable when it returns.
  virtual absl::Status Save(const std::vector<SloNote>& notes) = 0;
  // Those whose keys begin with `prefix`, by key.
  virtual absl::StatusOr<std::vector<SloNote>> Load(std::string_view prefix) const = 0;
};

}  // namespace baro::slo
