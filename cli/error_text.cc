#include "error_text.h"

#include <re2/re2.h>

#include "baro/base/strings.h"
#include "render/number.h"
#include "render/text.h"

namespace baro::cli {
namespace {

// The n-th line (1-based) of the text; empty when there is none.
std::string_view LineOf(std::string_view text, int number) {
  for (; number > 1; --number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// "1:5: parse error: …" with the line of the expression and a caret; `message` alone when it names
// no place of the expression. Columns count bytes from 1.
std::string PointedError(const std::string& message, std::string_view expression) {
  static const RE2 kPlace(R"((?s)(?:^|[^0-9:])(\d{1,6}):(\d{1,6}): (.*))");
  int line = 0;
  size_t column = 0;
  std::string cause;
  const bool has_place = RE2::PartialMatch(message, kPlace, &line, &column, &cause);
  const std::string_view text = has_place ? LineOf(expression, line) : std::string_view();
  if (text.empty() || column == 0 || column > text.size() + 1) {
    return base::StrCat("baro: ", Harmless(message), "\n");
  }
  const int before = DisplayWidth(Harmless(text.substr(0, column - 1)));
  return base::StrCat("baro: ", Harmless(cause), "\n  ", Harmless(text), "\n  ",
                      std::string(static_cast<size_t>(before), ' '), "^\n");
}

std::string Line(std::string_view text) { return base::StrCat("baro: ", text, "\n"); }

}  // namespace

std::string ErrorText(const absl::Status& status, const ErrorContext& context) {
  const std::string message(status.message());
  const std::string cause = Harmless(message);
  const std::string& server = context.server;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return Line(base::StrCat("collector not reachable at ", server, ": ", cause,
                               "; is baro-collector running there? Other address: --server URL or "
                               "BARO_SERVER"));
    case absl::StatusCode::kDeadlineExceeded:
      return Line(
          base::StrCat("no answer from ", server, " within ",
                       FormatDuration(static_cast<double>(context.timeout_ms) / 1e3), " (", cause,
                       "); try a longer --timeout, a narrower selector or a shorter range"));
    case absl::StatusCode::kUnauthenticated:
      return Line(base::StrCat("not logged in at ", server, " (", cause,
                               "); give user and password as http://USER:PASSWORD@HOST:PORT in "
                               "--server or BARO_SERVER"));
    case absl::StatusCode::kPermissionDenied:
      return Line(base::StrCat("not allowed at ", server, " (", cause,
                               "); ask its owner, or log in as another user"));
    case absl::StatusCode::kNotFound:
      return Line(base::StrCat(server, " does not know this request (", cause,
                               "); is it a Barograph collector of this version? Compare baro "
                               "version and baro status"));
    case absl::StatusCode::kDataLoss:
      return Line(base::StrCat(cause, "; is ", server, " really a collector?"));
    case absl::StatusCode::kInvalidArgument:
      return PointedError(message, context.expression);
    default:
      return Line(base::StrCat(server, " cannot answer: ", cause));
  }
}

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kAuth;
    default:
      return ExitCode::kError;
  }
}

std::string ExpressionOf(const Verb& verb) {
  if (const auto* query = std::get_if<QueryArguments>(&verb)) return query->expression;
  if (const auto* range = std::get_if<RangeArguments>(&verb)) return range->expression;
  if (const auto* explain = std::get_if<ExplainArguments>(&verb)) return explain->expression;
  if (const auto* diff = std::get_if<DiffArguments>(&verb)) return diff->expression;
  if (const auto* series = std::get_if<SeriesArguments>(&verb)) return series->selector;
  if (const auto* remove = std::get_if<TsdbDeleteArguments>(&verb)) {
    return remove->selectors.size() == 1 ? remove->selectors.front() : "";
  }
  if (const auto* labels = std::get_if<LabelsArguments>(&verb)) return labels->match;
  return "";
}

}  // namespace baro::cli
