#include "api/document.h"

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

absl::Status ApiError(dom::element root) {
  const std::string type = TextMember(root, "errorType");
  const std::string text = TextMember(root, "error");
  if (type == "bad_data") return absl::InvalidArgumentError(text);
  if (type == "timeout" || type == "canceled") return absl::DeadlineExceededError(text);
  if (type == "execution") return absl::FailedPreconditionError(text);
  return absl::InternalError(type.empty() ? text : base::StrCat(text, " (", type, ")"));
}

void ReadNotes(dom::element root, std::string_view name, std::vector<std::string>* notes) {
  dom::array texts;
  if (root[name].get(texts) != simdjson::SUCCESS) return;
  for (const dom::element element : texts) {
    std::string_view text;
    if (element.get(text) == simdjson::SUCCESS) notes->emplace_back(text);
  }
}

// Objects inside become "outer.inner"; depth is bounded by the parser's.
void Flatten(dom::object object, const std::string& prefix, Record* record) {
  for (const auto field : object) {
    const std::string name = base::StrCat(prefix, field.key);
    if (field.value.is_object()) {
      Flatten(field.value.get_object().value_unsafe(), base::StrCat(name, "."), record);
    } else if (field.value.is_string()) {
      record->push_back({name, std::string(field.value.get_string().value_unsafe()), true});
    } else if (!field.value.is_array() && !field.value.is_null()) {
      record->push_back({name, simdjson::minify(field.value), false});
    }
  }
}

}  // namespace

Record FlatRecord(dom::element element) {
  Record record;
  dom::object object;
  if (element.get(object) == simdjson::SUCCESS) Flatten(object, "", &record);
  return record;
}

absl::Status BadAnswer(std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot read the answer: ", what));
}

absl::Status Document::Open(std::string_view json, Notes* notes, size_t depth_max) {
  if (json.size() > kAnswerBytesMax) {
    return BadAnswer(base::StrCat("it has ", json.size(), " bytes, more than ", kAnswerBytesMax));
  }
  if (parser_.allocate(json.size() + 1, depth_max) != simdjson::SUCCESS) {
    return absl::ResourceExhaustedError("cannot read the answer: out of memory");
  }
  dom::element root;
  if (const auto error = parser_.parse(json.data(), json.size()).get(root)) {
    return BadAnswer(base::StrCat("it is not JSON: ", simdjson::error_message(error)));
  }
  if (!root.is_object()) return BadAnswer("it is no JSON object");
  const std::string status = TextMember(root, "status");
  if (status == "error") return ApiError(root);
  if (status != "success") return BadAnswer("it has no member \"status\"");
  if (root["data"].get(data_) != simdjson::SUCCESS) return BadAnswer("it has no member \"data\"");
  ReadNotes(root, "warnings", &notes->warnings);
  ReadNotes(root, "infos", &notes->infos);
  return absl::OkStatus();
}

absl::StatusOr<LabelSet> ReadLabels(dom::element element) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return BadAnswer("labels are no object");
  LabelSet labels;
  for (const auto field : object) {
    std::string_view value;
    if (field.value.get(value) != simdjson::SUCCESS) {
      return BadAnswer(base::StrCat("the label \"", field.key, "\" is no string"));
    }
    labels.emplace_back(field.key, value);
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::string TextMember(dom::element object, std::string_view name) {
  std::string_view text;
  if (object[name].get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

}  // namespace baro::cli
