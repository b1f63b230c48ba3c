#include "api/json_walk.h"

#include <algorithm>
#include <cstdlib>

namespace baro::cli {

namespace dom = simdjson::dom;

std::optional<double> MaybeNumber(dom::element object, std::string_view name) {
  dom::element value;
  if (object[name].get(value) != simdjson::SUCCESS) return std::nullopt;
  double number = 0;
  if (value.get(number) == simdjson::SUCCESS) return number;
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
  const std::string digits(text);
  char* end = nullptr;
  number = std::strtod(digits.c_str(), &end);
  if (end == digits.c_str()) return std::nullopt;
  return number;
}

double NumberMember(dom::element object, std::string_view name) {
  return MaybeNumber(object, name).value_or(0);
}

bool BoolMember(dom::element object, std::string_view name) {
  bool value = false;
  return object[name].get(value) == simdjson::SUCCESS && value;
}

std::string DigitsMember(dom::element object, std::string_view name) {
  dom::element value;
  if (object[name].get(value) != simdjson::SUCCESS || value.is_null()) return "";
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  return simdjson::minify(value);
}

LabelSet TextsMember(dom::element object, std::string_view name) {
  LabelSet texts;
  dom::object members;
  if (object[name].get(members) != simdjson::SUCCESS) return texts;
  for (const auto member : members) {
    std::string_view text;
    if (member.value.get(text) == simdjson::SUCCESS) texts.emplace_back(member.key, text);
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

void ForEachIn(dom::element object, std::string_view name,
               const std::function<void(dom::element)>& visit) {
  dom::array list;
  if (object[name].get(list) != simdjson::SUCCESS) return;
  for (const dom::element element : list) visit(element);
}

std::optional<dom::element> ObjectMember(dom::element object, std::string_view name) {
  dom::element value;
  if (object[name].get(value) != simdjson::SUCCESS || !value.is_object()) return std::nullopt;
  return value;
}

}  // namespace baro::cli
