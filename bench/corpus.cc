#include "corpus.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string_view>

namespace baro::bench {
namespace {

constexpr size_t kStridesMax = 31;  // the replay's 15 s are on average 15 s of the capture
constexpr int64_t kExactMax = int64_t{1} << 53;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "remote_write_replay: %s\n", what.c_str());
  std::exit(1);
}

uint64_t Mix(uint64_t value) {
  value ^= value >> 31;
  value *= 0x7fb5d329728ea185;
  value ^= value >> 27;
  value *= 0x81dadef4bc2dd44d;
  return value ^ value >> 33;
}

double PowerOfTen(int exponent) {
  double power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

template <typename Number>
Number ReadNumber(std::string_view text, const std::string& path) {
  Number number{};
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size())
    Fail("cannot read " + path + ": no number: " + std::string(text));
  return number;
}

double ReadDouble(std::string_view text, const std::string& path) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  return ReadNumber<double>(text, path);
}

// Tokens of one line: a number (a decimal column's is the difference from the last one), "_" for
// absent, "*N" for N more rows like the last.
class ColumnReader {
 public:
  ColumnReader(size_t scrapes, const std::string& path, Column* column)
      : scrapes_(scrapes), path_(path), column_(column) {}

  void Read(std::string_view tokens) {
    while (!tokens.empty()) {
      const size_t space = std::min(tokens.find(' '), tokens.size());
      ReadToken(tokens.substr(0, space));
      tokens.remove_prefix(std::min(space + 1, tokens.size()));
    }
    if (column_->present.size() != scrapes_) Fail("cannot read " + path_ + ": rows are missing");
  }

 private:
  void ReadToken(std::string_view token) {
    if (token == "_") return Push(false);
    if (token.starts_with('*')) {
      auto count = ReadNumber<size_t>(token.substr(1), path_);
      for (const bool present = column_->present.back(); count > 0; --count) Push(present);
      return;
    }
    if (column_->decimals < 0) {
      raw_ = ReadDouble(token, path_);
    } else {
      scaled_ += ReadNumber<int64_t>(token, path_);
    }
    Push(true);
  }
  void Push(bool present) {
    column_->present.push_back(present);
    if (column_->decimals < 0) {
      column_->raw.push_back(raw_);
    } else {
      column_->scaled.push_back(scaled_);
    }
  }

  size_t scrapes_;
  const std::string& path_;
  Column* column_;
  int64_t scaled_ = 0;
  double raw_ = 0;
};

// "c 2 name{…}<tab>tokens": counter or gauge, decimal digits or x.
Column ReadColumn(std::string_view line, size_t scrapes, const std::string& path) {
  Column column;
  const size_t space = line.find(' ', 2);
  const size_t tab = line.find('\t');
  if (space == std::string_view::npos || tab == std::string_view::npos)
    Fail("cannot read " + path + ": not a column: " + std::string(line.substr(0, 80)));
  column.counter = line[0] == 'c';
  const std::string_view decimals = line.substr(2, space - 2);
  column.decimals = decimals == "x" ? -1 : ReadNumber<int>(decimals, path);
  column.series = std::string(line.substr(space + 1, tab - space - 1));
  ColumnReader(scrapes, path, &column).Read(line.substr(tab + 1));
  if (column.decimals < 0) {
    column.lap_raw = column.raw.back() - column.raw.front();
    if (!std::isfinite(column.lap_raw)) column.lap_raw = 0;
  } else {
    column.lap_scaled = column.scaled.back() - column.scaled.front();
  }
  return column;
}

Exporter ReadExporter(const std::filesystem::path& path, size_t* scrapes) {
  std::ifstream file(path);
  std::string line;
  constexpr std::string_view kHead = "# barograph columns 1 ";
  if (!std::getline(file, line) || !line.starts_with(kHead))
    Fail("cannot read " + path.string() + ": no file of columns");
  const auto found = ReadNumber<size_t>(std::string_view(line).substr(kHead.size()), path.string());
  if (*scrapes != 0 && *scrapes != found)
    Fail("cannot read " + path.string() + ": its number of scrapes is another");
  *scrapes = found;
  Exporter exporter{path.stem().string(), {}};
  while (std::getline(file, line))
    exporter.columns.push_back(ReadColumn(line, found, path.string()));
  return exporter;
}

std::vector<Label> ParseSeries(std::string_view series) {
  const size_t brace = std::min(series.find('{'), series.size());
  std::vector<Label> labels{{"__name__", std::string(series.substr(0, brace))}};
  for (size_t at = brace + 1; at < series.size() && series[at] != '}';) {
    const size_t equals = series.find('=', at);
    Label label{std::string(series.substr(at, equals - at)), ""};
    size_t end = equals + 2;
    for (; series[end] != '"'; ++end) {
      if (series[end] == '\\') ++end;
      label.value.push_back(series[end - 1] == '\\' && series[end] == 'n' ? '\n' : series[end]);
    }
    // As Prometheus has it, a label without a value is no label.
    if (!label.value.empty()) labels.push_back(std::move(label));
    at = end + 1;
    if (at < series.size() && series[at] == ',') ++at;
  }
  return labels;
}

}  // namespace

