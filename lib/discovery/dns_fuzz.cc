// Any bytes from the network as a DNS answer: refused or read, never believed beyond their end.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using baro::discovery::DnsType;
  if (size < 3) return 0;
  constexpr DnsType kTypes[] = {DnsType::kA, DnsType::kAaaa, DnsType::kMx, DnsType::kNs,
                                DnsType::kSrv};
  const std::string answer(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const auto id = static_cast<uint16_t>(bytes[1] << 8 | bytes[2]);
  static_cast<void>(baro::discovery::ReadDnsAnswer(answer, id, kTypes[bytes[0] % 5]).ok());
  return 0;
}
