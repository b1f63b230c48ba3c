// Replays captured scrapes the native way: agents that push pre-encoded frames through real gRPC
// streams as fast as the collector grants credit. The fleet is remote_write_replay's: the same
// series, times and values, so that its `check` reads these back, too. Prints what was sent;
// bench/store.py reads the collector's CPU.
//
//   native_replay --data FOLDER --instances 40 --rows 480 --start-ms T HOST:PORT
//
// An agent has one target for each exporter and instance. A batch holds --rows-per-batch rows of
// all its targets. All frames are encoded before the first is sent; CRC and framing are the
// sender's work and not in the collector's figures. Exit code 1: something was refused.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baro/base/crc32c.h"
#include "baro/base/mutex.h"
#include "baro/base/task_group.h"
#include "baro/codec/frame.h"
#include "baro/model/layout.h"
#include "baro/model/sample.h"
#include "baro/v1/ingest.grpc.pb.h"
#include "baro/wire/ingest.h"
#include "corpus.h"
#include "plan_options.h"

namespace baro::bench {
namespace {

// A chain is a spool segment; agents begin a new one after this many bytes.
constexpr size_t kChainBytes = size_t{4} << 20;

struct Options {
  Plan fleet;
  std::string address;
  size_t instances_per_agent = 1;
  size_t rows_per_batch = 1;
};

// The layout that all targets of one exporter have.
struct Shape {
  model::Layout layout;
  model::ContentHash hash{};
};

std::vector<Shape> MakeShapes(const Corpus& corpus) {
  std::vector<Shape> shapes;
  for (const Exporter& exporter : corpus.exporters) {
    Shape shape;
    for (const Column& of_capture : exporter.columns) {
      model::Column column;
      for (const Label& label : Target::ColumnLabels(of_capture))
        column.labels.Set(label.name, label.value);
      column.metadata.family = column.labels.Get(model::kMetricName);
      shape.layout.columns.push_back(std::move(column));
    }
    shape.hash = shape.layout.Hash();
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

struct Totals {
  std::atomic<uint64_t> samples{0};
  std::atomic<uint64_t> frames{0};
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> refused{0};
};

// What one agent will send, ready made.
class Script {
 public:
  Script(const std::vector<Shape>& shapes, Fleet* fleet, const Options& options, size_t agent)
      : options_(options), fleet_(fleet) {
    hello_.mutable_hello()->set_agent_uuid(Uuid(agent));
    hello_.mutable_hello()->set_epoch(EpochOf(options.fleet));
    hello_.mutable_hello()->set_node_name("replay-" + std::to_string(agent));
    hello_.mutable_hello()->set_version("native_replay");
    for (const Shape& shape : shapes) {
      v1::AgentMessage message;
      wire::DeclareLayout(shape.layout, message.mutable_declare()->mutable_layout());
      declarations_.push_back(std::move(message));
    }
    const size_t per_agent = options.instances_per_agent * shapes.size();
    const size_t end = std::min((agent + 1) * per_agent, fleet->targets().size());
    for (size_t i = agent * per_agent; i < end; ++i)
      AddTarget(shapes[i % shapes.size()], fleet->targets()[i]);
    for (size_t row = 0; row < options.fleet.rows; row += options.rows_per_batch) AddBatch(row);
  }

  const v1::AgentMessage& hello() const { return hello_; }
  const std::vector<v1::AgentMessage>& declarations() const { return declarations_; }
  const std::vector<v1::AgentMessage>& batches() const { return batches_; }
  uint64_t last_sequence() const { return sequence_ - 1; }
  uint64_t samples() const { return samples_; }

 private:
  struct Sender {
    const Target* target = nullptr;
    codec::FrameEncoder encoder;
  };

  // Another one for another run, so that each begins at sequence 1.
  static uint64_t EpochOf(const Plan& plan) {
    return static_cast<uint64_t>(plan.start_ms) + plan.first_row;
  }

  static std::string Uuid(size_t agent) {
    std::string uuid = "native-replay---";
    for (size_t i = 0; i < 4; ++i) uuid[15 - i] = static_cast<char>(agent >> (8 * i));
    return uuid;
  }

  void AddTarget(const Shape& shape, const Target& target) {
    wire::DeclaredTarget declared;
    declared.target_ref = static_cast<uint32_t>(targets_.size() + 1);
    for (const Label& label : target.OwnLabels()) declared.labels.Set(label.name, label.value);
    declared.layout = shape.hash;
    v1::AgentMessage message;
    wire::DeclareTarget(declared, message.mutable_declare()->mutable_target());
    declarations_.push_back(std::move(message));
    targets_.push_back({&target, codec::FrameEncoder(shape.layout.columns.size())});
  }

  // Absent columns are told as such.
  void FillRow(const Target& target, size_t row) {
    row_.clear();
    for (const Column& column : target.exporter().columns) {
      const std::optional<double> value = target.ValueAt(column, row);
      row_.push_back(value.value_or(model::kStaleNan));
      samples_ += value.has_value() ? 1 : 0;
    }
  }

  void AddBatch(size_t first_row) {
    v1::AgentMessage message;
    v1::FrameBatch* const batch = message.mutable_frames();
    batch->set_first_sequence(sequence_);
    batch->set_chain(chain_);
    batch->set_encoding(v1::ENCODING_FRAME_V1);
    std::string body;
    const size_t end = std::min(first_row + options_.rows_per_batch, options_.fleet.rows);
    for (size_t row = first_row; row < end; ++row) {
      for (size_t i = 0; i < targets_.size(); ++i) {
        const Target& target = *targets_[i].target;
        const size_t number = options_.fleet.first_row + row;
        FillRow(target, number);
        targets_[i].encoder.Encode({fleet_->TimeMs(target, number), row_}, false, &body);
        batch->add_target_refs(static_cast<uint32_t>(i + 1));
        ++sequence_;
      }
    }
    chain_bytes_ += body.size();
    batch->set_raw_size(static_cast<uint32_t>(body.size()));
    batch->set_crc32c(base::Crc32c(body));
    batch->set_body(std::move(body));
    batches_.push_back(std::move(message));
    if (chain_bytes_ < kChainBytes) return;
    ++chain_;
    chain_bytes_ = 0;
    for (Sender& sender : targets_) sender.encoder.StartChain();
  }

  const Options& options_;
  Fleet* const fleet_;
  v1::AgentMessage hello_;
  std::vector<v1::AgentMessage> declarations_;
  std::vector<v1::AgentMessage> batches_;
  std::vector<Sender> targets_;
  std::vector<double> row_;
  uint64_t sequence_ = 1;
  uint64_t chain_ = 1;
  size_t chain_bytes_ = 0;
  uint64_t samples_ = 0;
};

// One stream: a thread that writes as credit allows, a thread that reads what comes back.
class Agent {
 public:
  Agent(const Script* script, const Options& options, Totals* totals)
      : script_(script), totals_(totals) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    stub_ = v1::Ingest::NewStub(
        grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments));
    stream_ = stub_->Push(&context_);
  }

  void Start(base::TaskGroup* threads) {
    threads->Start("replay-read", [this] { Read(); });
    threads->Start("replay-write", [this] { Write(); });
  }

 private:
  void Write() {
    bool open = stream_->Write(script_->hello());
    for (const v1::AgentMessage& message : script_->declarations()) {
      open = open && stream_->Write(message);
    }
    for (const v1::AgentMessage& message : script_->batches()) {
      if (!open || !TakeCredit(message.frames().body().size())) break;
      open = stream_->Write(message);
      totals_->batches.fetch_add(1, std::memory_order_relaxed);
      totals_->bytes.fetch_add(message.frames().body().size(), std::memory_order_relaxed);
    }
    base::MutexLock lock(&mutex_);
    while (!ended_ && stored_ < script_->last_sequence()) changed_.Wait(&mutex_);
    context_.TryCancel();
  }

  // Waits until something may be sent; false when the stream has ended.
  bool TakeCredit(size_t bytes) {
    base::MutexLock lock(&mutex_);
    while (credit_ <= 0 && !ended_) changed_.Wait(&mutex_);
    credit_ -= static_cast<int64_t>(bytes);
    return !ended_;
  }

  void Read() {
    for (v1::CollectorMessage message; stream_->Read(&message);) Take(message);
    base::MutexLock lock(&mutex_);
    ended_ = true;
    changed_.SignalAll();
    if (stored_ < script_->last_sequence()) {
      totals_->refused.fetch_add(1);
      const grpc::Status status = stream_->Finish();
      std::fprintf(stderr, "stream ended after sequence %llu: %s\n",
                   static_cast<unsigned long long>(stored_), status.error_message().c_str());
      return;
    }
    totals_->samples.fetch_add(script_->samples());
    totals_->frames.fetch_add(script_->last_sequence());
  }

  void Take(const v1::CollectorMessage& message) {
    base::MutexLock lock(&mutex_);
    if (message.has_welcome()) {
      credit_ += static_cast<int64_t>(message.welcome().credit_bytes());
      stored_ = message.welcome().last_sequence();
      if (stored_ > 0) std::fprintf(stderr, "an agent of this START_MS was here before\n");
    } else if (message.has_credit()) {
      credit_ += static_cast<int64_t>(message.credit().bytes());
    } else if (message.has_ack()) {
      stored_ = message.ack().last_sequence();
    } else {
      totals_->refused.fetch_add(1);
      std::fprintf(stderr, "the collector refuses: %s\n", message.ShortDebugString().c_str());
    }
    changed_.SignalAll();
  }

  const Script* const script_;
  Totals* const totals_;
  std::unique_ptr<v1::Ingest::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::CollectorMessage>> stream_;
  base::Mutex mutex_;
  base::CondVar changed_;
  int64_t credit_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t stored_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

int Run(const Corpus& corpus, const Options& options) {
  const std::vector<Shape> shapes = MakeShapes(corpus);
  Fleet fleet(&corpus, options.fleet);
  std::vector<std::unique_ptr<Script>> scripts;
  for (size_t agent = 0; agent * options.instances_per_agent < options.fleet.instances; ++agent)
    scripts.push_back(std::make_unique<Script>(shapes, &fleet, options, agent));
  Totals totals;
  std::vector<std::unique_ptr<Agent>> agents;
  base::TaskGroup threads;
  for (const auto& script : scripts) {
    agents.push_back(std::make_unique<Agent>(script.get(), options, &totals));
    agents.back()->Start(&threads);
  }
  threads.Stop();
  std::printf(
      "{\"series\": %zu, \"samples\": %llu, \"requests\": %llu, \"frames\": %llu, "
      "\"refused\": %llu, \"bytes\": %llu}\n",
      corpus.ColumnCount() * options.fleet.instances,
      static_cast<unsigned long long>(totals.samples),
      static_cast<unsigned long long>(totals.batches),
      static_cast<unsigned long long>(totals.frames),
      static_cast<unsigned long long>(totals.refused),
      static_cast<unsigned long long>(totals.bytes));
  return totals.refused == 0 ? 0 : 1;
}

}  // namespace
}  // namespace baro::bench

int main(int argc, char** argv) {
  CLI::App app("Replays captured scrapes as agents' frames through gRPC.", "native_replay");
  baro::bench::CorpusOptions data;
  baro::bench::Options options;
  AddPlanOptions(&app, &data, &options.fleet);
  app.add_option("address", options.address, "HOST:PORT of the collector's gRPC")->required();
  app.add_option("--instances-per-agent", options.instances_per_agent, "Each has all exporters")
      ->check(CLI::PositiveNumber);
  app.add_option("--rows-per-batch", options.rows_per_batch,
                 "1: an agent that keeps up; more: one that catches up")
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return baro::bench::Run(baro::bench::ReadCorpus(data.folder, data.only), options);
}
