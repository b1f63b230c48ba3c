// What others keep beside the samples: in the index, by a key letter of its own.
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/tsdb/notes.h"
#include "keys.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

std::string NoteKey(std::string_view key) { return base::StrCat(std::string(1, kNoteKey), key); }

absl::Status CheckNote(const Note& note) {
  if (!note.key.empty() && note.key.size() <= kNoteKeyBytesMax &&
      note.value.size() <= kNoteBytesMax) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(base::StrCat("cannot keep note: key of ", note.key.size(),
                                                 " bytes, value of ", note.value.size(), " bytes"));
}

}  // namespace

Notes* NotesOf(Store* store) { return dynamic_cast<Notes*>(store); }

absl::Status StoreImpl::WriteNotes(const std::vector<Note>& notes) {
  IndexPuts puts;
  std::vector<std::string> removals;
  for (const Note& note : notes) {
    BARO_TRY(CheckNote(note));
    if (note.value.empty()) {
      removals.push_back(NoteKey(note.key));
    } else {
      puts.emplace_back(NoteKey(note.key), note.value);
    }
  }
  return OnWriter([&] { return WriteWithPending({live_->epoch(), {}}, puts, removals); });
}

absl::StatusOr<std::vector<Note>> StoreImpl::ReadNotes(std::string_view prefix) const {
  const Database::Using use(*database_);
  if (database_->db() == nullptr) return absl::UnavailableError("cannot read notes: not open");
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db()->NewIterator(rocksdb::ReadOptions(), database_->index()));
  const std::string first = NoteKey(prefix);
  std::vector<Note> notes;
  for (it->Seek(first); it->Valid() && it->key().starts_with(first); it->Next()) {
    notes.push_back({std::string(FromSlice(it->key()).substr(1)), it->value().ToString()});
  }
  BARO_TRY(ToStatus(it->status(), "read notes"));
  return notes;
}

}  // namespace baro::tsdb
