// Replays captured scrapes the native way: agents that push pre-encoded frames through real gRPC
// streams as fast as the collector grants credit. The fleet is remote_write_replay's: the same
// series, times and values. Prints what was sent; bench/store.py reads the collector's CPU.
//
// usage: native_replay CAPTURE_FOLDER HOST:PORT INSTANCES ROWS INTERVAL_MS START_MS
//        [INSTANCES_PER_AGENT = 1] [ROWS_PER_BATCH = 1]
//
// An agent has one target for each exporter and instance. A batch holds ROWS_PER_BATCH rows of all
// its targets; 1 is what an agent sends that keeps up, more what one sends that catches up.
// START_MS is also the epoch of all agents, so that every run begins at sequence 1. Times must lie
// within the collector's retention. All frames are encoded before the first is sent; CRC and
// framing are the sender's work and not in the collector's figures. Exit code 1: something was
// refused.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
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
#include "captured_scrapes.h"

namespace baro::bench {
namespace {

// A chain is a spool segment; agents begin a new one after this many bytes.
constexpr size_t kChainBytes = size_t{4} << 20;

struct Plan {
  std::string address;
  size_t instances = 0;
  size_t rows = 0;
  int64_t interval_ms = 0;
  int64_t start_ms = 0;
  size_t instances_per_agent = 1;
  size_t rows_per_batch = 1;
};

// All targets of one exporter: their columns, and their values column by column.
struct Exporter {
  std::string name;
  model::Layout layout;
  model::ContentHash hash{};
  std::vector<std::vector<double>> values;

