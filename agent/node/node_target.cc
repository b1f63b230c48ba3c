#include "node_target.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <unordered_set>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "spdlog/spdlog.h"

namespace baro::agent {
namespace {

constexpr Family kUp{"up", "Whether the node could be read at all."};
constexpr Family kScrapeDuration{"scrape_duration_seconds", "Duration of the pass."};
constexpr Family kScrapeSamples{"scrape_samples_scraped", "Columns of the node's row."};
constexpr Family kDuration{"node_scrape_collector_duration_seconds",
                           "node_exporter: Duration of a collector scrape.",
                           model::MetricType::kGauge,
                           {"collector"}};
constexpr Family kSuccess{"node_scrape_collector_success",
                          "node_exporter: Whether a collector succeeded.",
                          model::MetricType::kGauge,
                          {"collector"}};
constexpr Family kCollectorState{"baro_collector_state",
                                 "1 while a collector of the agent cannot be read, and why.",
                                 model::MetricType::kGauge,
                                 {"collector", "reason"}};

// Row times keep to the beat while the pass starts within this much of it: evenly spaced times cost
// no bytes, and Prometheus aligns its scrapes for the same reason.
constexpr int64_t kBeatToleranceMs = 5;

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

std::string NodeInstance(const NodeOptions& options) {
  if (!options.instance.empty()) return options.instance;
  const char* node_name = std::getenv("NODE_NAME");
  if (node_name != nullptr && node_name[0] != '\0') return node_name;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') return "localhost";
  return host.data();
}

namespace {

// One line when a collector begins or ends to fail, never one a pass.
void LogChange(const std::string& name, bool read_before, const absl::Status& before,
               const absl::Status& now) {
  if (absl::IsNotFound(now) && !read_before) {
    // This kernel or machine has no such thing; baro_collector_state tells it as well.
    spdlog::info("node collector {} has nothing to read: {}", name, now.ToString());
  } else if (!now.ok() && (!read_before || before.ok())) {
    spdlog::warn("node collector {} fails: {}", name, now.ToString());
  } else if (now.ok() && read_before && !before.ok()) {
    spdlog::info("node collector {} works again", name);
  }
}

}  // namespace

// A collector of this node with its place in the row.
struct NodeTarget::Member {
  std::string name;
  std::unique_ptr<Collector> collector;
  Section section;
  int64_t interval_ns = 0;
  int64_t next_ns = 0;
  bool due = false;
  bool read_before = false;
  absl::Status status = absl::UnavailableError("not read yet");
  int64_t duration_ns = 0;
  uint64_t values_dropped = 0;
};

NodeTarget::NodeTarget(NodeOptions options, RowSink* sink, NodeMetrics* metrics,
                       const base::Clock* clock)
    : options_(std::move(options)),
      sink_(sink),
      metrics_(metrics),
      clock_(clock),
      labels_({{"instance", NodeInstance(options_)}, {"job", options_.job}}) {}

NodeTarget::~NodeTarget() {
  if (declared_) sink_->Release(target_);
}

absl::StatusOr<std::unique_ptr<NodeTarget>> NodeTarget::Make(NodeOptions options, RowSink* sink,
                                                             NodeMetrics* metrics,
                                                             const base::Clock* clock) {
  for (const auto& [name, unused] : options.collectors) {
    const auto& all = AllCollectors();
    const bool known = std::any_of(all.begin(), all.end(),
                                   [&](const CollectorEntry& entry) { return entry.name == name; });
    if (!known) {
      return absl::InvalidArgumentError(base::StrCat("there is no node collector \"", name, "\""));
    }
  }
  auto node = std::unique_ptr<NodeTarget>(new NodeTarget(std::move(options), sink, metrics, clock));
  const CollectorContext context(node->options_, metrics, clock);
  for (const CollectorEntry& entry : AllCollectors()) {
    BARO_TRY(node->AddCollector(entry, context));
  }
  return node;
}

absl::Status NodeTarget::AddCollector(const CollectorEntry& entry,
                                      const CollectorContext& context) {
  CollectorSwitch choice;
  const auto found = options_.collectors.find(std::string(entry.name));
  if (found != options_.collectors.end()) choice = found->second;
  if (!choice.enabled.value_or(entry.enabled_by_default)) return absl::OkStatus();
  auto member = std::make_unique<Member>();
  member->name = entry.name;
  const auto interval = choice.interval.value_or(options_.interval);
  member->interval_ns = std::chrono::nanoseconds(interval).count();
  if (member->interval_ns <= 0) {
    return absl::InvalidArgumentError(
        base::StrCat("node collector \"", entry.name, "\" has an interval of zero"));
  }
  BARO_TRY_ASSIGN(member->collector, entry.make(context));
  members_.push_back(std::move(member));
  return absl::OkStatus();
}

int64_t NodeTarget::next_pass_ns() const {
  int64_t next_ns = INT64_MAX;
  for (const auto& member : members_) next_ns = std::min(next_ns, member->next_ns);
  return next_ns;
}

int64_t NodeTarget::RowTimeMs(int64_t now_ns) {
  const int64_t now_ms = clock_->NowMs();
  const int64_t beat_ms = anchor_ms_ + (now_ns - anchor_ns_) / 1'000'000;
  if (anchor_ns_ == 0 || std::abs(now_ms - beat_ms) > kBeatToleranceMs) {
    anchor_ns_ = now_ns;
    anchor_ms_ = now_ms;
    return now_ms;
  }
  return beat_ms;
}

// Gives back how many times the collector was missed.
int64_t NodeTarget::Reschedule(Member* member, int64_t now_ns) {
  if (member->next_ns == 0) member->next_ns = now_ns;
  const int64_t missed = (now_ns - member->next_ns) / member->interval_ns;
  member->next_ns += (missed + 1) * member->interval_ns;
  return missed;
}

void NodeTarget::Pass() {
  const double cpu_before = ThreadCpuSeconds();
  const int64_t now_ns = clock_->MonotonicNs();
  // The beat is when the pass was due, not when the thread woke up.
  int64_t beat_ns = std::min(now_ns, next_pass_ns());
  if (beat_ns == 0) beat_ns = now_ns;
  const int64_t time_ms = RowTimeMs(beat_ns);
  int64_t missed = 0;
  for (auto& member : members_) {
    member->due = member->next_ns <= now_ns;
    if (!member->due) continue;
    missed = std::max(missed, Reschedule(member.get(), now_ns));
    member->collector->Prepare();
  }
  metrics_->passes_missed.Increment(static_cast<double>(missed));
  for (auto& member : members_) {
    if (member->due) {
      Collect(member.get());
    } else {
      member->section.Skip();
    }
  }
  PutOwn(clock_->MonotonicNs() - now_ns);
  Append(time_ms);
  FillState(time_ms);
  metrics_->passes.Increment();
  metrics_->cpu_seconds.Increment(ThreadCpuSeconds() - cpu_before);
}

void NodeTarget::Collect(Member* member) {
  const int64_t start_ns = clock_->MonotonicNs();
  member->section.Begin();
  absl::Status status = member->collector->Collect(&member->section);
  if (status.ok()) {
    member->section.End();
  } else {
    member->section.Fail();
    metrics_->CountFailure(member->name, status);
  }
  LogChange(member->name, member->read_before, member->status, status);
  member->read_before = true;
  member->status = std::move(status);
  member->duration_ns = clock_->MonotonicNs() - start_ns;
  const uint64_t dropped = member->section.values_dropped();
  metrics_->values_dropped.Increment(static_cast<double>(dropped - member->values_dropped));
  member->values_dropped = dropped;
}

void NodeTarget::PutOwn(int64_t pass_ns) {
  const bool any = std::any_of(members_.begin(), members_.end(),
                               [](const auto& member) { return member->status.ok(); });
  size_t columns = 0;
  for (const auto& member : members_) columns += member->section.column_count();
  own_.Begin();
  own_.Put(kUp, any || members_.empty() ? 1 : 0);
  own_.Put(kScrapeDuration, static_cast<double>(pass_ns) * 1e-9);
  own_.Put(kScrapeSamples, static_cast<double>(columns));
  for (const auto& member : members_) {
    own_.Put(kDuration, {member->name}, static_cast<double>(member->duration_ns) * 1e-9);
    own_.Put(kSuccess, {member->name}, member->status.ok() ? 1 : 0);
  }
  for (const auto& member : members_) {
    if (!member->status.ok())
      own_.Put(kCollectorState, {member->name, ReasonOf(member->status)}, 1);
  }
  own_.End();
}

void NodeTarget::Append(int64_t time_ms) {
  bool changed = own_.TakeChanged() || !declared_;
  for (auto& member : members_) changed = member->section.TakeChanged() || changed;
  absl::Status status;
  if (changed) status = Redeclare(time_ms);
  if (status.ok()) {
    row_.clear();
    own_.AppendValues(&row_);
    for (const auto& member : members_) member->section.AppendValues(&row_);
    BARO_CHECK_EQ(row_.size(), layout_.columns.size());
    status = sink_->Append(target_, time_ms, row_);
    last_time_ms_ = time_ms;
  }
  if (!status.ok()) metrics_->CountDroppedRow(status);
}

absl::Status NodeTarget::Redeclare(int64_t time_ms) {
  model::Layout layout;
  const auto add = [&](const Section& section) {
    layout.columns.insert(layout.columns.end(), section.columns().begin(), section.columns().end());
  };
  add(own_);
  for (const auto& member : members_) add(member->section);
  if (declared_) {
    AppendStale(time_ms, layout.columns);
    sink_->Release(target_);
    declared_ = false;
  }
  layout_ = std::move(layout);
  ++layout_changes_;
  metrics_->layout_changes.Increment();
  metrics_->columns.Set(static_cast<double>(layout_.columns.size()));
  BARO_TRY_ASSIGN(target_, sink_->Declare(labels_, layout_));
  declared_ = true;
  return absl::OkStatus();
}

// The last row of the layout that ends: stale where `remaining` has no such column, and nothing
// where it has, because the new layout's row of the same time tells it.
void NodeTarget::AppendStale(int64_t time_ms, const std::vector<model::Column>& remaining) {
  std::unordered_set<uint64_t> stay;
  for (const model::Column& column : remaining) stay.insert(column.labels.Hash());
  std::vector<double> last(layout_.columns.size(), model::kNoSample);
  bool any = false;
  for (size_t i = 0; i < last.size(); ++i) {
    if (stay.contains(layout_.columns[i].labels.Hash())) continue;
    last[i] = model::kStaleNan;
    any = true;
  }
  if (!any) return;
  const absl::Status status = sink_->Append(target_, time_ms, last);
  if (!status.ok()) metrics_->CountDroppedRow(status);
}

void NodeTarget::Retire() {
  if (!declared_) return;
  // Right behind the last row, so that a new target of the same name (a reload) cannot tell the
  // same moment.
  AppendStale(last_time_ms_ + 1, {});
  sink_->Release(target_);
  declared_ = false;
}

void NodeTarget::FillState(int64_t time_ms) {
  base::MutexLock lock(&mutex_);
  state_.job = labels_.Get("job");
  state_.instance = labels_.Get("instance");
  state_.last_pass_ms = time_ms;
  state_.layout_changes = layout_changes_;
  state_.collectors.resize(members_.size());
  for (size_t i = 0; i < members_.size(); ++i) {
    const Member& member = *members_[i];
    CollectorState& state = state_.collectors[i];
    state.name = member.name;
    state.interval_ms = member.interval_ns / 1'000'000;
    state.healthy = member.status.ok();
    state.last_error = base::FromAbsl(member.status.message());
    state.last_duration_us = member.duration_ns / 1000;
    state.columns = member.section.column_count();
  }
}

NodeState NodeTarget::state() const {
  base::MutexLock lock(&mutex_);
  return state_;
}

}  // namespace baro::agent
