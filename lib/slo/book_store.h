// BookStore: an objective's counts in the store's notes, so that they outlive samples and process.
//
// A day of slots is a note, and so are the minutes of each quarter of the last days. After a start
// the notes are read and the last hours are counted again from samples. docs/formats/slo-notes.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/slo/slo_storage.h"
#include "event_book.h"

namespace baro::slo {

// Slots of all groups within one stretch of time.
struct SlotNote {
  int64_t from_ms = 0;
  int64_t slot_ms = 0;
  struct Group {
    model::Labels labels;
    int64_t last_seen_ms = 0;
    int64_t first_event_ms = 0;
    Counts before;  // all up to from_ms
    std::vector<Counts> slots;
  };
  std::vector<Group> groups;
};
std::string EncodeSlots(const SlotNote& note);
// Errors: DataLoss.
absl::StatusOr<SlotNote> DecodeSlots(std::string_view bytes);

// Thread-compatible.
class BookStore {
 public:
  // `storage` outlives it.
  BookStore(const SloSpec& spec, SloStorage* storage);

  struct Saved {
    EventBook book;
    int64_t time_ms = 0;  // up to where it is right
  };
  // What was saved of the same counts; nothing: there is none. `book` is empty and takes it.
  // Errors: DataLoss, Unavailable.
  absl::StatusOr<std::optional<Saved>> Load(EventBook book);

  // Saves what has changed: all after `amended_since_ms`, and once an hour what is new.
  absl::Status Save(const EventBook& book, int64_t amended_since_ms, int64_t now_ms);

  // Keys of everything that is kept of an objective begin with it.
  static std::string Prefix(std::string_view slo);

 private:
  std::string Meta(int64_t saved_ms) const;
  void AddNotes(const EventBook& book, const char* kind, int64_t stretch_ms, int64_t slot_ms,
                int64_t from_ms, int64_t to_ms, std::vector<SloNote>* notes) const;

  const std::string prefix_;
  const std::string key_;
  const int64_t window_ms_;
  const int64_t slice_ms_;
  SloStorage* const storage_;
  int64_t saved_ms_ = 0;
  int64_t unsaved_since_ms_ = model::kTimeMsMax;
};

}  // namespace baro::slo
