// Json: a place in a parsed JSON document, for reading Kubernetes' objects, whose every field may
// be absent: looking into what is not there gives "nothing", never an error.
//
//   document["metadata"]["ownerReferences"].Items()   json["spec"]["replicas"].Number()
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "simdjson.h"

namespace baro::kubernetes {

// Refers to its document. Value type.
class Json {
 public:
  Json() = default;
  explicit Json(simdjson::dom::element element) : element_(element) {}

  bool exists() const { return element_.has_value() && !element_->is_null(); }
  bool is_object() const { return element_.has_value() && element_->is_object(); }
  // The member of an object.
  Json operator[](std::string_view key) const {
    simdjson::dom::element found;
    if (!is_object() || element_->at_key(key).get(found) != simdjson::SUCCESS) return {};
    return Json(found);
  }
  // Empty when it is no text.
  std::string_view Text() const {
    std::string_view text;
    if (!element_ || element_->get(text) != simdjson::SUCCESS) return {};
    return text;
  }
  std::optional<double> Number() const {
    double number = 0;
    if (!element_ || element_->get(number) != simdjson::SUCCESS) return std::nullopt;
    return number;
  }
  double NumberOr(double otherwise) const { return Number().value_or(otherwise); }
  std::optional<bool> Bool() const {
    bool value = false;
    if (!element_ || element_->get(value) != simdjson::SUCCESS) return std::nullopt;
    return value;
  }
  bool IsTrue() const { return Bool().value_or(false); }

  // The elements of an array; none when it is no array.
  std::vector<Json> Items() const {
    std::vector<Json> items;
    simdjson::dom::array array;
    if (!element_ || element_->get(array) != simdjson::SUCCESS) return items;
    for (const simdjson::dom::element item : array) items.push_back(Json(item));
    return items;
  }

  // Calls fn(std::string_view key, Json value) for each member of an object.
  template <typename Fn>
  void ForEachField(const Fn& fn) const {
    simdjson::dom::object object;
    if (!element_ || element_->get(object) != simdjson::SUCCESS) return;
    for (const auto& field : object) fn(field.key, Json(field.value));
  }

 private:
  std::optional<simdjson::dom::element> element_;
};

// Owns what Json values refer to, until the next Parse(). Thread-compatible.
class JsonParser {
 public:
  // Errors: InvalidArgument. `what` names the document in them.
  absl::StatusOr<Json> Parse(std::string_view text, std::string_view what);

 private:
  simdjson::dom::parser parser_;
};

}  // namespace baro::kubernetes
