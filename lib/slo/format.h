// What the readers of the four file formats share.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/yaml.h"
#include "baro/slo/slo_spec.h"

namespace baro::slo {

// Collects what is wrong with a file: one mistake does not hide the next objective's.
class Problems {
 public:
  explicit Problems(std::vector<std::string>* all) : all_(all) {}
  void Add(const absl::Status& status);
  const absl::Status& first() const { return first_; }

 private:
  std::vector<std::string>* const all_;
  absl::Status first_;
};

using Specs = std::vector<SloSpec>;

// One document each; what they can read goes to `specs`.
void ReadOwnFormat(const base::YamlNode& root, Specs* specs, Problems* problems);
void ReadSloth(const base::YamlNode& root, Specs* specs, Problems* problems);
void ReadSlothResource(const base::YamlNode& root, Specs* specs, Problems* problems);
void ReadPyrra(const base::YamlNode& root, Specs* specs, Problems* problems);
// All documents of a file together, as they refer to each other.
void ReadOpenSlo(const std::vector<base::YamlNode>& roots, Specs* specs, Problems* problems);

// 99.9 → 0.999, as exactly as a double can be.
double RatioOf(double percent);
// Above 0 and below 100 percent. Errors: InvalidArgument at `node`.
absl::Status CheckPercent(const base::YamlNode& node, double percent);
absl::Status CheckName(const base::YamlNode& node, std::string_view name);
absl::Status CheckLabels(const base::YamlNode& node,
                         const std::map<std::string, std::string>& labels, bool names_of_rules);
absl::Status CheckGroupBy(const base::YamlNode& node, const std::vector<std::string>& names);
// "cannot read …" of PromQL, at the place of its text.
absl::Status PromqlError(const base::YamlNode& node, std::string_view what,
                         const absl::Status& status);

// The SLI of two expressions, which become terms when they are sums of increases, and are evaluated
// as they are otherwise. One of `good` and `bad` is empty. `group_by`, when it is empty, gets the
// labels that the sums keep apart.
struct Expression {
  std::string text;
  const base::YamlNode* node = nullptr;
};
absl::Status ReadRatio(const Expression& good, const Expression& bad, const Expression& total,
                       bool bare_counts, SloSpec* spec);
// PromQL whose value is the error ratio.
absl::Status ReadErrorRatio(const Expression& ratio, SloSpec* spec);

// Checks that hold whatever the format, and warnings. Sets the defaults that depend on others.
absl::Status FinishSpec(const base::YamlNode& node, SloSpec* spec);

// "30d", "4w", also in OpenSLO's months (1M), quarters (1Q) and years (1Y).
absl::StatusOr<int64_t> ReadLongDuration(const base::YamlNode& node);

// Where an SLO is defined.
void SetPlace(const base::YamlNode& node, SloSpec* spec);

}  // namespace baro::slo
