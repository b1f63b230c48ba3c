// baro completion: scripts made from the grammar itself, so that they cannot fall behind it.
// Names and values that a collector knows are asked from `baro complete` while typing, for a second
// at most.

#include "baro/base/strings.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// Bash closes the quote after a single match. An expression is hardly ever finished there, so it
// gets a second match, which leaves it open.
constexpr std::string_view kBashHead =
    R"sh(# bash completion of baro; load with: source <(baro completion bash)
_baro_ask() {
  mapfile -t COMPREPLY < <(baro complete --timeout 1s "${COMP_LINE:0:COMP_POINT}" "$1" 2>/dev/null)
  [[ ${#COMPREPLY[@]} -eq 1 ]] && COMPREPLY+=("${COMPREPLY[0]}…")
  compopt -o nospace
}
_baro() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} replace=$2
  local verb="" part="" word options="" words="" action=""
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$verb:$word" in
)sh";
constexpr std::string_view kBashTail = R"sh(  if [[ $cur == -* ]]; then
    words=$options
  elif [[ $action == ask ]]; then
    _baro_ask "$replace"
    return
  elif [[ $action == files ]]; then
    compopt -o default
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _baro baro
)sh";

constexpr std::string_view kZshHead = R"sh(#compdef baro
# zsh completion of baro; load with: source <(baro completion zsh)
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u; }
_baro_ask() {
  local -a found
  local line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX"
  found=(${(f)"$(baro complete --timeout 1s "$line" 2>/dev/null)"})
  (( $#found )) && compadd -Q -U -S '' -- $found
}
_baro() {
  local cur=$PREFIX prev=${words[CURRENT-1]}
  local verb="" part="" word options="" choices="" action=""
  for word in ${words[2,CURRENT-1]}; do
    case "$verb:$word" in
)sh";
constexpr std::string_view kZshTail = R"sh(  if [[ $cur == -* ]]; then
    choices=$options
  elif [[ $action == ask ]]; then
    _baro_ask
    return
  elif [[ $action == files ]]; then
    _files
    return
  fi
  compadd -- ${=choices}
}
compdef _baro baro
)sh";

constexpr std::string_view kFishHead =
    R"sh(# fish completion of baro; load with: baro completion fish | source
function __baro_ask
  baro complete --plain --timeout 1s (commandline -cp | string collect) 2>/dev/null
end
complete -c baro -f
)sh";

// What is typed after a verb: an expression or a name (asked from the collector), a file, a word of
// a list, or nothing.
std::string_view ActionOf(const VerbDescription& verb) {
  for (const std::string_view asks :
       {"query", "range", "series", "metrics", "labels", "explain", "diff", "delete"}) {
    if (verb.name == asks) return "ask";
  }
  for (const std::string_view files : {"export-", "import-"}) {
    if (verb.name.starts_with(files)) return "files";
  }
  return "";
}

std::string Joined(const std::vector<std::string>& words, std::string_view between = " ") {
  std::string out;
  for (const std::string& word : words) base::StrAppend(&out, out.empty() ? "" : between, word);
  return out;
}

std::string OptionWords(const VerbDescription& verb) {
  std::vector<std::string> words;
  for (const OptionDescription& option : verb.options) {
    words.insert(words.end(), option.names.begin(), option.names.end());
  }
  return Joined(words);
}

std::string VerbWords(const std::vector<VerbDescription>& verbs) {
  std::vector<std::string> words;
  for (const VerbDescription& verb : verbs) {
    if (!verb.name.empty()) words.push_back(verb.name);
  }
  return Joined(words);
}

std::string ChoicesOf(const VerbDescription& verb) {
  return verb.name == "completion" ? "bash zsh fish" : VerbWords(verb.parts);
}

// What bash and zsh understand alike; `choices` names the variable for words to choose from.
class ShellCases {
 public:
  ShellCases(const std::vector<VerbDescription>& verbs, std::string_view choices)
      : verbs_(verbs), choices_(choices) {}

  // Which verb, and which part of it, has been typed.
  std::string FindVerb() const {
    std::string out;
    for (const VerbDescription& verb : verbs_) {
      if (verb.name.empty()) continue;
      base::StrAppend(&out, "      :", verb.name, ") verb=", verb.name, ";;\n");
      for (const VerbDescription& part : verb.parts) {
        base::StrAppend(&out, "      ", verb.name, ":", part.name, ") part=", part.name, ";;\n");
      }
    }
    return out + "    esac\n  done\n";
  }

  // What may follow the verb.
  std::string Verbs() const {
    const std::string common = OptionWords(verbs_.front());
    std::string out = base::StrCat("  case $verb:$part in\n    :) ", choices_, "=\"",
                                   VerbWords(verbs_), "\" options=\"", common, "\";;\n");
    const auto add = [&](const std::string& name, const VerbDescription& verb) {
      base::StrAppend(&out, "    ", name, ") options=\"", OptionWords(verb), " ", common, "\" ",
                      choices_, "=\"", ChoicesOf(verb), "\" action=\"", ActionOf(verb), "\";;\n");
    };
    for (const VerbDescription& verb : verbs_) {
      if (verb.name.empty()) continue;
      add(base::StrCat(verb.name, ":"), verb);
      for (const VerbDescription& part : verb.parts) {
        add(base::StrCat(verb.name, ":", part.name), part);
      }
    }
    return out + "  esac\n";
  }

