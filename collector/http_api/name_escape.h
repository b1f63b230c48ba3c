// Names that are not classic, for clients that cannot take them: the escaping schemes that scrapers
// negotiate ("escaping=underscores" in Accept and Content-Type).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace baro::collector {

enum class NameEscaping {
  kNone,         // allow-utf-8
  kUnderscores,  // what is not allowed becomes '_'
  kDots,         // dots as _dot_, '_' as "__", the rest as "__"
  kValues,       // U__a_2e_b: can be undone, see UnescapeName()
};

// "underscores" as it stands in headers; empty for an unknown word.
std::optional<NameEscaping> NameEscapingOf(std::string_view word);
std::string_view NameEscapingWord(NameEscaping escaping);

std::string EscapeName(std::string_view name, NameEscaping escaping);

}  // namespace baro::collector
