// Declarations as they lie in the spool:
//
//   kind u8 (1 layout, 2 target) | content hash, 16 bytes, or target_ref u32 |
//   zstd(baro.v1.Declare)
//
// The key in front tells without decompressing whether the collector knows it already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/v1/ingest.pb.h"

namespace baro::agent {

// The records of a layout: itself, and before it the parents that it is split into when it is too
// large for one message. Errors: InvalidArgument.
absl::StatusOr<std::vector<std::string>> LayoutRecords(const model::Layout& layout);

std::string TargetRecord(uint32_t target_ref, const model::Labels& labels,
                         const model::ContentHash& layout);

// What a record declares; exactly one is set.
struct DeclarationKey {
  std::optional<model::ContentHash> layout;
  std::optional<uint32_t> target_ref;
};

// Errors: DataLoss.
absl::StatusOr<DeclarationKey> ReadDeclarationKey(std::string_view record);
absl::Status ReadDeclaration(std::string_view record, v1::Declare* declare);

}  // namespace baro::agent
