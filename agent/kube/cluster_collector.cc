#include "cluster_collector.h"

#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "agent/node/section.h"
#include "baro/base/mutex.h"
#include "baro/base/random.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "spdlog/spdlog.h"

namespace baro::agent {

namespace asio = boost::asio;

namespace {

constexpr KubeFamily kUp{"up", "1 when every resource has been listed and is being watched."};
constexpr KubeFamily kCollectorState{"baro_collector_state",
                                     "1 for a reason why a collector does not tell all it should."};
// What kube-state-metrics tells about its own lists and watches; its alerts are built on these.
constexpr KubeFamily kLists{"kube_state_metrics_list_total",
                            "Number of total resource list in kube-state-metrics",
                            model::MetricType::kCounter};
constexpr KubeFamily kWatches{"kube_state_metrics_watch_total",
                              "Number of total resource watch in kube-state-metrics",
                              model::MetricType::kCounter};
constexpr KubeFamily kShardOrdinal{"kube_state_metrics_shard_ordinal",
                                   "Current sharding ordinal/index of this instance"};
constexpr KubeFamily kTotalShards{"kube_state_metrics_total_shards",
                                  "Number of total shards this instance is aware of"};

std::string HostName() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

struct ClusterCollector::Impl {
  // One resource at work. Kept alive by the completion of its coroutine.
  struct Member {
    Member(asio::io_context* io, const Impl& impl, const Resource* resource_entry)
        : resource(resource_entry),
          rows(resource_entry, {impl.common, impl.options.labels}, impl.sink, impl.clock),
          watch(io->get_executor(), impl.options.api, impl.WatchOptionsOf(*resource_entry), &rows) {
    }
    const Resource* resource;
    ObjectRows rows;
    kubernetes::ResourceWatch watch;
  };

  Impl(ClusterOptions cluster_options, RowSink* row_sink, const base::Clock* cluster_clock)
      : options(std::move(cluster_options)),
        sink(row_sink),
        clock(cluster_clock),
        common{{"job", options.job}, {"instance", options.instance}},
        guard(io.get_executor()),
        pass_timer(io),
        own_row(common, row_sink) {}

  kubernetes::WatchOptions WatchOptionsOf(const Resource& resource) const;
  void Lead(bool leading);
  void StartWatches();
  void EndWatches(bool retire);
  asio::awaitable<void> Passes();
  void Pass();
  void AppendOwn(int64_t time_ms);
  void Publish(int64_t time_ms) ABSL_LOCKS_EXCLUDED(mutex);

  const ClusterOptions options;
  RowSink* const sink;
  const base::Clock* const clock;
  const model::Labels common;
  std::vector<const Resource*> resources;

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  asio::steady_timer pass_timer;
  std::unique_ptr<LeaseElection> election;
  std::vector<std::shared_ptr<Member>> members;
  RowTarget own_row;
  bool leading = false;
  bool stopping = false;

