// Bytes per second over real node_exporter bodies: the slow parser, the cache on a repeated scrape,
// and the cache when it must build its template.
#include <benchmark/benchmark.h>

#include "baro/exposition/layout_cache.h"
#include "baro/exposition/parser.h"
#include "testing.h"

namespace baro::exposition {
namespace {

std::vector<std::string> Bodies() {
  return {ReadCapture("node_exporter_1.txt.gz"), ReadCapture("node_exporter_2.txt.gz")};
}

void Count(benchmark::State& state, size_t bytes, size_t samples) {
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["ns/sample"] =
      benchmark::Counter(static_cast<double>(samples) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void SlowParse(benchmark::State& state) {
  const auto bodies = Bodies();
  size_t bytes = 0;
  size_t samples = 0;
  for (auto _ : state) {
    const std::string& body = bodies[samples % 2];
    Parser parser(body, Format::kText);
    for (Entry entry = parser.Next(); entry != Entry::kEnd; entry = parser.Next()) {
      if (entry == Entry::kError) state.SkipWithError("bad capture");
      samples += entry == Entry::kSample ? 1 : 0;
    }
    bytes += body.size();
  }
  Count(state, bytes, samples);
}
BENCHMARK(SlowParse);

void RepeatScrape(benchmark::State& state) {
  const auto bodies = Bodies();
  LayoutCache cache(Format::kText);
  size_t bytes = 0;
  size_t samples = 0;
  size_t turn = 0;
  for (auto _ : state) {
    const std::string& body = bodies[turn++ % 2];
    const auto stats = cache.Parse(body);
    if (!stats.ok()) state.SkipWithError("bad capture");
    samples += stats->samples;
    bytes += body.size();
    benchmark::DoNotOptimize(cache.values().data());
  }
  Count(state, bytes, samples);
}
BENCHMARK(RepeatScrape);

void ColdScrape(benchmark::State& state) {
  const auto bodies = Bodies();
  size_t bytes = 0;
  size_t samples = 0;
  for (auto _ : state) {
    LayoutCache cache(Format::kText);
    const auto stats = cache.Parse(bodies[0]);
    if (!stats.ok()) state.SkipWithError("bad capture");
    samples += stats->samples;
    bytes += bodies[0].size();
  }
  Count(state, bytes, samples);
}
BENCHMARK(ColdScrape);

// One series more and one less each time.
void ChurningScrape(benchmark::State& state) {
  const auto bodies = Bodies();
  LayoutCache cache(Format::kText);
  size_t bytes = 0;
  size_t samples = 0;
  size_t turn = 0;
  for (auto _ : state) {
    const std::string body = bodies[0] + "extra{turn=\"" + std::to_string(turn++ % 2) + "\"} 1\n";
    const auto stats = cache.Parse(body);
    if (!stats.ok()) state.SkipWithError("bad capture");
    samples += stats->samples;
    bytes += body.size();
  }
  Count(state, bytes, samples);
}
BENCHMARK(ChurningScrape);

}  // namespace
}  // namespace baro::exposition
