// baro completion: scripts made from the grammar itself, so that they cannot fall behind it.
// Names of metrics and labels are asked from the collector while typing, for a second at most.

#include "baro/base/strings.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// Only classic names pass: the shell expands the words it completes, so that a hostile name such as
// $(…) would run.
constexpr const char* kMetricNames =
    "baro labels __name__ -o jsonl --timeout 1s 2>/dev/null | "
    "sed -nE 's/^\"([a-zA-Z_:][a-zA-Z0-9_:]*)\"$/\\1/p'";
constexpr const char* kLabelNames =
    "baro labels -o jsonl --timeout 1s 2>/dev/null | "
    "sed -nE 's/^\"([a-zA-Z_][a-zA-Z0-9_]*)\"$/\\1/p'";

bool TakesMetric(std::string_view verb) {
  return verb == "query" || verb == "range" || verb == "series" || verb == "metrics";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) base::StrAppend(&out, out.empty() ? "" : " ", word);
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

// Shell case branches "(-o|--output) words": the values an option allows.
std::string BashValueCases(const std::vector<VerbDescription>& verbs) {
  std::string out;
  for (const VerbDescription& verb : verbs) {
    for (const OptionDescription& option : verb.options) {
      if (!option.takes_value || (verb.name.empty() && option.names[0] == "--watch")) continue;
      std::string names;
      for (const auto& name : option.names) base::StrAppend(&names, names.empty() ? "" : "|", name);
      base::StrAppend(&out, "    ", names, ") COMPREPLY=($(compgen -W \"", Joined(option.values),
                      "\" -- \"$cur\")); return;;\n");
    }
  }
  return out;
}

std::string BashVerbCases(const std::vector<VerbDescription>& verbs) {
  std::string out;
  for (const VerbDescription& verb : verbs) {
    if (verb.name.empty()) continue;
    std::string words;
    if (TakesMetric(verb.name)) words = base::StrCat("$(", kMetricNames, ")");
    if (verb.name == "labels") words = base::StrCat("$(", kLabelNames, ")");
    if (verb.name == "completion") words = "bash zsh fish";
    if (!verb.parts.empty()) words = Joined(verb.parts);
    base::StrAppend(&out, "    ", verb.name, ") options=\"", OptionWords(verb),
                    "\"; [[ $cur != -* ]] && words=\"", words, "\";;\n");
  }
  return out;
}

std::string BashScript(const std::vector<VerbDescription>& verbs) {
  return base::StrCat(R"(# bash completion of baro; load with: source <(baro completion bash)
_baro() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb="" word options="" words=""
  COMPREPLY=()
  case $prev in
)",
                      BashValueCases(verbs), R"(  esac
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " )",
                      VerbWords(verbs), R"( " in *" $word "*) verb=$word; break;; esac
  done
  case $verb in
    "") words=")",
                      VerbWords(verbs), "\";;\n", BashVerbCases(verbs), R"(  esac
  [[ $cur == -* ]] && words="$options )",
                      OptionWords(verbs.front()), R"("
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _baro baro
)");
}

std::string ZshScript(const std::vector<VerbDescription>& verbs) {
  return base::StrCat(
      "#compdef baro\n# zsh completion of baro; load with: source <(baro completion zsh)\n",
      "autoload -U +X compinit && compinit -u\n", "autoload -U +X bashcompinit && bashcompinit\n",
      BashScript(verbs));
}

std::string FishQuoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "'";
}

void AppendFishOptions(const VerbDescription& verb, std::string* out) {
  for (const OptionDescription& option : verb.options) {
    *out += "complete -c baro";
    if (!verb.name.empty()) {
      base::StrAppend(out, " -n '__fish_seen_subcommand_from ", verb.name, "'");
    }
    for (const std::string& name : option.names) {
      const bool is_long = name.starts_with("--");
      base::StrAppend(out, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
    }
    if (option.takes_value && option.names.back() != "--watch") *out += " -x";
    if (!option.values.empty()) base::StrAppend(out, " -a ", FishQuoted(Joined(option.values)));
    base::StrAppend(out, " -d ", FishQuoted(option.help), "\n");
  }
}

std::string FishScript(const std::vector<VerbDescription>& verbs) {
  std::string out =
      "# fish completion of baro; load with: baro completion fish | source\ncomplete -c baro -f\n";
  for (const VerbDescription& verb : verbs) {
    AppendFishOptions(verb, &out);
    if (verb.name.empty()) continue;
    base::StrAppend(&out, "complete -c baro -n __fish_use_subcommand -a ", verb.name, " -d ",
                    FishQuoted(verb.help), "\n");
    std::string words;
    if (TakesMetric(verb.name)) words = base::StrCat("(", kMetricNames, ")");
    if (verb.name == "labels") words = base::StrCat("(", kLabelNames, ")");
    if (verb.name == "completion") words = "bash zsh fish";
    if (words.empty()) continue;
    base::StrAppend(&out, "complete -c baro -n '__fish_seen_subcommand_from ", verb.name, "' -a ",
                    FishQuoted(words), "\n");
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
