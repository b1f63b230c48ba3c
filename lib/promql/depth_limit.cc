#include "depth_limit.h"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "baro/promql/parse.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BARO_PROMQL_LARGE_FRAMES 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BARO_PROMQL_LARGE_FRAMES 1
#endif

namespace baro::promql {
namespace {

// The costliest level is one of a + b + c … over vectors: 2,304 bytes (g++ -O1, parsed, typed,
// printed, evaluated; parentheses and signs 720, info() 1,963), so 3 KiB. The leaf reads storage,
// or a duration of 100 levels of 576 bytes: 96 KiB. 1,000 levels need 3.1 MiB; a stack of 8 MiB has
// them, 2 MiB has 650 levels, 256 KiB has 50. A sanitizer's frames are taken for four times as
// large (not measured).
#ifdef BARO_PROMQL_LARGE_FRAMES
constexpr size_t kLevelBytes = 12 << 10;
constexpr size_t kLeafBytes = 512 << 10;
#else
constexpr size_t kLevelBytes = 3 << 10;
constexpr size_t kLeafBytes = 96 << 10;
#endif

// The lowest address of the calling thread's stack; 0 when the system does not tell.
uintptr_t StackEnd() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  void* lowest = nullptr;
  size_t bytes = 0;
  const bool known = pthread_attr_getstack(&attributes, &lowest, &bytes) == 0;
  pthread_attr_destroy(&attributes);
  return known ? reinterpret_cast<uintptr_t>(lowest) : 0;
}

}  // namespace

int DepthLimit() {
  // Asked once: for a main thread the answer is read from /proc.
  thread_local const uintptr_t stack_end = StackEnd();
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (stack_end == 0 || here < stack_end) return kDepthMax;
  const size_t left_bytes = here - stack_end;
  if (left_bytes <= kLeafBytes) return 1;
  const size_t levels = (left_bytes - kLeafBytes) / kLevelBytes;
  return static_cast<int>(std::clamp<size_t>(levels, 1, kDepthMax));
}

}  // namespace baro::promql
