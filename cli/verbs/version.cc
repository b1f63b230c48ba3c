// baro version.

#include "baro/base/strings.h"
#include "verbs/verbs.h"

namespace baro::cli {

absl::Status Run(const VersionArguments&, Session* session) {
  base::StrAppend(&session->out, "baro ", BARO_VERSION, "\n");
  return absl::OkStatus();
}

}  // namespace baro::cli
