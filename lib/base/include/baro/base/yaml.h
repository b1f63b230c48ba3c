// Strict YAML for configuration files: every mistake is an error that names file:line:column.
//
// A struct is read in one go; what is not asked for is refused:
//
//   absl::Status ReadYaml(const base::YamlNode& node, PushConfig* push) {   // found by ADL
//     base::YamlMap map(node);
//     map.Optional("interval", &push->interval);        // std::chrono::milliseconds: 1m30s
//     map.Optional("batch_size_max", &push->batch_max); // base::ByteSize: 4MiB
//     map.Required("endpoints", &push->endpoints);      // std::vector<EndpointConfig>
//     return map.Finish();                              // unknown keys, then the first error
//   }
//
// Prometheus' rules hold where they are lax: a string takes any scalar (`replica: 1`), and a key
// with nothing behind it (`rule_files:`) is the same as no key.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::base {

// A number of bytes, written 4096, 512KiB, 256MiB, 1GiB … KB, MB … mean the same (powers of 1024),
// as in Prometheus.
struct ByteSize {
  uint64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};

// Prometheus' duration: 15s, 1m30s, 500ms, 1h, 7d, 2w, 1y, 0. Error: InvalidArgument.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);
// The shortest text that ParseDuration() reads as `duration`: 1m30s.
std::string FormatDuration(std::chrono::milliseconds duration);
// Error: InvalidArgument.
absl::StatusOr<ByteSize> ParseByteSize(std::string_view text);

// Largest document that is read.
inline constexpr size_t kYamlBytesMax = size_t{16} << 20;

// A value of a document. A cheap handle that keeps the document alive; immutable, thread-safe.
class YamlNode {
 public:
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  struct Entry;

  // An empty document; reads as null.
  YamlNode();

  Kind kind() const;
  // True for a missing document and for a key with nothing behind it.
  bool IsNull() const { return kind() == Kind::kNull; }
  // The text of a scalar; empty for anything else.
  const std::string& scalar() const;
  // True for a scalar in quotes, which is a string and never a number.
  bool quoted() const;
  // Of a list, in order; empty for anything else.
  const std::vector<YamlNode>& elements() const;
  // Of a map, in the file's order; no key twice. Empty for anything else.
  const std::vector<Entry>& entries() const;

  // "file:line:column".
  std::string where() const;
  // InvalidArgument: "file:line:column: message".
  absl::Status ErrorAt(std::string_view message) const;

 private:
  friend class YamlTree;
  struct Value;
  explicit YamlNode(std::shared_ptr<const Value> value) : value_(std::move(value)) {}
  std::shared_ptr<const Value> value_;
};

struct YamlNode::Entry {
  YamlNode key;  // always a scalar
  YamlNode value;
};

// Reads one document. `file` is for messages only. Errors: InvalidArgument (syntax, a key twice in
// a map, a key that is no scalar, more than one document, too large), with its place.
absl::StatusOr<YamlNode> ParseYaml(std::string_view text, std::string_view file);
// The same from a file. Errors: also NotFound, PermissionDenied and Unavailable for the file
// itself.
absl::StatusOr<YamlNode> ReadYamlFile(const std::string& path);

// Typed reading. A null node leaves the target as it was; anything of the wrong type or out of
// range is InvalidArgument with its place. A struct of yours joins by a ReadYaml() in its own
// namespace.
absl::Status ReadYaml(const YamlNode& node, bool* value);
absl::Status ReadYaml(const YamlNode& node, double* value);
absl::Status ReadYaml(const YamlNode& node, std::string* value);
absl::Status ReadYaml(const YamlNode& node, std::chrono::milliseconds* value);
absl::Status ReadYaml(const YamlNode& node, ByteSize* value);

// Whole numbers between `min` and `max`.
absl::Status ReadYamlInteger(const YamlNode& node, int64_t min, uint64_t max, bool* negative,
                             uint64_t* magnitude);

template <typename T>
  requires(std::integral<T> && !std::same_as<T, bool>)
