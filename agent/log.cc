#include "agent/log.h"

#include <memory>

#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/ansicolor_sink.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace baro::agent {
namespace {

// %J: the message as the inside of a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) Append(c, &out);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }

 private:
  static void Append(char c, spdlog::memory_buf_t* out) {
    constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (byte < 0x20) {
      for (const char part : {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]}) {
        out->push_back(part);
      }
    } else {
      out->push_back(c);
    }
  }
};

}  // namespace

void SetUpLog(const std::string& level, const std::string& format) {
  if (format == "json") {
    auto logger = std::make_shared<spdlog::logger>(
        "agent", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<JsonMessage>('J').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%J"})");
    logger->set_formatter(std::move(formatter));
    spdlog::set_default_logger(std::move(logger));
  } else {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "agent", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>()));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  }
  spdlog::set_level(spdlog::level::from_str(level));
  spdlog::flush_on(spdlog::level::info);
}

bool LogLimiter::Allow(uint64_t* suppressed) {
  const int64_t now_ns = base::RealClock()->MonotonicNs();
  int64_t start_ns = start_ns_.load(std::memory_order_relaxed);
  if (now_ns - start_ns >= kPeriodNs &&
      start_ns_.compare_exchange_strong(start_ns, now_ns, std::memory_order_relaxed)) {
    // After the first burst there is one message a period.
    if (start_ns != 0) written_.store(kBurst - 1, std::memory_order_relaxed);
  }
  if (written_.fetch_add(1, std::memory_order_relaxed) >= kBurst) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  *suppressed = suppressed_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace baro::agent
