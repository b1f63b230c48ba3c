// baro alert explain: why an alert fires. The rule's expression as a tree with the values of the
// series that belong to the alert, who is told, and what was rolled out shortly before.

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "api/client.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/parse.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/alert_list.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

using promql::Expr;

// Queries that one explanation may cost.
constexpr size_t kNodesMax = 40;
constexpr int64_t kRolloutBeforeMs = 6 * 3'600'000;

// One node of the tree, with what it gives for this alert.
struct NodeValues {
  std::string text;
  std::string prefix;  // the branches before it
  std::vector<Series> series;
  size_t others = 0;  // series of other alerts
  std::string error;
  bool matrix = false;  // of a range: its newest samples
};

// Labels that both have and that differ: the series belongs to another alert.
bool Contradicts(const LabelSet& series, const LabelSet& alert) {
  return std::any_of(series.begin(), series.end(), [&](const auto& label) {
    const std::string_view value = LabelValue(alert, label.first);
    return label.first != "__name__" && !value.empty() && value != label.second;
  });
}

double NumberOf(const Series& series) {
  return series.points.empty() ? 0 : series.points.back().number;
}

// Literals say themselves what they are; parentheses and the like are their inside.
bool IsShown(const Expr& expr) {
  return expr.kind != Expr::Kind::kNumber && expr.kind != Expr::Kind::kString &&
         expr.kind != Expr::Kind::kParen;
}

class Tree {
 public:
  Tree(const LiveAlert& alert, int64_t at_ms, Client* client)
      : alert_(alert), at_ms_(at_ms), client_(client) {}

  absl::Status Grow() {
    auto parsed = promql::ParseExpression(alert_.query);
    if (!parsed.ok()) return parsed.status();
    Visit(parsed->get(), "", "", true);
    return absl::OkStatus();
  }
  const std::vector<NodeValues>& nodes() const { return nodes_; }

 private:
  void Visit(Expr* expr, const std::string& branch, const std::string& below, bool is_root) {
    if (nodes_.size() == kNodesMax) return;
    if (!IsShown(*expr)) {
      for (Expr* child : promql::Children(*expr)) Visit(child, branch, below, is_root);
      return;
    }
    NodeValues& node = nodes_.emplace_back();
    node.prefix = branch;
    node.text = promql::Print(*expr);
    Fill(*expr, &node);
    std::vector<Expr*> children;
    for (Expr* child : promql::Children(*expr)) {
      // A range is the selector inside it.
      if (expr->kind == Expr::Kind::kMatrixSelector) break;
      if (IsShown(*child) || child->kind == Expr::Kind::kParen) children.push_back(child);
    }
    for (size_t i = 0; i < children.size(); ++i) {
      const bool last = i + 1 == children.size();
      Visit(children[i], base::StrCat(below, last ? "└─ " : "├─ "),
            base::StrCat(below, last ? "   " : "│  "), false);
    }
  }

  void Fill(const Expr& expr, NodeValues* node) {
    std::string query = node->text;
    if (expr.type == promql::ValueType::kMatrix) {
      node->matrix = true;
      query = base::StrCat("last_over_time(", query, ")");
    }
    const auto answer = client_->Query(query, at_ms_);
    if (!answer.ok()) {
      node->error = std::string(answer.status().message());
      return;
    }
    for (const Series& series : answer->series) {
      if (Contradicts(series.labels, alert_.source)) {
        ++node->others;
      } else {
        node->series.push_back(series);
      }
    }
    std::stable_sort(node->series.begin(), node->series.end(), [](const auto& a, const auto& b) {
      return std::abs(NumberOf(a)) > std::abs(NumberOf(b));
    });
  }

  const LiveAlert& alert_;
  const int64_t at_ms_;
  Client* const client_;
  std::vector<NodeValues> nodes_;
};

// What of a series the reader does not know from the alert.
std::string OwnLabels(const LabelSet& series, const LabelSet& alert) {
  LabelSet own;
  for (const auto& label : series) {
    if (label.first != "__name__" && LabelValue(alert, label.first) != label.second) {
      own.push_back(label);
    }
  }
  return SelectorText(own);
}

