#include "scrape_protocol.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

std::string_view MediaType(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::kProtobuf:
      return "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
             "encoding=delimited";
    case ScrapeProtocol::kText004:
      return "text/plain;version=0.0.4";
    case ScrapeProtocol::kText100:
      return "text/plain;version=1.0.0";
    case ScrapeProtocol::kOpenMetrics001:
      return "application/openmetrics-text;version=0.0.1";
    case ScrapeProtocol::kOpenMetrics100:
      return "application/openmetrics-text;version=1.0.0";
  }
  return "";
}

std::string_view NameOf(NameEscaping escaping) {
  switch (escaping) {
    case NameEscaping::kAllowUtf8:
      return "allow-utf-8";
    case NameEscaping::kUnderscores:
      return "underscores";
    case NameEscaping::kDots:
      return "dots";
    case NameEscaping::kValues:
      return "values";
  }
  return "";
}

// Whether "; name=value" follows each ';', as Go's mime package wants it.
bool HasSoundParameters(std::string_view content_type) {
  content_type.remove_prefix(std::min(content_type.size(), content_type.find(';')));
  while (!content_type.empty()) {
    content_type.remove_prefix(1);
    const std::string_view part = base::FromAbsl(
        absl::StripAsciiWhitespace(base::ToAbsl(content_type.substr(0, content_type.find(';')))));
    content_type.remove_prefix(std::min(content_type.size(), content_type.find(';')));
    const size_t equals = part.find('=');
    if (part.empty() && content_type.empty()) return true;
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == part.size()) return false;
  }
  return true;
}

}  // namespace

std::string AcceptHeader(const ScrapeJob& job) {
  std::string accept;
  int weight = 6;  // one more than there are protocols
  for (const ScrapeProtocol protocol : job.scrape_protocols) {
    base::StrAppend(&accept, MediaType(protocol));
    if (protocol == ScrapeProtocol::kText100 || protocol == ScrapeProtocol::kOpenMetrics100) {
      base::StrAppend(&accept, ";escaping=", NameOf(job.name_escaping));
    }
    base::StrAppend(&accept, ";q=0.", weight, ",");
    --weight;
  }
  base::StrAppend(&accept, "*/*;q=0.", weight);
  return accept;
}

exposition::Format FormatOf(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::kProtobuf:
      return exposition::Format::kProtobuf;
    case ScrapeProtocol::kOpenMetrics001:
    case ScrapeProtocol::kOpenMetrics100:
      return exposition::Format::kOpenMetrics;
    default:
      return exposition::Format::kText;
  }
}

std::optional<exposition::Format> FormatOfAnswer(std::string_view content_type) {
  if (!HasSoundParameters(content_type)) return std::nullopt;
  return exposition::FormatOfContentType(content_type);
}

}  // namespace baro::agent
