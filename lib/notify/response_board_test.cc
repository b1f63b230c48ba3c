// How long people take is measured from an alert's start, once, and ends with the alert.

#include "response_board.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"

namespace baro::notify {
namespace {

model::Alert AlertOf(const char* severity, int64_t starts_ms, int64_t ends_ms) {
  model::Alert alert;
  alert.labels = {{"alertname", "A"}, {"severity", severity}};
  alert.starts_ms = starts_ms;
  alert.ends_ms = ends_ms;
  return alert;
}

Acknowledgement By(const char* author, int64_t time_ms) {
  Acknowledgement by;
  by.author = author;
  by.time_ms = time_ms;
  return by;
}

TEST(ResponseBoard, MeasuresFromTheStartOfTheAlertToTheFirstAnswer) {
  ResponseBoard board;
  board.NoteFiring(1, AlertOf("page", 10'000, 0));
  ASSERT_TRUE(board.Acknowledge(1, By("ana", 55'000)).ok());
  ASSERT_TRUE(board.Acknowledge(1, By("ben", 500'000)).ok());
  const ResponseStats stats = board.GetStats();
  const ResponseTimes& times = stats.to_acknowledge.at("page");
  EXPECT_EQ(times.seconds_sum, 45);
  EXPECT_EQ(times.counts[1], 1u) << "45 s lie between 30 and 60";
  EXPECT_EQ(board.Acknowledgements().at(1).author, "ben");
}

TEST(ResponseBoard, ForgetsTheAnswerWithTheAlert) {
  ResponseBoard board;
  board.NoteFiring(1, AlertOf("page", 0, 0));
  ASSERT_TRUE(board.Acknowledge(1, By("ana", 1'000)).ok());
  board.NoteResolved(1, AlertOf("page", 0, 90'000));
  EXPECT_TRUE(board.Acknowledgements().empty());
  EXPECT_EQ(board.GetStats().to_resolve.at("page").seconds_sum, 90);
  EXPECT_EQ(board.Acknowledge(1, By("ana", 2'000)).code(), absl::StatusCode::kNotFound);
  board.NoteFiring(1, AlertOf("page", 100'000, 0));
  EXPECT_EQ(board.GetStats().unacknowledged.at("page"), 1u);
}

TEST(ResponseBoard, BoundsTheSeveritiesThatBecomeSeries) {
  ResponseBoard board;
  for (uint64_t i = 0; i < 100; ++i) {
    board.NoteFiring(i, AlertOf(base::StrCat("s", i).c_str(), 0, 0));
  }
  const ResponseStats stats = board.GetStats();
  EXPECT_EQ(stats.to_resolve.size(), 17u);
  EXPECT_EQ(stats.unacknowledged.at("other"), 84u);
}

}  // namespace
}  // namespace baro::notify
