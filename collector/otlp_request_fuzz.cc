// The whole way of a request, from its packed body to the store: no bytes may crash it, every
// sample that is stored has its three parts and a series with a name, and what is counted as
// refused is no more than was sent.
//
// The first byte chooses how the rest is packed and which configuration is in force.

#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "baro/base/check.h"
#include "baro/wire/otlp.h"
#include "baro/wire/remote_write.h"
#include "otlp/content_coding.h"
#include "otlp/otlp_receiver.h"
#include "otlp/testing/map_store.h"

namespace baro::collector {
namespace {

constexpr size_t kBodyBytesMax = size_t{1} << 20;
constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr const char* kCodings[] = {"", "gzip", "zstd", ""};

OtlpConfig ConfigOf(uint8_t choice) {
  OtlpConfig config;
  config.translation_strategy = static_cast<OtlpNames>(choice >> 2 & 3);
  config.promote_all_resource_attributes = (choice & 16) != 0;
  config.keep_identifying_resource_attributes = (choice & 16) != 0;
  config.promote_scope_metadata = (choice & 32) != 0;
  config.convert_histograms_to_nhcb = (choice & 64) != 0;
  return config;
}

void Receive(uint8_t choice, std::string_view body) {
  std::string plain;
  const auto decoded = DecodeBody(kCodings[choice & 3], body, kBodyBytesMax, &plain);
  if (!decoded.ok()) return;
  BARO_CHECK_LE(decoded->size(), kBodyBytesMax);
  std::string request(*decoded);
  if ((choice & 3) == 3) {
    auto protobuf = wire::OtlpJsonToProtobuf(*decoded);
    if (!protobuf.ok()) return;
    request = *std::move(protobuf);
  }
  base::FakeClock clock(kNowMs);
  MapStore store;
  OtlpOptions options;
  options.clock = &clock;
  options.deltas.clock = &clock;
  if ((choice & 128) != 0) options.retention_ms = 3'600'000;
  OtlpReceiver receiver(&store, ConfigOf(choice), options);
  for (int round = 0; round < 2; ++round) {  // the second finds what the first has cached
    receiver.Receive(request, [](const OtlpOutcome& outcome) {
      BARO_CHECK(wire::IsValidUtf8(outcome.message));
      BARO_CHECK(outcome.rejected_points >= 0);
    });
  }
  const OtlpStats stats = receiver.GetStats();
  uint64_t refused = 0;
  for (const uint64_t count : stats.refused_total) refused += count;
  BARO_CHECK_LE(refused, stats.points_total);
}

}  // namespace
}  // namespace baro::collector

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It reports each invalid text on stderr, thousands a second here.
  static const auto kReporter = google::protobuf::SetLogHandler(nullptr);
  (void)kReporter;
  if (size == 0) return 0;
  baro::collector::Receive(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
