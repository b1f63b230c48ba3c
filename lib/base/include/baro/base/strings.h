// StrCat and StrAppend that take std::string_view.
//
// Debian's abseil is built with a string_view of its own, which does not convert from std's.
// Everything of ours speaks std::string_view; this is the one place where the two meet.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace baro::base {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view FromAbsl(absl::string_view text) { return {text.data(), text.size()}; }

template <typename T>
decltype(auto) StrCatArgument(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return ToAbsl(value);
  } else {
    return (value);
  }
}

template <typename... T>
std::string StrCat(const T&... parts) {
  return absl::StrCat(StrCatArgument(parts)...);
}

template <typename... T>
void StrAppend(std::string* text, const T&... parts) {
  absl::StrAppend(text, StrCatArgument(parts)...);
}

}  // namespace baro::base
