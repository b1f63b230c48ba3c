#include "baro/wire/ingest.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::wire {
namespace {

template <typename... T>
absl::Status Invalid(const T&... parts) {
  return absl::InvalidArgumentError(base::StrCat(parts...));
}

// Numbers texts in the order they first occur; number 0 is the empty text.
class SymbolTable {
 public:
  explicit SymbolTable(v1::LayoutDeclaration* declaration) : declaration_(declaration) {
    declaration_->add_symbols();
    numbers_.emplace(absl::string_view(), 0);
  }

  // `text` outlives the table.
  uint32_t Number(std::string_view text) {
    const auto next = static_cast<uint32_t>(declaration_->symbols_size());
    const auto [it, is_new] = numbers_.emplace(base::ToAbsl(text), next);
    if (is_new) declaration_->add_symbols()->assign(text);
    return it->second;
  }

 private:
  v1::LayoutDeclaration* const declaration_;
  absl::flat_hash_map<absl::string_view, uint32_t> numbers_;
};

// Reads the columns of one declaration, whose symbols have been checked.
class ColumnReader {
 public:
  ColumnReader(const v1::LayoutDeclaration& declaration, const DeclarationLimits& limits)
      : declaration_(declaration), limits_(limits) {}

  absl::StatusOr<model::Column> Read(int index) const;

 private:
  absl::StatusOr<std::string> Text(int column, const char* field, uint32_t symbol) const;
  absl::StatusOr<std::string> LabelText(int column, uint32_t symbol) const;
  absl::StatusOr<model::Labels> ReadLabels(int column) const;

  const v1::LayoutDeclaration& declaration_;
  const DeclarationLimits& limits_;
};

absl::StatusOr<std::string> ColumnReader::Text(int column, const char* field,
                                               uint32_t symbol) const {
  if (symbol >= static_cast<uint32_t>(declaration_.symbols_size())) {
    return Invalid("cannot read layout: columns[", column, "].", field, " is symbol ", symbol,
                   " of ", declaration_.symbols_size());
  }
  return declaration_.symbols(static_cast<int>(symbol));
}

absl::StatusOr<std::string> ColumnReader::LabelText(int column, uint32_t symbol) const {
  BARO_TRY_ASSIGN(std::string text, Text(column, "label_symbols", symbol));
  if (text.size() > limits_.symbol_bytes_max) {
    return Invalid("cannot read layout: columns[", column, "].label_symbols is symbol ", symbol,
                   ", which has ", text.size(), " bytes, more than ", limits_.symbol_bytes_max);
  }
  return text;
}

// Sorts and checks; `where` names the place for the error.
absl::StatusOr<model::Labels> CheckedLabels(std::string_view where,
                                            std::vector<model::Label> labels) {
  std::sort(labels.begin(), labels.end());
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].name.empty()) return Invalid("cannot read ", where, ": a label has no name");
    if (labels[i].value.empty()) {
      return Invalid("cannot read ", where, ": label \"", labels[i].name, "\" has no value");
    }
    if (i > 0 && labels[i].name == labels[i - 1].name) {
      return Invalid("cannot read ", where, ": label \"", labels[i].name, "\" occurs twice");
    }
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

absl::StatusOr<model::Labels> ColumnReader::ReadLabels(int column) const {
  const auto& symbols = declaration_.columns(column).label_symbols();
  if (symbols.size() % 2 != 0) {
    return Invalid("cannot read layout: columns[", column, "].label_symbols has ", symbols.size(),
                   " entries, which are no pairs");
  }
  if (static_cast<size_t>(symbols.size() / 2) > limits_.labels_max) {
    return Invalid("cannot read layout: columns[", column, "] has ", symbols.size() / 2,
                   " labels, more than ", limits_.labels_max);
  }
  std::vector<model::Label> labels;
  labels.reserve(static_cast<size_t>(symbols.size()) / 2);
  for (int i = 0; i < symbols.size(); i += 2) {
    BARO_TRY_ASSIGN(std::string name, LabelText(column, symbols[i]));
    BARO_TRY_ASSIGN(std::string value, LabelText(column, symbols[i + 1]));
    labels.push_back({std::move(name), std::move(value)});
  }
  return CheckedLabels(base::StrCat("layout: columns[", column, "]"), std::move(labels));
}

