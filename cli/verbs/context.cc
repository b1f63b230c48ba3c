// baro ctx: names for collectors.

#include "contexts.h"

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/url.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// A password is nobody's business who looks over a shoulder.
std::string WithoutPassword(const std::string& url) {
  const auto parsed = net::ParseUrl(url);
  return parsed.ok() ? parsed->ToString() : url;
}

void PrintContexts(const Contexts& contexts, Session* session) {
  List list;
  list.table.columns = {{""}, {"NAME"}, {"SERVER"}, {"ALERTMANAGER"}};
  for (const Context& context : contexts.all) {
    const bool current = context.name == contexts.current;
    const std::string alertmanager =
        context.alertmanager.empty() ? "" : WithoutPassword(context.alertmanager);
    list.records.push_back({{"name", context.name},
                            {"server", WithoutPassword(context.server)},
                            {"alertmanager", alertmanager},
                            {"current", current ? "true" : "false", false}});
    list.table.rows.push_back({{current ? "*" : ""},
                               {Harmless(context.name), current ? Style::kBold : Style::kPlain},
                               {Harmless(WithoutPassword(context.server))},
                               {Harmless(alertmanager)}});
  }
  PrintList(list, session);
}

absl::Status Unknown(const std::string& name) {
  return absl::InvalidArgumentError(
      base::StrCat("there is no context \"", name, "\"; baro ctx ls lists them"));
}

absl::Status Set(const ContextArguments& arguments, Contexts* contexts) {
  Context next{arguments.name, arguments.server, arguments.alertmanager};
  if (next.server.find("://") == std::string::npos) next.server.insert(0, "http://");
  BARO_TRY(net::ParseUrl(next.server).status());
  const auto same = [&](const Context& context) { return context.name == arguments.name; };
  const auto found = std::find_if(contexts->all.begin(), contexts->all.end(), same);
  if (found != contexts->all.end()) {
    *found = std::move(next);
  } else {
    contexts->all.push_back(std::move(next));
  }
  if (contexts->current.empty()) contexts->current = arguments.name;
  return absl::OkStatus();
}

}  // namespace

absl::Status Run(const ContextArguments& arguments, Session* session) {
  const std::string file = ContextsFile();
  BARO_TRY_ASSIGN(Contexts contexts, ReadContexts(file));
  if (arguments.action == "ls") {
    session->is_empty = contexts.all.empty();
    if (contexts.all.empty()) {
      session->notes += "baro: no contexts; baro ctx set NAME URL makes one\n";
      if (session->format() == Format::kTable) return absl::OkStatus();
    }
    PrintContexts(contexts, session);
    return absl::OkStatus();
  }
  if (arguments.action == "set") {
    BARO_TRY(Set(arguments, &contexts));
  } else if (contexts.Find(arguments.name) == nullptr) {
    return Unknown(arguments.name);
  } else if (arguments.action == "use") {
    contexts.current = arguments.name;
  } else {
    std::erase_if(contexts.all, [&](const auto& one) { return one.name == arguments.name; });
    if (contexts.current == arguments.name) contexts.current.clear();
  }
  BARO_TRY(WriteContexts(contexts, file));
  base::StrAppend(&session->out, "current context: ",
                  contexts.current.empty() ? "(none)" : Harmless(contexts.current), "\n");
  return absl::OkStatus();
}

}  // namespace baro::cli
