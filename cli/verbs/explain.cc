// baro explain: the plan of an expression, what it would cost, and whether it may run.

#include <cstdlib>

#include "api/plan.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/json.h"
#include "render/number.h"
#include "time_text.h"
#include "verbs/time_range.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// "├─ " and its kin: whether the nodes on the way down have others after them is kept in `open`.
std::string Branch(const PlanNode& node, std::vector<bool>* open) {
  open->resize(static_cast<size_t>(node.depth) + 1);
  open->back() = !node.is_last;
  std::string out;
  for (size_t depth = 1; depth < static_cast<size_t>(node.depth); ++depth) {
    out += (*open)[depth] ? "│  " : "   ";
  }
  if (node.depth > 0) out += node.is_last ? "└─ " : "├─ ";
  return out;
}

std::string CountText(double count) { return count > 0 ? FormatOne(count, Unit::kNone) : ""; }

Table TreeTable(const Explanation& explanation) {
  Table table;
  table.columns = {
      {"NODE", Align::kLeft, Cut::kEnd}, {"SERIES", Align::kPoint}, {"SAMPLES", Align::kPoint}};
  std::vector<bool> open;
  for (const PlanNode& node : explanation.nodes) {
    const std::string& text = node.text.empty() ? node.expression : node.text;
    table.rows.push_back({{base::StrCat(Branch(node, &open), Harmless(text))},
                          {CountText(node.series)},
                          {CountText(node.samples)}});
  }
  return table;
}

std::vector<Record> TreeRecords(const Explanation& explanation) {
  std::vector<Record> records;
  for (const PlanNode& node : explanation.nodes) {
    records.push_back({{"depth", base::StrCat(node.depth), false},
                       {"node", node.node},
                       {"text", node.text},
                       {"expression", node.expression},
                       {"series", FormatOne(node.series, Unit::kNone), false},
                       {"samples", FormatOne(node.samples, Unit::kNone), false}});
  }
  return records;
}

double NumberOf(const Record& record, std::string_view name) {
  return std::strtod(std::string(Member(record, name)).c_str(), nullptr);
}

// "96 series, 23040 samples, 1.20 MiB, about 3 ms"
std::string CostText(const Record& cost) {
  return base::StrCat(FormatOne(NumberOf(cost, "series"), Unit::kNone), " series, ",
                      FormatOne(NumberOf(cost, "samples"), Unit::kNone), " samples, ",
                      FormatOne(NumberOf(cost, "memory_bytes"), Unit::kBytes), " of memory, about ",
                      FormatDuration(NumberOf(cost, "seconds")));
}

std::string Verdict(const Explanation& explanation, const Screen& screen) {
  const std::string cost = CostText(explanation.cost);
  if (explanation.allowed) {
    return base::StrCat(Styled(screen, Style::kGood, "allowed"), ": ", cost, "\n");
  }
  return base::StrCat(Styled(screen, Style::kBad, "refused"), ": ", Harmless(explanation.reason),
                      "\n         ", cost, "\n");
}

}  // namespace

absl::Status Run(const ExplainArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const int64_t time_ms, ParseInstant(arguments.at, session->clock->NowMs()));
  std::optional<Client::Range> range;
  if (arguments.over_time) {
    BARO_TRY_ASSIGN(range, ReadRange(arguments, kPointsForPrograms, *session));
  }
  BARO_TRY_ASSIGN(const Explanation explanation,
                  session->client->Explain(arguments.expression, time_ms, range));
  session->failed = !explanation.allowed;
  if (session->format() == Format::kJson) {
    base::StrAppend(&session->out, explanation.json, "\n");
    return absl::OkStatus();
  }
  const bool for_eyes = session->format() == Format::kTable || session->format() == Format::kWide;
  if (for_eyes && session->options->headers) {
    session->out += Verdict(explanation, session->screen);
    if (range.has_value()) {
      base::StrAppend(&session->out, "         ", RangeText(*range), "\n");
    }
    session->out += "\n";
  }
  if (for_eyes) {
    session->out += RenderTable(TreeTable(explanation), session->screen,
                                {session->options->headers, session->format() == Format::kTable});
  } else {
    PrintList({TreeRecords(explanation), {}, "", ""}, session);
  }
  for (const std::string& note : explanation.notes) {
    base::StrAppend(&session->notes, "baro: note: ", Harmless(note), "\n");
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
