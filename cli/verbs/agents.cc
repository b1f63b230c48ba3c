// baro agents: who pushes to this collector.

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "verbs/verbs.h"

namespace baro::cli {

absl::Status Run(const AgentsArguments&, Session* session) {
  BARO_TRY_ASSIGN(std::vector<Record> agents, session->client->Agents());
  List list;
  list.records = std::move(agents);
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
