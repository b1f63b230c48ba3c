// What a scrape asks for, and what the answer says it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "baro/agent/scrape_config.h"
#include "baro/exposition/parser.h"

namespace baro::agent {

// The Accept header: the job's protocols, the first one preferred, as Prometheus says it.
std::string AcceptHeader(const ScrapeJob& job);

exposition::Format FormatOf(ScrapeProtocol protocol);

// Nothing for a type that we do not read, or one whose parameters are malformed.
std::optional<exposition::Format> FormatOfAnswer(std::string_view content_type);

}  // namespace baro::agent
