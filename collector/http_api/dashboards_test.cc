// Every expression of dashboards/ and alerts/ runs: a panel or rule that cannot be evaluated is a
// mistake in the file or in us.
// Method: JSON and YAML files are walked for "expr"; Grafana's variables are filled in as it would.

#include <cctype>
#include <filesystem>

#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/model/memory_source.h"
#include "baro/promql/engine.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

struct Expression {
  std::string where;
  std::string text;
};

// The documents' own depth bounds the walk: the parser refuses deeper ones.
void Collect(const base::YamlNode& node, std::vector<Expression>* found) {
  for (const base::YamlNode& element : node.elements()) Collect(element, found);
  for (const auto& entry : node.entries()) {
    if (entry.key.scalar() == "expr" && !entry.value.scalar().empty()) {
      found->push_back({entry.value.where(), entry.value.scalar()});
    } else {
      Collect(entry.value, found);
    }
  }
}

std::string_view ValueOfBuiltIn(std::string_view name) {
  if (name == "__interval_ms" || name == "__range_ms") return "60000";
  if (name == "__range_s" || name == "__from" || name == "__to") return "3600";
  if (name == "__interval") return "1m";
  if (name == "__range") return "1h";
  return name.starts_with("__") ? "5m" : "";
}

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// What a user's variable may stand for where it stands.
std::string_view ValueOf(std::string_view name, std::string_view before, bool quoted) {
  if (const std::string_view known = ValueOfBuiltIn(name); !known.empty()) return known;
  if (quoted) return ".*";
  while (!before.empty() && before.back() == ' ') before.remove_suffix(1);
  if (before.ends_with('[') || before.ends_with("offset")) return "5m";
  const size_t open = before.rfind('(');
  if (open != std::string_view::npos) {
    std::string_view head = before.substr(0, open);
    while (!head.empty() && head.back() == ' ') head.remove_suffix(1);
    for (const char* word : {"by", "without", "on", "ignoring", "group_left", "group_right"}) {
      if (!head.ends_with(word)) continue;
      head.remove_suffix(std::string_view(word).size());
      if (head.empty() || !IsWord(head.back())) return "instance";
    }
  }
  return "1";
}

// $name, ${name}, ${name:format} and [[name]] as Grafana fills them in.
std::string FillIn(std::string_view text) {
  std::string out;
  char quote = 0;
  while (!text.empty()) {
    const char c = text.front();
    if (quote != 0 && c == '\\' && text.size() > 1) {
      out += text.substr(0, 2);
      text.remove_prefix(2);
      continue;
    }
    const bool named = c == '$' && text.size() > 1 &&
                       (std::isalpha(static_cast<unsigned char>(text[1])) != 0 || text[1] == '_');
    const bool bracketed = text.starts_with("[[") && !text.starts_with("[[[");
    const bool braced = text.starts_with("${") || bracketed;
    if (!named && !braced) {
      if (quote == 0 && (c == '"' || c == '\'' || c == '`')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
      out += c;
      text.remove_prefix(1);
      continue;
    }
    text.remove_prefix(braced ? 2 : 1);
    size_t size = 0;
    while (size < text.size() && IsWord(text[size])) ++size;
    out += ValueOf(text.substr(0, size), out, quote != 0);
    text.remove_prefix(size);
    if (braced) {
      const size_t end = std::min(text.find_first_of("}]"), text.size());
      text.remove_prefix(std::min(end + (text.substr(end).starts_with("]]") ? 2 : 1), text.size()));
    }
  }
  return out;
}

TEST(Dashboards, FillsVariablesInAsGrafanaDoes) {
  EXPECT_EQ(FillIn("rate(a{job=~\"$job\",x='${x:regex}'}[$__rate_interval])"),
            "rate(a{job=~\".*\",x='.*'}[5m])");
  EXPECT_EQ(FillIn("topk($n, sum by ($label, b)(a[$w])) offset $o"),
            "topk(1, sum by (instance, b)(a[5m])) offset 5m");
  EXPECT_EQ(FillIn("a[[[interval]]] > [[__range_s]]"), "a[5m] > 3600");
  EXPECT_EQ(FillIn("label_replace(a, \"b\", \"$1\", \"c\", \"(.*)$\")"),
            "label_replace(a, \"b\", \"$1\", \"c\", \"(.*)$\")");
}

TEST(Dashboards, EveryExpressionRuns) {
  std::vector<Expression> found;
  size_t files = 0;
  for (const char* folder : {"/dashboards", "/alerts"}) {
    const std::string root = base::StrCat(BARO_SOURCE_DIR, folder);
    if (!std::filesystem::exists(root)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      const std::string kind = entry.path().extension().string();
      if (kind != ".json" && kind != ".yml" && kind != ".yaml") continue;
      ++files;
      const auto document = base::ReadYamlFile(entry.path().string());
      ASSERT_TRUE(document.ok()) << document.status();
      Collect(*document, &found);
    }
  }
  const promql::Engine engine{promql::EngineOptions()};
  const model::MemorySource source;
  for (const Expression& expression : found) {
    SCOPED_TRACE(expression.where);
    const std::string text = FillIn(expression.text);
    EXPECT_TRUE(engine.Instant(source, text, 1'000'000, {}).ok())
        << text << "\n"
        << engine.Instant(source, text, 1'000'000, {}).status();
    EXPECT_TRUE(engine.Range(source, text, 0, 600'000, 15'000, {}).ok()) << text;
  }
  RecordProperty("expressions", static_cast<int>(found.size()));
  std::printf("%zu expressions in %zu files\n", found.size(), files);
}

}  // namespace
}  // namespace baro::collector
