// One run of one verb: what it may use, and where it leaves what it found.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api/answer.h"
#include "api/client.h"
#include "baro/base/clock.h"
#include "command_line.h"
#include "render/screen.h"
#include "render/table.h"

namespace baro::cli {

// Thread-compatible. A verb writes its answer to `out` and remarks for the reader to `notes`;
// printing both is main's.
struct Session {
  const GlobalOptions* options;
  Client* client;
  Screen screen;
  const base::Clock* clock;
  std::string server;  // the collector's URL as it may be printed
  std::string out;
  std::string notes;
  bool failed = false;  // the answer itself says that something is wrong (status: not ready)
  Transport* transport = nullptr;  // what moves whole series goes beside the client
  bool is_empty = false;           // the answer holds nothing (--exit-code)
  bool is_firing = false;          // the answer holds an alert that fires (--exit-code)
  bool gate_closed = false;        // a change may not go out: exit code 10, always
  // A way to another server, an Alertmanager; lives as long as the session.
  std::function<Transport*(const std::string& url)> connect = nullptr;

  // kAuto resolved.
  Format format() const {
    if (options->format != Format::kAuto) return options->format;
    return screen.is_terminal ? Format::kTable : Format::kWide;
  }
};

// A list in every format: `table` for eyes (made only when it is shown), `records` exact.
// With headers a terminal also gets `total`, a line such as "3 up, 1 down".
struct List {
  std::vector<Record> records;
  Table table;
  std::string heading;  // what all rows have in common; may be empty
  std::string total;
};
void PrintList(const List& list, Session* session);

// One string per line, or a JSON array of them.
void PrintStrings(const std::vector<std::string>& strings, const std::string& title,
                  Session* session);

// Runs the verb of the command line. Errors are the verb's; error_text.h words them.
absl::Status RunVerb(const Verb& verb, Session* session);

}  // namespace baro::cli
