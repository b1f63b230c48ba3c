// Prints this node's row once, as Prometheus text: for node_exporter_diff.py and for curious
// people. Usage: node_dump [passes]; with 200 passes the last line tells what one costs
// (getrusage).

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "node_target.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace baro::agent {
namespace {

// Keeps the last row.
class LastRowSink final : public RowSink {
 public:
  absl::StatusOr<TargetHandle> Declare(const model::Labels&, const model::Layout& layout) override {
    layout_ = layout;
    return TargetHandle{1};
  }
  absl::Status Append(TargetHandle, int64_t, std::span<const double> values) override {
    values_.assign(values.begin(), values.end());
    return absl::OkStatus();
  }
  void Release(TargetHandle) override {}

  void Print() const {
    std::map<std::string, std::string> families;
    for (size_t i = 0; i < values_.size(); ++i) {
      if (!model::IsStaleNan(values_[i])) AddSeries(layout_.columns[i], values_[i], &families);
    }
    for (const auto& [name, text] : families) std::fputs(text.c_str(), stdout);
  }

 private:
  static void AddSeries(const model::Column& column, double value,
                        std::map<std::string, std::string>* families) {
    const model::Metadata& metadata = column.metadata;
    std::string& text = (*families)[metadata.family];
    if (text.empty()) {
      const std::string_view type = metadata.type == model::MetricType::kUnknown
                                        ? "untyped"
                                        : model::MetricTypeName(metadata.type);
      base::StrAppend(&text, "# HELP ", metadata.family, " ", metadata.help, "\n# TYPE ",
                      metadata.family, " ", type, "\n");
    }
    std::string labels;
    for (const model::Label& label : column.labels) {
      if (label.name == model::kMetricName) continue;
      base::StrAppend(&labels, labels.empty() ? "{" : ",", label.name, "=\"", label.value, "\"");
    }
    char number[32];
    std::snprintf(number, sizeof number, "%.17g", value);
    base::StrAppend(&text, metadata.family, labels, labels.empty() ? " " : "} ", number, "\n");
  }

  model::Layout layout_;
  std::vector<double> values_;
};

double CpuMs(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-3;
}

int Run(int passes) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("node_dump"));  // stdout is for the metrics
  LastRowSink sink;
  prometheus::Registry registry;
  NodeMetrics metrics(&registry);
  NodeOptions options;
  options.statfs_program = {BARO_STATFS_HELPER};
  double before_ms = 0;
  {
    base::FakeClock beat(base::RealClock()->NowMs());
    auto node = NodeTarget::Make(options, &sink, &metrics, &beat);
    if (!node.ok()) {
      std::fprintf(stderr, "%s\n", node.status().ToString().c_str());
      return 1;
    }
    (*node)->Pass();
    before_ms = CpuMs(RUSAGE_SELF);
    for (int i = 1; i < passes; ++i) {
      beat.AdvanceMs(15'000);
      (*node)->Pass();
    }
  }
  sink.Print();
  if (passes > 1) {
    std::printf("# %d passes, %.3f ms CPU each\n", passes,
                (CpuMs(RUSAGE_SELF) - before_ms) / (passes - 1));
  }
  return 0;
}

}  // namespace
}  // namespace baro::agent

int main(int argc, char** argv) {
  return baro::agent::Run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1);
}
