// Notes last like samples do: through a crash, a seal, a backup; all of a write or nothing of it.
#include <gtest/gtest.h>

#include "baro/base/clock.h"
#include "baro/tsdb/notes.h"
#include "baro/tsdb/store_admin.h"
#include "store_test_support.h"

namespace baro::tsdb::testing {
namespace {

std::unique_ptr<Store> Open(const Folder& folder) {
  StoreOptions options;
  options.path = folder.path();
  options.background = false;
  auto store = Store::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

std::map<std::string, std::string> AllNotes(Store* store, std::string_view prefix) {
  std::map<std::string, std::string> all;
  const auto notes = NotesOf(store)->ReadNotes(prefix);
  EXPECT_TRUE(notes.ok()) << notes.status();
  if (!notes.ok()) return all;
  for (const Note& note : *notes) all.emplace(note.key, note.value);
  return all;
}

TEST(Notes, AreThereAfterTheStoreIsOpenedAgain) {
  const Folder folder("notes_reopen");
  {
    auto store = Open(folder);
    ASSERT_TRUE(NotesOf(store.get())
                    ->WriteNotes({{"rules/a", "one"}, {"rules/b", std::string("\0two", 4)}})
                    .ok());
    ASSERT_TRUE(NotesOf(store.get())->WriteNotes({{"other/a", "three"}, {"rules/a", "four"}}).ok());
  }
  auto store = Open(folder);
  const std::map<std::string, std::string> expected = {{"rules/a", "four"},
                                                       {"rules/b", std::string("\0two", 4)}};
  EXPECT_EQ(AllNotes(store.get(), "rules/"), expected);
  EXPECT_EQ(AllNotes(store.get(), "").size(), 3u);
}

TEST(Notes, AnEmptyValueRemoves) {
  const Folder folder("notes_remove");
  auto store = Open(folder);
  ASSERT_TRUE(NotesOf(store.get())->WriteNotes({{"rules/a", "one"}, {"rules/b", "two"}}).ok());
  ASSERT_TRUE(NotesOf(store.get())->WriteNotes({{"rules/a", ""}}).ok());
  EXPECT_EQ(AllNotes(store.get(), "rules/").size(), 1u);
}

TEST(Notes, LiveBesideSamplesAndSeals) {
  const Folder folder("notes_seal");
  {
    auto store = Open(folder);
    const int64_t now_ms = base::RealClock()->NowMs();  // within the default retention
    AppendOne(store.get(), model::Labels{{"__name__", "up"}}, now_ms, 1);
    ASSERT_TRUE(NotesOf(store.get())->WriteNotes({{"rules/a", "one"}}).ok());
    ASSERT_TRUE(store->Maintain(true).ok());
    const auto report = store->admin()->Verify();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->damages_total, 0u);
  }
  auto store = Open(folder);
  EXPECT_EQ(AllNotes(store.get(), "rules/").size(), 1u);
  EXPECT_EQ(ReadAll(*store).size(), 1u);
}

TEST(Notes, OneTooLongRefusesTheWholeWrite) {
  const Folder folder("notes_long");
  auto store = Open(folder);
  const absl::Status status =
      NotesOf(store.get())
          ->WriteNotes({{"rules/a", "one"}, {std::string(kNoteKeyBytesMax + 1, 'k'), "two"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(AllNotes(store.get(), "").empty());
}

}  // namespace
}  // namespace baro::tsdb::testing
