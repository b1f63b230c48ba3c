// baro labels: names of labels, or the values of one.

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "time_text.h"
#include "verbs/query_output.h"
#include "verbs/verbs.h"

namespace baro::cli {

absl::Status Run(const LabelsArguments& arguments, Session* session) {
  const bool names = arguments.name.empty();
  Client::Scope scope{arguments.match, std::nullopt, arguments.limit};
  if (!arguments.since.empty()) {
    BARO_TRY_ASSIGN(const int64_t since_ms, ParseDuration(arguments.since));
    const int64_t now_ms = session->clock->NowMs();
    scope.window = Client::Window{now_ms - since_ms, now_ms};
  }
  BARO_TRY_ASSIGN(std::vector<std::string> found,
                  names ? session->client->LabelNames(scope)
                        : session->client->LabelValues(arguments.name, scope));
  NoteTruncation(arguments.limit, session);
  session->is_empty = found.empty();
  std::sort(found.begin(), found.end());
  if (found.empty()) {
    base::StrAppend(&session->notes, "baro: no ", names ? "labels" : "values of that label",
                    arguments.match.empty() ? "" : " in series that match", "; try baro labels\n");
  }
  PrintStrings(found, names ? "LABEL" : "VALUE", session);
  return absl::OkStatus();
}

}  // namespace baro::cli
