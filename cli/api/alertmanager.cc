#include "api/alertmanager.h"

#include <re2/re2.h>

#include <algorithm>

#include "api/client.h"
#include "api/decode.h"
#include "api/document.h"
#include "api/json_walk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/json.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

bool IsLabelName(std::string_view name) {
  return !name.empty() && name.find_first_of("=~!{}\"', ") == std::string_view::npos;
}

// The text between quotes, with \" and \\ taken for what they mean.
std::string Unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

// A list that is the whole answer, not wrapped as the collector's are.
absl::Status OpenList(const std::string& json, dom::parser* parser, dom::array* list) {
  dom::element root;
  if (parser->allocate(json.size() + 1, kAnswerDepthMax) != simdjson::SUCCESS ||
      parser->parse(json).get(root) != simdjson::SUCCESS || root.get(*list) != simdjson::SUCCESS) {
    return BadAnswer("it is no list, as Alertmanager's API v2 gives; is that its URL?");
  }
  return absl::OkStatus();
}

std::vector<std::string> Texts(dom::element object, std::string_view name) {
  std::vector<std::string> texts;
  ForEachIn(object, name, [&](dom::element element) {
    std::string_view text;
    if (element.get(text) == simdjson::SUCCESS) texts.emplace_back(text);
  });
  return texts;
}

Silence ReadSilence(dom::element object) {
  Silence silence;
  silence.id = TextMember(object, "id");
  if (const auto status = ObjectMember(object, "status")) {
    silence.state = TextMember(*status, "state");
  }
  ForEachIn(object, "matchers", [&](dom::element matcher) {
    bool equal = true;  // Alertmanager before 0.22 does not say
    if (matcher["isEqual"].get(equal) != simdjson::SUCCESS) equal = true;
    silence.matchers.push_back({TextMember(matcher, "name"), TextMember(matcher, "value"),
                                BoolMember(matcher, "isRegex"), equal});
  });
  silence.starts_at = TextMember(object, "startsAt");
  silence.ends_at = TextMember(object, "endsAt");
  silence.author = TextMember(object, "createdBy");
  silence.comment = TextMember(object, "comment");
  return silence;
}

std::string SilenceJson(const Silence& silence) {
  std::string json = "{\"matchers\":[";
  for (size_t i = 0; i < silence.matchers.size(); ++i) {
    const SilenceMatcher& matcher = silence.matchers[i];
    base::StrAppend(&json, i == 0 ? "" : ",", "{\"name\":", JsonString(matcher.name),
                    ",\"value\":", JsonString(matcher.value),
                    ",\"isRegex\":", matcher.is_regex ? "true" : "false",
                    ",\"isEqual\":", matcher.is_equal ? "true" : "false", "}");
  }
  return base::StrCat(json, "],\"startsAt\":", JsonString(silence.starts_at),
                      ",\"endsAt\":", JsonString(silence.ends_at),
                      ",\"createdBy\":", JsonString(silence.author),
                      ",\"comment\":", JsonString(silence.comment), "}");
}

}  // namespace

absl::StatusOr<SilenceMatcher> ParseMatcher(const std::string& text) {
  const size_t at = text.find_first_of("=!");
  if (at == std::string::npos && IsLabelName(text)) {
    return SilenceMatcher{"alertname", text, false, true};
  }
  SilenceMatcher matcher;
  matcher.name = text.substr(0, std::min(at, text.size()));
  std::string_view rest = std::string_view(text).substr(std::min(at, text.size()));
  bool known = true;
  if (rest.starts_with("=~") || rest.starts_with("!~") || rest.starts_with("!=")) {
    matcher.is_regex = rest[1] == '~';
    matcher.is_equal = rest[0] == '=';
    rest.remove_prefix(2);
  } else if (rest.starts_with("=")) {
    rest.remove_prefix(1);
  } else {
    known = false;
  }
  if (!known || !IsLabelName(matcher.name)) {
    return absl::InvalidArgumentError(base::StrCat(
        "cannot read the matcher \"", text,
        "\": expected name=value, name!=value, name=~regex or name!~regex, or an alert's name"));
  }
  matcher.value = Unquoted(rest);
  if (matcher.is_regex && !RE2(matcher.value, RE2::Quiet).ok()) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot read the matcher \"", text, "\": its regular expression is wrong"));
  }
  return matcher;
}

std::string MatcherText(const SilenceMatcher& matcher) {
  const char* op =
      matcher.is_equal ? (matcher.is_regex ? "=~" : "=") : (matcher.is_regex ? "!~" : "!=");
  return base::StrCat(matcher.name, op, JsonString(matcher.value));
}

absl::StatusOr<bool> MatchesAll(const std::vector<SilenceMatcher>& matchers,
                                const LabelSet& labels) {
  for (const SilenceMatcher& matcher : matchers) {
    const std::string value(LabelValue(labels, matcher.name));
    bool matches = value == matcher.value;
    if (matcher.is_regex) {
      const RE2 regex(matcher.value, RE2::Quiet);
      if (!regex.ok()) {
        return absl::InvalidArgumentError(
            base::StrCat("cannot read the regular expression ", matcher.value));
      }
      matches = RE2::FullMatch(value, regex);
    }
    if (matches != matcher.is_equal) return false;
  }
  return true;
}

absl::StatusOr<std::string> Alertmanager::Send(const ApiRequest& request) {
  BARO_TRY_ASSIGN(ApiResponse response, transport_->Send(request));
  BARO_TRY(CheckStatus(response));
  return std::move(response.body);
}

absl::StatusOr<std::vector<AlertmanagerAlert>> Alertmanager::Alerts() {
  BARO_TRY_ASSIGN(const std::string json, Send({"/api/v2/alerts", ""}));
  dom::parser parser;
  dom::array list;
  BARO_TRY(OpenList(json, &parser, &list));
  std::vector<AlertmanagerAlert> alerts;
  for (const dom::element element : list) {
    AlertmanagerAlert& alert = alerts.emplace_back();
    alert.labels = TextsMember(element, "labels");
    alert.fingerprint = TextMember(element, "fingerprint");
    if (const auto status = ObjectMember(element, "status")) {
      alert.silenced_by = Texts(*status, "silencedBy");
      alert.inhibited_by = Texts(*status, "inhibitedBy");
    }
  }
  return alerts;
}

absl::StatusOr<std::vector<Silence>> Alertmanager::Silences() {
  BARO_TRY_ASSIGN(const std::string json, Send({"/api/v2/silences", ""}));
  dom::parser parser;
  dom::array list;
  BARO_TRY(OpenList(json, &parser, &list));
  std::vector<Silence> silences;
  for (const dom::element element : list) silences.push_back(ReadSilence(element));
  return silences;
}

absl::StatusOr<std::string> Alertmanager::Add(const Silence& silence) {
  ApiRequest request{"/api/v2/silences", ""};
  request.content_type = "application/json";
  request.body = SilenceJson(silence);
  BARO_TRY_ASSIGN(const std::string json, Send(request));
  dom::parser parser;
  dom::element root;
  if (parser.parse(json).get(root) != simdjson::SUCCESS) return BadAnswer("it is not JSON");
  return TextMember(root, "silenceID");
}

absl::Status Alertmanager::Expire(const std::string& id) {
  ApiRequest request{base::StrCat("/api/v2/silence/", id), ""};
  request.method = "DELETE";
  return Send(request).status();
}

}  // namespace baro::cli
