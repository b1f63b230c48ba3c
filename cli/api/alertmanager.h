// An Alertmanager's API v2, as far as silences need it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/answer.h"
#include "api/transport.h"

namespace baro::cli {

struct SilenceMatcher {
  std::string name;
  std::string value;
  bool is_regex = false;
  bool is_equal = true;
};

// name=value, name!=value, name=~regex, name!~regex; the value may be quoted. A word alone is an
// alert's name. Errors: InvalidArgument.
absl::StatusOr<SilenceMatcher> ParseMatcher(const std::string& text);
// pod=~"web-.*"
std::string MatcherText(const SilenceMatcher& matcher);
// As Alertmanager matches: a label that is missing is the empty text, a regex is anchored.
// Errors: InvalidArgument (the regex).
absl::StatusOr<bool> MatchesAll(const std::vector<SilenceMatcher>& matchers,
                                const LabelSet& labels);

struct Silence {
  std::string id;
  std::string state;  // active, pending, expired
  std::vector<SilenceMatcher> matchers;
  std::string starts_at;  // RFC 3339
  std::string ends_at;
  std::string author;
  std::string comment;
};

struct AlertmanagerAlert {
  LabelSet labels;
  std::string fingerprint;
  std::vector<std::string> silenced_by;
  std::vector<std::string> inhibited_by;
};

// Thread-compatible. Errors of all: the transport's; as Client's for statuses, with Alertmanager's
// words.
class Alertmanager {
 public:
  explicit Alertmanager(Transport* transport) : transport_(transport) {}

  absl::StatusOr<std::vector<AlertmanagerAlert>> Alerts();
  absl::StatusOr<std::vector<Silence>> Silences();
  // Its id.
  absl::StatusOr<std::string> Add(const Silence& silence);
  absl::Status Expire(const std::string& id);

 private:
  absl::StatusOr<std::string> Send(const ApiRequest& request);

  Transport* transport_;
};

}  // namespace baro::cli
