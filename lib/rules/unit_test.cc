#include "baro/rules/unit_test.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/model/memory_source.h"
#include "baro/promql/engine.h"
#include "baro/rules/rule_file.h"
#include "go_format.h"
#include "histogram_text.h"
#include "re2/re2.h"
#include "rule_group.h"
#include "unit_test_file.h"

namespace baro::rules {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kEvaluationsMax = 10'000'000;  // of one test: 19 years at 1 min

// Rules write beside the input series.
class MemoryStorage final : public RuleStorage {
 public:
  explicit MemoryStorage(model::MemorySource* source) : source_(source) {}

  absl::Status Write(std::span<const RuleSample> samples) override {
    for (const RuleSample& sample : samples) {
      if (sample.histogram) {
        source_->Append(sample.labels, sample.time_ms, *sample.histogram);
      } else {
        source_->Append(sample.labels, {sample.time_ms, sample.value});
      }
    }
    return absl::OkStatus();
  }
  absl::Status Save(const std::vector<RuleNote>&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<RuleNote>> Load(std::string_view) const override {
    return std::vector<RuleNote>();
  }

 private:
  model::MemorySource* const source_;
};

std::string ShownTime(int64_t time_ms) {
  return base::FormatDuration(std::chrono::milliseconds(time_ms));
}

std::string ShownLabels(const std::map<std::string, std::string>& labels) {
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    base::StrAppend(&out, out.size() > 1 ? ", " : "", name, "=", GoQuote(value));
  }
  return out + "}";
}

using TextMap = std::map<std::string, std::string>;
using AlertPair = std::pair<TextMap, TextMap>;  // labels, annotations

std::string ShownAlerts(const std::vector<AlertPair>& alerts) {
  if (alerts.empty()) return "[]";
  std::string out = "[";
  for (size_t i = 0; i < alerts.size(); ++i) {
    base::StrAppend(&out, "\n            ", i,
                    ":\n              Labels:", ShownLabels(alerts[i].first),
                    "\n              Annotations:", ShownLabels(alerts[i].second),
                    i + 1 < alerts.size() ? "," : "");
  }
  return out + "\n            ]";
}

TextMap WithoutEmpty(TextMap map) {
  std::erase_if(map, [](const auto& entry) { return entry.second.empty(); });
  return map;
}

// One test on data of its own.
class Runner {
 public:
  Runner(const UnitTestSpec& spec, const UnitTest& test, std::vector<std::string>* failures)
      : spec_(spec),
        test_(test),
        failures_(failures),
        storage_(&source_),
        clock_(test.start_ms),
        engine_([this] {
          promql::EngineOptions options;
          options.clock = &clock_;
          return options;
        }()) {}

  void Run(const std::vector<GroupSpec>& groups);
  // Adds what this test has shown, by the place of the rule.
  void AddCoverage(std::map<std::string, RuleCoverage>* coverage) const;

 private:
  void MakeGroups(const std::vector<GroupSpec>& groups);
  int64_t LastTime() const;
  void LoadUntil(int64_t time_ms);
  // False: a rule has failed.
  bool EvaluateAt(int64_t time_ms);
  void CheckAlerts(int64_t from_ms, int64_t until_ms);
  void CheckAlert(const AlertCase& one);
  void CheckExpression(const ExpressionCase& one);
  bool SameValue(double a, double b) const;
  RuleQueries Queries() const { return {&source_, &engine_, nullptr, nullptr}; }

