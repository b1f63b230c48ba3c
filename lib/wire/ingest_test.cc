// Declarations survive the way over the wire; what is damaged or beyond a limit is refused with the
// name of the field.

#include "baro/wire/ingest.h"

#include <string>
#include <vector>

#include "baro/base/crc32c.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::wire {
namespace {

using ::testing::HasSubstr;

model::Layout CpuLayout(int cpus) {
  model::Layout layout;
  const model::Metadata seconds{"node_cpu_seconds_total", model::MetricType::kCounter,
                                "Seconds the CPUs spent in each mode.", "seconds"};
  for (int cpu = 0; cpu < cpus; ++cpu) {
    for (const char* mode : {"idle", "user"}) {
      layout.columns.push_back(
          {{{"__name__", "node_cpu_seconds_total"}, {"cpu", std::to_string(cpu)}, {"mode", mode}},
           seconds});
    }
  }
  return layout;
}

v1::LayoutDeclaration Declaration(const model::Layout& layout) {
  v1::LayoutDeclaration declaration;
  DeclareLayout(layout, &declaration);
  return declaration;
}

std::string ErrorOf(const v1::LayoutDeclaration& declaration,
                    const DeclarationLimits& limits = {}) {
  const auto layout = ReadLayout(declaration, nullptr, limits);
  EXPECT_EQ(layout.status().code(), absl::StatusCode::kInvalidArgument) << layout.status();
  return std::string(layout.status().message());
}

TEST(LayoutDeclaration, ComesBackWithEachTextSentOnce) {
  const model::Layout layout = CpuLayout(4);
  const v1::LayoutDeclaration declaration = Declaration(layout);
  const auto read = ReadLayout(declaration, nullptr);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->columns, layout.columns);
  // "", __name__, the metric, cpu, 0…3, mode, idle, user, help, unit.
  EXPECT_EQ(declaration.symbols_size(), 13);
}

TEST(LayoutDeclaration, AChildSendsOnlyWhatItAdds) {
  const model::Layout parent = CpuLayout(2);
  const model::Layout child = CpuLayout(3);
  v1::LayoutDeclaration declaration;
  DeclareLayout(child, {parent.Hash(), parent.columns.size()}, &declaration);
  EXPECT_EQ(declaration.columns_size(), 2);
  const auto read = ReadLayout(declaration, [&](const model::ContentHash& hash) {
    return hash == parent.Hash() ? &parent : nullptr;
  });
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->columns, child.columns);
  EXPECT_EQ(ReadLayout(declaration, nullptr).status().code(), absl::StatusCode::kNotFound);
}

TEST(LayoutDeclaration, RefusesWhatIsNotItsHash) {
  v1::LayoutDeclaration declaration = Declaration(CpuLayout(1));
  *declaration.mutable_content_hash() = std::string(16, 'x');
  EXPECT_THAT(ErrorOf(declaration), HasSubstr("have not the content_hash it claims"));
  declaration.mutable_content_hash()->pop_back();
  EXPECT_THAT(ErrorOf(declaration), HasSubstr("content_hash: 15 bytes instead of 16"));
}

TEST(LayoutDeclaration, NamesTheFieldThatIsWrong) {
  const v1::LayoutDeclaration good = Declaration(CpuLayout(2));
  const auto error = [&good](auto damage) {
    v1::LayoutDeclaration bad = good;
    damage(&bad);
    return ErrorOf(bad);
  };
  EXPECT_THAT(error([](auto* bad) { bad->mutable_columns(2)->set_label_symbols(3, 99); }),
              HasSubstr("columns[2].label_symbols is symbol 99 of "));
  EXPECT_THAT(error([](auto* bad) { bad->mutable_columns(1)->add_label_symbols(1); }),
              HasSubstr("columns[1].label_symbols has 7 entries"));
  EXPECT_THAT(error([](auto* bad) { bad->mutable_columns(0)->set_family_symbol(77); }),
              HasSubstr("columns[0].family_symbol is symbol 77"));
  EXPECT_THAT(error([](auto* bad) { bad->mutable_columns(3)->set_type(8); }),
              HasSubstr("columns[3].type is 8"));
  EXPECT_THAT(error([](auto* bad) { bad->set_symbols(0, "x"); }), HasSubstr("symbols[0] is \"x\""));
  EXPECT_THAT(error([](auto* bad) { bad->set_symbols(3, ""); }),
              HasSubstr("columns[0]: a label has no name"));
  EXPECT_THAT(error([](auto* bad) { bad->set_symbols(1, "name"); }),
              HasSubstr("columns[0] has no __name__"));
  EXPECT_THAT(error([](auto* bad) { *bad->mutable_columns(3) = bad->columns(1); }),
              HasSubstr("columns[3] is the series of columns[1] again: node_cpu_seconds_total{"));
  EXPECT_THAT(error([](auto* bad) { bad->clear_symbols(); }), HasSubstr("of 0"));
}