absl::StatusOr<model::Column> ColumnReader::Read(int index) const {
  const v1::ColumnDeclaration& declared = declaration_.columns(index);
  model::Column column;
  BARO_TRY_ASSIGN(column.labels, ReadLabels(index));
  if (!column.labels.Has(model::kMetricName)) {
    return Invalid("cannot read layout: columns[", index, "] has no ", model::kMetricName);
  }
  BARO_TRY_ASSIGN(column.metadata.family, Text(index, "family_symbol", declared.family_symbol()));
  BARO_TRY_ASSIGN(column.metadata.help, Text(index, "help_symbol", declared.help_symbol()));
  BARO_TRY_ASSIGN(column.metadata.unit, Text(index, "unit_symbol", declared.unit_symbol()));
  if (declared.type() > static_cast<uint32_t>(model::MetricType::kStateset)) {
    return Invalid("cannot read layout: columns[", index, "].type is ", declared.type(),
                   ", which is no metric type");
  }
  column.metadata.type = static_cast<model::MetricType>(declared.type());
  return column;
}

absl::Status CheckSymbols(const v1::LayoutDeclaration& declaration,
                          const DeclarationLimits& limits) {
  const auto& symbols = declaration.symbols();
  if (static_cast<size_t>(symbols.size()) > limits.symbols_max) {
    return Invalid("cannot read layout: ", symbols.size(), " symbols are more than ",
                   limits.symbols_max);
  }
  if (!symbols.empty() && !symbols[0].empty()) {
    return Invalid("cannot read layout: symbols[0] is \"", symbols[0], "\" instead of empty");
  }
  for (int i = 0; i < symbols.size(); ++i) {
    if (symbols[i].size() > limits.metadata_bytes_max) {
      return Invalid("cannot read layout: symbols[", i, "] has ", symbols[i].size(),
                     " bytes, more than ", limits.metadata_bytes_max);
    }
  }
  return absl::OkStatus();
}

// Two columns of one series would each have a value for the same time.
absl::Status CheckColumnsDiffer(const std::vector<model::Column>& columns) {
  absl::flat_hash_map<uint64_t, size_t> column_of_hash;
  column_of_hash.reserve(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto [it, is_new] = column_of_hash.emplace(columns[i].labels.Hash(), i);
    if (!is_new && columns[it->second].labels == columns[i].labels) {
      return Invalid("cannot read layout: columns[", i, "] is the series of columns[", it->second,
                     "] again: ", columns[i].labels.ToString());
    }
  }
  return absl::OkStatus();
}

// The parent's columns, or none when the declaration stands for itself.
absl::StatusOr<model::Layout> StartingPoint(const v1::LayoutDeclaration& declaration,
                                            const FindLayout& find_parent) {
  if (declaration.parent_content_hash().empty()) return model::Layout{};
  BARO_TRY_ASSIGN(const model::ContentHash hash,
                  HashFromBytes(declaration.parent_content_hash(), "parent_content_hash"));
  const model::Layout* const parent = find_parent ? find_parent(hash) : nullptr;
  if (parent == nullptr) return absl::NotFoundError("cannot read layout: its parent is not known");
  return *parent;
}

}  // namespace

std::string_view HashBytes(const model::ContentHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

absl::StatusOr<model::ContentHash> HashFromBytes(std::string_view bytes, std::string_view field) {
  model::ContentHash hash;
  if (bytes.size() != hash.size()) {
    return Invalid("cannot read ", field, ": ", bytes.size(), " bytes instead of ", hash.size());
  }
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(hash.data()));
  return hash;
}

void DeclareLayout(const model::Layout& layout, v1::LayoutDeclaration* declaration) {
  DeclareLayout(layout, ParentLayout{}, declaration);
}

void DeclareLayout(const model::Layout& layout, const ParentLayout& parent,
                   v1::LayoutDeclaration* declaration) {
  declaration->Clear();
  declaration->mutable_content_hash()->assign(HashBytes(layout.Hash()));
  if (parent.column_count != 0) {
    declaration->mutable_parent_content_hash()->assign(HashBytes(parent.hash));
  }
  SymbolTable symbols(declaration);
  for (size_t i = parent.column_count; i < layout.columns.size(); ++i) {
    const model::Column& column = layout.columns[i];
    v1::ColumnDeclaration* const declared = declaration->add_columns();
    for (const model::Label& label : column.labels) {
      declared->add_label_symbols(symbols.Number(label.name));
      declared->add_label_symbols(symbols.Number(label.value));
    }
    declared->set_family_symbol(symbols.Number(column.metadata.family));
    declared->set_type(static_cast<uint32_t>(column.metadata.type));
    declared->set_help_symbol(symbols.Number(column.metadata.help));
    declared->set_unit_symbol(symbols.Number(column.metadata.unit));
  }
}

