#include "declaration.h"

#include <zstd.h>

#include <cstring>
#include <tuple>

#include "baro/agent/row_sink.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/ingest.h"

namespace baro::agent {

// What the sources keep to is what the wire takes.
static_assert(kLabelsMax <= wire::DeclarationLimits{}.labels_max);
static_assert(kLabelBytesMax <= wire::DeclarationLimits{}.symbol_bytes_max);
static_assert(kHelpBytesMax <= wire::DeclarationLimits{}.metadata_bytes_max);

namespace {

constexpr char kLayout = 1;
constexpr char kTarget = 2;
constexpr size_t kTargetKeyBytes = 1 + 4;
constexpr size_t kLayoutKeyBytes = 1 + std::tuple_size_v<model::ContentHash>;
// A declaration is one message; larger layouts are declared in pieces, each the parent of the next.
constexpr size_t kDeclarationBytesMax = 2 << 20;
// What a damaged size can make us allocate.
constexpr size_t kDeclarationRawBytesMax = 12 << 20;

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
  model::Layout prefix;  // built only for a layout that must be split
  wire::ParentLayout parent;
  for (size_t begin = 0; begin < layout.columns.size();) {
    const size_t end = begin + ColumnsThatFit(layout, begin);
    const bool whole = end == layout.columns.size();
    if (!whole) {
      prefix.columns.insert(prefix.columns.end(), layout.columns.begin() + static_cast<long>(begin),
                            layout.columns.begin() + static_cast<long>(end));
    }
    const model::Layout& piece = whole ? layout : prefix;
    v1::Declare declare;
    if (begin == 0) {
      wire::DeclareLayout(piece, declare.mutable_layout());
    } else {
      wire::DeclareLayout(piece, parent, declare.mutable_layout());
    }
    if (declare.ByteSizeLong() > kDeclarationRawBytesMax) {
      return absl::InvalidArgumentError(base::StrCat("cannot declare layout: column ", begin,
                                                     " and its neighbours take ",
                                                     declare.ByteSizeLong(), " bytes"));
    }
    parent = {.hash = piece.Hash(), .column_count = end};
    std::string record(1, kLayout);
    record += wire::HashBytes(parent.hash);
    AppendCompressed(declare, &record);
    records.push_back(std::move(record));
    begin = end;
  }
  return records;
}

std::string TargetRecord(uint32_t target_ref, const model::Labels& labels,
                         const model::ContentHash& layout) {
  v1::Declare declare;
  wire::DeclareTarget({.target_ref = target_ref, .labels = labels, .layout = layout},
                      declare.mutable_target());
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
