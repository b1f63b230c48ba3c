// Rows become frames that decode to the same bits; what a write promised is in the spool, whatever
// the disk did in between.

#include "baro/agent/spool_writer.h"

#include <zstd.h>

#include <bit>
#include <cstring>
#include <map>
#include <string>

#include "baro/base/crc32c.h"
#include "baro/base/sim_disk.h"
#include "baro/base/strings.h"
#include "baro/codec/frame.h"
#include "baro/model/sample.h"
#include "baro/wire/ingest.h"
#include "declaration.h"
#include "gtest/gtest.h"

namespace baro::agent {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

model::Layout LayoutOf(size_t columns) {
  model::Layout layout;
  for (size_t i = 0; i < columns; ++i) {
    model::Column column;
    column.labels.Set("__name__", base::StrCat("metric_", i));
    column.metadata.help = std::string(100, 'h');
    layout.columns.push_back(column);
  }
  return layout;
}

model::Labels TargetLabels(std::string_view instance) {
  model::Labels labels;
  labels.Set("instance", instance);
  return labels;
}

using Bits = std::vector<uint64_t>;

Bits BitsOf(std::span<const double> values) {
  Bits bits;
  for (const double value : values) bits.push_back(std::bit_cast<uint64_t>(value));
  return bits;
}

class SpoolWriterTest : public testing::Test {
 protected:
  std::unique_ptr<spool::Spool> OpenSpool() {
    auto spool = spool::Spool::Open({.path = "/spool",
                                     .bytes_max = 1 << 20,
                                     .segment_bytes = 4 << 10,
                                     .disk = &disk_,
                                     .new_identity = {.agent_uuid = {1}, .epoch = 1}});
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }
  // Reads the spool as a collector would, segment by segment: rows by (instance, time).
  std::map<std::pair<std::string, int64_t>, Bits> Decode() {
    std::map<std::pair<std::string, int64_t>, Bits> rows;
    for (const spool::SegmentFacts& facts : spool_->Segments()) DecodeSegment(facts.number, &rows);
    return rows;
  }
  void DecodeSegment(uint64_t number, std::map<std::pair<std::string, int64_t>, Bits>* rows) {
    std::map<model::ContentHash, model::Layout> layouts;
    std::map<uint32_t, wire::DeclaredTarget> targets;
    std::map<uint32_t, codec::FrameDecoder> chains;
    const auto find = [&layouts](const model::ContentHash& hash) -> const model::Layout* {
      return layouts.contains(hash) ? &layouts.at(hash) : nullptr;
    };
    spool::SegmentReader reader = spool_->OpenReader(number);
    while (true) {
      const auto record = spool_->ReadNext(&reader);
      ASSERT_TRUE(record.ok()) << record.status();
      if (!record->has_value()) return;
      if ((*record)->kind == spool::RecordKind::kBatch) {
        DecodeBatch((*record)->bytes, layouts, targets, &chains, rows);
        continue;
      }
      v1::Declare declare;
      ASSERT_TRUE(ReadDeclaration((*record)->bytes, &declare).ok());
      if (declare.has_layout()) {
        const auto layout = wire::ReadLayout(declare.layout(), find);
        ASSERT_TRUE(layout.ok()) << layout.status();
        layouts[layout->Hash()] = *layout;
      } else {
        const auto target = wire::ReadTarget(declare.target());
        ASSERT_TRUE(target.ok()) << target.status();
        targets[target->target_ref] = *target;
      }
    }
  }
  static void DecodeBatch(std::string_view bytes,
                          const std::map<model::ContentHash, model::Layout>& layouts,
                          const std::map<uint32_t, wire::DeclaredTarget>& targets,
                          std::map<uint32_t, codec::FrameDecoder>* chains,
                          std::map<std::pair<std::string, int64_t>, Bits>* rows) {
    v1::FrameBatch batch;
    ASSERT_TRUE(batch.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    ASSERT_TRUE(wire::CheckFrameBatch(batch).ok()) << wire::CheckFrameBatch(batch);
    std::string raw = batch.body();
    if (batch.encoding() == v1::ENCODING_FRAME_V1_ZSTD) {
      raw.resize(batch.raw_size());
      ASSERT_EQ(ZSTD_decompress(raw.data(), raw.size(), batch.body().data(), batch.body().size()),
                raw.size());
    }
    std::string_view rest = raw;
    for (const uint32_t ref : batch.target_refs()) {
      ASSERT_TRUE(targets.contains(ref)) << "declared before it is used";
      const wire::DeclaredTarget& target = targets.at(ref);
      const size_t columns = layouts.at(target.layout).columns.size();
      codec::Row row;
      const absl::Status status =
          chains->try_emplace(ref, columns).first->second.Decode(&rest, &row);
      ASSERT_TRUE(status.ok()) << status;
      const auto place = std::pair(std::string(target.labels.Get("instance")), row.time_ms);
      ASSERT_TRUE(rows->emplace(place, BitsOf(row.values)).second) << "a row twice";
    }
    ASSERT_TRUE(rest.empty());
  }
  void Give(TargetHandle target, std::string_view instance, int64_t time_ms,
            std::vector<double> values) {
    ASSERT_TRUE(queue_.Append(target, time_ms, values).ok());
    given_[{std::string(instance), time_ms}] = BitsOf(values);
  }

  base::SimDisk disk_{1};
  RowQueue queue_{RowQueueOptions{}};
  std::unique_ptr<spool::Spool> spool_ = OpenSpool();
  SpoolWriter writer_{{.batch_bytes = 512}, &queue_, spool_.get()};
  std::map<std::pair<std::string, int64_t>, Bits> given_;
};

TEST_F(SpoolWriterTest, WritesRowsThatDecodeToTheSameBits) {
  const auto a = *queue_.Declare(TargetLabels("a"), LayoutOf(3));
  const auto b = *queue_.Declare(TargetLabels("b"), LayoutOf(1));
  for (int i = 0; i < 500; ++i) {
    Give(a, "a", kNowMs + i, {i * 0.1, -0.0, i % 3 == 0 ? model::kStaleNan : 7});
    Give(b, "b", kNowMs + i, {1e300 * i});
    if (i % 50 == 0) {
      ASSERT_TRUE(writer_.Write(kNowMs + i).ok());
    }
  }
  ASSERT_TRUE(writer_.Write(kNowMs).ok());
  EXPECT_EQ(Decode(), given_);
  EXPECT_GT(spool_->Segments().size(), 1u) << "every segment must stand for itself";
  EXPECT_EQ(writer_.stats().frames_total, 1'000u);
}

TEST_F(SpoolWriterTest, WritesAgainWhatAFailingDiskRefused) {
  const auto a = *queue_.Declare(TargetLabels("a"), LayoutOf(2));
  int countdown = 0;
  disk_.set_fault_plan([&countdown](base::SimDisk::Operation operation, const std::string&) {
    if (operation == base::SimDisk::Operation::kRead || ++countdown % 5 != 0)
      return base::SimDisk::Fault::kNone;
    return base::SimDisk::Fault::kIoError;
  });
  int failures = 0;
  for (int i = 0; i < 300; ++i) {
    Give(a, "a", kNowMs + i, {static_cast<double>(i), 0.5});
    failures += writer_.Write(kNowMs + i).ok() ? 0 : 1;
  }
  disk_.set_fault_plan(nullptr);
  ASSERT_TRUE(writer_.Write(kNowMs).ok());
  EXPECT_GT(failures, 20);
  EXPECT_EQ(Decode(), given_);
}

TEST_F(SpoolWriterTest, GivesUpTheOldestWhenTheDiskIsFull) {
  const auto a = *queue_.Declare(TargetLabels("a"), LayoutOf(2));
  disk_.set_capacity_bytes(20 << 10);
  for (int i = 0; i < 3'000; ++i) {
    Give(a, "a", kNowMs + i, {static_cast<double>(i * i), 0.1 * i});
    if (i % 10 == 0) {
      ASSERT_TRUE(writer_.Write(kNowMs + i).ok()) << i;
    }
  }
  ASSERT_TRUE(writer_.Write(kNowMs).ok());
  const auto rows = Decode();
  EXPECT_TRUE(rows.contains({"a", kNowMs + 2'999}));
  EXPECT_FALSE(rows.contains({"a", kNowMs}));
  EXPECT_EQ(rows.size() + spool_->GetStats().lost_total.at("disk_full").frames, given_.size());
}

TEST_F(SpoolWriterTest, ReleasedTargetsAreWrittenToTheirEnd) {
  const auto a = *queue_.Declare(TargetLabels("a"), LayoutOf(1));
  Give(a, "a", kNowMs, {1});
  queue_.Release(a);
  EXPECT_EQ(queue_.Append(a, kNowMs + 1, std::vector<double>{2}).code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(writer_.Write(kNowMs).ok());
  EXPECT_EQ(Decode(), given_);
  ASSERT_TRUE(writer_.Write(kNowMs + 1).ok());  // lets go of what it wrote before
  EXPECT_EQ(queue_.GetStats().targets, 0u);
  EXPECT_EQ(queue_.GetStats().layouts, 0u);
}

TEST_F(SpoolWriterTest, ForgetsALayoutWhoseTargetsWentTogether) {
  const auto a = *queue_.Declare(TargetLabels("a"), LayoutOf(1));
  const auto b = *queue_.Declare(TargetLabels("b"), LayoutOf(1));
  queue_.Release(a);
  queue_.Release(b);
  ASSERT_TRUE(writer_.Write(kNowMs).ok());
  ASSERT_TRUE(writer_.Write(kNowMs + 1).ok());  // lets go of what it wrote before
  EXPECT_EQ(queue_.GetStats().layouts, 0u);
  EXPECT_TRUE(queue_.LayoutHashes(10).empty()) << "they fill up Hello";
}

TEST_F(SpoolWriterTest, NumbersTargetsAnewForEveryProcess) {
  const auto a = *queue_.Declare(TargetLabels("a"), LayoutOf(1));
  Give(a, "a", kNowMs, {1});
  ASSERT_TRUE(writer_.Write(kNowMs).ok());
  const uint64_t before = spool_->next_declaration_id();
  spool_ = OpenSpool();
  EXPECT_EQ(spool_->next_declaration_id(), before) << "a number must not mean two targets";
}

TEST_F(SpoolWriterTest, RefusesRowsThatDoNotFitAndSaysWhy) {
  RowQueue small(RowQueueOptions{.bytes_max = 200, .targets_max = 1, .priority = nullptr});
  const auto a = *small.Declare(TargetLabels("a"), LayoutOf(4));
  EXPECT_EQ(small.Declare(TargetLabels("b"), LayoutOf(1)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(small.Append(a, kNowMs, std::vector<double>{1}).code(),
            absl::StatusCode::kInvalidArgument);
  const std::vector<double> row = {1, 2, 3, 4};
  absl::Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) status = small.Append(a, kNowMs + i, row);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(small.GetStats().samples_refused_total, 4u);
  EXPECT_EQ(small.Declare(TargetLabels("c"), model::Layout{}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Declaration, SplitsALayoutThatIsTooLargeForOneMessage) {
  const model::Layout layout = LayoutOf(40'000);  // ≈ 6 MB
  const auto records = LayoutRecords(layout);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_GT(records->size(), 1u);
  model::Layout built;
  for (const std::string& record : *records) {
    v1::Declare declare;
    ASSERT_TRUE(ReadDeclaration(record, &declare).ok());
    EXPECT_LT(declare.ByteSizeLong(), 8u << 20);
    const auto whole =
        wire::ReadLayout(declare.layout(), [&built](const model::ContentHash&) { return &built; });
    ASSERT_TRUE(whole.ok()) << whole.status();
    built = *whole;
  }
  EXPECT_EQ(built.columns, layout.columns);
}

TEST(Declaration, RefusesDamagedRecords) {
  std::string record = TargetRecord(7, TargetLabels("a"), LayoutOf(1).Hash());
  v1::Declare declare;
  ASSERT_TRUE(ReadDeclaration(record, &declare).ok());
  for (size_t size = 0; size < record.size(); ++size)
    EXPECT_FALSE(ReadDeclaration(std::string_view(record).substr(0, size), &declare).ok()) << size;
  record[0] = 9;
  EXPECT_EQ(ReadDeclaration(record, &declare).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace baro::agent