TEST(LayoutDeclaration, HoldsItsLimits) {
  const v1::LayoutDeclaration declaration = Declaration(CpuLayout(2));
  EXPECT_THAT(ErrorOf(declaration, {.columns_max = 3}), HasSubstr("4 columns are more than 3"));
  EXPECT_THAT(ErrorOf(declaration, {.symbols_max = 5}), HasSubstr("symbols are more than 5"));
  EXPECT_THAT(ErrorOf(declaration, {.symbol_bytes_max = 10}),
              HasSubstr("columns[0].label_symbols is symbol 2, which has 22 bytes, more than 10"));
  EXPECT_THAT(ErrorOf(declaration, {.metadata_bytes_max = 10}),
              HasSubstr("symbols[2] has 22 bytes, more than 10"));
  EXPECT_THAT(ErrorOf(declaration, {.labels_max = 2}), HasSubstr("columns[0] has 3 labels"));
}

TEST(LayoutDeclaration, TakesALongHelpText) {
  model::Layout layout = CpuLayout(1);
  layout.columns[0].metadata.help.assign(300'000, 'h');
  const auto read = ReadLayout(Declaration(layout), nullptr);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->columns, layout.columns);
}

TEST(TargetDeclaration, ComesBack) {
  const DeclaredTarget target{7, {{"instance", "a:9100"}, {"job", "node"}}, CpuLayout(1).Hash()};
  v1::TargetDeclaration declaration;
  DeclareTarget(target, &declaration);
  const auto read = ReadTarget(declaration);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->target_ref, 7u);
  EXPECT_EQ(read->labels, target.labels);
  EXPECT_EQ(read->layout, target.layout);
}

TEST(TargetDeclaration, RefusesDamagedLabels) {
  v1::TargetDeclaration good;
  DeclareTarget({7, {{"a", "1"}, {"b", "2"}}, {}}, &good);
  const auto error = [&good](auto damage, const DeclarationLimits& limits = {}) {
    v1::TargetDeclaration bad = good;
    damage(&bad);
    const auto read = ReadTarget(bad, limits);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(read.status().message());
  };
  EXPECT_THAT(error([](auto* bad) { bad->mutable_labels(1)->set_name("a"); }),
              HasSubstr("target 7: label \"a\" occurs twice"));
  EXPECT_THAT(error([](auto* bad) { bad->mutable_labels(0)->set_name(""); }),
              HasSubstr("a label has no name"));
  EXPECT_THAT(error([](auto* bad) { bad->mutable_labels(0)->set_value(""); }),
              HasSubstr("label \"a\" has no value"));
  EXPECT_THAT(error([](auto* bad) { bad->clear_layout_content_hash(); }),
              HasSubstr("layout_content_hash: 0 bytes instead of 16"));
  EXPECT_THAT(error([](auto*) {}, {.labels_max = 1}), HasSubstr("2 labels are more than 1"));
  EXPECT_THAT(
      error([](auto* bad) { bad->mutable_labels(1)->set_value("long"); }, {.symbol_bytes_max = 3}),
      HasSubstr("labels[1] is longer than 3 bytes"));
}

TEST(FrameBatch, IsCheckedBeforeItIsDecoded) {
  v1::FrameBatch good;
  good.set_first_sequence(1);
  good.add_target_refs(3);
  good.set_encoding(v1::ENCODING_FRAME_V1);
  good.set_body("frame");
  good.set_raw_size(5);
  good.set_crc32c(base::Crc32c("frame"));
  EXPECT_TRUE(CheckFrameBatch(good).ok());
  const auto error = [&good](auto damage) {
    v1::FrameBatch bad = good;
    damage(&bad);
    return CheckFrameBatch(bad, {.frames_max = 2, .raw_bytes_max = 10}).ToString();
  };
  EXPECT_THAT(error([](auto* bad) { bad->set_crc32c(1); }), HasSubstr("DATA_LOSS"));
  EXPECT_THAT(error([](auto* bad) { bad->clear_target_refs(); }), HasSubstr("0 frames"));
  EXPECT_THAT(error([](auto* bad) { bad->mutable_target_refs()->Resize(3, 1); }),
              HasSubstr("3 frames instead of 1 to 2"));
  EXPECT_THAT(error([](auto* bad) { bad->set_first_sequence(0); }), HasSubstr("first_sequence 0"));
  EXPECT_THAT(error([](auto* bad) {
                bad->set_first_sequence(~uint64_t{0});
                bad->add_target_refs(1);
              }),
              HasSubstr("first_sequence 18446744073709551615 with 2 frames"));
  EXPECT_THAT(error([](auto* bad) { bad->set_raw_size(11); }), HasSubstr("more than 10"));
  EXPECT_THAT(error([](auto* bad) { bad->set_raw_size(6); }), HasSubstr("raw_size is 6"));
  EXPECT_THAT(error([](auto* bad) { bad->clear_encoding(); }), HasSubstr("encoding 0"));
}

}  // namespace
}  // namespace baro::wire
