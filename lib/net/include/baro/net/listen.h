// Listen: whether an address can be listened on, asked before a library that cannot say why not.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace baro::net {

// Takes "HOST:PORT" for a moment and lets it go again; port 0 and an empty host are allowed.
// Errors: InvalidArgument (address), Unavailable (with the system's reason).
absl::Status ProbeListen(std::string_view address);

}  // namespace baro::net
