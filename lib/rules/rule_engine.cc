#include "baro/rules/rule_engine.h"

#include <algorithm>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "rule_group.h"

namespace baro::rules {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
// How often it is noted where groups stand when no alert changes; what is evaluated again after a
// crash comes to the same.
constexpr int64_t kSaveIntervalNs = int64_t{30} * 1'000'000'000;
// As long as a worker waits without looking at the clock, which may jump.
constexpr int64_t kWaitMsMax = 1'000;
// Between two looks whether the store is ready.
constexpr int64_t kReadyWaitMs = 50;
// Live evaluations after a restart for which nothing missing is taken for resolved.
constexpr int kFirstEvaluations = 2;

}  // namespace

struct RuleEngine::Scheduled {
  explicit Scheduled(std::shared_ptr<RuleGroup> rules) : group(std::move(rules)) {}

  const std::shared_ptr<RuleGroup> group;
  // Guarded by RuleEngine::mutex_.
  bool running = false;
  bool retired = false;
  int64_t slot_ns = 0;    // of the next evaluation
  int64_t replay_ns = 0;  // the last slot before the restart; 0: nothing to make up for
  int first_left = 0;     // evaluations that are EvaluationMode::kFirst
};

struct RuleEngine::Leftovers {
  std::set<model::Labels> series;
  int64_t time_ms = 0;
};

RuleEngine::RuleEngine(RuleEngineOptions options) : options_(std::move(options)) {}

RuleEngine::~RuleEngine() { Stop(); }

std::map<std::string, std::string> RuleEngine::LoadSaved() {
  std::map<std::string, std::string> saved;
  auto notes = options_.storage->Load("rules/");
  if (!notes.ok()) {
    if (options_.warn) {
      options_.warn(base::StrCat("the state of rules is not restored: ",
                                 base::FromAbsl(notes.status().message())));
    }
    return saved;
  }
  for (RuleNote& note : *notes) saved.emplace(std::move(note.key), std::move(note.value));
  return saved;
}

void RuleEngine::Update(RuleSet rules) {
  base::MutexLock update(&update_mutex_);
  std::map<std::string, std::string> saved;
  if (!restored_) saved = LoadSaved();
  GroupSurroundings surroundings{{options_.source, options_.engine, cancelled_, nullptr},
                                 options_.storage,
                                 options_.clock,
                                 options_.sink,
                                 options_.warn,
                                 options_.resend_delay_ms,
                                 rules.interval_ms,
                                 options_.query_offset_ms,
                                 std::move(rules.external_labels),
                                 std::move(rules.external_url)};
  decltype(groups_) old;
  {
    base::MutexLock lock(&mutex_);
    old = groups_;
  }
  decltype(groups_) next;
  std::vector<std::shared_ptr<Scheduled>> fresh;
  for (GroupSpec& spec : rules.groups) {
    std::pair<std::string, std::string> key(spec.file, spec.name);
    auto group = std::make_shared<RuleGroup>(std::move(spec), surroundings);
    const auto it = old.find(key);
    const std::shared_ptr<Scheduled> before = it == old.end() ? nullptr : it->second;
    if (it != old.end()) old.erase(it);
    if (before != nullptr && before->group->SameAs(*group)) {
      next.emplace(std::move(key), before);
      continue;
    }
    auto scheduled = std::make_shared<Scheduled>(std::move(group));
    if (before != nullptr) {
      Retire(before);
      scheduled->group->TakeOver(before->group.get());
    }
    if (!restored_) scheduled->replay_ns = scheduled->group->Restore(&saved);
    fresh.push_back(scheduled);
    next.emplace(std::move(key), std::move(scheduled));
  }
  for (const auto& [key, scheduled] : old) Retire(scheduled);
  {
    base::MutexLock lock(&mutex_);
    groups_ = std::move(next);
    for (const auto& scheduled : fresh) Schedule(scheduled, true);
    changed_.SignalAll();
  }
  for (const auto& [key, scheduled] : old) Forget(scheduled);
  // Of rules that are in no file any more.
  std::vector<RuleNote> gone;
  for (const auto& [key, value] : saved) gone.push_back({key, ""});
  if (!gone.empty()) Save(std::move(gone), true);
  restored_ = true;
}