  // Absent columns are told as such; returns how many are there.
  size_t FillRow(size_t scrape, std::vector<double>* row) const {
    size_t present = 0;
    row->resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const double value = values[i][scrape % values[i].size()];
      (*row)[i] = std::isnan(value) ? model::kStaleNan : value;
      present += std::isnan(value) ? 0 : 1;
    }
    return present;
  }
};

std::vector<Exporter> MakeExporters(const std::string& folder) {
  std::vector<Exporter> exporters;
  for (const auto& [name, capture] : ReadCaptures(folder)) {
    Exporter exporter;
    exporter.name = name;
    for (const auto& [series, values] : capture) {
      model::Column column;
      for (const auto& [label, value] : LabelsOf(series)) column.labels.Set(label, value);
      column.metadata.family = column.labels.Get(model::kMetricName);
      exporter.layout.columns.push_back(std::move(column));
      exporter.values.push_back(values);
    }
    exporter.hash = exporter.layout.Hash();
    exporters.push_back(std::move(exporter));
  }
  return exporters;
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
  Script(const std::vector<Exporter>& exporters, const Plan& plan, size_t agent) : plan_(plan) {
    const size_t first = agent * plan.instances_per_agent;
    const size_t last = std::min(first + plan.instances_per_agent, plan.instances);
    hello_.mutable_hello()->set_agent_uuid(Uuid(agent));
    hello_.mutable_hello()->set_epoch(static_cast<uint64_t>(plan.start_ms));
    hello_.mutable_hello()->set_node_name("replay-" + std::to_string(agent));
    hello_.mutable_hello()->set_version("native_replay");
    for (const Exporter& exporter : exporters) {
      v1::AgentMessage message;
      wire::DeclareLayout(exporter.layout, message.mutable_declare()->mutable_layout());
      declarations_.push_back(std::move(message));
    }
    for (size_t instance = first; instance < last; ++instance) {
      for (const Exporter& exporter : exporters) AddTarget(exporter, instance);
    }
    for (size_t row = 0; row < plan.rows; row += plan.rows_per_batch) AddBatch(row);
  }

  const v1::AgentMessage& hello() const { return hello_; }
  const std::vector<v1::AgentMessage>& declarations() const { return declarations_; }
  const std::vector<v1::AgentMessage>& batches() const { return batches_; }
  uint64_t last_sequence() const { return sequence_ - 1; }
  uint64_t samples() const { return samples_; }

 private:
  struct Target {
    const Exporter* exporter = nullptr;
    size_t offset = 0;
    codec::FrameEncoder encoder;
  };

  static std::string Uuid(size_t agent) {
    std::string uuid = "native-replay---";
    for (size_t i = 0; i < 4; ++i) uuid[15 - i] = static_cast<char>(agent >> (8 * i));
    return uuid;
  }

  void AddTarget(const Exporter& exporter, size_t instance) {
    wire::DeclaredTarget target;
    target.target_ref = static_cast<uint32_t>(targets_.size() + 1);
    target.labels.Set("instance", InstanceName(instance));
    target.labels.Set("job", exporter.name);
    target.layout = exporter.hash;
    v1::AgentMessage message;
    wire::DeclareTarget(target, message.mutable_declare()->mutable_target());
    declarations_.push_back(std::move(message));
    targets_.push_back(
        {&exporter, OffsetOf(instance), codec::FrameEncoder(exporter.layout.columns.size())});
  }

  void AddBatch(size_t first_row) {
    v1::AgentMessage message;
    v1::FrameBatch* const batch = message.mutable_frames();
    batch->set_first_sequence(sequence_);
    batch->set_chain(chain_);
    batch->set_encoding(v1::ENCODING_FRAME_V1);
    std::string body;
    const size_t end = std::min(first_row + plan_.rows_per_batch, plan_.rows);
    for (size_t row = first_row; row < end; ++row) {
      for (size_t i = 0; i < targets_.size(); ++i) {
        samples_ += targets_[i].exporter->FillRow(row + targets_[i].offset, &row_);
        const int64_t time_ms = plan_.start_ms + static_cast<int64_t>(row) * plan_.interval_ms;
        targets_[i].encoder.Encode({time_ms, row_}, false, &body);
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
    for (Target& target : targets_) target.encoder.StartChain();
  }

  const Plan& plan_;
  v1::AgentMessage hello_;
  std::vector<v1::AgentMessage> declarations_;
  std::vector<v1::AgentMessage> batches_;
  std::vector<Target> targets_;
  std::vector<double> row_;
  uint64_t sequence_ = 1;
  uint64_t chain_ = 1;
  size_t chain_bytes_ = 0;
  uint64_t samples_ = 0;
};

// One stream: a thread that writes as credit allows, a thread that reads what comes back.
class Agent {
 public:
  Agent(const Script* script, const Plan& plan, Totals* totals) : script_(script), totals_(totals) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    stub_ = v1::Ingest::NewStub(
        grpc::CreateCustomChannel(plan.address, grpc::InsecureChannelCredentials(), arguments));
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

int Run(const std::string& folder, const Plan& plan) {
  const std::vector<Exporter> exporters = MakeExporters(folder);
  const size_t per_agent = plan.instances_per_agent;
  std::vector<std::unique_ptr<Script>> scripts;
  for (size_t agent = 0; agent * per_agent < plan.instances; ++agent) {
    scripts.push_back(std::make_unique<Script>(exporters, plan, agent));
  }
  Totals totals;
  std::vector<std::unique_ptr<Agent>> agents;
  base::TaskGroup threads;
  for (const auto& script : scripts) {
    agents.push_back(std::make_unique<Agent>(script.get(), plan, &totals));
    agents.back()->Start(&threads);
  }
  threads.Stop();
  size_t series = 0;
  for (const Exporter& exporter : exporters) series += exporter.values.size() * plan.instances;
  std::printf(
      "{\"series\": %zu, \"samples\": %llu, \"requests\": %llu, \"frames\": %llu, "
      "\"refused\": %llu, \"bytes\": %llu}\n",
      series, static_cast<unsigned long long>(totals.samples),
      static_cast<unsigned long long>(totals.batches),
      static_cast<unsigned long long>(totals.frames),
      static_cast<unsigned long long>(totals.refused),
      static_cast<unsigned long long>(totals.bytes));
  return totals.refused == 0 ? 0 : 1;
}

}  // namespace
}  // namespace baro::bench

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fprintf(stderr,
                 "usage: %s CAPTURE HOST:PORT INSTANCES ROWS INTERVAL_MS START_MS "
                 "[INSTANCES_PER_AGENT] [ROWS_PER_BATCH]\n",
                 argv[0]);
    return 2;
  }
  baro::bench::Plan plan;
  plan.address = argv[2];
  plan.instances = static_cast<size_t>(std::atoll(argv[3]));
  plan.rows = static_cast<size_t>(std::atoll(argv[4]));
  plan.interval_ms = std::atoll(argv[5]);
  plan.start_ms = std::atoll(argv[6]);
  if (argc > 7) plan.instances_per_agent = static_cast<size_t>(std::max(1LL, std::atoll(argv[7])));
  if (argc > 8) plan.rows_per_batch = static_cast<size_t>(std::max(1LL, std::atoll(argv[8])));
  return baro::bench::Run(argv[1], plan);
}
