// A ResourceWatch's sink ends up with exactly the objects that the API has, whatever happens on the
// way. Method: the double of the API server, its objects changed and its answers broken while the
// watch runs; then both sides are compared.
#include "baro/kubernetes/resource_watch.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <map>

#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/kubernetes/testing/api_double.h"

namespace baro::kubernetes {
namespace {

namespace asio = boost::asio;
using testing::ApiDouble;
using testing::Fault;
using Objects = std::map<std::string, std::string>;  // key → label "v"

const std::string kPods = "/api/v1/pods";

std::string Pod(std::string_view name, std::string_view v, std::string_view node = "n1") {
  return base::StrCat(R"({"metadata":{"namespace":"shop","name":")", name, R"(","labels":{"v":")",
                      v, R"("}},"spec":{"nodeName":")", node, R"("}})");
}

std::string NewFolder() {
  std::string pattern = ::testing::TempDir() + "/watch_XXXXXX";
  return mkdtemp(pattern.data());
}

// Runs a watch on a thread of its own and remembers what it tells.
class WatchRun final : public ObjectSink {
 public:
  WatchRun(const ApiDouble& api, WatchOptions options)
      : watch_(io_.get_executor(), api.client_config(), Quick(std::move(options)), this) {
    asio::co_spawn(io_, watch_.Run(), [](const std::exception_ptr&) {});
    thread_.Start("watch", [this] { io_.run(); });
  }
  ~WatchRun() override {
    asio::post(io_, [this] { watch_.Close(); });
    thread_.Stop();
  }

  void Set(const std::string& key, const Json& object) override {
    base::MutexLock lock(&mutex_);
    objects_[key] = object["metadata"]["labels"]["v"].Text();
    changed_.SignalAll();
  }
  void Remove(const std::string& key) override {
    base::MutexLock lock(&mutex_);
    EXPECT_EQ(objects_.erase(key), 1u) << key;
    changed_.SignalAll();
  }
  void Synced() override {
    base::MutexLock lock(&mutex_);
    ++synced_;
    changed_.SignalAll();
  }

  // Waits until the sink has just these.
  ::testing::AssertionResult Gets(const Objects& wanted) {
    base::MutexLock lock(&mutex_);
    const int64_t deadline_ns = base::RealClock()->MonotonicNs() + 20'000'000'000;
    while (synced_ == 0 || objects_ != wanted) {
      if (base::RealClock()->MonotonicNs() > deadline_ns)
        return ::testing::AssertionFailure() << Text();
      changed_.WaitWithTimeout(&mutex_, absl::Seconds(1));
    }
    return ::testing::AssertionSuccess();
  }
  WatchStats stats() {
    std::promise<WatchStats> promise;
    asio::post(io_, [&] { promise.set_value(watch_.stats()); });
    return promise.get_future().get();
  }
  ::testing::AssertionResult Reaches(const std::function<bool(const WatchStats&)>& condition) {
    const int64_t deadline_ns = base::RealClock()->MonotonicNs() + 20'000'000'000;
    while (!condition(stats())) {
      if (base::RealClock()->MonotonicNs() > deadline_ns)
        return ::testing::AssertionFailure() << stats().last_error;
      base::MutexLock lock(&mutex_);
      changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(5));
    }
    return ::testing::AssertionSuccess();
  }

 private:
  static WatchOptions Quick(WatchOptions options) {
    options.path = options.path.empty() ? kPods : options.path;
    options.backoff_min_ms = 1;
    options.backoff_max_ms = 10;
    return options;
  }
  std::string Text() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::string text = base::StrCat("synced ", synced_, ": ");
    for (const auto& [key, v] : objects_) base::StrAppend(&text, key, "=", v, " ");
    return text;
  }

  asio::io_context io_{1};
  ResourceWatch watch_;
  base::TaskGroup thread_;
  base::Mutex mutex_;
  base::CondVar changed_;
  Objects objects_ ABSL_GUARDED_BY(mutex_);
  int synced_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(ResourceWatch, TellsWhatIsThereAndWhatChanges) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("a", "1"));
  api.Put(kPods, Pod("b", "1"));
  WatchRun run(api, {});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}, {"shop/b", "1"}}));
  api.Put(kPods, Pod("c", "1"));
  api.Put(kPods, Pod("a", "2"));
  api.Delete(kPods, "shop", "b");
  EXPECT_TRUE(run.Gets({{"shop/a", "2"}, {"shop/c", "1"}}));
  EXPECT_EQ(run.stats().lists, 1u);
}

TEST(ResourceWatch, ListsInPages) {
  ApiDouble api(NewFolder());
  Objects all;
  for (int i = 0; i < 25; ++i) {
    api.Put(kPods, Pod(base::StrCat("p", i), "x"));
    all[base::StrCat("shop/p", i)] = "x";
  }
  WatchRun run(api, {.page_objects = 10});
  EXPECT_TRUE(run.Gets(all));
  EXPECT_EQ(api.requests(kPods + "?limit=10"), 3);
}

