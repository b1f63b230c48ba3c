// World: an agent's delivery, its spool and a collector with a real store in one process, on a
// simulated clock, network and disk. Faults come from a seed; the same seed gives the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "baro/agent/push_session.h"
#include "baro/agent/row_queue.h"
#include "baro/agent/spool_writer.h"
#include "baro/base/clock.h"
#include "baro/base/sim_disk.h"
#include "baro/collector/ingest_session.h"
#include "baro/spool/spool.h"
#include "store_host.h"

namespace baro::sim {

// One row that a source gave to the agent.
struct GivenRow {
  model::Labels target;
  std::vector<model::Labels> columns;
  int64_t time_ms = 0;
  std::vector<double> values;
  bool durable = false;  // a Write() after it said OK
};

// One connection. Messages arrive in order, late; a cut loses what is under way.
struct Link {
  template <typename Message>
  struct Late {
    int64_t at_ms = 0;
    Message message;
  };
  std::deque<Late<v1::AgentMessage>> up;
  std::deque<Late<v1::CollectorMessage>> down;
};

class World {
 public:
  // `store_faults`: the collector's disk fills up and fails as well, besides losing power.
  World(uint64_t seed, bool store_faults);
  ~World();

  // A minute of faults, then peace until everything is delivered. Empty when all is well, else what
  // is wrong.
  std::string Run();
  // Of everything that happened; equal for equal seeds.
  uint64_t digest() const { return digest_; }
  std::string Summary() const;

 private:
  struct Agent {
    explicit Agent(uint64_t seed) : disk(seed) {}
    base::SimDisk disk;
    std::unique_ptr<agent::RowQueue> queue;
    std::unique_ptr<spool::Spool> spool;
    std::unique_ptr<agent::SpoolWriter> writer;
    std::unique_ptr<agent::PushSession> session;
    std::vector<agent::TargetHandle> targets;
    std::vector<size_t> target_columns;
    std::vector<size_t> unwritten_rows;  // in given_, not yet durable
    int64_t start_at_ms = 0;
    int64_t next_write_ms = 0;
    bool is_up() const { return session != nullptr; }
  };
  struct Collector {
    std::unique_ptr<StoreHost> host;
    std::unique_ptr<collector::IngestSession> session;
    int64_t start_at_ms = 0;
  };

  void Step();
  void Break();
  void BreakAgentDisk();
  void BreakCollectorDisk();
  void StartAgent();
  void StopAgent(bool power_cut);
  void StartCollector();
  void StopCollector(bool power_cut);
  void GiveRows();
  void Redeclare(size_t target);
  void TickAgent();
  void WriteSpool();
  void TickLinkOfAgent();
  void TickCollector();
  void WorkOffJobs();
  void CutLink(std::string_view reason);
  bool IsDelivered() const;
  std::string Check();
  std::string CheckStored(const std::map<std::string, std::map<int64_t, uint64_t>>& stored) const;

  int64_t NowMs() const { return clock_.NowMs(); }
  uint64_t Random(uint64_t bound) { return random_() % bound; }
  bool Chance(double share) { return static_cast<double>(random_() % 1'000'000) < share * 1e6; }
  void Note(std::string_view what, uint64_t value);

  const uint64_t seed_;
  const bool store_faults_;
  uint64_t epoch_ = 1;  // of the spool
  std::mt19937_64 random_;
  base::FakeClock clock_;
  bool peace_ = false;
  bool small_spool_ = false;
  int64_t network_down_until_ms_ = 0;
  int64_t delay_ms_max_ = 0;

  Agent agent_;
  Collector collector_;
  collector::CreditPool pool_;
  std::unique_ptr<Link> link_;       // as the agent sees it
  std::unique_ptr<Link> half_open_;  // the collector has not heard that it is gone

  std::vector<GivenRow> given_;
  std::map<std::string, uint64_t> lost_frames_;  // by reason, over all lives
  std::map<std::string, uint64_t> counts_;
  uint64_t digest_ = 0;
  std::string last_refusal_;  // by the store
  int64_t refused_since_ms_ = 0;
  std::string failure_;
};

}  // namespace baro::sim
