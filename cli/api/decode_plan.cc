// Plans and prices of queries.

#include "api/document.h"
#include "api/plan.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

// A member that is a number; 0 when it is missing or none.
double NumberMember(dom::element object, std::string_view name) {
  double number = 0;
  return object[name].get(number) == simdjson::SUCCESS ? number : 0;
}

// A member as text, be it a string or a number.
std::string AnyMember(dom::element object, std::string_view name) {
  dom::element member;
  if (object[name].get(member) != simdjson::SUCCESS || member.is_null()) return "";
  return member.is_string() ? TextMember(object, name) : std::string(simdjson::minify(member));
}

Record RecordMember(dom::element object, std::string_view name) {
  dom::element member;
  return object[name].get(member) == simdjson::SUCCESS ? FlatRecord(member) : Record{};
}

// Depth is bounded by the parser's (kPlanDepthMax).
void ReadNodes(dom::element node, int depth, bool is_last, std::vector<PlanNode>* nodes) {
  nodes->push_back({depth, is_last, TextMember(node, "node"), TextMember(node, "text"),
                    TextMember(node, "expression"), NumberMember(node, "series"),
                    NumberMember(node, "samples")});
  dom::array children;
  if (node["children"].get(children) != simdjson::SUCCESS) return;
  size_t left = children.size();
  for (const dom::element child : children) ReadNodes(child, depth + 1, --left == 0, nodes);
}

RunningQuery ReadRunning(dom::element element) {
  return {FlatRecord(element),
          AnyMember(element, "id"),
          TextMember(element, "query"),
          TextMember(element, "phase"),
          TextMember(element, "client"),
          TextMember(element, "dashboard_uid"),
          AnyMember(element, "panel_id"),
          NumberMember(element, "since_seconds"),
          NumberMember(element, "samples")};
}

QueryCost ReadCost(dom::element element) {
  QueryCost cost{FlatRecord(element),
                 TextMember(element, "query"),
                 NumberMember(element, "count"),
                 NumberMember(element, "seconds"),
                 NumberMember(element, "samples"),
                 NumberMember(element, "memory_bytes_max"),
                 NumberMember(element, "errors"),
                 {}};
  dom::array dashboards;
  if (element["dashboards"].get(dashboards) != simdjson::SUCCESS) return cost;
  for (const dom::element one : dashboards) {
    cost.dashboards.push_back(
        {TextMember(one, "dashboard_uid"), AnyMember(one, "panel_id"), NumberMember(one, "count")});
  }
  return cost;
}

}  // namespace

absl::StatusOr<Explanation> DecodeExplanation(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes, kPlanDepthMax));
  const dom::element data = document.data();
  Explanation found;
  dom::element tree;
  if (data["allowed"].get(found.allowed) != simdjson::SUCCESS) {
    return BadAnswer("it has no member \"allowed\"");
  }
  found.json = simdjson::minify(data);
  found.cost = RecordMember(data, "cost");
  found.limits = RecordMember(data, "limits");
  found.reason = TextMember(data, "reason");
  if (data["tree"].get(tree) == simdjson::SUCCESS) ReadNodes(tree, 0, true, &found.nodes);
  dom::array said;
  if (data["notes"].get(said) == simdjson::SUCCESS) {
    for (const dom::element note : said) {
      std::string_view text;
      if (note.get(text) == simdjson::SUCCESS) found.notes.emplace_back(text);
    }
  }
  return found;
}

absl::StatusOr<std::vector<RunningQuery>> DecodeRunningQueries(std::string_view json,
                                                               Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  dom::array active;
  if (document.data()["active"].get(active) != simdjson::SUCCESS) {
    return BadAnswer("it has no member \"active\"");
  }
  std::vector<RunningQuery> found;
  for (const dom::element element : active) found.push_back(ReadRunning(element));
  return found;
}

absl::StatusOr<std::vector<QueryCost>> DecodeTopQueries(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  dom::array queries;
  if (document.data()["queries"].get(queries) != simdjson::SUCCESS) {
    return BadAnswer("it has no member \"queries\"");
  }
  std::vector<QueryCost> found;
  for (const dom::element element : queries) found.push_back(ReadCost(element));
  return found;
}

}  // namespace baro::cli
