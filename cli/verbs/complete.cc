// baro complete: what the last word of a command line may become. The completion scripts ask it.
//
// The shell puts what is printed here on the command line, so only names and values pass that no
// shell would ever execute, whatever somebody made a collector store.

#include <algorithm>
#include <cctype>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/functions.h"
#include "render/text.h"
#include "verbs/expression_place.h"
#include "verbs/shell_words.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

using Kind = ExpressionPlace::Kind;

constexpr size_t kWordsMax = 500;
constexpr int kValuesMax = 500;

bool IsSafeName(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
         });
}

bool IsSafeValue(std::string_view value) {
  constexpr std::string_view kUnsafe = "'\"\\$`!\n\r\t";
  return !value.empty() && value.find_first_of(kUnsafe) == std::string_view::npos &&
         Harmless(value) == value;
}

// "node.*" as a regular expression of PromQL, inside double quotes.
std::string PrefixPattern(std::string_view prefix) {
  std::string out;
  for (const char c : prefix) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ' ' ||
                       (static_cast<unsigned char>(c) & 0x80) != 0;
    if (!plain) out += "[";
    out += c;
    if (!plain) out += "]";
  }
  return out + ".*";
}

// Functions and aggregations, each with the parenthesis that must follow.
void AddFunctions(std::string_view typed, std::vector<std::string>* words) {
  if (typed.empty()) return;
  for (const promql::Function& function : promql::AllFunctions()) {
    if (function.name.starts_with(typed)) words->push_back(base::StrCat(function.name, "("));
  }
  for (int op = 0; op <= static_cast<int>(promql::AggregateOp::kLimitRatio); ++op) {
    const std::string_view name = promql::AggregateOpText(static_cast<promql::AggregateOp>(op));
    if (name.starts_with(typed)) words->push_back(base::StrCat(name, "("));
  }
}

absl::StatusOr<std::vector<std::string>> MetricNames(std::string_view typed, Client* client) {
  BARO_TRY_ASSIGN(std::vector<std::string> names, client->LabelValues("__name__", {}));
  std::erase_if(names, [&](const std::string& name) {
    return !name.starts_with(typed) || !IsSafeName(name);
  });
  return names;
}

absl::StatusOr<std::vector<std::string>> LabelNames(const ExpressionPlace& place, Client* client) {
  BARO_TRY_ASSIGN(std::vector<std::string> names, client->LabelNames({place.metric}));
  std::erase_if(names, [&](const std::string& name) {
    return !name.starts_with(place.typed) || !IsSafeName(name) || name == "__name__";
  });
  return names;
}

absl::StatusOr<std::vector<std::string>> LabelValues(const ExpressionPlace& place, Client* client) {
  if (!IsSafeValue(base::StrCat("x", place.typed))) return std::vector<std::string>{};
  const std::string match = base::StrCat(place.metric, "{", place.label, "=~\"",
                                         PrefixPattern(place.typed), "\",", place.label, "!=\"\"}");
  BARO_TRY_ASSIGN(std::vector<std::string> values,
                  client->LabelValues(place.label, {match, std::nullopt, kValuesMax}));
  std::erase_if(values, [&](const std::string& value) {
    return !value.starts_with(place.typed) || !IsSafeValue(value);
  });
  return values;
}

// What may stand in the place, with what must follow it.
absl::StatusOr<std::vector<std::string>> WordsAt(const ExpressionPlace& place, Client* client) {
  std::vector<std::string> words;
  if (place.kind == Kind::kName) {
    BARO_TRY_ASSIGN(words, MetricNames(place.typed, client));
    AddFunctions(place.typed, &words);
  } else if (place.kind == Kind::kLabel) {
    BARO_TRY_ASSIGN(words, LabelNames(place, client));
    for (std::string& word : words) word += place.in_braces ? "=\"" : "";
  } else if (place.kind == Kind::kLabelValue) {
    BARO_TRY_ASSIGN(words, LabelValues(place, client));
    for (std::string& word : words) word.push_back(place.quote);
  }
  return words;
}

ExpressionPlace PlaceIn(const std::vector<ShellWord>& words) {
  const std::string_view text = words.back().text;
  const std::string_view before =
      words.size() > 1 ? std::string_view(words[words.size() - 2].text) : std::string_view();
  const bool has = std::any_of(words.begin(), words.end() - 1,
                               [](const ShellWord& word) { return word.text == "labels"; });
  if (!has || before == "--match") return PlaceOf(text);
  ExpressionPlace place;
  place.kind = Kind::kLabel;
  place.typed = text;
  return place;
}

}  // namespace

absl::Status Run(const CompleteArguments& arguments, Session* session) {
  const std::vector<ShellWord> words = ShellWords(arguments.line);
  const ShellWord& word = words.back();
  const ExpressionPlace place = PlaceIn(words);
  auto found = WordsAt(place, session->client);
  // Nobody reads errors in the middle of typing.
  if (!found.ok()) return absl::OkStatus();
  std::sort(found->begin(), found->end());
  const std::string_view replaced = arguments.replace.empty() ? word.raw : arguments.replace;
  for (size_t i = 0; i < std::min(found->size(), kWordsMax); ++i) {
    const std::string rest = (*found)[i].substr(place.typed.size());
    const std::string line =
        arguments.plain ? word.text + rest : base::StrCat(replaced, ShellQuoted(rest, word.quote));
    base::StrAppend(&session->out, line, "\n");
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
