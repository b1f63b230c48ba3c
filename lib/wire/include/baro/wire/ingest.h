// Push protocol messages ⇄ model (docs/formats/protocol.md). Foreign messages are never trusted:
// counts, sizes, symbol numbers and content hashes are checked before anything is built from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/codec/frame.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/v1/ingest.pb.h"

namespace baro::wire {

// What one declaration may hold at most. Series limits of the store are its own matter: these only
// bound what a hostile message can cost.
struct DeclarationLimits {
  size_t columns_max = codec::kFrameColumnsMax;  // parent's included
  size_t symbols_max = 4'000'000;
  size_t symbol_bytes_max = 64 * 1024;  // one name or value of a label
  size_t labels_max = 256;              // of one column, or of one target
  // Any other text. Help is nobody's identity, so a long one is no reason to lose a target.
  size_t metadata_bytes_max = 1024 * 1024;
};

// A content hash as a protobuf bytes field, and back. InvalidArgument: not 16 bytes; names `field`.
std::string_view HashBytes(const model::ContentHash& hash);
absl::StatusOr<model::ContentHash> HashFromBytes(std::string_view bytes, std::string_view field);

// Writes the declaration of `layout`: all its columns, or those behind the parent's. A parent's
// columns are the layout's first; only their number is looked at.
struct ParentLayout {
  model::ContentHash hash{};
  size_t column_count = 0;
};
void DeclareLayout(const model::Layout& layout, v1::LayoutDeclaration* declaration);
void DeclareLayout(const model::Layout& layout, const ParentLayout& parent,
                   v1::LayoutDeclaration* declaration);

// The layout with this hash, or null; the pointer need only live until the next call.
using FindLayout = std::function<const model::Layout*(const model::ContentHash&)>;

// Reads a declaration and checks that its content has the hash it claims.
//
// Errors (the message names field and index):
//   NotFound         the parent is not known; the caller asks for it with NeedDeclare.
//   InvalidArgument  damaged or beyond a limit; the caller answers with Reject.
absl::StatusOr<model::Layout> ReadLayout(const v1::LayoutDeclaration& declaration,
                                         const FindLayout& find_parent,
                                         const DeclarationLimits& limits = {});

struct DeclaredTarget {
  uint32_t target_ref = 0;
  model::Labels labels;
  model::ContentHash layout{};
};
void DeclareTarget(const DeclaredTarget& target, v1::TargetDeclaration* declaration);
// Errors: InvalidArgument, as above.
absl::StatusOr<DeclaredTarget> ReadTarget(const v1::TargetDeclaration& declaration,
                                          const DeclarationLimits& limits = {});

struct FrameBatchLimits {
  size_t frames_max = 100'000;
  size_t raw_bytes_max = size_t{64} << 20;
};

// Checks what can be checked of a batch without decoding it: its sequence numbers, encoding and
// sizes (InvalidArgument) and its CRC (DataLoss). Whether its targets are declared the caller
// knows.
absl::Status CheckFrameBatch(const v1::FrameBatch& batch, const FrameBatchLimits& limits = {});

}  // namespace baro::wire
