// RowSink: where the agent's node collectors and scrape loops put rows; delivery (spool and push)
// stands behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/model/series_extras.h"

namespace baro::agent {

// What a collector takes at most of one target or column; beyond, it refuses the whole layout, so
// that sources leave such a series out and cut such a help text (wire::DeclarationLimits).
inline constexpr size_t kLabelsMax = 256;  // of a target, and of a column
inline constexpr size_t kLabelBytesMax = 64 * 1024;
inline constexpr size_t kHelpBytesMax = 4 * 1024;

// Its labels are all of a series' but external ones.
using SeriesExtras = model::SeriesExtras;

// Names a declared (target, layout) until Release(). Never reused within a process.
using TargetHandle = uint64_t;

// Thread-safe.
class RowSink {
 public:
  virtual ~RowSink() = default;

  // Declares a target with its layout. A layout that grows or shrinks is a new declaration with the
  // same labels. Errors: ResourceExhausted (a limit, which is named), InvalidArgument (no columns,
  // too many).
  virtual absl::StatusOr<TargetHandle> Declare(const model::Labels& target,
                                               const model::Layout& layout) = 0;

  // One row, values in the layout's order; model::kStaleNan where the column has no sample any
  // more. Returns at once: encodes into the open batch. Errors: ResourceExhausted (spool full and
  // nothing to shed; counted), NotFound (released handle).
  virtual absl::Status Append(TargetHandle target, int64_t time_ms,
                              std::span<const double> values) = 0;

  // Travels with the row that is appended next, of whatever target: append extras, then the
  // scrape's row. Errors: ResourceExhausted (no room), Unimplemented (a sink that takes rows only);
  // nothing of them is kept then.
  virtual absl::Status AppendExtras(std::vector<SeriesExtras> extras) {
    return extras.empty() ? absl::OkStatus()
                          : absl::UnimplementedError("cannot take extras: not by this sink");
  }

  // The target is gone or has a new layout. Writes no stale markers: the caller appends a last row
  // of them first.
  virtual void Release(TargetHandle target) = 0;
};

}  // namespace baro::agent
