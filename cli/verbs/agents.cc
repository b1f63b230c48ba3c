// baro agents: who pushes to this collector; those that are away come first.

#include <algorithm>
#include <charconv>
#include <tuple>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "time_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

bool IsConnected(const Record& agent) { return Member(agent, "connected") == "true"; }

std::string AgoText(std::string_view time, int64_t now_ms) {
  const auto time_ms = ParseInstant(time, now_ms);
  if (!time_ms.ok() || *time_ms <= 0) return "never";
  return base::StrCat(FormatDuration(static_cast<double>(now_ms - *time_ms) / 1e3), " ago");
}

std::string BytesText(std::string_view digits) {
  double bytes = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  return FormatOne(bytes, Unit::kBytes);
}

// gRPC's "ipv4:10.0.0.1:41000" without kind and port: the port of a client means nothing to people.
std::string_view HostOf(std::string_view peer) {
  for (const std::string_view kind : {"ipv4:", "ipv6:"}) {
    if (peer.starts_with(kind)) peer.remove_prefix(kind.size());
  }
  return peer.substr(0, peer.rfind(':'));
}

std::vector<Cell> RowOf(const Record& agent, int64_t now_ms) {
  const auto text = [&](const char* name) { return Cell{Harmless(Member(agent, name))}; };
  return {IsConnected(agent) ? Cell{"connected", Style::kGood} : Cell{"away", Style::kBad},
          text("node"),
          {Harmless(HostOf(Member(agent, "address")))},
          text("version"),
          {AgoText(Member(agent, "lastFrame"), now_ms)},
          text("lagFrames"),
          text("samplesStored"),
          {BytesText(Member(agent, "bytes"))}};
}

}  // namespace

absl::Status Run(const AgentsArguments&, Session* session) {
  List list;
  BARO_TRY_ASSIGN(list.records, session->client->Agents());
  std::sort(list.records.begin(), list.records.end(), [](const Record& a, const Record& b) {
    return std::tuple(IsConnected(a), Member(a, "node"), Member(a, "uuid")) <
           std::tuple(IsConnected(b), Member(b, "node"), Member(b, "uuid"));
  });
  if (list.records.empty()) {
    session->notes +=
        "baro: no agent has reported yet; start baro-agent --collector.address HOST:PORT with this "
        "collector's gRPC address\n";
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  list.table.columns = {{"STATE"},
                        {"NODE"},
                        {"ADDRESS"},
                        {"VERSION"},
                        {"LAST FRAME", Align::kPoint},
                        {"BEHIND", Align::kPoint},
                        {"SAMPLES", Align::kPoint},
                        {"RECEIVED", Align::kPoint}};
  for (const Record& agent : list.records) {
    list.table.rows.push_back(RowOf(agent, session->clock->NowMs()));
  }
  const auto connected = std::count_if(list.records.begin(), list.records.end(), IsConnected);
  list.total = base::StrCat(connected, " connected, ",
                            list.records.size() - static_cast<size_t>(connected), " away");
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
