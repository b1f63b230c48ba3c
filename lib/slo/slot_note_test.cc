// Saved counts come back as they were, in bytes that do not change; damaged ones are refused.
#include <cstdlib>
#include <fstream>

#include "alert_book.h"
#include "book_store.h"
#include "gtest/gtest.h"

namespace baro::slo {
namespace {

SlotNote Note() {
  SlotNote note{1'763'856'000'000, 5 * kMinuteMs, {}};
  note.groups.push_back({{{"zone", "eu"}},
                         1'763'856'290'000,
                         1'763'850'000'000,
                         {123'456, 7.25},
                         {{0, 0}, {0, 0}, {300, 1}, {2.5, 0.125}, {0, 0}, {12, -3}}});
  note.groups.push_back({{}, 0, 0, {}, {{0, 0}}});
  return note;
}

std::string Hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    text += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    text += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

TEST(SlotNote, ComesBackAsItWas) {
  const SlotNote note = Note();
  const auto read = DecodeSlots(EncodeSlots(note));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->from_ms, note.from_ms);
  EXPECT_EQ(read->slot_ms, note.slot_ms);
  ASSERT_EQ(read->groups.size(), 2u);
  EXPECT_EQ(read->groups[0].labels, note.groups[0].labels);
  EXPECT_EQ(read->groups[0].last_seen_ms, note.groups[0].last_seen_ms);
  EXPECT_EQ(read->groups[0].first_event_ms, note.groups[0].first_event_ms);
  EXPECT_EQ(read->groups[0].before, note.groups[0].before);
  EXPECT_EQ(read->groups[0].slots, note.groups[0].slots);
}

TEST(SlotNote, HasBytesThatDoNotChange) {
  const std::string path = std::string(BARO_TESTDATA_DIR) + "/slots_v1.hex";
  const std::string hex = Hex(EncodeSlots(Note()));
  if (std::getenv("BARO_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << hex << "\n";
  std::ifstream file(path);
  std::string golden;
  std::getline(file, golden);
  EXPECT_EQ(hex, golden);
}

TEST(SlotNote, RefusesEveryTruncation) {
  const std::string good = EncodeSlots(Note());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(DecodeSlots(good.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << "at size " << size;
  }
}

TEST(AlertNote, KeepsWhatReceiversWereTold) {
  AlertBook book;
  FoundAlert found;
  found.labels = {{"alertname", "Burn"}, {"slo", "a"}};
  found.annotations["summary"] = "burns";
  found.severity = "page";
  found.why = "14x";
  found.value = 14.5;
  book.Advance(1'000'000, {found});
  EXPECT_EQ(book.TakeDue({1'000'000, 30'000, 60'000, "http://x"}).size(), 1u);
  AlertBook read;
  ASSERT_TRUE(read.Decode(book.Encode()).ok());
  EXPECT_EQ(read.Encode(), book.Encode());
  EXPECT_TRUE(read.IsFiring(found.labels));
  EXPECT_EQ(read.ActiveSince(found.labels), 1'000'000);
  // Told a moment ago, it is not told again at once.
  EXPECT_TRUE(read.TakeDue({1'030'000, 30'000, 60'000, ""}).empty());
  EXPECT_EQ(read.TakeDue({1'060'000, 30'000, 60'000, ""}).size(), 1u);
  const std::string good = book.Encode();
  for (size_t size = 0; size < good.size(); ++size) {
    AlertBook damaged;
    EXPECT_FALSE(damaged.Decode(good.substr(0, size)).ok()) << "at size " << size;
  }
}

}  // namespace
}  // namespace baro::slo
