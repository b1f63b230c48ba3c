#include "baro/agent/scrape_manager.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <iterator>
#include <map>
#include <set>

#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/discovery/source.h"
#include "cpu_governor.h"
#include "scrape_loop.h"
#include "spdlog/spdlog.h"
#include "target.h"

namespace baro::agent {

namespace asio = boost::asio;

namespace {

// Rows of /targets that one job may fill with what cannot be scraped; the rest is only counted.
constexpr size_t kUnscrapableRowsMax = 1'000;
// Dropped targets of one job that are kept for /targets when the configuration does not say.
constexpr size_t kDroppedRowsMax = 100;

int64_t ProcessCpuNs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Equal but for where the targets come from.
bool SameSettings(ScrapeJob a, ScrapeJob b) {
  a.discovery = {};
  b.discovery = {};
  return a == b;
}

}  // namespace

struct ScrapeManager::Impl {
  // One entry of scrape_configs at work. Strand-bound.
  struct Job {
    std::shared_ptr<const ScrapeJob> config;
    std::vector<std::unique_ptr<discovery::Source>> sources;
    std::map<std::string, std::shared_ptr<ScrapeLoop>> loops;  // by Target::Key()
    size_t targets_dropped = 0;
    uint64_t target_errors = 0;
    std::vector<TargetStatus> dropped;      // by relabelling, as many as are kept
    std::vector<TargetStatus> bad_targets;  // of the last FindTargets()
    std::set<std::string> told;             // errors that are in the log and hold still
  };

  Impl(RowSink* sink, const base::Clock* clock, const ScrapeOptions& options)
      : context{sink, clock, options, {}},
        governor(options.cpus_max),
        guard(io.get_executor()),
        poll_timer(io) {}

  void Apply(ScrapeConfig config);
  Job MakeJob(ScrapeJob config, Job* old);
  // Static ones and those found already: an estimate.
  static size_t CountAddresses(const Job& job);
  std::map<std::string, Target> FindTargets(Job* job);
  static void KeepDropped(const TargetGroup& group, const std::string& address, Job* job);
  static void AddBadTarget(model::Labels discovered, const absl::Status& status, Job* job);
  static std::vector<TargetStatus> Unscrapable(const Job& job);
  static void TellOnce(const std::vector<TargetStatus>& unscrapable, Job* job);
  void Sync(Job* job);
  void StartLoop(const std::string& key, Target target, Job* job);
  void StopLoops(std::vector<std::shared_ptr<ScrapeLoop>> loops);
  asio::awaitable<void> PollDiscovery();
  void StopAll();
  void Publish() ABSL_LOCKS_EXCLUDED(mutex);

  ScrapeContext context;
  CpuGovernor governor;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  asio::steady_timer poll_timer;
  std::vector<Job> jobs;
  bool stopping = false;

  bool started = false;  // the owner's thread
  base::TaskGroup tasks;

