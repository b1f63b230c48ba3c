#include "baro/slo/slo_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "format.h"

namespace baro::slo {
namespace {

using base::YamlNode;

// Objectives are written by people.
constexpr size_t kSloFileBytesMax = size_t{4} << 20;
constexpr size_t kDocumentsMax = 1'000;

bool IsDocumentMark(std::string_view line) {
  if (!line.starts_with("---")) return false;
  line.remove_prefix(3);
  return line.empty() || line[0] == ' ' || line[0] == '\t' || line[0] == '\r';
}

// A document of a text, and the number of lines before it.
struct Document {
  std::string_view text;
  size_t lines_before = 0;

  // With empty lines before it, so that its places are the file's.
  std::string Padded() const { return base::StrCat(std::string(lines_before, '\n'), text); }
};

// A line that starts with --- ends a document wherever it stands (YAML 1.2, 9.1.2).
std::vector<Document> SplitDocuments(std::string_view text) {
  std::vector<Document> documents(1);
  const char* begin = text.data();
  const char* const end = text.data() + text.size();
  const char* line = begin;
  size_t lines = 0;
  while (line < end) {
    const char* next = std::find(line, end, '\n');
    const std::string_view bare(line, static_cast<size_t>(next - line));
    next = next == end ? end : next + 1;
    ++lines;
    if (IsDocumentMark(bare)) {
      documents.back().text = {begin, static_cast<size_t>(line - begin)};
      documents.push_back({{}, lines});
      begin = next;
    }
    line = next;
  }
  documents.back().text = {begin, static_cast<size_t>(end - begin)};
  return documents;
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    text.resize(kSloFileBytesMax + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
  }
  if (file || file.eof()) return text;
  const int error = errno != 0 ? errno : EIO;
  const std::string message = base::StrCat("cannot read ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

std::string TextOf(const YamlNode& node, std::string_view key) {
  for (const YamlNode::Entry& entry : node.entries()) {
    if (entry.key.scalar() == key) return entry.value.scalar();
  }
  return "";
}

bool HasKey(const YamlNode& node, std::string_view key) {
  for (const YamlNode::Entry& entry : node.entries()) {
    if (entry.key.scalar() == key) return true;
  }
  return false;
}

void ReadDocument(const YamlNode& node, std::vector<YamlNode>* open_slo, Specs* specs,
                  Problems* problems) {
  const std::string api = TextOf(node, "apiVersion");
  if (api.starts_with("openslo/")) {
    open_slo->push_back(node);
  } else if (api.starts_with("pyrra.dev/")) {
    ReadPyrra(node, specs, problems);
  } else if (api.starts_with("sloth.slok.dev/")) {
    ReadSlothResource(node, specs, problems);
  } else if (!api.empty()) {
    problems->Add(node.ErrorAt(base::StrCat(
        "cannot read \"", api,
        "\": known are openslo/v1, pyrra.dev/v1alpha1, sloth.slok.dev/v1, Sloth's prometheus/v1 "
        "and our own")));
  } else if (HasKey(node, "version")) {
    ReadSloth(node, specs, problems);
  } else {
    ReadOwnFormat(node, specs, problems);
  }
}

absl::StatusOr<Specs> ParseText(std::string_view text, const std::string& file,
                                std::vector<std::string>* all) {
  Problems problems(all);
  Specs specs;
  std::vector<YamlNode> open_slo;
  const std::vector<Document> documents =
      text.size() > kSloFileBytesMax ? std::vector<Document>() : SplitDocuments(text);
  if (documents.empty() || documents.size() > kDocumentsMax) {
    problems.Add(absl::InvalidArgumentError(
        base::StrCat(file, ":1:1: cannot read the file: more than ", kSloFileBytesMax, " bytes or ",
                     kDocumentsMax, " documents")));
    return problems.first();
  }
  for (const Document& document : documents) {
    const auto node = base::ParseYaml(document.Padded(), file);
    problems.Add(node.status());
    if (!node.ok() || node->IsNull()) continue;
    if (node->kind() != YamlNode::Kind::kMap) {
      problems.Add(node->ErrorAt("expected a map"));
      continue;
    }
    ReadDocument(*node, &open_slo, &specs, &problems);
    if (specs.size() > kSlosMax) {
      problems.Add(node->ErrorAt(base::StrCat("more than ", kSlosMax, " objectives")));
      break;
    }
  }
  ReadOpenSlo(open_slo, &specs, &problems);
  BARO_TRY(problems.first());
  return specs;
}

absl::Status At(const SloSpec& spec, std::string_view message) {
  return absl::InvalidArgumentError(
      base::StrCat(spec.file, ":", spec.line, ":1: ", spec.name, ": ", message));
}

}  // namespace

absl::StatusOr<std::vector<SloSpec>> ParseSloFile(std::string_view text, const std::string& file,
                                                  std::vector<std::string>* problems) {
  return ParseText(text, file, problems);
}

absl::StatusOr<std::vector<SloSpec>> ReadSloFile(const std::string& path,
                                                 std::vector<std::string>* problems) {
  const auto text = ReadText(path);
  if (!text.ok()) {
    if (problems != nullptr) problems->emplace_back(base::FromAbsl(text.status().message()));
    return text.status();
  }
  return ParseText(*text, path, problems);
}

absl::Status CheckSlos(const std::vector<SloSpec>& slos, std::vector<std::string>* problems) {
  Problems found(problems);
  std::map<std::string, const SloSpec*> by_name;
  for (const SloSpec& spec : slos) {
    const auto [it, fresh] = by_name.emplace(spec.name, &spec);
    if (fresh) continue;
    found.Add(
        At(spec, base::StrCat("the name is taken by ", it->second->file, ":", it->second->line)));
  }
  for (const SloSpec& spec : slos) {
    for (const CompositeSpec::Part& part : spec.composite.parts) {
      const auto it = by_name.find(part.slo);
      if (it == by_name.end()) {
        found.Add(At(spec, base::StrCat("there is no objective \"", part.slo, "\"")));
      } else if (it->second->sli.kind == SliKind::kComposite) {
        found.Add(At(spec, base::StrCat("\"", part.slo, "\" is a composite itself")));
      }
    }
  }
  return found.first();
}

}  // namespace baro::slo
