#include "baro/slo/slo_engine.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "engine_work.h"
#include "note_bytes.h"

namespace baro::slo {
namespace {

constexpr char kExclusionNotes[] = "slo/exclusions/";
constexpr int64_t kNsPerMs = 1'000'000;
// As long as the thread waits without looking at the clock, which may jump.
constexpr int64_t kWaitMsMax = 1'000;
constexpr int64_t kReadyWaitMs = 50;
// Between two looks at objectives whose history is being counted.
constexpr int64_t kBusyWaitMs = 5;
// With history, at a time.
constexpr int64_t kPatienceMs = 1'000;

int64_t Rounded(int64_t interval_ms) {
  const int64_t limited = std::clamp<int64_t>(interval_ms, kEvaluationGrainMs, kMinuteMs);
  return limited / kEvaluationGrainMs * kEvaluationGrainMs;
}

std::string EncodeExclusion(const Exclusion& exclusion) {
  NoteWriter out;
  out.Varint(1);
  out.Text(exclusion.slo);
  out.Int(exclusion.from_ms);
  out.Int(exclusion.to_ms);
  out.Text(exclusion.author);
  out.Text(exclusion.reason);
  out.Labels(exclusion.labels);
  return out.Finish();
}

bool DecodeExclusion(std::string_view bytes, Exclusion* exclusion) {
  NoteReader in(bytes);
  if (in.Varint() != 1) return false;
  exclusion->slo = std::string(in.Text());
  exclusion->from_ms = in.Int();
  exclusion->to_ms = in.Int();
  exclusion->author = std::string(in.Text());
  exclusion->reason = std::string(in.Text());
  exclusion->labels = in.Labels();
  return in.ok() && in.at_end();
}

}  // namespace

SloEngine::SloEngine(SloEngineOptions options)
    : options_(std::move(options)),
      interval_ms_(Rounded(options_.interval_ms)),
      work_(std::make_unique<Work>()) {}

SloEngine::~SloEngine() { Stop(); }

int64_t SloEngine::NowSlot() const {
  const int64_t now_ms = options_.clock->NowMs();
  return now_ms - now_ms % kEvaluationGrainMs;
}

void SloEngine::LoadExclusions() {
  const auto notes = options_.storage->Load(kExclusionNotes);
  base::MutexLock lock(&mutex_);
  if (!notes.ok()) {
    if (options_.warn) {
      options_.warn(base::StrCat("exclusions of objectives are not restored: ",
                                 base::FromAbsl(notes.status().message())));
    }
    return;
  }
  for (const SloNote& note : *notes) {
    Exclusion exclusion;
    exclusion.id = note.key.substr(sizeof(kExclusionNotes) - 1);
    if (!DecodeExclusion(note.value, &exclusion)) {
      if (options_.warn) options_.warn(base::StrCat("a saved exclusion is damaged: ", note.key));
      continue;
    }
    uint64_t number = 0;
    std::from_chars(exclusion.id.data() + 1, exclusion.id.data() + exclusion.id.size(), number);
    next_exclusion_ = std::max(next_exclusion_, number + 1);
    exclusions_.push_back(std::move(exclusion));
  }
}

void SloEngine::Update(std::vector<SloSpec> slos) {
  base::MutexLock work(&work_mutex_);
  const bool first = !std::exchange(work_->loaded, true);
  if (first) LoadExclusions();
  const int64_t now_ms = NowSlot();
  const ObjectiveSurroundings surroundings{{options_.source, options_.engine, cancelled_},
                                           options_.storage,
                                           options_.clock,
                                           options_.sink,
                                           options_.warn,
                                           interval_ms_,
                                           options_.resend_delay_ms,
                                           options_.external_url};
  std::map<std::string, std::unique_ptr<Objective>> next;
  for (SloSpec& spec : slos) {
    auto shared = std::make_shared<const SloSpec>(std::move(spec));
    const auto it = work_->objectives.find(shared->name);
    if (it != work_->objectives.end() && it->second->CountsSame(*shared)) {
      it->second->Reconfigure(shared, surroundings);
      next.emplace(shared->name, std::move(it->second));
    } else {
      auto objective = std::make_unique<Objective>(shared, surroundings, now_ms);
      // What was saved of other counts under this name is not taken.
      objective->Restore(now_ms);
      next.emplace(shared->name, std::move(objective));
    }
  }
  for (auto& [name, objective] : work_->objectives) {
    if (objective != nullptr && !next.contains(name)) objective->End(now_ms);
  }
  work_->objectives = std::move(next);
  base::MutexLock lock(&mutex_);
  statuses_.clear();
  for (const auto& [name, objective] : work_->objectives) {
    statuses_.emplace(name, objective->status());
  }
  changed_.SignalAll();
}

void SloEngine::Start() {
  workers_.Start("slo", [this] { Loop(); });
}

void SloEngine::Stop() {
  {
    base::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  cancelled_->store(true);
  workers_.Stop();
}

void SloEngine::RunOnce() { EvaluateAll(NowSlot(), model::kTimeMsMax, false); }

bool SloEngine::AnyBusy() const {
  base::MutexLock work(&work_mutex_);
  return std::any_of(work_->objectives.begin(), work_->objectives.end(),
                     [](const auto& entry) { return entry.second->busy(); });
}

void SloEngine::Loop() {
  int64_t last_ms = 0;  // slot of the last evaluation
  for (;;) {
    const bool ready = !options_.ready || options_.ready();
    const int64_t now_ms = options_.clock->NowMs();
    const int64_t slot_ms = now_ms - now_ms % interval_ms_;
    const bool due = ready && slot_ms != last_ms;
    const bool busy = ready && !due && AnyBusy();
    if (!due && !busy) {
      base::MutexLock lock(&mutex_);
      if (stopping_) return;
      const int64_t wait_ms =
          ready ? std::min(kWaitMsMax, slot_ms + interval_ms_ - now_ms) : kReadyWaitMs;
      changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(wait_ms));
      continue;
    }
    {
      base::MutexLock lock(&mutex_);
      if (stopping_) return;
      if (due && last_ms != 0 && slot_ms > last_ms + interval_ms_) {
        stats_.evaluations_missed_total +=
            static_cast<uint64_t>((slot_ms - last_ms) / interval_ms_ - 1);
      }
      // History leaves the processor to others now and then.
      if (busy) changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(kBusyWaitMs));
    }
    if (due) last_ms = slot_ms;
    // Whoever asks for counts waits no longer than that.
    const int64_t patience_ns = (due ? kPatienceMs : kPatienceMs / 4) * kNsPerMs;
    EvaluateAll(due ? slot_ms : NowSlot(), options_.clock->MonotonicNs() + patience_ns, busy);
  }
}