  bool started = false;  // the owner's thread
  base::TaskGroup tasks;
  mutable base::Mutex mutex;
  ClusterState state ABSL_GUARDED_BY(mutex);
};

kubernetes::WatchOptions ClusterCollector::Impl::WatchOptionsOf(const Resource& resource) const {
  kubernetes::WatchOptions watch;
  watch.path = resource.path;
  watch.metadata_only = resource.metadata_only;
  watch.seed = base::RandomSeed();
  if (resource.name == "pods" && options.unscheduled_pods) watch.field_selector = "spec.nodeName=";
  return watch;
}

void ClusterCollector::Impl::StartWatches() {
  for (const Resource* resource : resources) {
    auto member = std::make_shared<Member>(&io, *this, resource);
    members.push_back(member);
    asio::co_spawn(io, member->watch.Run(), [member](const std::exception_ptr& thrown) {
      if (thrown != nullptr) spdlog::error("a watch ended: out of memory");
    });
  }
}

void ClusterCollector::Impl::EndWatches(bool retire) {
  for (const auto& member : members) {
    member->watch.Close();
    if (retire) member->rows.RetireAll();
  }
  members.clear();
  if (retire) own_row.Retire();
}

void ClusterCollector::Impl::Lead(bool now_leading) {
  if (stopping) return;
  leading = now_leading;
  spdlog::info("{} the lease {}/{}", leading ? "collects the cluster: holds" : "does not hold",
               options.lease.space, options.lease.name);
  if (leading) {
    StartWatches();
  } else {
    EndWatches(false);
  }
  Publish(0);
}

asio::awaitable<void> ClusterCollector::Impl::Passes() {
  while (!stopping) {
    if (leading) Pass();
    pass_timer.expires_after(options.interval);
    co_await pass_timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void ClusterCollector::Impl::Pass() {
  const int64_t time_ms = clock->NowMs();
  for (const auto& member : members) member->rows.AppendAll(time_ms);
  AppendOwn(time_ms);
  Publish(time_ms);
}

// The collector's own row: what does not work is told as a series, too.
void ClusterCollector::Impl::AppendOwn(int64_t time_ms) {
  ObjectSeries own;
  bool all_well = true;
  for (const auto& member : members) {
    const kubernetes::WatchStats& stats = member->watch.stats();
    const std::string_view name = member->resource->name;
    const bool is_well = stats.synced && stats.last_error.empty();
    all_well = all_well && is_well;
    const auto lists = static_cast<double>(stats.lists);
    const auto watches = static_cast<double>(stats.watches);
    own.Add(kLists, {{"resource", name}, {"result", "success"}}, lists);
    own.Add(kLists, {{"resource", name}, {"result", "error"}},
            static_cast<double>(stats.list_errors));
    own.Add(kWatches, {{"resource", name}, {"result", "success"}},
            watches - static_cast<double>(stats.watch_errors));
    own.Add(kWatches, {{"resource", name}, {"result", "error"}},
            static_cast<double>(stats.watch_errors));
    if (!is_well) {
      own.Add(kCollectorState,
              {{"collector", base::StrCat("kube_", name)},
               {"reason", stats.synced ? "watch_failed" : "not_listed"}},
              1);
    }
  }
  own.Add(kShardOrdinal, 0);
  own.Add(kTotalShards, 1);
  own.Add(kUp, all_well ? 1 : 0);
  if (own_row.SetColumns(own.columns(), time_ms).ok()) {
    (void)own_row.Append(time_ms, own.values());  // counted by the sink
  }
}

void ClusterCollector::Impl::Publish(int64_t time_ms) {
  ClusterState now;
  now.leading = leading;
  if (election != nullptr) now.lease_error = election->last_error();
  now.last_pass_ms = time_ms;
  for (const auto& member : members) {
    now.resources.push_back(
        {std::string(member->resource->name), member->watch.stats(), member->rows.stats()});
  }
  base::MutexLock lock(&mutex);
  state = std::move(now);
}

ClusterCollector::ClusterCollector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<ClusterCollector>> ClusterCollector::Make(ClusterOptions options,
                                                                         RowSink* sink,
                                                                         const base::Clock* clock) {
  if (options.interval.count() <= 0) {
    return absl::InvalidArgumentError("cannot collect the cluster: interval must be above 0");
  }
  if (options.api.server.empty()) {
    BARO_TRY_ASSIGN(options.api, kubernetes::InClusterConfig());
  }
  if (options.lease.identity.empty()) {
    options.lease.identity = base::StrCat(HostName(), "_", base::RandomSeed());
  }
  auto impl = std::make_unique<Impl>(std::move(options), sink, clock);
  for (const std::string& name : impl->options.resources) {
    const Resource* const resource = FindResource(name);
    if (resource == nullptr) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot collect resource \"", name, "\": there is no such resource"));
    }
    impl->resources.push_back(resource);
  }
  if (impl->resources.empty()) {
    for (const Resource& resource : AllResources()) impl->resources.push_back(&resource);
  }
  return std::unique_ptr<ClusterCollector>(new ClusterCollector(std::move(impl)));
}

ClusterCollector::~ClusterCollector() { Stop(false); }

void ClusterCollector::Start() {
  Impl* const impl = impl_.get();
  impl->started = true;
  if (impl->options.elect) {
    impl->election = std::make_unique<LeaseElection>(impl->io.get_executor(), impl->options.api,
                                                     impl->options.lease, impl->clock,
                                                     [impl](bool leading) { impl->Lead(leading); });
    asio::co_spawn(impl->io, impl->election->Run(), [](const std::exception_ptr&) {});
  } else {
    asio::post(impl->io, [impl] { impl->Lead(true); });
  }
  asio::co_spawn(impl->io, impl->Passes(), [](const std::exception_ptr&) {});
  impl->tasks.Start("cluster", [impl] { impl->io.run(); });
}

void ClusterCollector::Stop(bool retire) {
  Impl* const impl = impl_.get();
  if (!std::exchange(impl->started, false)) return;
  asio::post(impl->io, [impl, retire] {
    impl->stopping = true;
    if (impl->election != nullptr) impl->election->Close();
    impl->EndWatches(retire);
    impl->pass_timer.cancel();
    impl->guard.reset();
  });
  impl->tasks.Stop();
}

ClusterState ClusterCollector::state() const {
  base::MutexLock lock(&impl_->mutex);
  return impl_->state;
}

}  // namespace baro::agent