void RuleEngine::Schedule(const std::shared_ptr<Scheduled>& scheduled, bool first) {
  const int64_t interval_ns = scheduled->group->interval_ns();
  int64_t due_ns = 0;
  if (first) {
    scheduled->slot_ns = scheduled->group->SlotBefore(NowNs()) + interval_ns;
    due_ns = scheduled->slot_ns;
    if (scheduled->replay_ns != 0) due_ns = NowNs() + options_.replay_settle_ms * kNsPerMs;
  } else {
    scheduled->slot_ns += interval_ns;
    due_ns = scheduled->slot_ns;
  }
  queue_.emplace(due_ns, Task{scheduled, nullptr});
}

void RuleEngine::Retire(const std::shared_ptr<Scheduled>& scheduled) {
  base::MutexLock lock(&mutex_);
  scheduled->retired = true;
  while (scheduled->running) changed_.Wait(&mutex_);
  std::erase_if(queue_, [&](const auto& entry) { return entry.second.group == scheduled; });
}

// A deleted group: its series end, once a group that was only renamed has had the time to go on
// with them.
void RuleEngine::Forget(const std::shared_ptr<Scheduled>& scheduled) {
  auto leftovers = std::make_shared<Leftovers>();
  leftovers->series = scheduled->group->Series();
  leftovers->time_ms = options_.clock->NowMs() - scheduled->group->query_offset_ms();
  std::vector<RuleNote> notes;
  for (std::string& key : scheduled->group->NoteKeys()) notes.push_back({std::move(key), ""});
  Save(std::move(notes), true);
  if (leftovers->series.empty()) return;
  base::MutexLock lock(&mutex_);
  queue_.emplace(NowNs() + 2 * scheduled->group->interval_ns(), Task{nullptr, leftovers});
  changed_.SignalAll();
}

void RuleEngine::Start() {
  for (size_t i = 0; i < options_.threads; ++i) {
    workers_.Start("rules", [this] { Work(); });
  }
}

void RuleEngine::Stop() {
  {
    base::MutexLock lock(&mutex_);
    if (stopping_) return;
    stopping_ = true;
    changed_.SignalAll();
  }
  cancelled_->store(true);
  workers_.Stop();
  Save({}, true);
}

void RuleEngine::Work() {
  Task task;
  while (TakeTask(true, &task)) RunTask(task);
}

int64_t RuleEngine::RunDue() {
  Task task;
  while (TakeTask(false, &task)) RunTask(task);
  base::MutexLock lock(&mutex_);
  return queue_.empty() ? model::kTimeMsMax : (queue_.begin()->first + kNsPerMs - 1) / kNsPerMs;
}

bool RuleEngine::TakeTask(bool wait, Task* task) {
  base::MutexLock lock(&mutex_);
  for (;;) {
    if (stopping_) return false;
    const bool ready = !options_.ready || options_.ready();
    const int64_t now_ns = NowNs();
    if (ready && !queue_.empty() && queue_.begin()->first <= now_ns) break;
    if (!wait) return false;
    int64_t wait_ms = kWaitMsMax;
    if (!queue_.empty()) {
      wait_ms = std::min(wait_ms, (queue_.begin()->first - now_ns) / kNsPerMs + 1);
    }
    if (!ready) wait_ms = kReadyWaitMs;
    changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(wait_ms));
  }
  *task = std::move(queue_.begin()->second);
  queue_.erase(queue_.begin());
  if (task->group != nullptr) task->group->running = true;
  return true;
}

void RuleEngine::RunTask(const Task& task) {
  if (task.leftovers != nullptr) return MarkStale(*task.leftovers);
  RunGroup(task.group.get());
  base::MutexLock lock(&mutex_);
  task.group->running = false;
  if (!task.group->retired) Schedule(task.group, false);
  changed_.SignalAll();
}

