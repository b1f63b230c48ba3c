// Notes: small keyed values that others keep in the store's folder, so that what belongs to the
// samples (the state of alerts, for one) is backed up, moved and removed with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::tsdb {

class Store;

// Keys begin with their owner's name and a slash: "rules/". An empty value removes the note.
struct Note {
  std::string key;
  std::string value;
};
inline constexpr size_t kNoteKeyBytesMax = 4'096;
inline constexpr size_t kNoteBytesMax = size_t{16} << 20;  // of one value

// Thread-safe.
class Notes {
 public:
  virtual ~Notes() = default;

  // All of them or none; on the disk when it returns, after everything appended before.
  // Errors: InvalidArgument (a key or value too long), ResourceExhausted (disk full), Unavailable.
  virtual absl::Status WriteNotes(const std::vector<Note>& notes) = 0;
  // Those whose keys begin with `prefix`, by key. Errors: DataLoss, Unavailable.
  virtual absl::StatusOr<std::vector<Note>> ReadNotes(std::string_view prefix) const = 0;
};

// The notes of a store; null when it keeps none. The store's own.
Notes* NotesOf(Store* store);

}  // namespace baro::tsdb
