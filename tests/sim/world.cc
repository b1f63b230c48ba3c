#include "world.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "baro/base/crc32c.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"

namespace baro::sim {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kStepMs = 100;
constexpr int kSteps = 600;  // a minute of faults
constexpr int kPeaceStepsMax = 6'000;
constexpr int64_t kRefusedMsMax = 30'000;
constexpr size_t kTargets = 3;
constexpr size_t kLinkMessagesMax = 8;  // what fits between the two sides

double RandomValue(std::mt19937_64* random, double before) {
  switch ((*random)() % 12) {
    case 0:
      return -0.0;
    case 1:
      return std::bit_cast<double>(uint64_t{0x7ff8000000000000} | ((*random)() >> 13));
    case 2:
      return std::numeric_limits<double>::infinity();
    case 3:
      return std::numeric_limits<double>::denorm_min();
    case 4:
      return std::bit_cast<double>((*random)() >> 2);
    case 5:
      return model::kStaleNan;
    default:
      return std::isfinite(before) ? std::floor(before) + 1 : 0.25;
  }
}

}  // namespace

World::World(uint64_t seed, bool store_faults)
    : seed_(seed), store_faults_(store_faults), random_(seed), clock_(kStartMs), agent_(seed + 1) {
  small_spool_ = Chance(0.2);
  delay_ms_max_ = Chance(0.5) ? 1 : static_cast<int64_t>(Random(1'500) + 1);
  collector_.host = std::make_unique<StoreHost>(&clock_, seed + 2);
}

World::~World() {
  StopAgent(false);
  collector_.session.reset();
}

void World::Note(std::string_view what, uint64_t value) {
  ++counts_[std::string(what)];
  const std::string text = base::StrCat(what, " ", value, " ", NowMs());
  if (std::getenv("BARO_SIM_STORY") != nullptr) std::fprintf(stderr, "%s\n", text.c_str());
  digest_ = digest_ * 1'099'511'628'211 + base::Crc32c(text);
}

std::string World::Summary() const {
  std::string text = base::StrCat("seed ", seed_, ":");
  for (const auto& [what, count] : counts_) base::StrAppend(&text, " ", what, " ", count, ",");
  for (const auto& [reason, frames] : lost_frames_)
    base::StrAppend(&text, " lost ", reason, " ", frames, ",");
  return text;
}

std::string World::Run() {
  for (int step = 0; step < kSteps && failure_.empty(); ++step) Step();
  peace_ = true;
  agent_.disk.set_fault_plan(nullptr);
  agent_.disk.set_capacity_bytes(UINT64_MAX);
  collector_.host->disk()->SetFault(tsdb::testing::DiskFault::kNone);
  collector_.host->disk()->CutPowerAfter(0);
  network_down_until_ms_ = 0;
  int step = 0;
  while (failure_.empty() && !IsDelivered() && ++step < kPeaceStepsMax) Step();
  if (failure_.empty() && !IsDelivered())
    failure_ = base::StrCat("it does not heal; the store said: ", last_refusal_);
  return failure_.empty() ? Check() : failure_;
}

void World::Step() {
  clock_.AdvanceMs(kStepMs);
  if (!peace_) Break();
  if (!agent_.is_up() && NowMs() >= agent_.start_at_ms) StartAgent();
  if (collector_.host->store() == nullptr && NowMs() >= collector_.start_at_ms) StartCollector();
  if (agent_.is_up()) {
    if (!peace_ && NowMs() % 500 == 0) GiveRows();
    TickAgent();
  }
  if (collector_.host->store() != nullptr) TickCollector();
  if (agent_.disk.power_is_off()) StopAgent(true);
  if (collector_.host->disk()->down()) StopCollector(true);
  // RocksDB takes some failures for final and wants to be opened again: a supervisor's job.
  if (peace_ && refused_since_ms_ != 0 && NowMs() - refused_since_ms_ > kRefusedMsMax) {
    Note("store stays closed, collector is restarted", 0);
    StopCollector(false);
  }
}

// What goes wrong in this tenth of a second.
void World::Break() {
  if (Chance(0.02)) CutLink("cut");
  if (Chance(0.01)) {
    network_down_until_ms_ = NowMs() + static_cast<int64_t>(Random(8'000));
    CutLink("network down");
  }
  if (Chance(0.006) && agent_.is_up()) StopAgent(Chance(0.5));
  if (Chance(0.01) && collector_.host->store() != nullptr) StopCollector(Chance(0.5));
  if (Chance(0.01) && collector_.host->store() != nullptr) {
    Note("seal", 0);
    (void)collector_.host->store()->Maintain(Chance(0.5));
  }
  BreakAgentDisk();
  BreakCollectorDisk();
}

void World::BreakCollectorDisk() {
  using tsdb::testing::DiskFault;
  if (Chance(0.005)) collector_.host->disk()->CutPowerAfter(1 + Random(30));
  if (store_faults_ && Chance(0.01)) {
    Note("collector's disk fails", 0);
    collector_.host->disk()->SetFaultAfter(Chance(0.7) ? DiskFault::kFull : DiskFault::kBroken,
                                           Random(20));
  }
  if (store_faults_ && Chance(0.05)) collector_.host->disk()->SetFault(DiskFault::kNone);
}

void World::BreakAgentDisk() {
  if (Chance(0.004)) agent_.disk.CutPowerAt(1 + Random(20));
  if (Chance(0.01)) {
    Note("disk fails", 0);
    agent_.disk.set_fault_plan([this](base::SimDisk::Operation operation, const std::string&) {
      if (operation == base::SimDisk::Operation::kRead || !Chance(0.2))
        return base::SimDisk::Fault::kNone;
      return Chance(0.5) ? base::SimDisk::Fault::kIoError : base::SimDisk::Fault::kNoSpace;
    });
  }
  if (Chance(0.01)) {
    Note("disk is full", 0);
    agent_.disk.set_capacity_bytes(agent_.disk.used_bytes() + Random(2'000));
  }
  if (Chance(0.05)) {
    agent_.disk.set_fault_plan(nullptr);
    agent_.disk.set_capacity_bytes(UINT64_MAX);
  }
}

void World::StartAgent() {
  spool::Options options{.path = "/spool",
                         .bytes_max = small_spool_ ? uint64_t{24} << 10 : uint64_t{64} << 20,
                         .segment_bytes = 4 << 10,
                         .segment_age_ms = 10'000,
                         .grace_ms = 3'000,
                         .disk = &agent_.disk,
                         .new_identity = {.agent_uuid = {1}, .epoch = 1}};
  auto spool = spool::Spool::Open(options);
  Note("agent start", spool.ok() ? 1 : 0);
  if (!spool.ok()) {
    if (peace_ && !agent_.disk.power_is_off())
      failure_ = base::StrCat("spool: ", base::FromAbsl(spool.status().message()));
    agent_.start_at_ms = NowMs() + 1'000;
    return;
  }
  agent_.spool = *std::move(spool);
  // Harmless while no frame has been sent (power went before the first segment was made), never
  // after.
  const uint64_t epoch = agent_.spool->identity().epoch;
  if (epoch != epoch_ && counts_.contains("append 0"))
    failure_ = base::StrCat("epoch ", epoch_, " became ", epoch, " though nothing was lost");
  epoch_ = epoch;
  agent_.queue = std::make_unique<agent::RowQueue>(agent::RowQueueOptions{});
  agent_.writer = std::make_unique<agent::SpoolWriter>(
      agent::SpoolWriterOptions{.batch_bytes = 200}, agent_.queue.get(), agent_.spool.get());
  agent_.session = std::make_unique<agent::PushSession>(
      agent::PushOptions{.node_name = "node", .version = "sim", .seed = random_()},
      agent_.spool.get());
  agent_.targets.assign(kTargets, 0);
  agent_.target_columns.assign(kTargets, 0);
  for (size_t target = 0; target < kTargets; ++target) Redeclare(target);
  agent_.next_write_ms = NowMs();
}

void World::StopAgent(bool power_cut) {
  if (agent_.is_up()) {
    Note(power_cut ? "agent loses power" : "agent is killed", agent_.spool->next_sequence());
    for (const auto& [reason, loss] : agent_.spool->GetStats().lost_total)
      lost_frames_[reason] += loss.frames;
    CutLink("agent gone");
  }
  agent_.session.reset();
  agent_.writer.reset();
  agent_.queue.reset();
  agent_.spool.reset();
  agent_.unwritten_rows.clear();
  if (power_cut) agent_.disk.PowerCut();
  agent_.start_at_ms = NowMs() + static_cast<int64_t>(Random(3'000));
}

void World::StartCollector() {
  const absl::Status status = collector_.host->Start();
  Note("collector start", status.ok() ? 1 : 0);
  if (!status.ok()) last_refusal_ = std::string(status.message());
  if (status.ok()) return;
  collector_.start_at_ms = NowMs() + 1'000;
  if (peace_ && !collector_.host->disk()->down())
    failure_ = base::StrCat("store: ", base::FromAbsl(status.message()));
}

void World::StopCollector(bool power_cut) {
  Note(power_cut ? "collector loses power" : "collector is killed", 0);
  CutLink("collector gone");
  half_open_.reset();
  collector_.session.reset();
  refused_since_ms_ = 0;
  collector_.host->Kill(power_cut);
  collector_.start_at_ms = NowMs() + static_cast<int64_t>(Random(4'000));
}

void World::Redeclare(size_t target) {
  model::Layout layout;
  const size_t count = 1 + Random(5);
  for (size_t i = 0; i < count; ++i) {
    model::Column column;
    column.labels.Set("__name__", base::StrCat("metric_", (target + i) % 4));
    column.labels.Set("column", base::StrCat(i));
    layout.columns.push_back(column);
  }
  model::Labels labels;
  labels.Set("instance", base::StrCat("target_", target));
  if (agent_.targets[target] != 0) agent_.queue->Release(agent_.targets[target]);
  agent_.targets[target] = *agent_.queue->Declare(labels, layout);
  agent_.target_columns[target] = count;
}

void World::GiveRows() {
  for (size_t target = 0; target < kTargets; ++target) {
    if (Chance(0.02)) Redeclare(target);
    GivenRow row;
    row.target.Set("instance", base::StrCat("target_", target));
    row.time_ms = NowMs() + static_cast<int64_t>(target);
    for (size_t i = 0; i < agent_.target_columns[target]; ++i) {
      model::Labels column;
      column.Set("__name__", base::StrCat("metric_", (target + i) % 4));
      column.Set("column", base::StrCat(i));
      row.columns.push_back(column);
      row.values.push_back(RandomValue(&random_, static_cast<double>(given_.size())));
    }
    if (!agent_.queue->Append(agent_.targets[target], row.time_ms, row.values).ok()) continue;
    agent_.unwritten_rows.push_back(given_.size());
    given_.push_back(std::move(row));
  }
}

void World::WriteSpool() {
  if (agent_.session->TakeRollRequest()) agent_.writer->RollNext();
  if (NowMs() < agent_.next_write_ms) return;
  agent_.next_write_ms = NowMs() + 1'000;
  const absl::Status status = agent_.writer->Write(NowMs());
  Note(status.ok() ? "write" : "failed write", agent_.spool->next_sequence());
  if (status.ok()) {
    for (const size_t row : agent_.unwritten_rows) given_[row].durable = true;
    agent_.unwritten_rows.clear();
  }
  agent_.spool->Collect(NowMs());
}

void World::TickAgent() {
  WriteSpool();
  if (link_ == nullptr && agent_.session->WantsConnection(NowMs())) {
    agent_.session->OnConnecting(NowMs());
    const bool reachable = collector_.host->store() != nullptr && NowMs() >= network_down_until_ms_;
    Note("connect", reachable ? 1 : 0);
    if (reachable) {
      link_ = std::make_unique<Link>();
      agent_.session->OnConnected(NowMs());
    } else {
      agent_.session->OnDisconnected("connection refused", NowMs());
    }
  }
  TickLinkOfAgent();
}

void World::TickLinkOfAgent() {
  while (link_ != nullptr && !link_->down.empty() && link_->down.front().at_ms <= NowMs()) {
    const v1::CollectorMessage message = std::move(link_->down.front().message);
    link_->down.pop_front();
    Note("agent hears", message.kind_case());
    const absl::Status status = agent_.session->OnMessage(message, NowMs());
    if (status.ok()) continue;
    if (!absl::IsUnavailable(status))
      failure_ = base::StrCat("agent: ", base::FromAbsl(status.message()));
    CutLink("agent hangs up");
  }
  v1::AgentMessage message;
  while (link_ != nullptr && link_->up.size() < kLinkMessagesMax &&
         agent_.session->NextMessage(NowMs(), &message)) {
    Note("agent says", message.kind_case());
    const int64_t earliest = link_->up.empty() ? 0 : link_->up.back().at_ms;
    const auto delay = static_cast<int64_t>(Random(static_cast<uint64_t>(delay_ms_max_)));
    link_->up.push_back({std::max(earliest, NowMs() + delay), message});
  }
  if (link_ != nullptr && !agent_.session->CheckAlive(NowMs()).ok()) CutLink("silence");
}

// The agent knows at once; the collector may go on reading what had already arrived.
void World::CutLink(std::string_view reason) {
  if (link_ == nullptr) return;
  Note("link is gone", link_->up.size());
  if (agent_.is_up()) agent_.session->OnDisconnected(reason, NowMs());
  link_->up.resize(Random(link_->up.size() + 1));
  // The session is this link's only when no older one is being read to its end.
  if (half_open_ == nullptr && collector_.session != nullptr) half_open_ = std::move(link_);
  link_.reset();
}

void World::TickCollector() {
  // A new stream's Hello ends the old one; what had arrived on it may be read before that.
  Link* const link = half_open_ != nullptr ? half_open_.get() : link_.get();
  if (link != nullptr) {
    if (collector_.session == nullptr) {
      collector_.session = std::make_unique<collector::IngestSession>(
          collector::IngestLimits{}, "sim", collector_.host->store(), &pool_);
    }
    while (!link->up.empty() && link->up.front().at_ms <= NowMs()) {
      v1::AgentMessage message = std::move(link->up.front().message);
      link->up.pop_front();
      const absl::Status status = collector_.session->OnMessage(std::move(message), NowMs());
      if (!status.ok()) {
        failure_ = base::StrCat("collector: ", base::FromAbsl(status.message()));
        return;
      }
      WorkOffJobs();
    }
    WorkOffJobs();
    v1::CollectorMessage message;
    while (collector_.session->NextMessage(&message)) {
      Note("collector says", message.kind_case());
      const int64_t earliest = link->down.empty() ? 0 : link->down.back().at_ms;
      const auto delay = static_cast<int64_t>(Random(static_cast<uint64_t>(delay_ms_max_)));
      link->down.push_back({std::max(earliest, NowMs() + delay), message});
    }
  }
  if (half_open_ != nullptr && half_open_->up.empty()) {
    half_open_.reset();
    collector_.session.reset();
  }
}

void World::WorkOffJobs() {
  while (auto job = collector_.session->NextJob(NowMs())) {
    const uint64_t first = job->batch.first_sequence;
    const tsdb::AppendResult result = collector_.host->Append(std::move(job->batch));
    Note(base::StrCat("append ", static_cast<int>(result.status.code())), first);
    if (result.status.ok()) refused_since_ms_ = 0;
    if (!result.status.ok()) last_refusal_ = std::string(result.status.message());
    const bool refused =
        absl::IsUnavailable(result.status) || absl::IsResourceExhausted(result.status);
    if (refused && refused_since_ms_ == 0) refused_since_ms_ = NowMs();
    collector_.session->OnAppended(job->chain, result, NowMs());
  }
}

bool World::IsDelivered() const {
  return agent_.is_up() && collector_.host->store() != nullptr && agent_.queue->empty() &&
         !agent_.writer->has_rows() && agent_.session->streaming() &&
         agent_.spool->GetStats().unacknowledged_frames == 0;
}

}  // namespace baro::sim