void RuleEngine::RunGroup(Scheduled* scheduled) {
  RuleGroup& group = *scheduled->group;
  const int64_t interval_ns = group.interval_ns();
  int64_t slot_ns = scheduled->slot_ns;
  if (scheduled->replay_ns != 0) {
    slot_ns = group.SlotBefore(NowNs());
    Replay(scheduled, slot_ns);
    scheduled->replay_ns = 0;
    scheduled->first_left = kFirstEvaluations;
  } else if (NowNs() - slot_ns >= interval_ns) {
    // Too late for some: they are counted and left out, as a burst of them would help nobody.
    const int64_t missed = (NowNs() - slot_ns) / interval_ns;
    group.CountMissed(static_cast<uint64_t>(missed));
    slot_ns += missed * interval_ns;
  }
  const bool first = scheduled->first_left > 0;
  if (first) --scheduled->first_left;
  group.Evaluate(slot_ns, first ? EvaluationMode::kFirst : EvaluationMode::kLive);
  scheduled->slot_ns = slot_ns;
  if (cancelled_->load()) return;  // perhaps only half of it was evaluated
  bool urgent = false;
  std::vector<RuleNote> notes = group.TakeNotes(&urgent);
  Save(std::move(notes), urgent);
}

// The slots between the last evaluation before the restart and `last_slot_ns`, without it.
void RuleEngine::Replay(Scheduled* scheduled, int64_t last_slot_ns) {
  RuleGroup& group = *scheduled->group;
  const int64_t interval_ns = group.interval_ns();
  const int64_t longest_ns =
      std::min(options_.replay_ms_max * kNsPerMs,
               static_cast<int64_t>(options_.replay_slots_max) * interval_ns);
  int64_t slot_ns = group.SlotBefore(scheduled->replay_ns) + interval_ns;
  if (last_slot_ns - slot_ns > longest_ns) {
    const int64_t from_ns = last_slot_ns - longest_ns / interval_ns * interval_ns;
    group.CountMissed(static_cast<uint64_t>((from_ns - slot_ns) / interval_ns));
    slot_ns = from_ns;
  }
  for (; slot_ns < last_slot_ns && !cancelled_->load(); slot_ns += interval_ns) {
    group.Evaluate(slot_ns, EvaluationMode::kReplay);
  }
}

void RuleEngine::MarkStale(const Leftovers& leftovers) {
  std::vector<std::shared_ptr<Scheduled>> groups;
  {
    base::MutexLock lock(&mutex_);
    for (const auto& [key, scheduled] : groups_) groups.push_back(scheduled);
  }
  std::set<model::Labels> gone = leftovers.series;
  for (const auto& scheduled : groups) {
    for (const model::Labels& series : scheduled->group->Series()) gone.erase(series);
  }
  std::vector<RuleSample> samples;
  for (const model::Labels& series : gone) {
    samples.push_back({series, leftovers.time_ms, model::kStaleNan, std::nullopt});
  }
  if (samples.empty()) return;
  const absl::Status status = options_.storage->Write(samples);
  if (!status.ok() && options_.warn) {
    options_.warn(base::StrCat("series of deleted rules are not marked stale: ",
                               base::FromAbsl(status.message())));
  }
}

void RuleEngine::Save(std::vector<RuleNote> notes, bool urgent) {
  base::MutexLock lock(&save_mutex_);
  for (RuleNote& note : notes) unsaved_[std::move(note.key)] = std::move(note.value);
  const int64_t now_ns = options_.clock->MonotonicNs();
  if (unsaved_.empty() || (!urgent && now_ns - saved_ns_ < kSaveIntervalNs)) return;
  std::vector<RuleNote> all;
  for (const auto& [key, value] : unsaved_) all.push_back({key, value});
  const absl::Status status = options_.storage->Save(all);
  if (status.ok()) {
    saved_ns_ = now_ns;
    unsaved_.clear();
    return;
  }
  // They are kept and tried again with the next ones.
  save_failures_.fetch_add(1, std::memory_order_relaxed);
  if (options_.warn) {
    options_.warn(
        base::StrCat("the state of rules is not saved: ", base::FromAbsl(status.message())));
  }
}

std::vector<GroupStatus> RuleEngine::Groups() const {
  std::vector<std::shared_ptr<Scheduled>> groups;
  {
    base::MutexLock lock(&mutex_);
    for (const auto& [key, scheduled] : groups_) groups.push_back(scheduled);
  }
  std::vector<GroupStatus> all;
  for (const auto& scheduled : groups) all.push_back(scheduled->group->Status());
  return all;
}

std::vector<GroupStats> RuleEngine::Stats() const {
  base::MutexLock lock(&mutex_);
  std::vector<GroupStats> all;
  for (const auto& [key, scheduled] : groups_) all.push_back(scheduled->group->Stats());
  return all;
}

}  // namespace baro::rules