TEST(ResourceWatch, SelectsByFieldAndLabel) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("a", "1", "n1"));
  api.Put(kPods, Pod("b", "1", "n2"));
  api.Put(kPods, Pod("c", "2", "n1"));
  WatchRun run(api, {.label_selector = "v=1", .field_selector = "spec.nodeName=n1"});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}}));
  api.Put(kPods, Pod("d", "1", "n2"));
  api.Put(kPods, Pod("e", "1", "n1"));
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}, {"shop/e", "1"}}));
}

TEST(ResourceWatch, GoesOnFromWhereAWatchEnded) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("a", "1"));
  WatchRun run(api, {});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}}));
  for (int i = 0; i < 5; ++i) {
    api.EndWatches(false);
    api.Put(kPods, Pod("a", base::StrCat("after-", i)));
    EXPECT_TRUE(run.Gets({{"shop/a", base::StrCat("after-", i)}}));
  }
  EXPECT_EQ(run.stats().lists, 1u);
}

TEST(ResourceWatch, ListsAgainWhenItsVersionIsGone) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("a", "1"));
  api.Put(kPods, Pod("b", "1"));
  WatchRun run(api, {});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}, {"shop/b", "1"}}));
  EXPECT_TRUE(run.Reaches([&](const WatchStats&) { return api.watches_open() == 1; }));
  api.EndWatches(true);  // as an ERROR event
  EXPECT_TRUE(run.Reaches([](const WatchStats& stats) { return stats.lists == 2; }));
  EXPECT_TRUE(run.Reaches([&](const WatchStats&) { return api.watches_open() == 1; }));
  // And as an HTTP status, with objects gone in between.
  api.Inject({.kind = Fault::Kind::kStatus, .status = 503, .path_prefix = kPods, .count = 3});
  api.EndWatches(false);
  api.Delete(kPods, "shop", "a");
  api.Put(kPods, Pod("c", "1"));
  api.Compact();
  EXPECT_TRUE(run.Gets({{"shop/b", "1"}, {"shop/c", "1"}}));
  EXPECT_EQ(run.stats().last_error, "");
}

TEST(ResourceWatch, ListsAllAtOnceWhenThePagesExpire) {
  ApiDouble api(NewFolder());
  for (const char* name : {"a", "b", "c"}) api.Put(kPods, Pod(name, "1"));
  api.Inject({.kind = Fault::Kind::kStatus, .status = 410, .path_prefix = kPods + "?limit=2&cont"});
  WatchRun run(api, {.page_objects = 2});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}, {"shop/b", "1"}, {"shop/c", "1"}}));
  EXPECT_EQ(run.stats().gone, 1u);
}

TEST(ResourceWatch, OutlivesEveryBrokenAnswer) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("a", "1"));
  for (const Fault::Kind kind : {Fault::Kind::kCut, Fault::Kind::kGarbage, Fault::Kind::kStatus}) {
    api.Inject({.kind = kind, .path_prefix = kPods + "?limit"});
    api.Inject({.kind = kind, .path_prefix = kPods + "?watch"});
  }
  WatchRun run(api, {});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}}));
  EXPECT_TRUE(run.Reaches([](const WatchStats& stats) { return stats.watch_errors >= 3; }));
  api.Put(kPods, Pod("b", "1"));
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}, {"shop/b", "1"}}));
  EXPECT_EQ(run.stats().list_errors, 3u);
}

TEST(ResourceWatch, MovesOnByBookmarks) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("a", "1"));
  WatchRun run(api, {});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}}));
  EXPECT_TRUE(run.Reaches([&](const WatchStats&) { return api.watches_open() == 1; }));
  // Other resources move the version on; after a bookmark that is known and survives compaction.
  api.Put("/api/v1/services", R"({"metadata":{"namespace":"shop","name":"s"}})");
  api.Bookmark();
  EXPECT_TRUE(run.Reaches([](const WatchStats& stats) { return stats.events == 1; }));
  api.Compact();
  api.EndWatches(false);
  api.Put(kPods, Pod("a", "2"));
  EXPECT_TRUE(run.Gets({{"shop/a", "2"}}));
  EXPECT_EQ(run.stats().lists, 1u);
  EXPECT_EQ(run.stats().gone, 0u);
}

TEST(ResourceWatch, RefusesMoreObjectsThanItsBound) {
  ApiDouble api(NewFolder());
  for (const char* name : {"a", "b", "c"}) api.Put(kPods, Pod(name, "1"));
  WatchRun run(api, {.objects_max = 2});
  EXPECT_TRUE(run.Gets({{"shop/a", "1"}, {"shop/b", "1"}}));
  EXPECT_EQ(run.stats().objects_refused, 1u);
}

}  // namespace
}  // namespace baro::kubernetes
