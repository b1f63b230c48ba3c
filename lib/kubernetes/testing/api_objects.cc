#include "baro/kubernetes/testing/api_objects.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_split.h"
#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "baro/kubernetes/json.h"

namespace baro::kubernetes::testing {
namespace {

std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      plain += text[i];
      continue;
    }
    int code = 0;
    std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16);
    plain += static_cast<char>(code);
    i += 2;
  }
  return plain;
}

uint64_t ToNumber(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// JSON without the spaces between its parts: a server writes an event as one line, however the test
// wrote the object.
std::string Compact(std::string_view json) {
  std::string text;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    if (!quoted && std::string_view(" \t\r\n").find(json[i]) != std::string_view::npos) continue;
    text += json[i];
    if (json[i] == '"') quoted = !quoted;
    if (json[i] == '\\' && i + 1 < json.size()) text += json[++i];
  }
  return text;
}

// The object's text with this resourceVersion in place of its own.
std::string WithVersion(std::string_view object, uint64_t version) {
  std::string text = Compact(object);
  const size_t metadata = text.find("\"metadata\":{");
  BARO_CHECK(metadata != std::string::npos);
  const size_t inside = metadata + 12;
  const size_t old = text.find("\"resourceVersion\":\"", inside);
  if (old != std::string::npos) {
    size_t end = text.find('"', old + 19) + 1;
    if (text[end] == ',') ++end;
    text.erase(old, end - old);
  }
  const bool empty = text[inside] == '}';
  text.insert(inside, base::StrCat("\"resourceVersion\":\"", version, "\"", empty ? "" : ","));
  return text;
}

// "metadata.name=x,spec.nodeName=y" over the object, "a=b" over its labels.
bool Matches(const Json& from, const std::string& selector, bool is_path) {
  for (const auto& term : absl::StrSplit(selector, ',', absl::SkipEmpty())) {
    const std::vector<std::string> sides = absl::StrSplit(term, absl::MaxSplits('=', 1));
    if (sides.size() != 2) return false;
    Json at = from;
    if (is_path) {
      for (const auto& key : absl::StrSplit(sides[0], '.')) at = at[base::FromAbsl(key)];
    } else {
      at = at[sides[0]];
    }
    if (at.Text() != sides[1]) return false;
  }
  return true;
}

}  // namespace

std::string StatusJson(int code, std::string_view message) {
  return base::StrCat(R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":")",
                      message, R"(","code":)", code, "}");
}

ApiPath ParseApiPath(std::string_view target) {
  ApiPath path;
  const size_t mark = target.find('?');
  if (mark != std::string_view::npos) {
    for (const auto& pair : absl::StrSplit(base::ToAbsl(target.substr(mark + 1)), '&')) {
      const std::vector<std::string> sides = absl::StrSplit(pair, absl::MaxSplits('=', 1));
      if (sides.size() == 2) path.query[sides[0]] = Unescaped(sides[1]);
    }
  }
  std::vector<std::string> parts =
      absl::StrSplit(base::ToAbsl(target.substr(0, mark)), '/', absl::SkipEmpty());
  size_t at = !parts.empty() && parts[0] == "apis" ? 3 : 2;  // behind the group and version
  if (parts.size() < at) return path;
  for (size_t i = 0; i < at; ++i) base::StrAppend(&path.collection, "/", parts[i]);
  if (parts.size() >= at + 3 && parts[at] == "namespaces") {
    path.space = parts[at + 1];
    at += 2;
  }
  if (at < parts.size()) base::StrAppend(&path.collection, "/", parts[at]);
  if (at + 1 < parts.size()) path.name = parts[at + 1];
  return path;
}

void ApiObjects::Change(const std::string& collection, std::string type, Object object) {
  object.version = ++version_;
  object.text = WithVersion(object.text, version_);
  Collection& objects = collections_[collection];
  const std::string key = object.space + "/" + object.name;
  if (type == "DELETED") {
    objects.erase(key);
  } else {
    objects[key] = object;
  }
  history_.push_back({version_, collection, std::move(type), std::move(object)});
}

void ApiObjects::Put(const std::string& collection, std::string_view object) {
  JsonParser parser;
  const auto json = parser.Parse(object, "a test's object");
  BARO_CHECK(json.ok());
  Object stored;
  stored.space = (*json)["metadata"]["namespace"].Text();
  stored.name = (*json)["metadata"]["name"].Text();
  stored.text = object;
  const bool known = collections_[collection].contains(stored.space + "/" + stored.name);
  Change(collection, known ? "MODIFIED" : "ADDED", std::move(stored));
}

