// Corpus: captured scrapes by column, and the fleet that replays them.
//
// A column is one series of one exporter over the scrapes of a capture (bench/data/README.md has
// the text format). A fleet is N instances of every exporter. No two instances send the same
// numbers: each walks the capture with a start and a stride of its own, has its own phase within
// the interval, and counters that began at another value. The capture has a prime number of
// scrapes, so that a walk of any stride meets each scrape once before it repeats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace baro::bench {

struct Column {
  std::string series;  // as exposed: name{label="value",…}
  bool counter = false;
  // Decimal digits; values are scaled[i] / 10^decimals. Negative: values are raw[i].
  int decimals = -1;
  std::vector<int64_t> scaled;
  std::vector<double> raw;
  std::vector<bool> present;
  // What a counter gains in one round through the capture.
  int64_t lap_scaled = 0;
  double lap_raw = 0;
};

struct Exporter {
  std::string name;  // the job
  std::vector<Column> columns;
};

struct Corpus {
  size_t scrapes = 0;  // prime
  std::vector<Exporter> exporters;
  size_t ColumnCount() const;
};

// Reads FOLDER/*.columns, those of `only` when it names any. Ends the program with a message when
// a file cannot be read.
Corpus ReadCorpus(const std::string& folder, const std::vector<std::string>& only);

struct Plan {
  size_t instances = 1;
  size_t first_instance = 0;  // its number; another run's new series have another
  size_t rows = 1;
  size_t first_row = 0;
  int64_t interval_ms = 15'000;
  int64_t start_ms = 0;  // of row 0
  // Share of targets replaced by new ones at each `churn_rows`.
  double churn_percent = 0;
  size_t churn_rows = 40;
};

struct Label {
  std::string name;
  std::string value;
};

// One exporter of one instance, for one life.
class Target {
 public:
  Target(const Exporter* exporter, size_t scrapes, size_t instance, size_t generation,
         int64_t interval_ms);

  const Exporter& exporter() const { return *exporter_; }
  const std::string& instance() const { return instance_; }  // the label's value
  size_t generation() const { return generation_; }
  int64_t phase_ms() const { return phase_ms_; }
  // What all its series share: job, instance, cluster, zone.
  std::vector<Label> OwnLabels() const;
  // A column's labels, __name__ among them; those that a target has itself become exported_….
  static std::vector<Label> ColumnLabels(const Column& column);
  // Both, by name.
  std::vector<Label> LabelsOf(const Column& column) const;
  // Nothing when that scrape did not have the series.
  std::optional<double> ValueAt(const Column& column, size_t row) const;

 private:
  const Exporter* exporter_;
  size_t scrapes_;
  std::string instance_;
  std::string cluster_;
  std::string zone_;
  size_t generation_;
  size_t offset_;
  size_t stride_;
  int64_t eighths_;  // a counter's start, in eighths of its first value
  int64_t phase_ms_;
};

// The targets of a fleet, in order; replaces some when the plan churns.
class Fleet {
 public:
  Fleet(const Corpus* corpus, const Plan& plan);
  std::vector<Target>& targets() { return targets_; }
  // Brings the targets to the state of `row`; true for those that are new ones.
  std::vector<bool> Advance(size_t row);
  int64_t TimeMs(const Target& target, size_t row) const {
    return plan_.start_ms + static_cast<int64_t>(row) * plan_.interval_ms + target.phase_ms();
  }

 private:
  size_t GenerationAt(size_t slot, size_t row) const;
  Target Make(size_t slot, size_t generation) const;

  const Corpus* corpus_;
  Plan plan_;
  std::vector<Target> targets_;
};

// Adds up to the same whatever the order: a checksum over all samples is the sum of these.
uint64_t SampleHash(uint64_t series_hash, int64_t time_ms, double value);
uint64_t LabelsHash(const std::vector<Label>& labels);

}  // namespace baro::bench
