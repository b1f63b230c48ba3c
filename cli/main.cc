// baro: asks a Barograph collector. Parses, runs the verb once or again and again, prints, exits.

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "api/http_transport.h"
#include "baro/base/clock.h"
#include "baro/base/strings.h"
#include "command_line.h"
#include "error_text.h"
#include "render/number.h"
#include "render/screen.h"
#include "session.h"
#include "time_text.h"

namespace baro::cli {
namespace {

// What one run of the verb left behind.
struct Outcome {
  ExitCode exit_code = ExitCode::kOk;
  std::string out;
  std::string err;
};

std::string NotesText(const Notes& notes) {
  std::string text;
  for (const std::string& warning : notes.warnings) {
    base::StrAppend(&text, "baro: warning: ", Harmless(warning), "\n");
  }
  for (const std::string& info : notes.infos) {
    base::StrAppend(&text, "baro: note: ", Harmless(info), "\n");
  }
  return text;
}

Outcome RunOnce(const CommandLine& command, const Screen& screen) {
  const GlobalOptions& options = command.options;
  HttpTransport transport(options.server, options.timeout_ms);
  Client client(&transport, options.timeout_ms);
  std::vector<std::unique_ptr<HttpTransport>> others;
  Session session{&options, &client, screen, base::RealClock(), PrintableUrl(options.server),
                  "",       "",      false,  &transport};
  session.connect = [&](const std::string& url) {
    others.push_back(std::make_unique<HttpTransport>(url, options.timeout_ms));
    return others.back().get();
  };
  const absl::Status status = RunVerb(command.verb, &session);
  const Notes& notes = client.notes();
  Outcome outcome{ExitCodeOf(status), std::move(session.out),
                  base::StrCat(NotesText(notes), session.notes)};
  if (status.ok() && session.gate_closed) outcome.exit_code = ExitCode::kFiring;
  if (options.exit_code && status.ok() && !session.failed) {
    if (session.is_firing) outcome.exit_code = ExitCode::kFiring;
    // An answer with warnings that is empty may only be so because of what they tell.
    if (session.is_empty && notes.warnings.empty()) outcome.exit_code = ExitCode::kNoData;
  }
  if (!status.ok()) {
    outcome.err +=
        ErrorText(status, {session.server, ExpressionOf(command.verb), options.timeout_ms});
  } else if (session.failed) {
    outcome.exit_code = ExitCode::kError;
  } else if (!notes.warnings.empty() && outcome.exit_code == ExitCode::kOk) {
    outcome.exit_code = ExitCode::kPartial;
  }
  return outcome;
}

// False when nobody reads any more (a closed pipe, a full disk).
bool Print(const std::string& out, const std::string& err) {
  const bool written =
      std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
  std::fwrite(err.data(), 1, err.size(), stderr);
  return written;
}

// One picture over the one before it, line by line, so that nothing flickers.
std::string Frame(const std::string& heading, const std::string& text, const Screen& screen) {
  std::string frame = base::StrCat("\x1b[H", heading, "\x1b[K\n");
  int rows = 2;  // the heading, and the line the cursor waits in
  for (size_t at = 0; at < text.size() && rows < screen.rows; ++rows) {
    const size_t end = std::min(text.find('\n', at), text.size());
    base::StrAppend(&frame, text.substr(at, end - at), "\x1b[K\n");
    at = end + 1;
  }
  return frame + "\x1b[J";
}

[[noreturn]] void Watch(const CommandLine& command) {
  const double every_seconds = command.options.watch_seconds.value_or(kWatchSecondsDefault);
  if (DetectScreen(command.options.color).is_terminal) Print("\x1b[2J", "");
  for (;;) {
    const Screen screen = DetectScreen(command.options.color);
    Outcome outcome = RunOnce(command, screen);
    if (outcome.exit_code == ExitCode::kUsage) {  // will not get better by itself
      Print(outcome.out, outcome.err);
      std::exit(static_cast<int>(outcome.exit_code));
    }
    const auto now_seconds = static_cast<double>(base::RealClock()->NowMs() / 1000);
    const std::string heading = base::StrCat("every ", FormatDuration(every_seconds), "  ",
                                             FormatTime(now_seconds), "  (Ctrl-C ends)");
    const bool written =
        screen.is_terminal
            ? Print(Frame(Styled(screen, Style::kDim, heading), outcome.err + outcome.out, screen),
                    "")
            : Print(outcome.out, outcome.err);
    if (!written) std::exit(static_cast<int>(ExitCode::kError));
    poll(nullptr, 0, static_cast<int>(every_seconds * 1e3));  // a plain pause; signals end it
  }
}

// top is live where somebody watches.
bool IsLive(const CommandLine& command) {
  const auto* queries = std::get_if<TopQueriesArguments>(&command.verb);
  const auto* top = std::get_if<TopArguments>(&command.verb);
  const bool wants = (queries != nullptr && !queries->once && queries->cancel.empty()) ||
                     (top != nullptr && !top->once);
  return wants && DetectScreen(command.options.color).is_terminal && isatty(STDIN_FILENO) == 1 &&
         (command.options.format == Format::kAuto || command.options.format == Format::kTable);
}

int Main(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  const ParsedCommandLine parsed = ParseCommandLine(arguments);
  if (!parsed.command.has_value()) {
    Print(parsed.out, parsed.err);
    return static_cast<int>(parsed.exit_code);
  }
  if (parsed.command->options.watch_seconds.has_value()) Watch(*parsed.command);
  if (IsLive(*parsed.command)) Watch(*parsed.command);
  const Outcome outcome = RunOnce(*parsed.command, DetectScreen(parsed.command->options.color));
  const bool written = Print(outcome.out, outcome.err);
  return written ? static_cast<int>(outcome.exit_code) : static_cast<int>(ExitCode::kError);
}

}  // namespace
}  // namespace baro::cli

int main(int argc, char** argv) {
  return baro::cli::Main(std::vector<std::string>(argv + 1, argv + argc));
}
