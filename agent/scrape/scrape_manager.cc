#include "baro/agent/scrape_manager.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <set>

#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "file_watch.h"
#include "scrape_loop.h"
#include "target.h"

namespace baro::agent {

namespace asio = boost::asio;

namespace {

// Equal but for where the targets come from.
bool SameSettings(ScrapeJob a, ScrapeJob b) {
  a.static_configs.clear();
  b.static_configs.clear();
  a.file_sd_configs.clear();
  b.file_sd_configs.clear();
  return a == b;
}

}  // namespace

struct ScrapeManager::Impl {
  // One entry of scrape_configs at work. Strand-bound.
  struct Job {
    std::shared_ptr<const ScrapeJob> config;
    std::vector<FileWatch> watches;
    std::map<std::string, std::shared_ptr<ScrapeLoop>> loops;  // by Target::Key()
    size_t targets_dropped = 0;
    uint64_t target_errors = 0;
  };

  Impl(RowSink* sink, const base::Clock* clock, const ScrapeOptions& options)
      : context{sink, clock, options, {}}, guard(io.get_executor()), poll_timer(io) {}

  void Apply(ScrapeConfig config);
  Job MakeJob(ScrapeJob config, Job* old);
  std::map<std::string, Target> FindTargets(Job* job);
  void Sync(Job* job);
  void StartLoop(const std::string& key, Target target, Job* job);
  void StopLoops(std::vector<std::shared_ptr<ScrapeLoop>> loops);
  asio::awaitable<void> PollDiscovery();
  void StopAll();
  void Publish() ABSL_LOCKS_EXCLUDED(mutex);

  ScrapeContext context;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  asio::steady_timer poll_timer;
  std::vector<Job> jobs;
  bool stopping = false;

  bool started = false;  // the owner's thread
  base::TaskGroup tasks;

  mutable base::Mutex mutex;
  std::vector<std::shared_ptr<TargetBoard>> boards ABSL_GUARDED_BY(mutex);
  uint64_t targets_dropped ABSL_GUARDED_BY(mutex) = 0;
  std::vector<std::pair<std::string, uint64_t>> discovery_errors ABSL_GUARDED_BY(mutex);
};

void ScrapeManager::Impl::StartLoop(const std::string& key, Target target, Job* job) {
  auto loop = std::make_shared<ScrapeLoop>(io.get_executor(), std::move(target), &context);
  job->loops.emplace(key, loop);
  // The completion keeps the loop alive until its coroutine has ended.
  asio::co_spawn(io, loop->Run(), [loop](const std::exception_ptr& thrown) {
    if (thrown == nullptr) return;
    TargetStatus status = loop->board()->status();
    status.health = "down";
    status.last_error = "cannot go on scraping: out of memory";
    loop->board()->Set(std::move(status), 0);
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

std::map<std::string, Target> ScrapeManager::Impl::FindTargets(Job* job) {
  std::vector<TargetGroup> groups = job->config->static_configs;
  for (const FileWatch& watch : job->watches) {
    const std::vector<TargetGroup> found = watch.groups();
    groups.insert(groups.end(), found.begin(), found.end());
  }
  std::map<std::string, Target> targets;
  job->targets_dropped = 0;
  for (const TargetGroup& group : groups) {
    for (const std::string& address : group.targets) {
      if (targets.size() >= context.options.targets_max) {
        ++job->target_errors;
        continue;
      }
      auto target = MakeTarget(job->config, group, address);
      if (!target.ok()) {
        ++job->target_errors;
      } else if (!*target) {
        ++job->targets_dropped;
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
  for (const FileDiscovery& discovery : config.file_sd_configs) job.watches.emplace_back(discovery);
  for (FileWatch& watch : job.watches) watch.Poll(context.clock->MonotonicNs() / 1'000'000);
  if (old != nullptr && SameSettings(*old->config, config)) job.loops = std::move(old->loops);
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
    for (Job& job : jobs) {
      bool changed = false;
      for (FileWatch& watch : job.watches) changed |= watch.Poll(now_ms);
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
  }
  guard.reset();
}

void ScrapeManager::Impl::Publish() {
  base::MutexLock lock(&mutex);
  boards.clear();
  discovery_errors.clear();
  targets_dropped = 0;
  for (const Job& job : jobs) {
    for (const auto& [key, loop] : job.loops) boards.push_back(loop->board());
    uint64_t errors = job.target_errors;
    for (const FileWatch& watch : job.watches) errors += watch.errors();
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
  {
    base::MutexLock lock(&impl_->mutex);
    boards = impl_->boards;
  }
  std::vector<TargetStatus> targets;
  targets.reserve(boards.size());
  for (const auto& board : boards) targets.push_back(board->status());
  return targets;
}

ScrapeStats ScrapeManager::Stats() const {
  const ScrapeCounters& counters = impl_->context.counters;
  ScrapeStats stats;
  stats.scrapes = counters.scrapes;
  stats.samples = counters.samples;
  stats.body_bytes = counters.body_bytes;
  stats.exemplars_dropped = counters.exemplars_dropped;
  stats.failures = counters.Failures();
  stats.samples_dropped = counters.Drops();
  base::MutexLock lock(&impl_->mutex);
  stats.targets_dropped = impl_->targets_dropped;
  stats.discovery_errors = impl_->discovery_errors;
  for (const auto& board : impl_->boards) stats.template_bytes += board->template_bytes();
  return stats;
}

}  // namespace baro::agent
