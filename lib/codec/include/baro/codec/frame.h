// Frame: one row of one target as it travels and as it lies in spool and journal: what changed
// since the row before. Bytes: docs/formats/frame.md, frozen by golden files in testdata/.
//
//   frame = size, flags, time, [columns that came or went], [modes], [columns that changed],
//   decimal-aware zigzag deltas of the changed values
//
// A chain is a run of frames of one target, each told against the one before; it starts with a key
// frame, which stands for itself. The encoder and the decoder of a chain carry the same state.
// Frames of a batch lie one behind the other; which target each belongs to is told outside
// (FrameBatch.target_refs), so that no label and no id is in the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace baro::codec {

// Most columns of one frame; a layout with more is refused at declaration.
inline constexpr size_t kFrameColumnsMax = 1'000'000;

// One row. `values` has one double per column of the layout; an absent column holds
// model::kStaleNan.
struct Row {
  int64_t time_ms = 0;
  std::span<const double> values;
};

// Writes one target's chain. Thread-compatible.
class FrameEncoder {
 public:
  explicit FrameEncoder(size_t column_count);
  ~FrameEncoder();
  FrameEncoder(FrameEncoder&&) noexcept;
  FrameEncoder& operator=(FrameEncoder&&) noexcept;

  // Appends the frame to `bytes`. A key frame is written when asked for, and always first in a
  // chain. Requires row.values.size() == column_count.
  void Encode(const Row& row, bool key_frame, std::string* bytes);
  // The next frame will be a key frame.
  void StartChain();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads one target's chain. Thread-compatible.
class FrameDecoder {
 public:
  explicit FrameDecoder(size_t column_count);
  ~FrameDecoder();
  FrameDecoder(FrameDecoder&&) noexcept;
  FrameDecoder& operator=(FrameDecoder&&) noexcept;

  // Reads one frame from the front of `bytes` and drops it. `row` refers to the decoder's own
  // memory until the next call. `changed`, when not null, gets one bit a column (64 a word) for
  // those that differ from the row before (all of them when there was none). Errors: DataLoss
  // (damaged; offset and cause); FailedPrecondition (a delta frame before any key frame). After an
  // error the chain needs a key frame; `bytes` goes on with the frame behind the bad one, or is
  // empty when the end of the bad one is not known.
  absl::Status Decode(std::string_view* bytes, Row* row, std::vector<uint64_t>* changed = nullptr);

  // The state as a key frame of the last row, so that a chain can go on in another decoder (journal
  // rotation). Empty when there was no row yet.
  void EncodeState(std::string* bytes) const;
  size_t column_count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Cuts the first frame off `bytes` unread: frames say their own size, so that those of one target
// can be skipped or handed to another thread. Errors: DataLoss; `bytes` is then empty.
absl::Status NextFrame(std::string_view* bytes, std::string_view* frame);

}  // namespace baro::codec
