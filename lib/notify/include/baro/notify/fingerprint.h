// Fingerprint: Alertmanager's identity of an alert, so that what we tell of one can be found there.
#pragma once

#include <cstdint>
#include <string>

#include "baro/model/labels.h"

namespace baro::notify {

// FNV-1a (64 bit) over the sorted labels: name, 0xff, value, 0xff each.
uint64_t Fingerprint(const model::Labels& labels);
// Sixteen hexadecimal digits.
std::string FingerprintText(uint64_t fingerprint);

}  // namespace baro::notify