void SloEngine::EvaluateAll(int64_t now_ms, int64_t history_until_ns, bool busy_only) {
  base::MutexLock work(&work_mutex_);
  std::vector<Exclusion> exclusions;
  {
    base::MutexLock lock(&mutex_);
    exclusions = exclusions_;
  }
  const int64_t begin_ns = options_.clock->MonotonicNs();
  Round round = work_->RoundAt(now_ms, exclusions);
  round.go_on = [&] {
    return !cancelled_->load() && options_.clock->MonotonicNs() < history_until_ns;
  };
  SloEngineStats delta;
  std::map<std::string, std::shared_ptr<const SloStatus>> statuses;
  // Parts before what is composed of them.
  for (const bool composites : {false, true}) {
    for (const auto& [name, objective] : work_->objectives) {
      if (objective->is_composite() != composites || cancelled_->load()) continue;
      if (busy_only && !objective->busy()) continue;
      objective->Evaluate(round);
      statuses[name] = objective->status();
      if (busy_only) continue;
      ++delta.evaluations_total;
      if (!objective->status()->last_error.empty()) ++delta.evaluation_failures_total;
    }
  }
  uint64_t amendments = 0;
  uint64_t save_failures = 0;
  for (const auto& [name, objective] : work_->objectives) {
    amendments += objective->amendments();
    save_failures += objective->save_failures();
  }
  base::MutexLock lock(&mutex_);
  for (auto& [name, status] : statuses) statuses_[name] = std::move(status);
  stats_.evaluations_total += delta.evaluations_total;
  stats_.evaluation_failures_total += delta.evaluation_failures_total;
  stats_.amendments_total = amendments;
  stats_.save_failures_total = save_failures;
  if (!busy_only) {
    stats_.last_evaluation_seconds =
        static_cast<double>(options_.clock->MonotonicNs() - begin_ns) / 1e9;
  }
}

