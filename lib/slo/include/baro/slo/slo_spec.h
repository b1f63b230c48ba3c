// SloSpec: a service level objective as a file declares it (docs/slo.md).
//
// Whatever the file's format, an SLI comes to the same: terms. A term is a selector and a rule for
// what one of its samples adds to the total and to the bad events; so good/total, bad/total,
// histogram buckets and sums of several metrics are one thing for those who count.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baro/model/labels.h"
#include "baro/model/matcher.h"

namespace baro::slo {

inline constexpr int64_t kSecondMs = 1'000;
inline constexpr int64_t kMinuteMs = 60 * kSecondMs;
inline constexpr int64_t kHourMs = 60 * kMinuteMs;
inline constexpr int64_t kDayMs = 24 * kHourMs;

// The longest window of an objective: a year and its neighbours.
inline constexpr int64_t kWindowMaxMs = 400 * kDayMs;

enum class WindowKind : uint8_t { kRolling, kDay, kWeek, kMonth, kQuarter, kYear };
std::string_view WindowKindName(WindowKind kind);

// Over which the objective is promised: the last `length_ms`, or since the period of the calendar
// (UTC) began, which is then no longer than that.
struct SloWindow {
  WindowKind kind = WindowKind::kRolling;
  int64_t length_ms = 30 * kDayMs;
  bool operator==(const SloWindow&) const = default;
};
// When the window that ends at `time_ms` began.
int64_t WindowStart(const SloWindow& window, int64_t time_ms);

enum class TermKind : uint8_t {
  kIncrease,     // of a counter
  kSampleCount,  // one a sample
  kSampleSum,    // a sample's value
  kBadIfNot,     // one a sample: bad unless it compares as TermSpec::compare says
  kHistogram,    // of a native histogram: what it counts above TermSpec::bound is bad
};
enum class Compare : uint8_t { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };
std::string_view CompareText(Compare compare);

struct TermSpec {
  TermKind kind = TermKind::kIncrease;
  std::vector<model::Matcher> matchers;
  std::string text;  // the selector as PromQL writes it
  // What an event adds. For good/total: {1, 1} of the total and {0, -1} of the good.
  double to_total = 0;
  double to_bad = 0;
  // Of kBadIfNot and kHistogram; of a bucket's term (is_bucket) the `le` that is wanted.
  Compare compare = Compare::kGreaterEqual;
  double bound = 0;
  // Classic buckets whose `le` is the bound, or when there is none, the next below it.
  bool is_bucket = false;
  // A classic histogram's term: series whose native form is there too are left to it.
  bool unless_native = false;
};

// For what is no sum of selectors: PromQL, evaluated once a minute.
struct QuerySpec {
  std::string total;  // events a second, or
  std::string bad;
  std::string error_ratio;  // one event a minute, bad by that much
  double factor = 60;       // from values to events a minute
  bool empty() const { return bad.empty() && error_ratio.empty(); }
};

enum class SliKind : uint8_t { kRatio, kLatency, kGauge, kRaw, kComposite };
std::string_view SliKindName(SliKind kind);

// As it was written, for people.
struct SliTexts {
  std::vector<std::string> good;
  std::vector<std::string> bad;
  std::vector<std::string> total;
};

struct SliSpec {
  SliKind kind = SliKind::kRatio;
  std::vector<TermSpec> terms;  // or
  QuerySpec query;
  SliTexts texts;
};

// Slices of time are counted instead of events. `length_ms` 0: they are not.
struct SliceSpec {
  int64_t length_ms = 0;
  double target = 0;    // ratio of good events that makes a slice good
  bool ratios = false;  // a slice is bad by its error ratio instead
  bool operator==(const SliceSpec&) const = default;
};

struct PolicySpec {
  std::string severity;
  double burn_rate = 0;
  int64_t long_ms = 0;
  int64_t short_ms = 0;
  int64_t hold_ms = 0;
  bool operator==(const PolicySpec&) const = default;
};
std::vector<PolicySpec> DefaultPolicies();

struct GuardSpec {
  double min_bad = 2;
  double min_events = 0;
  double confidence = 0.95;  // 0: off
  bool operator==(const GuardSpec&) const = default;
};

struct AlertingSpec {
  std::string name = "SloErrorBudgetBurn";
  std::vector<PolicySpec> policies = DefaultPolicies();
  GuardSpec guards;
  std::string exhausted_severity;  // empty: no such alert
  std::string no_data_severity;    // empty: no such alert
  int64_t no_data_hold_ms = 10 * kMinuteMs;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  // By severity; on top of those above.
  std::map<std::string, std::map<std::string, std::string>> severity_labels;
  std::map<std::string, std::map<std::string, std::string>> severity_annotations;
};

// Time that does not count, for one group or all of them.
struct Exclusion {
  std::string id;
  std::string slo;  // a name, or "*"
  int64_t from_ms = 0;
  int64_t to_ms = 0;
  std::string author;
  std::string reason;
  model::Labels labels;  // of the group; those that are not there are not asked for
  bool from_file = false;
};

struct GroupObjective {
  model::Labels match;
  double objective = 0;  // ratio
};

struct CompositeSpec {
  struct Part {
    std::string slo;
    double weight = 1;
  };
  bool minimum = false;  // else weighted
  std::vector<Part> parts;
};

struct SloSpec {
  std::string name;
  std::string service;
  std::string owner;
  std::string description;
  double objective = 0;  // ratio, 0 … 1 exclusive
  SloWindow window;
  SliSpec sli;
  SliceSpec slices;
  std::vector<std::string> group_by;
  size_t groups_max = 1'000;
  std::vector<GroupObjective> group_objectives;
  std::map<std::string, std::string> labels;
  AlertingSpec alerting;
  std::vector<Exclusion> exclusions;
  CompositeSpec composite;
  bool export_sloth = false;
  bool export_pyrra = false;
  // What Sloth calls them; empty: the SLO's own.
  std::string sloth_name;
  std::string file;
  int line = 0;
  // What is probably not meant: a threshold that cannot fire, …
  std::vector<std::string> warnings;
};

// What is to be counted, as text: equal for two specs that count the same.
std::string CountingKey(const SloSpec& spec);
// Of the group with these labels.
double ObjectiveOf(const SloSpec& spec, const model::Labels& group);
// The SLO's own window and all of its policies', shortest first, each once.
std::vector<int64_t> WindowsOf(const SloSpec& spec);
// 5m, 1h30m, 30d.
std::string DurationText(int64_t duration_ms);

}  // namespace baro::slo
