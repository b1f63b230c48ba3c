// JsonObject and JsonList: the brackets and commas of small answers.
#pragma once

#include <concepts>
#include <string_view>

#include "http_api/json_writer.h"

namespace baro::collector {

// Opens with construction, closes with destruction. Only one of several nested ones is written to
// at a time. Thread-compatible.
class JsonObject {
 public:
  explicit JsonObject(JsonWriter* writer) : writer_(writer) { writer_->Raw("{"); }
  ~JsonObject() { writer_->Raw("}"); }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  // The writer, for the value of `key`.
  JsonWriter* Key(std::string_view key) {
    if (!first_) writer_->Raw(",");
    first_ = false;
    writer_->String(key);
    writer_->Raw(":");
    return writer_;
  }
  void Add(std::string_view key, std::string_view value) { Key(key)->String(value); }
  void Add(std::string_view key, const char* value) { Key(key)->String(value); }
  void Add(std::string_view key, bool value) { Key(key)->Bool(value); }
  void Add(std::string_view key, double value) { Key(key)->Number(value); }
  void Add(std::string_view key, std::integral auto value) {
    Key(key)->Int(static_cast<int64_t>(value));
  }

 private:
  JsonWriter* const writer_;
  bool first_ = true;
};

class JsonList {
 public:
  explicit JsonList(JsonWriter* writer) : writer_(writer) { writer_->Raw("["); }
  ~JsonList() { writer_->Raw("]"); }
  JsonList(const JsonList&) = delete;
  JsonList& operator=(const JsonList&) = delete;

  // The writer, for the next element.
  JsonWriter* Next() {
    if (!first_) writer_->Raw(",");
    first_ = false;
    return writer_;
  }

 private:
  JsonWriter* const writer_;
  bool first_ = true;
};

}  // namespace baro::collector
