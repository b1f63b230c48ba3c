#include "verbs/shell_words.h"

namespace baro::cli {

std::vector<ShellWord> ShellWords(std::string_view line) {
  std::vector<ShellWord> words(1);
  for (size_t at = 0; at < line.size(); ++at) {
    ShellWord& word = words.back();
    const char c = line[at];
    if (word.quote == 0 && (c == ' ' || c == '\t')) {
      if (!word.text.empty() || !word.raw.empty()) words.emplace_back();
      continue;
    }
    if (c == word.quote || (word.quote == 0 && (c == '\'' || c == '"'))) {
      const bool opens = word.quote == 0;
      word.quote = opens ? c : '\0';
      // What an open quote holds is replaced without what is before it.
      word.raw = opens ? "" : word.raw + c;
      continue;
    }
    word.raw.push_back(c);
    if (c == '\\' && word.quote != '\'' && at + 1 < line.size()) {
      const char next = line[++at];
      word.raw.push_back(next);
      const bool kept =
          word.quote == '"' && next != '"' && next != '\\' && next != '$' && next != '`';
      if (kept) word.text.push_back('\\');
      word.text.push_back(next);
      continue;
    }
    word.text.push_back(c);
  }
  return words;
}

std::string ShellQuoted(std::string_view text, char quote) {
  constexpr std::string_view kInDoubleQuotes = "\"\\$`";
  constexpr std::string_view kInTheOpen = " \t\"'\\$`(){}[]<>|&;*?~#!,=";
  std::string out;
  for (const char c : text) {
    const bool special = quote == '"'    ? kInDoubleQuotes.find(c) != std::string_view::npos
                         : quote == '\'' ? false
                                         : kInTheOpen.find(c) != std::string_view::npos;
    if (special) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace baro::cli
