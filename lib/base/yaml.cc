#include "baro/base/yaml.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <istream>
#include <iterator>
#include <streambuf>
#include <unordered_map>
#include <unordered_set>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/yaml.h"

namespace baro::base {

struct YamlNode::Value {
  Kind kind = Kind::kNull;
  bool quoted = false;
  // 1-based; 0 for a document that is not there.
  int line = 0;
  int column = 0;
  std::shared_ptr<const std::string> file;
  std::string scalar;
  std::vector<YamlNode> elements;
  std::vector<Entry> entries;
};

namespace {

// Thrown inside the event handler and caught in ParseYaml(): the only way out of yaml-cpp's parser.
struct TreeError {
  YAML::Mark mark;
  std::string message;
};

std::string Place(std::string_view file, int line, int column) {
  return StrCat(file, ":", line, ":", column);
}

std::string Place(std::string_view file, const YAML::Mark& mark) {
  return mark.is_null() ? std::string(file) : Place(file, mark.line + 1, mark.column + 1);
}

// Reads from memory that it does not own.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // streambuf's interface; never written to
    setg(begin, begin, begin + text.size());
  }
};

}  // namespace

// Builds the tree from yaml-cpp's events. Aliases share the value they name, so that a document of
// a few bytes cannot grow ("billion laughs"); one that names itself is an unknown anchor.
class YamlTree final : public YAML::EventHandler {
 public:
  explicit YamlTree(std::string_view file) : file_(std::make_shared<const std::string>(file)) {}

  YamlNode TakeRoot() { return root_ == nullptr ? YamlNode() : YamlNode(std::move(root_)); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(mark, anchor, NewValue(mark, YamlNode::Kind::kNull));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool plain = tag == "?" || tag.empty();
    const bool null = plain && (text.empty() || text == "~" || text == "null" || text == "Null" ||
                                text == "NULL");
    auto value = NewValue(mark, null ? YamlNode::Kind::kNull : YamlNode::Kind::kScalar);
    value->scalar = text;
    value->quoted = !plain;
    Add(mark, anchor, std::move(value));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw TreeError{mark, "alias of an anchor that is still open"};
    Place(mark, found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open_.push_back({NewValue(mark, YamlNode::Kind::kList), anchor, mark, {}, nullptr});
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open_.push_back({NewValue(mark, YamlNode::Kind::kMap), anchor, mark, {}, nullptr});
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Open {
    std::shared_ptr<YamlNode::Value> value;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::unordered_set<std::string> keys;
    std::shared_ptr<const YamlNode::Value> key;  // set while its value is awaited
  };

  std::shared_ptr<YamlNode::Value> NewValue(const YAML::Mark& mark, YamlNode::Kind kind) const {
    auto value = std::make_shared<YamlNode::Value>();
    value->kind = kind;
    value->line = mark.line + 1;
    value->column = mark.column + 1;
    value->file = file_;
    return value;
  }

  void Close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    Add(closed.mark, closed.anchor, std::move(closed.value));
  }

  void Add(const YAML::Mark& mark, YAML::anchor_t anchor,
           std::shared_ptr<const YamlNode::Value> value) {
    if (anchor != 0) anchors_[anchor] = value;
    Place(mark, std::move(value));
  }

  void Place(const YAML::Mark& mark, std::shared_ptr<const YamlNode::Value> value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value->kind == YamlNode::Kind::kList) {
      parent.value->elements.push_back(YamlNode(std::move(value)));
    } else if (parent.key == nullptr) {
      CheckKey(mark, *value, &parent.keys);
      parent.key = std::move(value);
    } else {
      parent.value->entries.push_back(
          {YamlNode(std::move(parent.key)), YamlNode(std::move(value))});
      parent.key = nullptr;
    }
  }

  static void CheckKey(const YAML::Mark& mark, const YamlNode::Value& key,
                       std::unordered_set<std::string>* keys) {
    if (key.kind != YamlNode::Kind::kScalar) throw TreeError{mark, "a key must be a plain text"};
    if (!keys->insert(key.scalar).second) {
      throw TreeError{mark, StrCat("key \"", key.scalar, "\" occurs twice")};
    }
  }

  const std::shared_ptr<const std::string> file_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, std::shared_ptr<const YamlNode::Value>> anchors_;
  std::shared_ptr<const YamlNode::Value> root_;
};

YamlNode::YamlNode() {
  static const auto nothing = std::make_shared<const Value>();
  value_ = nothing;
}

YamlNode::Kind YamlNode::kind() const { return value_->kind; }
const std::string& YamlNode::scalar() const { return value_->scalar; }
bool YamlNode::quoted() const { return value_->quoted; }
const std::vector<YamlNode>& YamlNode::elements() const { return value_->elements; }
const std::vector<YamlNode::Entry>& YamlNode::entries() const { return value_->entries; }