  const UnitTestSpec& spec_;
  const UnitTest& test_;
  std::vector<std::string>* const failures_;
  model::MemorySource source_;
  MemoryStorage storage_;
  base::FakeClock clock_;
  const promql::Engine engine_;
  std::vector<std::unique_ptr<RuleGroup>> groups_;
  size_t loaded_ = 0;           // values of each series
  std::set<std::string> gave_;  // places of rules that fired or recorded something
};

void Runner::MakeGroups(const std::vector<GroupSpec>& groups) {
  GroupSurroundings surroundings;
  surroundings.queries = Queries();
  surroundings.storage = &storage_;
  surroundings.clock = &clock_;
  surroundings.interval_ms = test_.interval_ms;
  surroundings.external_labels = test_.external_labels;
  surroundings.external_url = test_.external_url;
  for (const GroupSpec& group : groups) {
    groups_.push_back(std::make_unique<RuleGroup>(group, surroundings));
  }
  const auto place = [this](const std::unique_ptr<RuleGroup>& group) {
    const auto it =
        std::find(spec_.group_order.begin(), spec_.group_order.end(), group->spec().name);
    // Groups that are not named come first, as in promtool.
    return it == spec_.group_order.end() ? 0 : it - spec_.group_order.begin();
  };
  std::stable_sort(groups_.begin(), groups_.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

int64_t Runner::LastTime() const {
  int64_t last_ms = 0;
  for (const AlertCase& one : test_.alert_cases) last_ms = std::max(last_ms, one.eval_time_ms);
  for (const ExpressionCase& one : test_.expression_cases) {
    last_ms = std::max(last_ms, one.eval_time_ms);
  }
  return last_ms;
}

// Nothing that comes later than an evaluation is there for it.
void Runner::LoadUntil(int64_t time_ms) {
  size_t longest = 0;
  for (const InputSeries& series : test_.series) longest = std::max(longest, series.values.size());
  for (; loaded_ < longest; ++loaded_) {
    const int64_t sample_ms = test_.start_ms + static_cast<int64_t>(loaded_) * test_.interval_ms;
    if (sample_ms > time_ms) return;
    for (const InputSeries& series : test_.series) {
      if (loaded_ >= series.values.size()) continue;
      const SeriesValue& value = series.values[loaded_];
      if (value.value) source_.Append(series.labels, {sample_ms, *value.value});
      if (value.histogram) source_.Append(series.labels, sample_ms, *value.histogram);
    }
  }
}

bool Runner::EvaluateAt(int64_t time_ms) {
  clock_.SetNowMs(time_ms);
  LoadUntil(time_ms);
  bool good = true;
  for (const auto& group : groups_) {
    group->Evaluate(time_ms * kNsPerMs, EvaluationMode::kLive);
    group->AddActive(&gave_);
    for (const auto& [name, error] : group->Errors()) {
      failures_->push_back(
          base::StrCat("    rule: ", name, ", time: ", ShownTime(time_ms), ", err: ", error));
      good = false;
    }
  }
  return good;
}

void Runner::AddCoverage(std::map<std::string, RuleCoverage>* coverage) const {
  std::set<std::string> expected;
  for (const AlertCase& one : test_.alert_cases) {
    if (!one.alerts.empty()) expected.insert(one.alertname);
  }
  std::set<std::string> read;
  for (const ExpressionCase& one : test_.expression_cases) {
    const RuleInputs inputs = InputsOf(one.expression);
    read.insert(inputs.names.begin(), inputs.names.end());
  }
  for (const auto& group : groups_) {
    for (const RuleSpec& rule : group->spec().rules) {
      RuleCoverage& one = (*coverage)[rule.where];
      one.gave |= gave_.contains(rule.where);
      one.expected |= (rule.alerting ? expected : read).contains(rule.name);
    }
  }
}

void Runner::Run(const std::vector<GroupSpec>& groups) {
  MakeGroups(groups);
  const int64_t interval_ms = spec_.evaluation_interval_ms;
  const int64_t last_ms = LastTime();
  if (last_ms / interval_ms > kEvaluationsMax) {
    failures_->push_back(base::StrCat("    more than ", kEvaluationsMax, " evaluations"));
    return;
  }
  for (int64_t at_ms = 0; at_ms <= last_ms; at_ms += interval_ms) {
    if (!EvaluateAt(test_.start_ms + at_ms)) return;
    CheckAlerts(at_ms, at_ms + interval_ms);
  }
  for (const ExpressionCase& one : test_.expression_cases) CheckExpression(one);
}

// A case between two evaluations is that of the earlier one.
void Runner::CheckAlerts(int64_t from_ms, int64_t until_ms) {
  for (const AlertCase& one : test_.alert_cases) {
    if (one.eval_time_ms >= from_ms && one.eval_time_ms < until_ms) CheckAlert(one);
  }
}

void Runner::CheckAlert(const AlertCase& one) {
  std::vector<AlertPair> got;
  for (const auto& group : groups_) {
    for (const RuleStatus& rule : group->Status().rules) {
      if (!rule.spec.alerting || rule.spec.name != one.alertname) continue;
      for (const ActiveAlert& alert : rule.alerts) {
        if (alert.state != AlertState::kFiring) continue;
        TextMap labels;
        for (const model::Label& label : alert.labels) labels.emplace(label.name, label.value);
        got.emplace_back(std::move(labels), WithoutEmpty(alert.annotations));
      }
    }
  }
  std::vector<AlertPair> expected;
  for (const ExpectedAlert& alert : one.alerts) {
    TextMap labels = alert.labels;
    labels["alertname"] = one.alertname;
    expected.emplace_back(WithoutEmpty(std::move(labels)), WithoutEmpty(alert.annotations));
  }
  std::sort(got.begin(), got.end());
  std::sort(expected.begin(), expected.end());
  if (got == expected) return;
  const std::string name = test_.name.empty() ? "" : base::StrCat("    name: ", test_.name, ",\n");
  failures_->push_back(base::StrCat(
      name, "    alertname: ", one.alertname, ", time: ", ShownTime(one.eval_time_ms),
      ", \n        exp:", ShownAlerts(expected), ", \n        got:", ShownAlerts(got)));
}

bool Runner::SameValue(double a, double b) const {
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return spec_.fuzzy_compare &&
         (std::nextafter(a, -kInfinity) == b || std::nextafter(a, kInfinity) == b);
}

std::string ShownSamples(const std::vector<ExpectedSample>& samples) {
  if (samples.empty()) return "nil";
  std::string out;
  for (const ExpectedSample& sample : samples) {
    base::StrAppend(
        &out, out.empty() ? "" : ", ", sample.labels.ToString(), " ",
        sample.histogram ? HistogramText(*sample.histogram) : GoFloat(sample.value, 'E', -1));
  }
  return out;
}

void Runner::CheckExpression(const ExpressionCase& one) {
  const std::string where = base::StrCat("    expr: ", GoQuote(one.expression),
                                         ", time: ", ShownTime(one.eval_time_ms), ",");
  auto elements = Queries().Evaluate(one.expression, test_.start_ms + one.eval_time_ms);
  if (!elements.ok()) {
    failures_->push_back(
        base::StrCat(where, " err: ", base::FromAbsl(elements.status().message())));
    return;
  }
  std::vector<ExpectedSample> got;
  for (RuleElement& element : *elements) {
    got.push_back({std::move(element.labels), element.value, std::move(element.histogram)});
  }
  std::vector<ExpectedSample> expected = one.samples;
  const auto by_labels = [](const auto& a, const auto& b) { return a.labels < b.labels; };
  std::stable_sort(got.begin(), got.end(), by_labels);
  std::stable_sort(expected.begin(), expected.end(), by_labels);
  const bool same = std::equal(
      expected.begin(), expected.end(), got.begin(), got.end(), [&](const auto& a, const auto& b) {
        if (a.labels != b.labels || a.histogram.has_value() != b.histogram.has_value()) {
          return false;
        }
        return a.histogram ? HistogramText(*a.histogram) == HistogramText(*b.histogram)
                           : SameValue(a.value, b.value);
      });
  if (same) return;
  failures_->push_back(base::StrCat(where, "\n        exp: ", ShownSamples(expected),
                                    "\n        got: ", ShownSamples(got)));
}

std::string EscapedXml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML has no other control characters.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

absl::StatusOr<std::vector<GroupSpec>> LoadGroups(const UnitTestSpec& spec, const std::string& path,
                                                  std::vector<std::string>* warnings) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash);
  std::vector<GroupSpec> all;
  std::set<std::string> read;
  for (const std::string& pattern : spec.rule_files) {
    BARO_TRY_ASSIGN(const std::vector<std::string> files, FindRuleFiles({pattern}, folder));
    if (files.empty()) warnings->push_back(base::StrCat("no file match pattern ", pattern));
    for (const std::string& file : files) {
      if (!read.insert(file).second) continue;
      BARO_TRY_ASSIGN(std::vector<GroupSpec> groups, ReadRuleFile(file));
      for (GroupSpec& group : groups) all.push_back(std::move(group));
    }
  }
  return all;
}

absl::Status RunFile(const UnitTestOptions& options, UnitTestFile* file) {
  BARO_TRY_ASSIGN(const UnitTestSpec spec, ReadUnitTestSpec(file->file));
  BARO_TRY_ASSIGN(const std::vector<GroupSpec> groups,
                  LoadGroups(spec, file->file, &file->warnings));
  std::map<std::string, RuleCoverage> coverage;
  for (size_t i = 0; i < spec.tests.size(); ++i) {
    const UnitTest& test = spec.tests[i];
    const bool runs = options.run.empty() ||
                      std::any_of(options.run.begin(), options.run.end(), [&](const auto& text) {
                        return RE2::PartialMatch(test.name, text);
                      });
    if (!runs) continue;
    UnitTestCase one;
    one.name = test.name.empty() ? base::StrCat("unnamed#", i) : test.name;
    Runner runner(spec, test, &one.failures);
    runner.Run(groups);
    if (one.failures.empty()) runner.AddCoverage(&coverage);
    file->cases.push_back(std::move(one));
  }
  for (const GroupSpec& group : groups) {
    for (const RuleSpec& rule : group.rules) {
      RuleCoverage& one = file->coverage.emplace_back(coverage[rule.where]);
      one.where = rule.where;
      one.name = rule.name;
      one.alerting = rule.alerting;
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool UnitTestFile::passed() const {
  return error.ok() && std::all_of(cases.begin(), cases.end(),
                                   [](const auto& one) { return one.failures.empty(); });
}

UnitTestFile RunUnitTests(const std::string& path, const UnitTestOptions& options) {
  UnitTestFile file;
  file.file = path;
  file.error = RunFile(options, &file);
  return file;
}

std::vector<RuleCoverage> MergeCoverage(std::span<const UnitTestFile> files) {
  std::vector<RuleCoverage> all;
  std::map<std::string, size_t> places;
  for (const UnitTestFile& file : files) {
    for (const RuleCoverage& one : file.coverage) {
      const auto [place, fresh] = places.emplace(one.where, all.size());
      if (fresh) all.push_back(one);
      all[place->second].gave |= one.gave;
      all[place->second].expected |= one.expected;
    }
  }
  return all;
}

std::string JUnitXml(std::span<const UnitTestFile> files) {
  std::string out = "<testsuites>\n";
  for (const UnitTestFile& file : files) {
    const auto failed = std::count_if(file.cases.begin(), file.cases.end(),
                                      [](const auto& one) { return !one.failures.empty(); });
    base::StrAppend(&out, "  <testsuite name=\"", EscapedXml(file.file), "\" tests=\"",
                    file.cases.size(), "\" failures=\"", failed, "\" errors=\"",
                    file.error.ok() ? 0 : 1, "\">\n");
    for (const UnitTestCase& one : file.cases) {
      base::StrAppend(&out, "    <testcase name=\"", EscapedXml(one.name), "\"");
      if (one.failures.empty()) {
        out += "/>\n";
        continue;
      }
      out += ">\n";
      for (const std::string& failure : one.failures) {
        base::StrAppend(&out, "      <failure>", EscapedXml(failure), "</failure>\n");
      }
      out += "    </testcase>\n";
    }
    if (!file.error.ok()) {
      base::StrAppend(&out, "    <testcase name=\"file\">\n      <error>",
                      EscapedXml(base::FromAbsl(file.error.message())),
                      "</error>\n    </testcase>\n");
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace baro::rules
