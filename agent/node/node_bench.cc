// One pass over this machine: what a second of node collection costs.

#include <sys/resource.h>

#include "baro/model/sample.h"
#include "benchmark/benchmark.h"
#include "node_target.h"

namespace baro::agent {
namespace {

// Takes rows and forgets them.
class NullSink final : public RowSink {
 public:
  absl::StatusOr<TargetHandle> Declare(const model::Labels&, const model::Layout& layout) override {
    columns = layout.columns.size();
    return TargetHandle{1};
  }
  absl::Status Append(TargetHandle, int64_t, std::span<const double> values) override {
    benchmark::DoNotOptimize(values.data());
    return absl::OkStatus();
  }
  void Release(TargetHandle) override {}

  size_t columns = 0;
};

double CpuMs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) * 1e-3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

NodeOptions Options(const char* only) {
  NodeOptions options;
  options.interval = std::chrono::milliseconds(1);
  options.statfs_program = {BARO_STATFS_HELPER};
  for (const CollectorEntry& entry : AllCollectors()) {
    if (only != nullptr && entry.name != only) {
      options.collectors[std::string(entry.name)].enabled = false;
    }
  }
  return options;
}

void RunPasses(benchmark::State& state, const char* only) {
  NullSink sink;
  prometheus::Registry registry;
  NodeMetrics metrics(&registry);
  base::FakeClock clock(1'700'000'000'000);
  auto node = NodeTarget::Make(Options(only), &sink, &metrics, &clock);
  if (!node.ok()) {
    state.SkipWithError(node.status().ToString().c_str());
    return;
  }
  const double before_ms = CpuMs();
  for (auto unused : state) {
    clock.AdvanceMs(1000);
    (*node)->Pass();
  }
  state.counters["cpu_ms_per_pass"] =
      (CpuMs() - before_ms) / static_cast<double>(state.iterations());
  state.counters["columns"] = static_cast<double>(sink.columns);
}

void BM_Pass(benchmark::State& state) { RunPasses(state, nullptr); }
BENCHMARK(BM_Pass);

void BM_Collector(benchmark::State& state) {
  const CollectorEntry& entry = AllCollectors()[static_cast<size_t>(state.range(0))];
  const std::string name(entry.name);
  state.SetLabel(name);
  RunPasses(state, name.c_str());
}
BENCHMARK(BM_Collector)->DenseRange(0, static_cast<int>(AllCollectors().size()) - 1);

}  // namespace
}  // namespace baro::agent