  // What may follow an option: `choose` is done for those with a list of values, nothing is offered
  // for other values.
  std::string Values(std::string_view choose) const {
    std::string out = "  case $verb:$part:$prev in\n    *:--match) action=ask;;\n";
    const auto add = [&](const VerbDescription& verb, std::string_view name) {
      for (const OptionDescription& option : verb.options) {
        if (!option.takes_value || option.names[0] == "--watch") continue;
        if (option.names.back() == "--match") continue;
        std::vector<std::string> patterns;
        for (const std::string& word : option.names) {
          patterns.push_back(base::StrCat(name, ":", word));
        }
        base::StrAppend(&out, "    ", Joined(patterns, "|"), ") ", choices_, "=\"",
                        Joined(option.values), "\"; ", choose, "; return;;\n");
      }
    };
    for (const VerbDescription& verb : verbs_) {
      for (const VerbDescription& part : verb.parts) {
        add(part, base::StrCat(verb.name, ":", part.name));
      }
      add(verb, verb.name.empty() ? "*" : verb.name + ":*");
    }
    return out + "  esac\n";
  }

 private:
  const std::vector<VerbDescription>& verbs_;
  std::string_view choices_;
};

std::string BashScript(const std::vector<VerbDescription>& verbs) {
  const ShellCases cases(verbs, "words");
  return base::StrCat(kBashHead, cases.FindVerb(), cases.Verbs(),
                      cases.Values("COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))"), kBashTail);
}

std::string ZshScript(const std::vector<VerbDescription>& verbs) {
  const ShellCases cases(verbs, "choices");
  return base::StrCat(kZshHead, cases.FindVerb(), cases.Verbs(),
                      cases.Values("compadd -- ${=choices}"), kZshTail);
}

std::string FishQuoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "'";
}

void AppendFishOptions(const VerbDescription& verb, const std::string& condition,
                       std::string* out) {
  for (const OptionDescription& option : verb.options) {
    *out += "complete -c baro";
    if (!condition.empty()) base::StrAppend(out, " -n ", FishQuoted(condition));
    for (const std::string& name : option.names) {
      const bool is_long = name.starts_with("--");
      base::StrAppend(out, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
    }
    if (option.takes_value && option.names.back() != "--watch") *out += " -x";
    if (option.names.back() == "--match") *out += " -a '(__baro_ask)'";
    if (!option.values.empty()) base::StrAppend(out, " -a ", FishQuoted(Joined(option.values)));
    base::StrAppend(out, " -d ", FishQuoted(option.help), "\n");
  }
}

// The verb's options and what follows it; `condition` is true once it has been typed.
void AppendFishVerb(const VerbDescription& verb, const std::string& condition, std::string* out) {
  AppendFishOptions(verb, condition, out);
  const std::string_view action = ActionOf(verb);
  const std::string start = base::StrCat("complete -c baro -n ", FishQuoted(condition));
  if (action == "ask") base::StrAppend(out, start, " -a '(__baro_ask)'\n");
  if (action == "files") base::StrAppend(out, start, " -F\n");
  if (verb.name == "completion") base::StrAppend(out, start, " -a 'bash zsh fish'\n");
  for (const VerbDescription& part : verb.parts) {
    base::StrAppend(out, "complete -c baro -n ",
                    FishQuoted(base::StrCat(condition, "; and not __fish_seen_subcommand_from ",
                                            VerbWords(verb.parts))),
                    " -a ", part.name, " -d ", FishQuoted(part.help), "\n");
    AppendFishVerb(part, base::StrCat(condition, "; and __fish_seen_subcommand_from ", part.name),
                   out);
  }
}

std::string FishScript(const std::vector<VerbDescription>& verbs) {
  std::string out(kFishHead);
  AppendFishOptions(verbs.front(), "", &out);
  for (const VerbDescription& verb : verbs) {
    if (verb.name.empty()) continue;
    base::StrAppend(&out, "complete -c baro -n __fish_use_subcommand -a ", verb.name, " -d ",
                    FishQuoted(verb.help), "\n");
    AppendFishVerb(verb, base::StrCat("__fish_seen_subcommand_from ", verb.name), &out);
  }
  return out;
}

}  // namespace

absl::Status Run(const CompletionArguments& arguments, Session* session) {
  const std::vector<VerbDescription> verbs = DescribeVerbs();
  if (arguments.shell == "bash") session->out += BashScript(verbs);
  if (arguments.shell == "zsh") session->out += ZshScript(verbs);
  if (arguments.shell == "fish") session->out += FishScript(verbs);
  return absl::OkStatus();
}

}  // namespace baro::cli
