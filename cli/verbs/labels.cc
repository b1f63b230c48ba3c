// baro labels: names of labels, or the values of one.

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "verbs/verbs.h"

namespace baro::cli {

absl::Status Run(const LabelsArguments& arguments, Session* session) {
  const bool names = arguments.name.empty();
  BARO_TRY_ASSIGN(std::vector<std::string> found,
                  names ? session->client->LabelNames(arguments.match)
                        : session->client->LabelValues(arguments.name, arguments.match));
  std::sort(found.begin(), found.end());
  if (found.empty()) {
    base::StrAppend(&session->notes, "baro: no ", names ? "labels" : "values of that label",
                    arguments.match.empty() ? "" : " in series that match", "; try baro labels\n");
  }
  PrintStrings(found, names ? "LABEL" : "VALUE", session);
  return absl::OkStatus();
}

}  // namespace baro::cli
