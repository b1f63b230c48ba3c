// RandomSeed: the one source of real randomness; everything else takes a seed as an argument.
#pragma once

#include <cstdint>

namespace baro::base {

// Different every time. Thread-safe.
uint64_t RandomSeed();

}  // namespace baro::base
