#include "baro/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace baro::base {

void CheckFailed(const char* file, int line, const char* text, const std::string& details) {
  std::fprintf(stderr, "%s:%d: check failed: %s%s%s%s\n", file, line, text,
               details.empty() ? "" : " (", details.c_str(), details.empty() ? "" : ")");
  std::abort();
}

}  // namespace baro::base
