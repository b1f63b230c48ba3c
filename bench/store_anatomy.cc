// Where a store's bytes are. `fill` makes a store of the bench's fleet, sealed and merged; `show`
// tells of any store that nobody has open: kinds of values, shapes of columns, RocksDB's own.
//
//   store_anatomy fill --data FOLDER --instances 27 --rows 485 --start-ms T STORE
//   store_anatomy show STORE
#include <rocksdb/db.h>
#include <rocksdb/table_properties.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baro/codec/column.h"
#include "baro/tsdb/store.h"
#include "database.h"
#include "keys.h"
#include "plan_options.h"
#include "slot_value.h"

namespace baro::bench {
namespace {

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "store_anatomy: %s\n", status.ToString().c_str());
  std::exit(1);
}

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class Filler {
 public:
  Filler(const Corpus& corpus, const Plan& plan, tsdb::Store* store)
      : fleet_(&corpus, plan), plan_(plan), store_(store) {
    for (const Target& target : fleet_.targets()) {
      auto& series = series_.emplace_back();
      for (const Column& column : target.exporter().columns) {
        std::vector<model::Label> labels;
        for (const Label& label : target.LabelsOf(column)) {
          labels.push_back({label.name, label.value});
        }
        const auto declared = store->DeclareSeries(model::Labels::FromUnsorted(std::move(labels)));
        if (!declared.ok()) Fail(declared.status());
        series.push_back(*declared);
      }
    }
  }

  uint64_t Run() {
    uint64_t samples = 0;
    for (size_t row = plan_.first_row; row < plan_.first_row + plan_.rows; ++row) {
      for (size_t i = 0; i < series_.size(); ++i) samples += AppendRow(i, row);
    }
    return samples;
  }

 private:
  size_t AppendRow(size_t index, size_t row) {
    const Target& target = fleet_.targets()[index];
    const std::vector<Column>& columns = target.exporter().columns;
    tsdb::SampleBatch batch;
    for (size_t i = 0; i < columns.size(); ++i) {
      const auto value = target.ValueAt(columns[i], row);
      if (!value) continue;
      batch.series.push_back(series_[index][i]);
      batch.times_ms.push_back(fleet_.TimeMs(target, row));
      batch.values.push_back(*value);
    }
    const size_t samples = batch.values.size();
    std::promise<tsdb::AppendResult> done;
    store_->Append(std::move(batch),
                   [&](const tsdb::AppendResult& result) { done.set_value(result); });
    if (const auto result = done.get_future().get(); !result.status.ok()) Fail(result.status);
    return samples;
  }

  Fleet fleet_;
  const Plan plan_;
  tsdb::Store* const store_;
  std::vector<std::vector<tsdb::SeriesId>> series_;
};

int Fill(const Corpus& corpus, const Plan& plan, const std::string& path) {
  tsdb::StoreOptions options;
  options.path = path;
  options.retention_ms = 0;
  options.background = false;
  options.commit_delay_ms = 0;
  auto store = tsdb::Store::Open(options);
  if (!store.ok()) Fail(store.status());
  const double begin = CpuSeconds();
  const auto samples = static_cast<double>(Filler(corpus, plan, store->get()).Run());
  const double filled = CpuSeconds();
  // The first pass seals and merges by two hours, the second what that left.
  for (int pass = 0; pass < 2; ++pass) {
    if (const absl::Status status = (*store)->Maintain(true); !status.ok()) Fail(status);
  }
  std::printf("%.0f samples; append %.1f ns, seal and merge %.1f ns of processor time each\n",
              samples, (filled - begin) * 1e9 / samples, (CpuSeconds() - filled) * 1e9 / samples);
  return 0;
}

struct Tally {
  uint64_t count = 0;
  uint64_t bytes = 0;
  void Add(uint64_t more) {
    ++count;
    bytes += more;
  }
};