std::vector<std::shared_ptr<const SloStatus>> SloEngine::List() const {
  base::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<const SloStatus>> all;
  for (const auto& [name, status] : statuses_) all.push_back(status);
  return all;
}

std::shared_ptr<const SloStatus> SloEngine::Find(const std::string& slo) const {
  base::MutexLock lock(&mutex_);
  const auto it = statuses_.find(slo);
  return it == statuses_.end() ? nullptr : it->second;
}

SloEngineStats SloEngine::Stats() const {
  base::MutexLock lock(&mutex_);
  SloEngineStats stats = stats_;
  stats.slos = statuses_.size();
  for (const auto& [name, status] : statuses_) {
    stats.groups += status->groups.size();
    stats.groups_refused += status->groups_refused;
    stats.memory_bytes += status->memory_bytes;
    stats.backfilling += status->backfilling ? 1 : 0;
  }
  return stats;
}

std::vector<Exclusion> SloEngine::Exclusions() const {
  base::MutexLock lock(&mutex_);
  std::vector<Exclusion> all = exclusions_;
  for (const auto& [name, status] : statuses_) {
    all.insert(all.end(), status->spec->exclusions.begin(), status->spec->exclusions.end());
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::pair(a.from_ms, a.id) < std::pair(b.from_ms, b.id);
  });
  return all;
}

absl::StatusOr<Exclusion> SloEngine::AddExclusion(Exclusion exclusion) {
  if (exclusion.to_ms <= exclusion.from_ms) {
    return absl::InvalidArgumentError("an exclusion's end must be after its start");
  }
  if (exclusion.author.empty() || exclusion.reason.empty()) {
    return absl::InvalidArgumentError("an exclusion needs an author and a reason");
  }
  base::MutexLock lock(&mutex_);
  if (exclusion.slo != "*" && !statuses_.contains(exclusion.slo)) {
    return absl::NotFoundError(base::StrCat("there is no objective \"", exclusion.slo, "\""));
  }
  if (exclusions_.size() >= kExclusionsMax) {
    return absl::ResourceExhaustedError(
        base::StrCat("there are ", kExclusionsMax, " exclusions already"));
  }
  exclusion.id = base::StrCat("x", next_exclusion_);
  exclusion.from_file = false;
  BARO_TRY(options_.storage->Save(
      {{base::StrCat(kExclusionNotes, exclusion.id), EncodeExclusion(exclusion)}}));
  ++next_exclusion_;
  exclusions_.push_back(exclusion);
  return exclusion;
}

absl::Status SloEngine::RemoveExclusion(const std::string& id) {
  base::MutexLock lock(&mutex_);
  const auto it = std::find_if(exclusions_.begin(), exclusions_.end(),
                               [&](const Exclusion& one) { return one.id == id; });
  if (it == exclusions_.end()) {
    for (const auto& [name, status] : statuses_) {
      for (const Exclusion& one : status->spec->exclusions) {
        if (one.id != id) continue;
        return absl::FailedPreconditionError(
            base::StrCat("exclusion \"", id, "\" is in ", status->spec->file));
      }
    }
    return absl::NotFoundError(base::StrCat("there is no exclusion \"", id, "\""));
  }
  BARO_TRY(options_.storage->Save({{base::StrCat(kExclusionNotes, id), ""}}));
  exclusions_.erase(it);
  return absl::OkStatus();
}

}  // namespace baro::slo
