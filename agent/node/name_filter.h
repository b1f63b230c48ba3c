// NameFilter: a regular expression over device names, mount points and fields. Names repeat on
// every pass, so each is matched once and its answer kept.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "re2/re2.h"

namespace baro::agent {

// Thread-compatible.
class NameFilter {
 public:
  // An empty expression matches nothing. Like Go's MatchString, an expression without anchors
  // matches anywhere in a name. Error: InvalidArgument.
  static absl::StatusOr<NameFilter> Make(std::string_view expression);

  bool Matches(std::string_view name);

 private:
  explicit NameFilter(std::unique_ptr<re2::RE2> expression) : expression_(std::move(expression)) {}

  // Answers kept at most; pods' interfaces come and go for ever.
  static constexpr size_t kAnswersMax = 4096;

  std::unique_ptr<re2::RE2> expression_;  // null: matches nothing
  std::unordered_map<std::string, bool> answers_;
  std::string key_;
};

}  // namespace baro::agent
