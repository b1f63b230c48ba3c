// Kubernetes' own spellings of numbers and times, as its API reference gives them.
#pragma once

#include <optional>
#include <string_view>

namespace baro::kubernetes {

// "1500m" → 1.5, "2Gi" → 2147483648, "1e3" → 1000. Nothing for what is no quantity.
std::optional<double> ParseQuantity(std::string_view text);

// RFC 3339, "2024-05-01T10:11:12.5Z" or with an offset → seconds since 1970. Nothing for what is no
// time.
std::optional<double> ParseTime(std::string_view text);

}  // namespace baro::kubernetes
