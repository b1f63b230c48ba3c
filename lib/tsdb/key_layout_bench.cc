// Two ways to lay out the keys of sealed samples, on three shapes of fleets:
//
//   block   class | slot | layout | column-block | target   up to 32 columns a value
//   metric  class | slot | column | target                  one column a value
//
// Both with the times of a target once a slot. Reported: bytes of the file, and what it takes to
// read one metric of all targets and all metrics of one target. docs/adr/0033 has the table.
#include <benchmark/benchmark.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/codec/column.h"
#include "bytes.h"
#include "dictionary.h"
#include "index_shapes.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr size_t kRows = 120;  // half an hour at 15 s
constexpr uint16_t kAllTimes = 0xffff;

using Shape = void (*)(size_t, const shapes::Visit&);
constexpr Shape kShapes[] = {shapes::Exporters, shapes::Cluster, shapes::Paths};
constexpr const char* kShapeNames[] = {"exporters", "cluster", "paths"};

rocksdb::Options TableOptions() {
  rocksdb::Options options;
  options.compression = rocksdb::kZSTD;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 32 * 1024;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Half of the series stand still, the rest count up, some in steps of their own.
std::vector<double> ValuesOf(TargetId target, ColumnId column) {
  std::vector<double> values(kRows, static_cast<double>(column % 17));
  std::mt19937_64 random(uint64_t{target} << 32 | column);
  if (column % 2 == 0) return values;
  double value = static_cast<double>(random() % 100'000);
  for (double& one : values) {
    value += column % 3 == 0 ? 15 : static_cast<double>(random() % 64);
    one = value;
  }
  return values;
}

struct Fleet {
  // Columns of each target, ascending; equal lists have one layout.
  std::map<TargetId, std::vector<ColumnId>> columns;
  std::map<std::vector<ColumnId>, LayoutId> layouts;
  std::map<ColumnId, std::string> metric;
  std::string one_metric;
  TargetId one_target = 0;
};

Fleet MakeFleet(Shape shape, size_t series) {
  Fleet fleet;
  Dictionary dictionary{Limits{}};
  std::map<std::string, size_t> count;
  shape(series, [&](const model::Labels& target, const model::Labels& column) {
    const SeriesId id = *dictionary.DeclareSeries(shapes::Merged(target, column));
    fleet.columns[id.target].push_back(id.column);
    const std::string metric(column.Get(model::kMetricName));
    fleet.metric[id.column] = metric;
    ++count[metric];
  });
  size_t most = 0;
  for (auto& [target, columns] : fleet.columns) {
    std::sort(columns.begin(), columns.end());
    fleet.layouts.try_emplace(columns, static_cast<LayoutId>(fleet.layouts.size()));
  }
  for (const auto& [metric, times] : count) {
    if (times > most) fleet.one_metric = metric;
    most = std::max(most, times);
  }
  fleet.one_target =
      std::next(fleet.columns.begin(), static_cast<ptrdiff_t>(fleet.columns.size() / 2))->first;
  return fleet;
}

std::string TimesValue() {
  std::vector<int64_t> times;
  for (size_t row = 0; row < kRows; ++row) {
    times.push_back(kNowMs + static_cast<int64_t>(row) * 15'000);
  }
  std::string bytes;
  codec::EncodeTimes(times, &bytes);
  return bytes;
}

std::string BlockKey(LayoutId layout, uint16_t block, TargetId target) {
  return EncodeSlotKey({kRawClass, 1, 1, layout, block, target});
}

std::string MetricKey(ColumnId column, TargetId target) {
  std::string key = PartPrefix({kRawClass, 1, 1, 0, 0, 0});
  PutBigEndian(column, &key);
  PutBigEndian(target, &key);
  return key;
}

// Lengths first, so that one column is found without decoding the others.
std::map<std::string, std::string> BlockEntries(const Fleet& fleet) {
  std::map<std::string, std::string> entries;
  for (const auto& [target, columns] : fleet.columns) {
    const LayoutId layout = fleet.layouts.at(columns);
    entries[BlockKey(layout, kAllTimes, target)] = TimesValue();
    for (size_t begin = 0; begin < columns.size(); begin += kBlockColumns) {
      std::string lengths;
      std::string bytes;
      for (size_t i = begin; i < std::min(columns.size(), begin + kBlockColumns); ++i) {
        std::string one;
        codec::EncodeColumn(ValuesOf(target, columns[i]), &one);
        PutVarint(one.size(), &lengths);
        bytes += one;
      }
      entries[BlockKey(layout, static_cast<uint16_t>(begin / kBlockColumns), target)] =
          lengths + bytes;
    }
  }
  return entries;
}

std::map<std::string, std::string> MetricEntries(const Fleet& fleet) {
  std::map<std::string, std::string> entries;
  for (const auto& [target, columns] : fleet.columns) {
    entries[MetricKey(UINT32_MAX, target)] = TimesValue();
    for (const ColumnId column : columns) {
      codec::EncodeColumn(ValuesOf(target, column), &entries[MetricKey(column, target)]);
    }
  }
  return entries;
}

// One file, read as the store reads: an iterator that seeks.
class File {
 public:
  explicit File(const std::map<std::string, std::string>& entries)
      : path_(std::filesystem::temp_directory_path().string() + "/key_layout." +
              std::to_string(::getpid())),
        reader_(TableOptions()) {
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), TableOptions());
    BARO_CHECK(writer.Open(path_).ok());
    for (const auto& [key, value] : entries) BARO_CHECK(writer.Put(key, value).ok());
    BARO_CHECK(writer.Finish().ok());
    BARO_CHECK(reader_.Open(path_).ok());
    iterator_.reset(reader_.NewIterator(rocksdb::ReadOptions()));
  }
  ~File() {
    iterator_.reset();
    std::filesystem::remove(path_);
  }
  uint64_t bytes() const { return std::filesystem::file_size(path_); }
  // Forward steps are cheaper than seeks: neighbours are tried first.
  std::string_view Get(const std::string& key) {
    if (iterator_->Valid() && iterator_->key().compare(key) < 0) iterator_->Next();
    if (!iterator_->Valid() || iterator_->key() != key) iterator_->Seek(key);
    BARO_CHECK(iterator_->Valid() && iterator_->key() == key);
    return {iterator_->value().data(), iterator_->value().size()};
  }

 private:
  const std::string path_;
  rocksdb::SstFileReader reader_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

void ReadBlockColumn(std::string_view value, size_t columns, size_t wanted) {
  size_t skip = 0;
  uint64_t length = 0;
  for (size_t i = 0; i < columns; ++i) {
    BARO_CHECK(TakeVarint(&value, &length));
    if (i < wanted) skip += length;
  }
  value.remove_prefix(skip);
  double values[kRows];
  BARO_CHECK(codec::DecodeColumn(&value, values).ok());
  benchmark::DoNotOptimize(values);
}

// In the order of the keys, as PartReader reads.
size_t ReadBlocks(const Fleet& fleet, File* file, bool one_target) {
  std::map<std::string, std::pair<size_t, std::vector<size_t>>> wanted;
  for (const auto& [target, columns] : fleet.columns) {
    if (one_target && target != fleet.one_target) continue;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (!one_target && fleet.metric.at(columns[i]) != fleet.one_metric) continue;
      const size_t block = i / kBlockColumns;
      auto& [count, list] =
          wanted[BlockKey(fleet.layouts.at(columns), static_cast<uint16_t>(block), target)];
      count = std::min(columns.size() - block * kBlockColumns, kBlockColumns);
      list.push_back(i % kBlockColumns);
    }
  }
  size_t read = 0;
  for (const auto& [key, columns] : wanted) {
    const std::string_view value = file->Get(key);
    for (const size_t column : columns.second) ReadBlockColumn(value, columns.first, column);
    read += columns.second.size();
  }
  return read;
}

size_t ReadMetrics(const Fleet& fleet, File* file, bool one_target) {
  std::vector<std::string> wanted;
  for (const auto& [target, columns] : fleet.columns) {
    if (one_target && target != fleet.one_target) continue;
    for (const ColumnId column : columns) {
      if (one_target || fleet.metric.at(column) == fleet.one_metric) {
        wanted.push_back(MetricKey(column, target));
      }
    }
  }
  std::sort(wanted.begin(), wanted.end());
  for (const std::string& key : wanted) {
    std::string_view value = file->Get(key);
    double values[kRows];
    BARO_CHECK(codec::DecodeColumn(&value, values).ok());
    benchmark::DoNotOptimize(values);
  }
  return wanted.size();
}

void BM_KeyLayout(benchmark::State& state) {
  const Fleet fleet = MakeFleet(kShapes[state.range(0)], static_cast<size_t>(state.range(1)));
  const bool by_metric = state.range(2) != 0;
  const bool one_target = state.range(3) != 0;
  File file(by_metric ? MetricEntries(fleet) : BlockEntries(fleet));
  size_t series = 0;
  for (auto _ : state) {
    series =
        by_metric ? ReadMetrics(fleet, &file, one_target) : ReadBlocks(fleet, &file, one_target);
  }
  state.SetLabel(base::StrCat(kShapeNames[state.range(0)], by_metric ? " metric" : " block",
                              one_target ? " one target" : " one metric"));
  state.counters["series"] = static_cast<double>(series);
  state.counters["layouts"] = static_cast<double>(fleet.layouts.size());
  state.counters["B/series"] =
      static_cast<double>(file.bytes()) / static_cast<double>(state.range(1));
}
BENCHMARK(BM_KeyLayout)
    ->ArgNames({"shape", "series", "by_metric", "one_target"})
    ->ArgsProduct({{0, 1, 2}, {20'000}, {0, 1}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace baro::tsdb
