// A statfs helper for tests: a real one, but for paths that hold "stuck", on which it hangs for
// ever.

#include <unistd.h>

#include <cstring>

#include "statfs_helper.h"
#include "statfs_protocol.h"

int main() {
  baro::agent::RunStatfsHelper(baro::agent::kStatfsDescriptor,
                               [](const char* path, struct statfs* result) {
                                 while (std::strstr(path, "stuck") != nullptr) pause();
                                 return statfs(path, result);
                               });
}
