// ResourceWatch: keeps somebody up to date about all objects of one resource: lists them in pages,
// then watches what changes, for ever, over lost connections and compacted histories.
//
//   list (limit, continue) ──► watch from its resourceVersion ──► end of stream: watch again
//        ▲                                │
//        └──── 410 Gone, odd answers ◄────┘      errors: wait (backoff, Retry-After), go on
//
// The protocol: kubernetes.io/docs/reference/using-api/api-concepts.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/kubernetes/client.h"
#include "baro/kubernetes/json.h"

namespace baro::kubernetes {

// "namespace/name"; of objects without a namespace "name".
std::string ObjectKey(const Json& object);

// Whose objects are kept up to date. Called on the watch's thread.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;
  // New, changed, or the same as before (after another list). `object` lives during the call.
  virtual void Set(const std::string& key, const Json& object) = 0;
  virtual void Remove(const std::string& key) = 0;
  // A list is complete: everything that is there has been told, and everything that is gone.
  virtual void Synced() {}
};

struct WatchOptions {
  std::string path = {};            // "/api/v1/pods", "/apis/apps/v1/namespaces/shop/deployments"
  std::string label_selector = {};  // "app=shop"
  std::string field_selector = {};  // "spec.nodeName=node-1"
  // Asks for nothing but the objects' metadata (what is in a Secret never travels).
  bool metadata_only = false;
  int page_objects = 500;
  // How long the server is asked to keep one watch; it is begun anew without a list.
  int64_t watch_ms = 300'000;
  int64_t backoff_min_ms = 500;
  int64_t backoff_max_ms = 30'000;
  // Objects beyond are not told and counted: a bound against a runaway cluster.
  size_t objects_max = 1'000'000;
  uint64_t seed = 1;  // spreads the waiting times of many agents
};

// Since start. Value type.
struct WatchStats {
  uint64_t lists = 0;  // complete ones
  uint64_t list_errors = 0;
  uint64_t watches = 0;
  uint64_t watch_errors = 0;
  uint64_t events = 0;
  uint64_t gone = 0;  // 410
  uint64_t objects_refused = 0;
  size_t objects = 0;      // now
  bool synced = false;     // a list was complete at least once
  std::string last_error;  // empty: the last list or watch went well
};

// Strand-bound. Must outlive its Run().
class ResourceWatch {
 public:
  // `sink` outlives it.
  ResourceWatch(boost::asio::any_io_executor executor, ClientConfig config, WatchOptions options,
                ObjectSink* sink);

  // Until Close(). Never fails: errors are waited out and told by stats().
  boost::asio::awaitable<void> Run();
  void Close();

  const WatchStats& stats() const { return stats_; }
  const WatchOptions& options() const { return options_; }

 private:
  boost::asio::awaitable<absl::Status> List();
  boost::asio::awaitable<absl::Status> ListPages(bool paged);
  boost::asio::awaitable<absl::Status> Watch();
  boost::asio::awaitable<void> Wait(int64_t retry_after_ms);
  std::string ListPath(bool paged, std::string_view continue_token) const;
  std::string WatchPath() const;
  std::string Accept(std::string_view kind) const;
  absl::Status TakePage(std::string_view body, std::string* continue_token);
  absl::Status TakePiece(std::string_view piece);
  absl::Status TakeEvent(std::string_view line);
  absl::Status TakeErrorEvent(const Json& status);
  void SetObject(const Json& object);
  void RemoveMissing();
  void Note(const absl::Status& status, uint64_t* errors);

  const WatchOptions options_;
  ObjectSink* const sink_;
  ApiClient client_;
  boost::asio::steady_timer timer_;
  std::mt19937_64 random_;
  bool closing_ = false;
  int64_t backoff_ms_ = 0;

  JsonParser parser_;
  std::string partial_line_;
  std::string resource_version_;                     // empty: a list is needed
  uint64_t generation_ = 0;                          // of the list under way
  absl::flat_hash_map<std::string, uint64_t> seen_;  // key → generation that last told it
  WatchStats stats_;
};

}  // namespace baro::kubernetes
