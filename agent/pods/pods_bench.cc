// What one pass over a full node costs: 110 pods with two containers each.
#include <benchmark/benchmark.h>

#include "baro/model/sample.h"
#include "pods_collector.h"
#include "pods_testing.h"

namespace baro::agent {
namespace {

// Takes everything, at the cost of a call.
class NullSink final : public RowSink {
 public:
  absl::StatusOr<TargetHandle> Declare(const model::Labels&, const model::Layout&) override {
    return ++last_;
  }
  absl::Status Append(TargetHandle, int64_t, std::span<const double> values) override {
    samples_ += values.size();
    return absl::OkStatus();
  }
  void Release(TargetHandle) override {}
  size_t samples() const { return samples_; }

 private:
  TargetHandle last_ = 0;
  size_t samples_ = 0;
};

void BM_PassOver220Containers(benchmark::State& state) {
  constexpr int kPods = 110;
  constexpr int kContainers = 2;
  const CgroupFolder folder;
  std::string text = R"({"items":[)";
  for (int pod = 0; pod < kPods; ++pod) {
    folder.WritePod(pod, kContainers);
    base::StrAppend(&text, pod > 0 ? "," : "", CgroupFolder::PodJson(pod, kContainers));
  }
  text += "]}";
  PodsOptions options;
  options.paths = {folder.proc(), folder.path(), folder.path(), folder.path()};
  options.kubelet.server = "https://127.0.0.1:10250";
  NullSink sink;
  PodsCollector collector(options, &sink, base::RealClock());
  kubernetes::JsonParser parser;
  collector.SetPods(*parser.Parse(text, "a benchmark"));
  collector.Pass();
  const size_t before = sink.samples();
  for (auto _ : state) collector.Pass();
  state.counters["groups"] = static_cast<double>(collector.stats().groups);
  state.counters["samples"] =
      static_cast<double>(sink.samples() - before) / static_cast<double>(state.iterations());
}
BENCHMARK(BM_PassOver220Containers)->Unit(benchmark::kMillisecond);

void BM_KubeletListOf110Pods(benchmark::State& state) {
  std::string text = R"({"items":[)";
  for (int pod = 0; pod < 110; ++pod) {
    base::StrAppend(&text, pod > 0 ? "," : "", CgroupFolder::PodJson(pod, 2));
  }
  text += "]}";
  PodsOptions options;
  options.paths = {"/nonexistent", "/nonexistent", "/nonexistent", "/nonexistent"};
  NullSink sink;
  PodsCollector collector(options, &sink, base::RealClock());
  kubernetes::JsonParser parser;
  for (auto _ : state) collector.SetPods(*parser.Parse(text, "a benchmark"));
}
BENCHMARK(BM_KubeletListOf110Pods)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baro::agent