void PrintTree(const Tree& tree, const LiveAlert& alert, int limit, Session* session) {
  List list;
  list.table.columns = {{"EXPRESSION", Align::kLeft, Cut::kEnd},
                        {"VALUE", Align::kPoint},
                        {"SERIES", Align::kLeft, Cut::kMiddle}};
  for (const NodeValues& node : tree.nodes()) {
    const std::string text = base::StrCat(node.prefix, Harmless(node.text));
    size_t shown = 0;
    for (const Series& series : node.series) {
      list.records.push_back({{"expression", node.text},
                              {"series", SelectorText(series.labels)},
                              {"value", series.points.empty() ? "" : series.points.back().text}});
      if (limit > 0 && shown == static_cast<size_t>(limit)) continue;
      const std::string value =
          series.points.empty() ? "" : FormatOne(NumberOf(series), Unit::kNone);
      list.table.rows.push_back(
          {{shown == 0 ? text : ""}, {value}, {OwnLabels(series.labels, alert.source)}});
      ++shown;
    }
    if (node.series.empty()) {
      list.records.push_back({{"expression", node.text}, {"series", ""}, {"value", ""}});
      const std::string why = node.error.empty() ? "nothing" : Harmless(node.error);
      list.table.rows.push_back({{text}, {""}, {why, Style::kWarn}});
    }
    if (node.series.size() > shown && shown > 0) {
      list.table.rows.push_back(
          {{""}, {""}, {base::StrCat("and ", node.series.size() - shown, " more"), Style::kDim}});
    }
  }
  PrintList(list, session);
}

std::string AgoText(double seconds, double now_seconds) {
  return base::StrCat(FormatTime(std::floor(seconds)), ", ", FormatDuration(now_seconds - seconds),
                      " ago");
}

void AddLine(const char* title, const std::string& text, Session* session) {
  if (text.empty()) return;
  base::StrAppend(&session->out, Styled(session->screen, Style::kBold, PadRight(title, 12)), text,
                  "\n");
}

void PrintHead(const LiveAlert& alert, Session* session) {
  const double now_seconds = static_cast<double>(session->clock->NowMs()) / 1e3;
  const Style style = alert.state == "firing" ? Style::kBad : Style::kWarn;
  base::StrAppend(&session->out,
                  Styled(session->screen, style,
                         base::StrCat(Harmless(alert.name), " ", Harmless(alert.state))),
                  "  ", Harmless(ShortId(alert.id)), "\n");
  AddLine("labels", SelectorText(alert.labels), session);
  if (alert.fired_at > 0) AddLine("fires since", AgoText(alert.fired_at, now_seconds), session);
  if (alert.active_at > 0) AddLine("true since", AgoText(alert.active_at, now_seconds), session);
  if (alert.for_seconds > 0) AddLine("for", FormatDuration(alert.for_seconds), session);
  if (alert.keep_firing_since > 0) {
    AddLine("over since", AgoText(alert.keep_firing_since, now_seconds), session);
  }
  if (!alert.last_error.empty()) {
    AddLine("rule fails", Styled(session->screen, Style::kBad, Harmless(alert.last_error)),
            session);
  }
  for (const auto& [name, value] : alert.annotations) {
    AddLine(name == "runbook_url" ? "runbook" : name.c_str(), Harmless(value), session);
  }
  AddLine(
      "rule",
      base::StrCat(Harmless(alert.group), alert.group.empty() ? "" : " in ", Harmless(alert.where)),
      session);
}

void PrintAnswers(const LiveAlert& alert, Session* session) {
  if (!alert.acknowledged_by.empty()) {
    AddLine("acknowledged",
            base::StrCat("by ", Harmless(alert.acknowledged_by),
                         alert.acknowledged_comment.empty() ? "" : ": ",
                         Harmless(alert.acknowledged_comment)),
            session);
  }
  const auto found = FindAlertmanager(session);
  if (!found.ok())
    return AddLine("silences", Harmless(base::FromAbsl(found.status().message())), session);
  Alertmanager alertmanager(found->transport);
  const auto silences = alertmanager.Silences();
  const auto alerts = alertmanager.Alerts();
  if (!silences.ok() || !alerts.ok()) return AddLine("silences", "not known", session);
  bool known = false;
  bool quiet = false;
  for (const AlertmanagerAlert& one : *alerts) {
    if (one.fingerprint != alert.id) continue;
    known = true;
    for (const std::string& id : one.silenced_by) {
      const auto silence = std::find_if(silences->begin(), silences->end(),
                                        [&](const Silence& all) { return all.id == id; });
      if (silence == silences->end()) continue;
      quiet = true;
      AddLine("silenced",
              Harmless(base::StrCat("by ", silence->author, " until ", silence->ends_at, ": ",
                                    silence->comment)),
              session);
    }
    if (one.inhibited_by.empty()) continue;
    quiet = true;
    AddLine("inhibited", base::StrCat("by ", one.inhibited_by.size(), " other alerts"), session);
  }
  if (!known)
    AddLine("silences", base::StrCat("the Alertmanager does not know this alert"), session);
  if (known && !quiet) AddLine("silences", "none", session);
}

