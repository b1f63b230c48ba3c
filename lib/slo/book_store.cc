#include "book_store.h"

#include <algorithm>
#include <map>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "note_bytes.h"
#include "rounding.h"

namespace baro::slo {
namespace {

constexpr uint64_t kVersion = 1;
constexpr int64_t kMinutesStretchMs = 6 * kHourMs;
constexpr int64_t kMinutesKeptMs = 3 * kDayMs;
constexpr int64_t kDaySlotMs = 5 * kMinuteMs;
// A note's slots: a day of minutes, and room.
constexpr size_t kSlotsMax = 2'000;

void EncodeCounts(const Counts& counts, NoteWriter* out) {
  out->Number(counts.total);
  out->Number(counts.bad);
}

Counts DecodeCounts(NoteReader* in) {
  Counts counts;
  counts.total = in->Number();
  counts.bad = in->Number();
  return counts;
}

// Slots of nothing are told as how many of them there are.
void EncodeRuns(const std::vector<Counts>& slots, NoteWriter* out) {
  out->Varint(slots.size());
  for (size_t i = 0; i < slots.size();) {
    size_t idle = i;
    while (idle < slots.size() && slots[idle] == Counts{}) ++idle;
    out->Varint(idle - i);
    i = idle;
    if (i < slots.size()) EncodeCounts(slots[i++], out);
  }
}

absl::Status DecodeRuns(NoteReader* in, std::vector<Counts>* slots) {
  const uint64_t size = in->Varint();
  if (!in->ok() || size > kSlotsMax) return absl::DataLossError("too many slots");
  slots->resize(size);
  for (size_t i = 0; i < size;) {
    const uint64_t idle = in->Varint();
    if (!in->ok() || idle > size - i) return absl::DataLossError("too many idle slots");
    i += idle;
    if (i < size) (*slots)[i++] = DecodeCounts(in);
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeSlots(const SlotNote& note) {
  NoteWriter out;
  out.Varint(kVersion);
  out.Int(note.from_ms);
  out.Int(note.slot_ms);
  out.Varint(note.groups.size());
  for (const SlotNote::Group& group : note.groups) {
    out.Labels(group.labels);
    out.Int(group.last_seen_ms);
    out.Int(group.first_event_ms);
    EncodeCounts(group.before, &out);
    EncodeRuns(group.slots, &out);
  }
  return out.Finish();
}

absl::StatusOr<SlotNote> DecodeSlots(std::string_view bytes) {
  NoteReader in(bytes);
  SlotNote note;
  if (in.Varint() != kVersion) return absl::DataLossError("unknown version of saved slots");
  note.from_ms = in.Int();
  note.slot_ms = in.Int();
  const size_t groups = in.Count();
  if (!in.ok() || note.slot_ms < kMinuteMs || note.slot_ms > kHourMs ||
      note.slot_ms % kMinuteMs != 0 || note.from_ms % note.slot_ms != 0) {
    return absl::DataLossError("damaged head of saved slots");
  }
  for (size_t i = 0; i < groups && in.ok(); ++i) {
    SlotNote::Group group;
    group.labels = in.Labels();
    group.last_seen_ms = in.Int();
    group.first_event_ms = in.Int();
    group.before = DecodeCounts(&in);
    BARO_TRY(DecodeRuns(&in, &group.slots));
    note.groups.push_back(std::move(group));
  }
  if (!in.ok() || !in.at_end()) return absl::DataLossError("damaged saved slots");
  return note;
}

std::string BookStore::Prefix(std::string_view slo) {
  return base::StrCat("slo/counts/", slo, "/");
}

BookStore::BookStore(const SloSpec& spec, SloStorage* storage)
    : prefix_(Prefix(spec.name)),
      key_(CountingKey(spec)),
      window_ms_(spec.window.length_ms),
      slice_ms_(spec.slices.length_ms),
      storage_(storage) {}

std::string BookStore::Meta(int64_t saved_ms) const {
  NoteWriter out;
  out.Varint(kVersion);
  out.Text(key_);
  out.Int(window_ms_);
  out.Int(saved_ms);
  return out.Finish();
}

void BookStore::AddNotes(const EventBook& book, const char* kind, int64_t stretch_ms,
                         int64_t slot_ms, int64_t from_ms, int64_t to_ms,
                         std::vector<SloNote>* notes) const {
  const bool is_slices = kind[0] == 's';
  for (int64_t start_ms = FloorTo(from_ms, stretch_ms); start_ms < to_ms; start_ms += stretch_ms) {
    const int64_t end_ms = std::min(start_ms + stretch_ms, to_ms);
    SlotNote note{start_ms, slot_ms, {}};
    for (const GroupBook& group : book.groups()) {
      const SlotLadder& ladder = is_slices ? *group.slices : group.events;
      if (ladder.empty() || end_ms <= ladder.oldest_ms()) continue;
      SlotNote::Group one{
          group.labels, group.last_seen_ms, group.first_event_ms, ladder.UpTo(start_ms), {}};
      for (int64_t t = start_ms; t + slot_ms <= end_ms; t += slot_ms) {
        one.slots.push_back(ladder.Between(t, t + slot_ms));
      }
      note.groups.push_back(std::move(one));
    }
    // Nothing, and never anything: there is no note to replace either.
    if (note.groups.empty() && saved_ms_ == 0) continue;
    notes->push_back({base::StrCat(prefix_, kind, "/", start_ms / kHourMs), EncodeSlots(note)});
  }
}

absl::Status BookStore::Save(const EventBook& book, int64_t amended_since_ms, int64_t now_ms) {
  unsaved_since_ms_ = std::min(unsaved_since_ms_, amended_since_ms);
  const int64_t to_ms = FloorTo(book.settled_ms(), kHourMs);
  const bool amended = unsaved_since_ms_ < saved_ms_;
  if (to_ms <= saved_ms_ && !amended) return absl::OkStatus();
  const int64_t kept_ms = now_ms - std::max(window_ms_, 3 * kDayMs) - kDayMs;
  int64_t from_ms = std::max(std::min(saved_ms_, unsaved_since_ms_), kept_ms);
  std::vector<SloNote> notes;
  AddNotes(book, "d", kDayMs, kDaySlotMs, from_ms, to_ms, &notes);
  AddNotes(book, "m", kMinutesStretchMs, kMinuteMs, std::max(from_ms, now_ms - kMinutesKeptMs),
           to_ms, &notes);
  if (slice_ms_ > 0) AddNotes(book, "s", kDayMs, slice_ms_, from_ms, to_ms, &notes);
  // What is too old by now; each of these keys is removed a few times over.
  for (int64_t i = 1; i <= 3; ++i) {
    const int64_t day_ms = FloorTo(kept_ms - i * kDayMs, kDayMs);
    notes.push_back({base::StrCat(prefix_, "d/", day_ms / kHourMs), ""});
    if (slice_ms_ > 0) notes.push_back({base::StrCat(prefix_, "s/", day_ms / kHourMs), ""});
  }
  for (int64_t i = 1; i <= 12; ++i) {
    const int64_t old_ms =
        FloorTo(now_ms - kMinutesKeptMs - i * kMinutesStretchMs, kMinutesStretchMs);
    notes.push_back({base::StrCat(prefix_, "m/", old_ms / kHourMs), ""});
  }
  notes.push_back({base::StrCat(prefix_, "meta"), Meta(to_ms)});
  BARO_TRY(storage_->Save(notes));
  saved_ms_ = to_ms;
  unsaved_since_ms_ = model::kTimeMsMax;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<BookStore::Saved>> BookStore::Load(EventBook book) {
  BARO_TRY_ASSIGN(const std::vector<SloNote> notes, storage_->Load(prefix_));
  std::vector<SlotNote> events;
  std::vector<SlotNote> slices;
  int64_t saved_ms = 0;
  bool same = false;
  for (const SloNote& note : notes) {
    const std::string_view name = std::string_view(note.key).substr(prefix_.size());
    if (name == "meta") {
      NoteReader in(note.value);
      in.Varint();
      in.Text();
      in.Int();
      saved_ms = in.Int();
      same = in.ok() && note.value == Meta(saved_ms);
      continue;
    }
    BARO_TRY_ASSIGN(SlotNote read, DecodeSlots(note.value));
    (name.starts_with("s/") ? slices : events).push_back(std::move(read));
  }
  if (!same) return std::nullopt;
  // Days first, then the minutes, which stand for the newest of them in more detail.
  const auto by_grain_and_time = [](const SlotNote& a, const SlotNote& b) {
    return std::pair(-a.slot_ms, a.from_ms) < std::pair(-b.slot_ms, b.from_ms);
  };
  std::sort(events.begin(), events.end(), by_grain_and_time);
  std::sort(slices.begin(), slices.end(), by_grain_and_time);
  std::map<model::Labels, GroupBook> groups;
  for (const auto& [list, is_slices] : {std::pair(&events, false), std::pair(&slices, true)}) {
    for (SlotNote& note : *list) {
      for (SlotNote::Group& saved : note.groups) {
        auto it = groups.find(saved.labels);
        if (it == groups.end()) {
          it = groups.emplace(saved.labels, book.EmptyGroup(saved.labels)).first;
        }
        GroupBook& group = it->second;
        if (is_slices && !group.slices) continue;
        SlotLadder& ladder = is_slices ? *group.slices : group.events;
        if (ladder.empty()) ladder.Reset(note.from_ms, saved.before);
        ladder.Rewrite(note.from_ms, note.slot_ms, saved.slots);
        group.last_seen_ms = std::max(group.last_seen_ms, saved.last_seen_ms);
        group.first_event_ms = saved.first_event_ms;
      }
    }
  }
  for (auto& [labels, group] : groups) book.Restore(std::move(group));
  saved_ms_ = saved_ms;
  return Saved{std::move(book), saved_ms};
}

}  // namespace baro::slo
