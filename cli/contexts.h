// Contexts: names for collectors, kept in a file of the user (as kubectl keeps its clusters).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "command_line.h"

namespace baro::cli {

struct Context {
  std::string name;
  std::string server;
  std::string alertmanager;  // empty: the one that the collector tells
};

struct Contexts {
  std::string current;  // empty: none
  std::vector<Context> all;

  const Context* Find(const std::string& name) const;
};

// $BARO_CONFIG, else $XDG_CONFIG_HOME/baro/contexts.yml, else ~/.config/baro/contexts.yml.
std::string ContextsFile();

// No file is no contexts. Errors: InvalidArgument with file:line:column; those of the file.
absl::StatusOr<Contexts> ReadContexts(const std::string& file);
// Readable for the user alone, as URLs may hold passwords. Errors: those of the file.
absl::Status WriteContexts(const Contexts& contexts, const std::string& file);

// Fills in what the command line has left open. `server_given` wins over the current context, not
// over one that was named. Errors: as ReadContexts(); InvalidArgument for a name that is none.
absl::Status ApplyContext(bool server_given, GlobalOptions* options);

}  // namespace baro::cli
