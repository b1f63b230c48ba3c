#include "pods_loop.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/kubernetes/client.h"
#include "spdlog/spdlog.h"

namespace baro::agent {

namespace asio = boost::asio;
using std::chrono::milliseconds;

struct PodsLoop::Impl {
  // A question that is asked again and again.
  struct Poll {
    Poll(asio::io_context* io, kubernetes::ClientConfig config)
        : client(io->get_executor(), std::move(config)), timer(*io) {}
    kubernetes::ApiClient client;
    kubernetes::JsonParser parser;
    asio::steady_timer timer;
  };

  Impl(PodsOptions pods_options, RowSink* sink, const base::Clock* clock)
      : options(std::move(pods_options)),
        pass_timer(io),
        kubelet(&io, options.kubelet),
        api(&io, options.api),
        collector(options, sink, clock) {}

  asio::awaitable<void> Passes();
  asio::awaitable<void> AskKubelet();
  asio::awaitable<void> AskApi();
  asio::awaitable<absl::StatusOr<kubernetes::Json>> Ask(Poll* poll, std::string path);
  static asio::awaitable<void> Wait(asio::steady_timer* timer, milliseconds interval);
  static std::string Note(std::string_view what, const absl::Status& status,
                          const std::string& before);
  void Spawn(asio::awaitable<void> coroutine);

  const PodsOptions options;
  asio::io_context io{1};
  asio::steady_timer pass_timer;
  Poll kubelet;
  Poll api;
  PodsCollector collector;
  bool stopping = false;

  bool started = false;  // the owner's thread
  base::TaskGroup tasks;
  mutable base::Mutex mutex;
  PodsStats stats ABSL_GUARDED_BY(mutex);
};

void PodsLoop::Impl::Spawn(asio::awaitable<void> coroutine) {
  asio::co_spawn(io, std::move(coroutine), [](const std::exception_ptr& thrown) {
    if (thrown != nullptr) spdlog::error("the pods collector ended: out of memory");
  });
}

asio::awaitable<void> PodsLoop::Impl::Wait(asio::steady_timer* timer, milliseconds interval) {
  timer->expires_after(interval);
  co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> PodsLoop::Impl::Passes() {
  auto due = std::chrono::steady_clock::now();
  while (!stopping) {
    collector.Pass();
    {
      base::MutexLock lock(&mutex);
      stats = collector.stats();
    }
    // On the beat; passes that were missed are left out.
    const auto now = std::chrono::steady_clock::now();
    while (due <= now) due += options.interval;
    pass_timer.expires_at(due);
    co_await pass_timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<absl::StatusOr<kubernetes::Json>> PodsLoop::Impl::Ask(Poll* poll,
                                                                      std::string path) {
  kubernetes::ApiRequest request;
  request.path = path;
  const auto answer = co_await poll->client.Send(std::move(request));
  if (!answer.ok()) co_return answer.status();
  co_return poll->parser.Parse(*answer, path);
}

// Logs what is new about an error and returns it as text.
std::string PodsLoop::Impl::Note(std::string_view what, const absl::Status& status,
                                 const std::string& before) {
  std::string text(status.message());
  if (text != before) spdlog::warn("{}: {}", what, text);
  return text;
}

asio::awaitable<void> PodsLoop::Impl::AskKubelet() {
  const std::string path = "/pods";
  while (!stopping) {
    const auto list = co_await Ask(&kubelet, path);
    if (stopping) co_return;
    if (list.ok() && (*list)["items"].exists()) {
      collector.SetPods(*list);
    } else {
      const absl::Status status =
          list.ok() ? absl::UnavailableError("/pods is no list of pods") : list.status();
      collector.SetPodsError(Note("kubelet", status, collector.stats().kubelet_error));
    }
    co_await Wait(&kubelet.timer, options.kubelet_interval);
  }
}

asio::awaitable<void> PodsLoop::Impl::AskApi() {
  const std::string path = "/api/v1/nodes/" + options.node_name;
  while (!stopping) {
    const auto node = co_await Ask(&api, path);
    if (stopping) co_return;
    if (node.ok()) {
      collector.SetNode(*node);
    } else {
      collector.SetNodeError(Note("node object", node.status(), collector.stats().node_error));
    }
    co_await Wait(&api.timer, options.node_interval);
  }
}

PodsLoop::PodsLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PodsLoop::~PodsLoop() { Stop(false); }

absl::StatusOr<std::unique_ptr<PodsLoop>> PodsLoop::Make(PodsOptions options, RowSink* sink,
                                                         const base::Clock* clock) {
  if (options.interval.count() <= 0 || options.kubelet_interval.count() <= 0 ||
      options.node_interval.count() <= 0) {
    return absl::InvalidArgumentError("cannot collect pods: intervals must be above 0");
  }
  return std::unique_ptr<PodsLoop>(
      new PodsLoop(std::make_unique<Impl>(std::move(options), sink, clock)));
}

void PodsLoop::Start() {
  Impl* const impl = impl_.get();
  impl->started = true;
  if (!impl->options.kubelet.server.empty()) impl->Spawn(impl->AskKubelet());
  if (!impl->options.api.server.empty() && !impl->options.node_name.empty()) {
    impl->Spawn(impl->AskApi());
  }
  impl->Spawn(impl->Passes());
  impl->tasks.Start("pods", [impl] { impl->io.run(); });
}

void PodsLoop::Stop(bool retire) {
  Impl* const impl = impl_.get();
  if (!std::exchange(impl->started, false)) return;
  asio::post(impl->io, [impl, retire] {
    impl->stopping = true;
    if (retire) impl->collector.Retire();
    impl->pass_timer.cancel();
    for (Impl::Poll* poll : {&impl->kubelet, &impl->api}) {
      poll->client.Close();
      poll->timer.cancel();
    }
  });
  impl->tasks.Stop();
}

PodsStats PodsLoop::stats() const {
  base::MutexLock lock(&impl_->mutex);
  return impl_->stats;
}

}  // namespace baro::agent