  mutable base::Mutex mutex;
  std::vector<std::shared_ptr<TargetBoard>> boards ABSL_GUARDED_BY(mutex);
  std::vector<TargetStatus> unscrapable ABSL_GUARDED_BY(mutex);
  std::vector<TargetStatus> dropped ABSL_GUARDED_BY(mutex);
  double stretch ABSL_GUARDED_BY(mutex) = 1;
  uint64_t targets_dropped ABSL_GUARDED_BY(mutex) = 0;
  std::vector<std::pair<std::string, uint64_t>> discovery_errors ABSL_GUARDED_BY(mutex);
};

void ScrapeManager::Impl::StartLoop(const std::string& key, Target target, Job* job) {
  auto loop = std::make_shared<ScrapeLoop>(io.get_executor(), std::move(target), &context);
  job->loops.emplace(key, loop);
  // The completion keeps the loop alive until its coroutine has ended.
  asio::co_spawn(io, loop->Run(), [loop](const std::exception_ptr& thrown) {
    if (thrown == nullptr) return;
    loop->board()->Update([](TargetStatus* status, size_t* template_bytes) {
      status->health = "down";
      status->last_error = "cannot go on scraping: out of memory";
      *template_bytes = 0;
    });
  });
}

// A loop whose series another loop goes on with ends quietly; of the rest the series end.
void ScrapeManager::Impl::StopLoops(std::vector<std::shared_ptr<ScrapeLoop>> loops) {
  if (loops.empty()) return;
  std::set<std::string> living;
  for (const Job& job : jobs) {
    for (const auto& [key, loop] : job.loops) living.insert(loop->target().labels.ToString());
  }
  for (const auto& loop : loops) {
    loop->Stop(!living.contains(loop->target().labels.ToString()));
  }
}

void ScrapeManager::Impl::AddBadTarget(model::Labels discovered, const absl::Status& status,
                                       Job* job) {
  ++job->target_errors;
  if (job->bad_targets.size() >= kUnscrapableRowsMax) return;
  TargetStatus row;
  row.job = job->config->job_name;
  row.discovered = std::move(discovered);
  row.health = "down";
  row.last_error = base::FromAbsl(status.message());
  row.interval_ms = job->config->scrape_interval.count();
  row.timeout_ms = job->config->scrape_timeout.count();
  job->bad_targets.push_back(std::move(row));
}

// Targets and files of targets that are not scraped, and why.
std::vector<TargetStatus> ScrapeManager::Impl::Unscrapable(const Job& job) {
  std::vector<TargetStatus> rows = job.bad_targets;
  for (const auto& source : job.sources) {
    for (auto& [place, error] : source->Broken()) {
      if (rows.size() >= kUnscrapableRowsMax) return rows;
      TargetStatus row;
      row.job = job.config->job_name;
      row.discovered.Set("__meta_source", place);
      row.health = "down";
      row.last_error = error;
      row.interval_ms = job.config->scrape_interval.count();
      row.timeout_ms = job.config->scrape_timeout.count();
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

// Once for as long as the error holds.
void ScrapeManager::Impl::TellOnce(const std::vector<TargetStatus>& unscrapable, Job* job) {
  std::set<std::string> holding;
  for (const TargetStatus& row : unscrapable) {
    if (!holding.insert(row.last_error).second || job->told.contains(row.last_error)) continue;
    spdlog::warn("discovery of job \"{}\": {}", job->config->job_name, row.last_error);
  }
  job->told = std::move(holding);
}

void ScrapeManager::Impl::KeepDropped(const TargetGroup& group, const std::string& address,
                                      Job* job) {
  const uint64_t keep = job->config->keep_dropped_targets;
  if (job->dropped.size() >= (keep > 0 ? keep : kDroppedRowsMax)) return;
  TargetStatus row;
  row.job = job->config->job_name;
  row.discovered = DiscoveredLabels(*job->config, group, address);
  row.health = "dropped";
  job->dropped.push_back(std::move(row));
}

size_t ScrapeManager::Impl::CountAddresses(const Job& job) {
  size_t count = 0;
  for (const TargetGroup& group : job.config->discovery.static_configs) {
    count += group.targets.size();
  }
  for (const auto& source : job.sources) {
    for (const TargetGroup& group : source->groups()) count += group.targets.size();
  }
  return count;
}

std::map<std::string, Target> ScrapeManager::Impl::FindTargets(Job* job) {
  std::vector<TargetGroup> groups = job->config->discovery.static_configs;
  for (const auto& source : job->sources) {
    const std::vector<TargetGroup> found = source->groups();
    groups.insert(groups.end(), found.begin(), found.end());
  }
  std::map<std::string, Target> targets;
  job->targets_dropped = 0;
  job->dropped.clear();
  job->bad_targets.clear();
  for (const TargetGroup& group : groups) {
    for (const std::string& address : group.targets) {
      if (targets.size() >= context.options.targets_max) {
        AddBadTarget(DiscoveredLabels(*job->config, group, address),
                     absl::ResourceExhaustedError(
                         base::StrCat("cannot scrape more targets: limit targets_max ",
                                      context.options.targets_max, " of a job reached")),
                     job);
        continue;
      }
      auto target = MakeTarget(job->config, group, address);
      if (!target.ok()) {
        AddBadTarget(DiscoveredLabels(*job->config, group, address), target.status(), job);
      } else if (!*target) {
        ++job->targets_dropped;
        KeepDropped(group, address, job);
      } else {
        std::string key = (*target)->Key();
        targets.emplace(std::move(key), **std::move(target));
      }
    }
  }
  return targets;
}

void ScrapeManager::Impl::Sync(Job* job) {
  std::map<std::string, Target> targets = FindTargets(job);
  std::vector<std::shared_ptr<ScrapeLoop>> ended;
  std::erase_if(job->loops, [&](const auto& entry) {
    if (targets.contains(entry.first)) return false;
    ended.push_back(entry.second);
    return true;
  });
  const uint64_t limit = job->config->target_limit;
  std::string forced;
  if (limit > 0 && targets.size() > limit) {
    forced = base::StrCat("target_limit of ", limit, " exceeded: job \"", job->config->job_name,
                          "\" has ", targets.size(), " targets");
  }
  for (auto& [key, target] : targets) {
    if (!job->loops.contains(key)) StartLoop(key, std::move(target), job);
    job->loops.at(key)->Force(forced);
  }
  StopLoops(std::move(ended));
}

ScrapeManager::Impl::Job ScrapeManager::Impl::MakeJob(ScrapeJob config, Job* old) {
  Job job;
  if (old != nullptr && old->config->discovery == config.discovery) {
    job.sources = std::move(old->sources);
  } else {
    job.sources = discovery::MakeSources(config.discovery,
                                         {io.get_executor(), [this] { poll_timer.cancel(); }});
  }
  for (const auto& source : job.sources) source->Poll(context.clock->MonotonicNs() / 1'000'000);
  if (old != nullptr && SameSettings(*old->config, config)) job.loops = std::move(old->loops);
  if (old != nullptr) job.told = std::move(old->told);
  job.config = std::make_shared<const ScrapeJob>(std::move(config));
  return job;
}

void ScrapeManager::Impl::Apply(ScrapeConfig config) {
  if (stopping) return;
  std::vector<Job> old = std::exchange(jobs, {});
  for (ScrapeJob& job : config.jobs) {
    const auto same = std::find_if(old.begin(), old.end(), [&](const Job& candidate) {
      return candidate.config->job_name == job.job_name;
    });
    jobs.push_back(MakeJob(std::move(job), same == old.end() ? nullptr : &*same));
  }
  context.targets = 0;
  for (const Job& job : jobs) context.targets += CountAddresses(job);
  for (Job& job : jobs) Sync(&job);
  std::vector<std::shared_ptr<ScrapeLoop>> ended;
  for (Job& job : old) {
    for (auto& [key, loop] : job.loops) ended.push_back(std::move(loop));
  }
  StopLoops(std::move(ended));
  Publish();
}

asio::awaitable<void> ScrapeManager::Impl::PollDiscovery() {
  while (!stopping) {
    poll_timer.expires_after(std::chrono::milliseconds(context.options.discovery_poll_ms));
    co_await poll_timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (stopping) co_return;
    const int64_t now_ms = context.clock->MonotonicNs() / 1'000'000;
    governor.Observe(ProcessCpuNs(), context.clock->MonotonicNs());
    context.stretch = governor.stretch();
    for (Job& job : jobs) {
      bool changed = false;
      for (const auto& source : job.sources) changed |= source->Poll(now_ms);
      if (changed) Sync(&job);
    }
    Publish();
  }
}

void ScrapeManager::Impl::StopAll() {
  stopping = true;
  poll_timer.cancel();
  for (Job& job : jobs) {
    for (auto& [key, loop] : job.loops) loop->Stop(false);
    job.sources.clear();
  }
  guard.reset();
}

void ScrapeManager::Impl::Publish() {
  std::vector<TargetStatus> rows;
  for (Job& job : jobs) {
    std::vector<TargetStatus> of_job = Unscrapable(job);
    TellOnce(of_job, &job);
    std::move(of_job.begin(), of_job.end(), std::back_inserter(rows));
  }
  base::MutexLock lock(&mutex);
  unscrapable = std::move(rows);
  dropped.clear();
  for (const Job& job : jobs) dropped.insert(dropped.end(), job.dropped.begin(), job.dropped.end());
  stretch = context.stretch;
  boards.clear();
  discovery_errors.clear();
  targets_dropped = 0;
  for (const Job& job : jobs) {
    for (const auto& [key, loop] : job.loops) boards.push_back(loop->board());
    uint64_t errors = job.target_errors;
    for (const auto& source : job.sources) errors += source->errors();
    discovery_errors.emplace_back(job.config->job_name, errors);
    targets_dropped += job.targets_dropped;
  }
}

ScrapeManager::ScrapeManager(RowSink* sink, const base::Clock* clock, const ScrapeOptions& options)
    : impl_(std::make_unique<Impl>(sink, clock, options)) {}

ScrapeManager::~ScrapeManager() { Stop(); }

void ScrapeManager::Start() {
  Impl* impl = impl_.get();
  impl->started = true;
  asio::co_spawn(impl->io, impl->PollDiscovery(), [](const std::exception_ptr&) {});
  impl->tasks.Start("scrape", [impl] { impl->io.run(); });
}

void ScrapeManager::ApplyConfig(ScrapeConfig config) {
  Impl* impl = impl_.get();
  asio::post(impl->io, [impl, config = std::move(config)] { impl->Apply(config); });
}

void ScrapeManager::Stop() {
  Impl* impl = impl_.get();
  if (!impl->started) return;
  impl->started = false;
  asio::post(impl->io, [impl] { impl->StopAll(); });
  impl->tasks.Stop();
}

std::vector<TargetStatus> ScrapeManager::Targets() const {
  std::vector<std::shared_ptr<TargetBoard>> boards;
  std::vector<TargetStatus> unscrapable;
  {
    base::MutexLock lock(&impl_->mutex);
    boards = impl_->boards;
    unscrapable = impl_->unscrapable;
  }
  std::vector<TargetStatus> targets;
  targets.reserve(boards.size() + unscrapable.size());
  for (const auto& board : boards) targets.push_back(board->status());
  std::move(unscrapable.begin(), unscrapable.end(), std::back_inserter(targets));
  return targets;
}

std::vector<TargetStatus> ScrapeManager::DroppedTargets() const {
  base::MutexLock lock(&impl_->mutex);
  return impl_->dropped;
}

ScrapeStats ScrapeManager::Stats() const {
  const ScrapeCounters& counters = impl_->context.counters;
  ScrapeStats stats;
  stats.scrapes = counters.scrapes;
  stats.samples = counters.samples;
  stats.body_bytes = counters.body_bytes;
  stats.failures = counters.Failures();
  stats.samples_dropped = counters.Drops();
  base::MutexLock lock(&impl_->mutex);
  stats.targets = impl_->boards.size();
  stats.targets_dropped = impl_->targets_dropped;
  stats.interval_stretch = impl_->stretch;
  stats.discovery_errors = impl_->discovery_errors;
  for (const auto& board : impl_->boards) stats.template_bytes += board->template_bytes();
  return stats;
}

}  // namespace baro::agent