absl::StatusOr<model::Layout> ReadLayout(const v1::LayoutDeclaration& declaration,
                                         const FindLayout& find_parent,
                                         const DeclarationLimits& limits) {
  BARO_TRY_ASSIGN(const model::ContentHash hash,
                  HashFromBytes(declaration.content_hash(), "content_hash"));
  BARO_TRY(CheckSymbols(declaration, limits));
  BARO_TRY_ASSIGN(model::Layout layout, StartingPoint(declaration, find_parent));
  const size_t column_count =
      layout.columns.size() + static_cast<size_t>(declaration.columns_size());
  if (column_count > limits.columns_max) {
    return Invalid("cannot read layout: ", column_count, " columns are more than ",
                   limits.columns_max);
  }
  layout.columns.reserve(column_count);
  const ColumnReader reader(declaration, limits);
  for (int i = 0; i < declaration.columns_size(); ++i) {
    BARO_TRY_ASSIGN(model::Column column, reader.Read(i));
    layout.columns.push_back(std::move(column));
  }
  BARO_TRY(CheckColumnsDiffer(layout.columns));
  if (layout.Hash() != hash) {
    return Invalid("cannot read layout: its ", column_count, " columns have not the content_hash ",
                   "it claims");
  }
  return layout;
}

void DeclareTarget(const DeclaredTarget& target, v1::TargetDeclaration* declaration) {
  declaration->Clear();
  declaration->set_target_ref(target.target_ref);
  for (const model::Label& label : target.labels) {
    v1::Label* const declared = declaration->add_labels();
    declared->set_name(label.name);
    declared->set_value(label.value);
  }
  declaration->mutable_layout_content_hash()->assign(HashBytes(target.layout));
}

absl::StatusOr<DeclaredTarget> ReadTarget(const v1::TargetDeclaration& declaration,
                                          const DeclarationLimits& limits) {
  DeclaredTarget target;
  target.target_ref = declaration.target_ref();
  BARO_TRY_ASSIGN(target.layout,
                  HashFromBytes(declaration.layout_content_hash(), "layout_content_hash"));
  if (static_cast<size_t>(declaration.labels_size()) > limits.labels_max) {
    return Invalid("cannot read target: ", declaration.labels_size(), " labels are more than ",
                   limits.labels_max);
  }
  std::vector<model::Label> labels;
  labels.reserve(static_cast<size_t>(declaration.labels_size()));
  for (int i = 0; i < declaration.labels_size(); ++i) {
    const v1::Label& label = declaration.labels(i);
    if (label.name().size() > limits.symbol_bytes_max ||
        label.value().size() > limits.symbol_bytes_max) {
      return Invalid("cannot read target: labels[", i, "] is longer than ", limits.symbol_bytes_max,
                     " bytes");
    }
    labels.push_back({label.name(), label.value()});
  }
  BARO_TRY_ASSIGN(target.labels,
                  CheckedLabels(base::StrCat("target ", target.target_ref), std::move(labels)));
  return target;
}

absl::Status CheckFrameBatch(const v1::FrameBatch& batch, const FrameBatchLimits& limits) {
  const auto frames = static_cast<size_t>(batch.target_refs_size());
  if (frames == 0 || frames > limits.frames_max) {
    return Invalid("cannot read frame batch: ", frames, " frames instead of 1 to ",
                   limits.frames_max);
  }
  if (batch.first_sequence() == 0 ||
      batch.first_sequence() + (frames - 1) < batch.first_sequence()) {
    return Invalid("cannot read frame batch: first_sequence ", batch.first_sequence(), " with ",
                   frames, " frames");
  }
  if (batch.raw_size() > limits.raw_bytes_max || batch.body().size() > limits.raw_bytes_max) {
    return Invalid("cannot read frame batch: ", batch.raw_size(), " bytes, ", batch.body().size(),
                   " compressed, are more than ", limits.raw_bytes_max);
  }
  switch (batch.encoding()) {
    case v1::ENCODING_FRAME_V1:
      if (batch.raw_size() == batch.body().size()) break;
      return Invalid("cannot read frame batch: raw_size is ", batch.raw_size(),
                     " but the body, not compressed, has ", batch.body().size(), " bytes");
    case v1::ENCODING_FRAME_V1_ZSTD:
      break;
    default:
      return Invalid("cannot read frame batch: encoding ", static_cast<int>(batch.encoding()),
                     " is not known");
  }
  if (const uint32_t crc32c = base::Crc32c(batch.body()); crc32c != batch.crc32c()) {
    return absl::DataLossError(base::StrCat("cannot read frame batch: crc32c of its body is ",
                                            crc32c, " instead of ", batch.crc32c()));
  }
  return absl::OkStatus();
}

}  // namespace baro::wire
