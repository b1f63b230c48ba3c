#include "declaration.h"

#include <zstd.h>

#include <cstring>
#include <span>
#include <unordered_map>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

constexpr char kLayout = 1;
constexpr char kTarget = 2;
constexpr size_t kTargetKeyBytes = 1 + 4;
constexpr size_t kLayoutKeyBytes = 1 + std::tuple_size_v<model::ContentHash>;
// A declaration is one message; larger layouts are declared in pieces, each the parent of the next.
constexpr size_t kDeclarationBytesMax = 2 << 20;
// What a damaged size can make us allocate.
constexpr size_t kDeclarationRawBytesMax = 32 << 20;

void AppendCompressed(const v1::Declare& declare, std::string* record) {
  const std::string raw = declare.SerializeAsString();
  std::string compressed(ZSTD_compressBound(raw.size()), '\0');
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), raw.data(), raw.size(), 3));
  record->append(compressed);
}

size_t SizeOf(const model::Column& column) {
  size_t bytes = 16 + column.metadata.family.size() + column.metadata.help.size();
  for (const model::Label& label : column.labels)
    bytes += 8 + label.name.size() + label.value.size();
  return bytes;
}

// Gives every text one number.
class SymbolTable {
 public:
  explicit SymbolTable(v1::LayoutDeclaration* declaration) : declaration_(declaration) { Add(""); }
  uint32_t Add(std::string_view text) {
    const auto [entry, is_new] =
        numbers_.emplace(std::string(text), static_cast<uint32_t>(numbers_.size()));
    if (is_new) declaration_->add_symbols(entry->first);
    return entry->second;
  }

 private:
  v1::LayoutDeclaration* const declaration_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

void FillColumns(std::span<const model::Column> columns, v1::LayoutDeclaration* declaration) {
  SymbolTable symbols(declaration);
  for (const model::Column& column : columns) {
    v1::ColumnDeclaration* out = declaration->add_columns();
    for (const model::Label& label : column.labels) {
      out->add_label_symbols(symbols.Add(label.name));
      out->add_label_symbols(symbols.Add(label.value));
    }
    out->set_family_symbol(symbols.Add(column.metadata.family));
    out->set_type(static_cast<uint32_t>(column.metadata.type));
    out->set_help_symbol(symbols.Add(column.metadata.help));
    out->set_unit_symbol(symbols.Add(column.metadata.unit));
  }
}

// How many columns from `begin` on fit into one declaration; at least one.
size_t ColumnsThatFit(const model::Layout& layout, size_t begin) {
  size_t bytes = 0;
  size_t end = begin;
  while (end < layout.columns.size() && bytes < kDeclarationBytesMax)
    bytes += SizeOf(layout.columns[end++]);
  return end - begin;
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot read declaration in the spool: ", what));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> LayoutRecords(const model::Layout& layout) {
  std::vector<std::string> records;
  model::Layout prefix;
  std::string parent_hash;
  for (size_t begin = 0; begin < layout.columns.size();) {
    const size_t count = ColumnsThatFit(layout, begin);
    const std::span columns = std::span(layout.columns).subspan(begin, count);
    const bool whole = begin + count == layout.columns.size();
    if (!whole) prefix.columns.insert(prefix.columns.end(), columns.begin(), columns.end());
    const model::ContentHash hash = whole ? layout.Hash() : prefix.Hash();
    const std::string hash_bytes(reinterpret_cast<const char*>(hash.data()), hash.size());

    v1::Declare declare;
    v1::LayoutDeclaration* declaration = declare.mutable_layout();
    declaration->set_content_hash(hash_bytes);
    declaration->set_parent_content_hash(parent_hash);
    FillColumns(columns, declaration);
    if (declare.ByteSizeLong() > kDeclarationRawBytesMax) {
      return absl::InvalidArgumentError(base::StrCat("cannot declare layout: column ", begin,
                                                     " and its neighbours take ",
                                                     declare.ByteSizeLong(), " bytes"));
    }
    std::string record(1, kLayout);
    record += hash_bytes;
    AppendCompressed(declare, &record);
    records.push_back(std::move(record));
    parent_hash = hash_bytes;
    begin += count;
  }
  return records;
}

std::string TargetRecord(uint32_t target_ref, const model::Labels& labels,
                         const model::ContentHash& layout) {
  v1::Declare declare;
  v1::TargetDeclaration* target = declare.mutable_target();
  target->set_target_ref(target_ref);
  for (const model::Label& label : labels) {
    v1::Label* out = target->add_labels();
    out->set_name(label.name);
    out->set_value(label.value);
  }
  target->set_layout_content_hash(layout.data(), layout.size());
  std::string record(1, kTarget);
  for (int shift = 0; shift < 32; shift += 8)
    record.push_back(static_cast<char>(target_ref >> shift));
  AppendCompressed(declare, &record);
  return record;
}

absl::StatusOr<DeclarationKey> ReadDeclarationKey(std::string_view record) {
  DeclarationKey key;
  if (record.size() >= kLayoutKeyBytes && record[0] == kLayout) {
    key.layout.emplace();
    std::memcpy(key.layout->data(), record.data() + 1, key.layout->size());
    return key;
  }
  if (record.size() >= kTargetKeyBytes && record[0] == kTarget) {
    uint32_t ref = 0;
    for (size_t i = 0; i < 4; ++i) ref |= uint32_t{static_cast<uint8_t>(record[1 + i])} << (8 * i);
    key.target_ref = ref;
    return key;
  }
  return Damaged("neither a layout nor a target");
}

absl::Status ReadDeclaration(std::string_view record, v1::Declare* declare) {
  BARO_TRY_ASSIGN(const DeclarationKey key, ReadDeclarationKey(record));
  record.remove_prefix(key.layout.has_value() ? kLayoutKeyBytes : kTargetKeyBytes);
  const unsigned long long size = ZSTD_getFrameContentSize(record.data(), record.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
      size > kDeclarationRawBytesMax) {
    return Damaged("its compressed size makes no sense");
  }
  std::string raw(size, '\0');
  const size_t got = ZSTD_decompress(raw.data(), raw.size(), record.data(), record.size());
  if (ZSTD_isError(got) != 0 || got != size) return Damaged("it cannot be decompressed");
  if (!declare->ParseFromString(raw)) return Damaged("it is no baro.v1.Declare");
  return absl::OkStatus();
}

}  // namespace baro::agent