void ApiObjects::Delete(const std::string& collection, std::string_view space,
                        std::string_view name) {
  const Collection& objects = collections_[collection];
  const auto found = objects.find(base::StrCat(space, "/", name));
  if (found != objects.end()) Change(collection, "DELETED", Object(found->second));
}

bool ApiObjects::Selects(const ApiPath& path, const Object& object) {
  if (!path.space.empty() && path.space != object.space) return false;
  const auto fields = path.query.find("fieldSelector");
  const auto labels = path.query.find("labelSelector");
  if (fields == path.query.end() && labels == path.query.end()) return true;
  JsonParser parser;
  const auto json = parser.Parse(object.text, "an object");
  BARO_CHECK(json.ok());
  return (fields == path.query.end() || Matches(*json, fields->second, true)) &&
         (labels == path.query.end() ||
          Matches((*json)["metadata"]["labels"], labels->second, false));
}

ApiAnswer ApiObjects::List(const ApiPath& path) const {
  const auto collection = collections_.find(path.collection);
  static const Collection kNone;
  const Collection& objects = collection == collections_.end() ? kNone : collection->second;
  const auto limit = path.query.find("limit");
  const size_t count_max = limit == path.query.end() ? SIZE_MAX : ToNumber(limit->second);
  std::string after;  // the last key of the page before
  uint64_t version = version_;
  if (const auto token = path.query.find("continue"); token != path.query.end()) {
    const std::vector<std::string> parts = absl::StrSplit(token->second, absl::MaxSplits('|', 1));
    version = ToNumber(parts[0]);
    after = parts.size() > 1 ? parts[1] : "";
    if (version < oldest_version_) return {410, StatusJson(410, "the continue token has expired")};
  }
  std::string items;
  std::string next;
  size_t count = 0;
  for (auto at = objects.upper_bound(after); at != objects.end(); ++at) {
    if (!Selects(path, at->second)) continue;
    if (count == count_max) break;
    base::StrAppend(&items, items.empty() ? "" : ",", at->second.text);
    next = ++count == count_max && std::next(at) != objects.end()
               ? base::StrCat(version, "|", at->first)
               : "";
  }
  return {200, base::StrCat(R"({"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":")",
                            version, R"(","continue":")", next, R"("},"items":[)", items, "]}")};
}

const ApiObjects::Object* ApiObjects::Find(const ApiPath& path) const {
  const auto collection = collections_.find(path.collection);
  if (collection == collections_.end()) return nullptr;
  const auto found = collection->second.find(path.space + "/" + path.name);
  return found == collection->second.end() ? nullptr : &found->second;
}

ApiAnswer ApiObjects::Read(const ApiPath& path) const {
  const Object* const object = Find(path);
  if (object == nullptr) return {404, StatusJson(404, path.name + " not found")};
  return {200, object->text};
}

ApiAnswer ApiObjects::Create(const ApiPath& path, std::string_view object) {
  JsonParser parser;
  const auto json = parser.Parse(object, "a request");
  if (!json.ok()) return {400, StatusJson(400, "the body is no JSON")};
  ApiPath own = path;
  own.name = (*json)["metadata"]["name"].Text();
  if (Find(own) != nullptr) return {409, StatusJson(409, own.name + " already exists")};
  Change(path.collection, "ADDED", {own.space, own.name, std::string(object), 0});
  return {201, Find(own)->text};
}

ApiAnswer ApiObjects::Replace(const ApiPath& path, std::string_view object) {
  JsonParser parser;
  const auto json = parser.Parse(object, "a request");
  if (!json.ok()) return {400, StatusJson(400, "the body is no JSON")};
  const Object* const known = Find(path);
  if (known == nullptr) return {404, StatusJson(404, path.name + " not found")};
  const std::string_view version = (*json)["metadata"]["resourceVersion"].Text();
  if (!version.empty() && ToNumber(version) != known->version) {
    return {409, StatusJson(409, "the object has been modified")};
  }
  Change(path.collection, "MODIFIED", {path.space, path.name, std::string(object), 0});
  return {200, Find(path)->text};
}

std::string ApiObjects::EventsSince(const ApiPath& path, uint64_t* version) const {
  std::string lines;
  for (const Event& event : history_) {
    if (event.version <= *version || event.collection != path.collection) continue;
    if (!Selects(path, event.object)) continue;
    base::StrAppend(&lines, R"({"type":")", event.type, R"(","object":)", event.object.text, "}\n");
  }
  *version = version_;
  return lines;
}

std::string ApiObjects::Bookmark() const {
  return base::StrCat(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":")", version_,
                      "\"}}}\n");
}

}  // namespace baro::kubernetes::testing
