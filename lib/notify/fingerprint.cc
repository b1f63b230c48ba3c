#include "baro/notify/fingerprint.h"

#include <string_view>

#include "absl/strings/str_format.h"

namespace baro::notify {
namespace {

constexpr uint64_t kOffset = 14695981039346656037U;
constexpr uint64_t kPrime = 1099511628211U;

uint64_t Mix(uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * kPrime;
  return (hash ^ 0xff) * kPrime;
}

}  // namespace

uint64_t Fingerprint(const model::Labels& labels) {
  uint64_t hash = kOffset;
  for (const model::Label& label : labels) hash = Mix(Mix(hash, label.name), label.value);
  return hash;
}

std::string FingerprintText(uint64_t fingerprint) { return absl::StrFormat("%016x", fingerprint); }

}  // namespace baro::notify
