#include "baro/base/random.h"

#include <random>

namespace baro::base {

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace baro::base