std::string YamlNode::where() const {
  if (value_->file == nullptr) return "(no document)";
  return Place(*value_->file, value_->line, value_->column);
}

absl::Status YamlNode::ErrorAt(std::string_view message) const {
  return absl::InvalidArgumentError(StrCat(where(), ": ", message));
}

absl::StatusOr<YamlNode> ParseYaml(std::string_view text, std::string_view file) {
  if (text.size() > kYamlBytesMax) {
    return absl::InvalidArgumentError(
        StrCat(file, ": ", text.size(), " bytes of YAML; at most ", kYamlBytesMax, " are read"));
  }
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    YamlTree tree(file);
    if (!parser.HandleNextDocument(tree)) return YamlNode();
    YamlTree rest(file);
    if (parser.HandleNextDocument(rest)) {
      return absl::InvalidArgumentError(StrCat(file, ": more than one YAML document"));
    }
    return tree.TakeRoot();
  } catch (const TreeError& error) {
    return absl::InvalidArgumentError(StrCat(Place(file, error.mark), ": ", error.message));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        StrCat(Place(file, error.mark), ": not valid YAML: ", error.msg));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(StrCat(file, ": not valid YAML: ", error.what()));
  }
}

absl::StatusOr<YamlNode> ReadYamlFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    // One byte more than the limit, so that ParseYaml() sees that there is more.
    text.resize(kYamlBytesMax + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
  }
  if (!file && !file.eof()) {
    const int error = errno != 0 ? errno : EIO;
    const std::string message = StrCat("cannot read ", path, ": ", std::strerror(error));
    if (error == ENOENT) return absl::NotFoundError(message);
    if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
    return absl::UnavailableError(message);
  }
  return ParseYaml(text, path);
}

YamlMap::YamlMap(const YamlNode& node) : node_(node) {
  if (node.kind() != YamlNode::Kind::kMap && !node.IsNull()) {
    status_ = node.ErrorAt("expected a map of keys");
  }
}

const YamlNode* YamlMap::Take(std::string_view key) {
  known_.emplace_back(key);
  if (!status_.ok()) return nullptr;
  for (const YamlNode::Entry& entry : node_.entries()) {
    if (entry.key.scalar() == key) return entry.value.IsNull() ? nullptr : &entry.value;
  }
  return nullptr;
}

namespace {

// Letters to change, add or leave out to come from one word to the other (Levenshtein).
size_t Distance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[to.size()];
}

// The known key that was probably meant; empty when none is near. Words of a hostile file may be
// long.
std::string Nearest(std::string_view key, const std::vector<std::string>& known) {
  constexpr size_t kKeyBytesMax = 64;
  if (key.size() > kKeyBytesMax) return "";
  std::string best;
  size_t least = 1 + key.size() / 4;
  for (const std::string& candidate : known) {
    const size_t distance = Distance(key, candidate);
    if (distance > least || (distance == least && !best.empty())) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

}  // namespace

const YamlNode* YamlMap::TakeRequired(std::string_view key) {
  const YamlNode* node = Take(key);
  if (node == nullptr && status_.ok()) {
    // A misspelt one is there under another name.
    std::vector<std::string> given;
    for (const YamlNode::Entry& entry : node_.entries()) given.push_back(entry.key.scalar());
    std::string near = Nearest(key, given);
    if (near == key) near.clear();  // there, with nothing behind it
    status_ = node_.ErrorAt(StrCat("key \"", key, "\" is missing",
                                   near.empty() ? "" : StrCat(" (is it \"", near, "\"?)")));
  }
  return node;
}

void YamlMap::Keep(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void YamlMap::Fail(std::string_view key, std::string_view message) {
  for (const YamlNode::Entry& entry : node_.entries()) {
    if (entry.key.scalar() == key) return Keep(entry.value.ErrorAt(message));
  }
  Keep(node_.ErrorAt(message));
}

absl::Status YamlMap::Finish() {
  if (!status_.ok()) return status_;
  for (const YamlNode::Entry& entry : node_.entries()) {
    if (std::find(known_.begin(), known_.end(), entry.key.scalar()) == known_.end()) {
      return UnknownKey(entry.key);
    }
  }
  return absl::OkStatus();
}

absl::Status YamlMap::UnknownKey(const YamlNode& key) const {
  std::vector<std::string> known = known_;
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  std::string list;
  for (const std::string& name : known) StrAppend(&list, list.empty() ? "" : ", ", name);
  const std::string meant = Nearest(key.scalar(), known);
  const std::string question = meant.empty() ? "" : StrCat(", did you mean \"", meant, "\"?");
  return key.ErrorAt(
      StrCat("unknown key \"", key.scalar(), "\"", question, " (known here: ", list, ")"));
}

std::string QuotedYaml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace baro::base