class Anatomy {
 public:
  void Add(const tsdb::SlotKey& key, std::string_view key_bytes, std::string_view value) {
    kinds_["keys"].Add(key_bytes.size());
    if (key.block == tsdb::kTimesBlock) return kinds_["times"].Add(value.size());
    const auto parsed = tsdb::SlotValues::Parse(value);
    if (!parsed.ok()) return kinds_["statistics"].Add(value.size());
    kinds_["values"].Add(value.size());
    samples_ += parsed->row_count() * parsed->column_count();
    uint64_t told = 0;
    std::vector<std::string_view> pieces(parsed->chunk_rows().size());
    for (size_t column = 0; column < parsed->column_count(); ++column) {
      if (!parsed->Pieces(column, pieces).ok()) continue;
      const bool once =
          codec::IsConstantColumn(pieces[0]) && pieces.front().data() == pieces.back().data();
      if (once) pieces.resize(1);
      for (const std::string_view piece : pieces) {
        shapes_[ShapeOf(piece)].Add(piece.size());
        told += piece.size();
      }
      pieces.resize(parsed->chunk_rows().size());
    }
    kinds_["sizes before columns"].Add(value.size() - told);
  }

  void Print(const char* title, const std::map<std::string, Tally>& tallies) const {
    std::printf("%s\n", title);
    for (const auto& [name, tally] : tallies) {
      std::printf("  %-24s %10llu %12llu B  %.4f B a cell\n", name.c_str(),
                  static_cast<unsigned long long>(tally.count),
                  static_cast<unsigned long long>(tally.bytes),
                  static_cast<double>(tally.bytes) / static_cast<double>(samples_));
    }
  }
  void Print() const {
    std::printf("%llu cells, those without a sample among them; bytes before zstd\n",
                static_cast<unsigned long long>(samples_));
    Print("values by kind", kinds_);
    Print("columns by shape and form", shapes_);
  }
  uint64_t samples() const { return samples_; }

 private:
  static std::string ShapeOf(std::string_view piece) {
    if (piece.empty()) return "empty";
    static constexpr const char* kNames[] = {"constant", "plain", "runs", "related"};
    const auto header = static_cast<uint8_t>(piece[0]);
    return std::string(kNames[header & 3]) + (header >> 2 == 24 ? " extended" : "");
  }

  uint64_t samples_ = 0;
  std::map<std::string, Tally> kinds_;
  std::map<std::string, Tally> shapes_;
};

int Show(const std::string& path) {
  auto database = tsdb::Database::OpenReadOnly(path, rocksdb::Env::Default());
  if (!database.ok()) Fail(database.status());
  const tsdb::Database::Using use(**database);
  rocksdb::DB* const db = (*database)->db();
  const std::unique_ptr<rocksdb::Iterator> it(
      db->NewIterator(rocksdb::ReadOptions(), (*database)->slots()));
  Anatomy anatomy;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    tsdb::SlotKey key;
    if (!tsdb::DecodeSlotKey(tsdb::FromSlice(it->key()), &key)) continue;
    anatomy.Add(key, tsdb::FromSlice(it->key()), tsdb::FromSlice(it->value()));
  }
  if (!it->status().ok()) Fail(tsdb::ToStatus(it->status(), "read the slots"));
  anatomy.Print();
  rocksdb::TablePropertiesCollection tables;
  db->GetPropertiesOfAllTables((*database)->slots(), &tables);
  uint64_t data = 0, index = 0, blocks = 0;
  for (const auto& [name, table] : tables) {
    data += table->data_size;
    index += table->index_size + table->filter_size;
    blocks += table->num_data_blocks;
  }
  std::printf("%zu files: data %llu B in %llu blocks, their index %llu B; %.4f B a cell\n",
              tables.size(), static_cast<unsigned long long>(data),
              static_cast<unsigned long long>(blocks), static_cast<unsigned long long>(index),
              static_cast<double>(data + index) / static_cast<double>(anatomy.samples()));
  return 0;
}

}  // namespace
}  // namespace baro::bench

int main(int argc, char** argv) {
  CLI::App app("Shows where a store's bytes are.", "store_anatomy");
  app.require_subcommand(1);
  baro::bench::CorpusOptions data;
  baro::bench::Plan plan;
  std::string folder;
  CLI::App* const fill = app.add_subcommand("fill", "Makes a store of the bench's fleet");
  AddPlanOptions(fill, &data, &plan);
  fill->add_option("store", folder, "Folder of the store")->required();
  CLI::App* const show = app.add_subcommand("show", "Tells where its bytes are");
  show->add_option("store", folder, "Folder of the store")->required();
  CLI11_PARSE(app, argc, argv);
  if (*show) return baro::bench::Show(folder);
  return baro::bench::Fill(baro::bench::ReadCorpus(data.folder, data.only), plan, folder);
}