absl::Status ReadYaml(const YamlNode& node, T* value) {
  if (node.IsNull()) return absl::OkStatus();
  bool negative = false;
  uint64_t magnitude = 0;
  absl::Status status =
      ReadYamlInteger(node, static_cast<int64_t>(std::numeric_limits<T>::min()),
                      static_cast<uint64_t>(std::numeric_limits<T>::max()), &negative, &magnitude);
  if (status.ok()) *value = static_cast<T>(negative ? uint64_t{0} - magnitude : magnitude);
  return status;
}

// Declared before they are defined, so that they nest in any order.
template <typename T>
absl::Status ReadYaml(const YamlNode& node, std::vector<T>* list);
template <typename T>
absl::Status ReadYaml(const YamlNode& node, std::map<std::string, T>* map);
template <typename T>
absl::Status ReadYaml(const YamlNode& node, std::optional<T>* value);

// A list replaces what the target held. A lone scalar is not a list.
template <typename T>
absl::Status ReadYaml(const YamlNode& node, std::vector<T>* list) {
  if (node.IsNull()) return absl::OkStatus();
  if (node.kind() != YamlNode::Kind::kList) return node.ErrorAt("expected a list");
  list->clear();
  for (const YamlNode& element : node.elements()) {
    T value{};
    absl::Status status = ReadYaml(element, &value);
    if (!status.ok()) return status;
    list->push_back(std::move(value));
  }
  return absl::OkStatus();
}

// A map whose keys are the user's own (labels, collectors); it replaces what the target held.
template <typename T>
absl::Status ReadYaml(const YamlNode& node, std::map<std::string, T>* map) {
  if (node.IsNull()) return absl::OkStatus();
  if (node.kind() != YamlNode::Kind::kMap) return node.ErrorAt("expected a map");
  map->clear();
  for (const YamlNode::Entry& entry : node.entries()) {
    T value{};
    absl::Status status = ReadYaml(entry.value, &value);
    if (!status.ok()) return status;
    map->emplace(entry.key.scalar(), std::move(value));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadYaml(const YamlNode& node, std::optional<T>* value) {
  if (node.IsNull()) return absl::OkStatus();
  T read{};
  absl::Status status = ReadYaml(node, &read);
  if (status.ok()) *value = std::move(read);
  return status;
}

// Reads the keys of one map; see the example at the top. Thread-compatible; refers to nothing of
// the caller's between calls. After the first error it reads no more and Finish() returns that
// error.
class YamlMap {
 public:
  // A null node is an empty map (every key has its default); a scalar or list is an error.
  explicit YamlMap(const YamlNode& node);

  // Leaves `value` as it was when there is no such key.
  template <typename T>
  void Optional(std::string_view key, T* value) {
    const YamlNode* node = Take(key);
    if (node != nullptr) Keep(ReadYaml(*node, value));
  }

  // Refuses a map without the key, or with nothing behind it.
  template <typename T>
  void Required(std::string_view key, T* value) {
    const YamlNode* node = TakeRequired(key);
    if (node != nullptr) Keep(ReadYaml(*node, value));
  }

  // The value itself, for what only the caller can read; null when there is no such key. Mistakes
  // found later go into Fail().
  const YamlNode* Take(std::string_view key);
  // A key whose value may be anything and is not read.
  void Ignore(std::string_view key) { Take(key); }

  // Adds an error of the caller's; the first error counts. OK is no error.
  void Keep(absl::Status status);
  // "file:line:column of the key's value: message"; the map's own place when there is no such key.
  void Fail(std::string_view key, std::string_view message);

  bool ok() const { return status_.ok(); }
  // The first error; when there is none, an error for the first key that nobody asked for.
  absl::Status Finish();

 private:
  const YamlNode* TakeRequired(std::string_view key);
  absl::Status UnknownKey(const YamlNode& key) const;

  YamlNode node_;
  std::vector<std::string> known_;
  absl::Status status_;
};

// A double-quoted scalar that ParseYaml() reads back as `text`.
std::string QuotedYaml(std::string_view text);

}  // namespace baro::base