// Metrics whose value is when something was made or started, and the labels that say where.
struct RolloutSign {
  const char* what;
  const char* metric;
  std::vector<const char*> labels;  // in common with the alert; one of them at least
  const char* name;                 // the label that names what was rolled out
};
const std::vector<RolloutSign>& RolloutSigns() {
  static const std::vector<RolloutSign> signs = {
      {"replica set", "kube_replicaset_created", {"namespace"}, "replicaset"},
      {"pod", "kube_pod_created", {"namespace", "pod"}, "pod"},
      {"pod", "kube_pod_start_time", {"namespace", "pod"}, "pod"},
      {"container", "container_start_time_seconds", {"namespace", "pod", "container"}, "container"},
      {"process", "process_start_time_seconds", {"job", "instance"}, "instance"},
      {"node", "node_boot_time_seconds", {"instance", "node"}, "instance"}};
  return signs;
}

struct Rollout {
  double time = 0;
  std::string text;
};

// The newest thing that began before the alert was true, and not long before.
std::optional<Rollout> NearestRollout(const LiveAlert& alert, int64_t at_ms, Client* client) {
  const double onset = alert.active_at > 0 ? alert.active_at : static_cast<double>(at_ms) / 1e3;
  std::optional<Rollout> nearest;
  for (const RolloutSign& sign : RolloutSigns()) {
    std::string matchers;
    for (const char* label : sign.labels) {
      const std::string_view value = LabelValue(alert.labels, label);
      if (value.empty()) continue;
      base::StrAppend(&matchers, matchers.empty() ? "" : ",",
                      MatcherText({label, std::string(value), false, true}));
    }
    if (matchers.empty()) continue;
    const std::string limit = SecondsText(static_cast<int64_t>((onset + 60) * 1e3));
    const auto answer = client->Query(
        base::StrCat("topk(1, ", sign.metric, "{", matchers, "} <= ", limit, ")"), at_ms);
    if (!answer.ok() || answer->series.empty()) continue;
    const Series& series = answer->series.front();
    const double time = NumberOf(series);
    if (time < onset - static_cast<double>(kRolloutBeforeMs) / 1e3) continue;
    if (nearest && nearest->time >= time) continue;
    const double before = onset - time;
    nearest = {time, base::StrCat(sign.what, " ", Harmless(LabelValue(series.labels, sign.name)),
                                  " began ", FormatDuration(std::abs(before)),
                                  before < 0 ? " after" : " before", " the onset")};
  }
  return nearest;
}

void PrintPast(const LiveAlert& alert, Session* session) {
  const auto records = session->client->Records(
      "/api/v1/baro/alerts/history", "",
      {{"since", "7d"},
       {"limit", "1000"},
       {"matcher", base::StrCat("alertname=", MatcherText({"", alert.name}).substr(1))}});
  if (!records.ok()) return;
  size_t fired = 0;
  size_t of_this = 0;
  for (const Record& record : *records) {
    if (Member(record, "kind") != "alert" || Member(record, "state") != "firing") continue;
    ++fired;
    if (Member(record, "fingerprint") == alert.id) ++of_this;
  }
  if (fired == 0) return;
  AddLine("before",
          base::StrCat("fired ", of_this, of_this == 1 ? " time" : " times",
                       " in the last 7 days, ", fired, " with all of its name"),
          session);
}

}  // namespace

absl::Status Run(const AlertExplainArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const LiveAlert alert, FindAlert(arguments.id, session));
  int64_t at_ms = session->clock->NowMs();
  if (!arguments.at.empty()) {
    BARO_TRY_ASSIGN(at_ms, ParseInstant(arguments.at, at_ms));
  }
  session->is_firing = alert.state == "firing";
  Tree tree(alert, at_ms, session->client);
  // An objective's alert has no expression; baro slo explain says who spent its budget.
  if (const absl::Status grown = tree.Grow(); !grown.ok()) {
    base::StrAppend(&session->notes,
                    "baro: its rule has no expression to show; is it an objective's? "
                    "baro slo explain NAME\n");
  }
  if (session->format() != Format::kTable && session->format() != Format::kWide) {
    PrintTree(tree, alert, 0, session);
    return absl::OkStatus();
  }
  PrintHead(alert, session);
  if (const auto rollout = NearestRollout(alert, at_ms, session->client)) {
    AddLine("rollout", rollout->text, session);
  }
  PrintAnswers(alert, session);
  PrintPast(alert, session);
  session->out += "\n";
  PrintTree(tree, alert, arguments.limit, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