size_t Corpus::ColumnCount() const {
  size_t count = 0;
  for (const Exporter& exporter : exporters) count += exporter.columns.size();
  return count;
}

Corpus ReadCorpus(const std::string& folder, const std::vector<std::string>& only) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    const bool wanted = only.empty() || std::find(only.begin(), only.end(), name) != only.end();
    if (entry.path().extension() == ".columns" && wanted) paths.push_back(entry.path());
  }
  if (paths.empty()) Fail("no *.columns in " + folder + " (bench/corpus.py makes them)");
  std::sort(paths.begin(), paths.end());
  Corpus corpus;
  for (const auto& path : paths) corpus.exporters.push_back(ReadExporter(path, &corpus.scrapes));
  return corpus;
}

Target::Target(const Exporter* exporter, size_t scrapes, size_t instance, size_t generation,
               int64_t interval_ms)
    : exporter_(exporter), scrapes_(scrapes), generation_(generation) {
  char name[48];
  std::snprintf(name, sizeof(name), generation == 0 ? "host-%05zu:9100" : "host-%05zu-%zu:9100",
                instance, generation);
  instance_ = name;
  cluster_ = "prod-" + std::to_string(1 + instance / 1000);
  zone_ = std::string("eu-central-1") + static_cast<char>('a' + instance % 3);
  offset_ = (97 * instance + 31 * generation) % scrapes;
  stride_ = 1 + (instance + generation) % kStridesMax;
  const uint64_t mixed = Mix(instance * 1'000'003 + generation + 1);
  eighths_ = static_cast<int64_t>(mixed % 24);
  phase_ms_ = static_cast<int64_t>((mixed >> 32) % static_cast<uint64_t>(interval_ms));
}

std::vector<Label> Target::OwnLabels() const {
  return {
      {"cluster", cluster_}, {"instance", instance_}, {"job", exporter_->name}, {"zone", zone_}};
}

std::vector<Label> Target::ColumnLabels(const Column& column) {
  std::vector<Label> labels = ParseSeries(column.series);
  for (Label& label : labels) {
    if (label.name == "job" || label.name == "instance" || label.name == "cluster" ||
        label.name == "zone")
      label.name = "exported_" + label.name;
  }
  return labels;
}

std::vector<Label> Target::LabelsOf(const Column& column) const {
  std::vector<Label> labels = ColumnLabels(column);
  for (Label& label : OwnLabels()) labels.push_back(std::move(label));
  std::sort(labels.begin(), labels.end(),
            [](const Label& a, const Label& b) { return a.name < b.name; });
  return labels;
}

std::optional<double> Target::ValueAt(const Column& column, size_t row) const {
  const size_t step = offset_ + row * stride_;
  const size_t at = step % scrapes_;
  if (!column.present[at]) return std::nullopt;
  const auto laps = column.counter ? static_cast<int64_t>(step / scrapes_) : 0;
  if (column.decimals < 0) return column.raw[at] + static_cast<double>(laps) * column.lap_raw;
  const int64_t plain = column.scaled[at] + laps * column.lap_scaled;
  const int64_t start = column.counter ? column.scaled[0] / 8 * eighths_ : 0;
  const bool exact = plain + start < kExactMax && plain + start > -kExactMax;
  return static_cast<double>(exact ? plain + start : plain) / PowerOfTen(column.decimals);
}

Fleet::Fleet(const Corpus* corpus, const Plan& plan) : corpus_(corpus), plan_(plan) {
  const size_t slots = plan.instances * corpus->exporters.size();
  targets_.reserve(slots);
  for (size_t slot = 0; slot < slots; ++slot) targets_.push_back(Make(slot, 0));
}

Target Fleet::Make(size_t slot, size_t generation) const {
  const size_t exporters = corpus_->exporters.size();
  return Target(&corpus_->exporters[slot % exporters], corpus_->scrapes,
                plan_.first_instance + slot / exporters, generation, plan_.interval_ms);
}

// Targets are replaced in turn, so that the share holds over any stretch.
size_t Fleet::GenerationAt(size_t slot, size_t row) const {
  const size_t slots = plan_.instances * corpus_->exporters.size();
  const auto replaced = static_cast<size_t>(static_cast<double>(row / plan_.churn_rows * slots) *
                                            plan_.churn_percent / 100);
  return (replaced + slots - 1 - slot) / slots;
}

std::vector<bool> Fleet::Advance(size_t row) {
  std::vector<bool> fresh(targets_.size(), false);
  if (plan_.churn_percent <= 0) return fresh;
  for (size_t slot = 0; slot < targets_.size(); ++slot) {
    const size_t generation = GenerationAt(slot, row);
    if (generation == targets_[slot].generation()) continue;
    targets_[slot] = Make(slot, generation);
    fresh[slot] = true;
  }
  return fresh;
}

uint64_t SampleHash(uint64_t series_hash, int64_t time_ms, double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  return Mix(Mix(series_hash + static_cast<uint64_t>(time_ms)) ^ std::bit_cast<uint64_t>(value));
}

uint64_t LabelsHash(const std::vector<Label>& labels) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::string_view text) {
    for (const char byte : text) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
  };
  for (const Label& label : labels) {
    add(label.name);
    add(label.value);
  }
  return hash;
}

}  // namespace baro::bench
