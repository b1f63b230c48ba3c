#include "notify/alerting_yaml.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/net/url.h"

namespace baro::collector {
namespace {

constexpr std::string_view kSecrets[] = {"password", "credentials", "bearer_token", "key",
                                         "secrets",  "headers",     "values"};
constexpr std::string_view kHidden = "\"<secret>\"";

bool IsSecret(std::string_view key) {
  return std::find(std::begin(kSecrets), std::end(kSecrets), key) != std::end(kSecrets);
}

// Numbers and switches must not become strings.
bool IsPlain(const base::YamlNode& node) {
  const std::string& text = node.scalar();
  return !node.quoted() && !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
  });
}

std::string ScalarText(std::string_view key, const base::YamlNode& node) {
  if (IsPlain(node)) return node.scalar();
  if (key != "url") return base::QuotedYaml(node.scalar());
  const auto url = net::ParseUrl(node.scalar());
  return url.ok() && !url->password.empty() ? base::QuotedYaml(url->ToString())
                                            : base::QuotedYaml(node.scalar());
}

// Flow style below the second level: short, and indentation cannot go wrong.
void AppendFlow(std::string_view key, bool hidden, const base::YamlNode& node, std::string* out) {
  using Kind = base::YamlNode::Kind;
  std::string_view comma;
  if (node.kind() == Kind::kMap) {
    *out += '{';
    for (const base::YamlNode::Entry& entry : node.entries()) {
      base::StrAppend(out, comma, base::QuotedYaml(entry.key.scalar()), ": ");
      AppendFlow(entry.key.scalar(), hidden || IsSecret(entry.key.scalar()), entry.value, out);
      comma = ", ";
    }
    *out += '}';
  } else if (node.kind() == Kind::kList) {
    *out += '[';
    for (const base::YamlNode& element : node.elements()) {
      *out += comma;
      AppendFlow(key, hidden, element, out);
      comma = ", ";
    }
    *out += ']';
  } else if (node.IsNull()) {
    *out += "null";
  } else {
    *out += hidden ? std::string(kHidden) : ScalarText(key, node);
  }
}

}  // namespace

std::string PrintAlerting(const base::YamlNode& node) {
  if (node.IsNull()) return {};
  std::string out = "alerting:\n";
  for (const base::YamlNode::Entry& entry : node.entries()) {
    base::StrAppend(&out, "  ", entry.key.scalar(), ":");
    if (entry.value.kind() != base::YamlNode::Kind::kList) {
      out += ' ';
      AppendFlow(entry.key.scalar(), false, entry.value, &out);
      out += '\n';
      continue;
    }
    out += '\n';
    for (const base::YamlNode& element : entry.value.elements()) {
      out += "    - ";
      AppendFlow(entry.key.scalar(), false, element, &out);
      out += '\n';
    }
  }
  return out;
}

}  // namespace baro::collector
