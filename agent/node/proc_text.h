// Scanning the kernel's text: lines, fields, whole numbers. No copies, no locale, no allocation.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace baro::agent {

// Takes the next line without its end off the front of `text`. False when nothing is left.
inline bool TakeLine(std::string_view* text, std::string_view* line) {
  if (text->empty()) return false;
  const size_t end = text->find('\n');
  *line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return true;
}

// Takes the next field (separated by spaces or tabs) off the front of `line`; empty at its end.
inline std::string_view TakeField(std::string_view* line) {
  size_t begin = 0;
  while (begin < line->size() && ((*line)[begin] == ' ' || (*line)[begin] == '\t')) ++begin;
  size_t end = begin;
  while (end < line->size() && (*line)[end] != ' ' && (*line)[end] != '\t') ++end;
  const std::string_view field = line->substr(begin, end - begin);
  line->remove_prefix(end);
  return field;
}

// True when all of `text` is a number that fits.
template <typename T>
bool ParseNumber(std::string_view text, T* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

// Takes a field that must be a number.
template <typename T>
bool TakeNumber(std::string_view* line, T* number) {
  return ParseNumber(TakeField(line), number);
}

inline std::string_view TrimSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace baro::agent
