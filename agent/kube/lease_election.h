// LeaseElection: of many agents in cluster mode one is at work: the holder of a Lease object
// (kubernetes.io/docs/concepts/architecture/leases).
//
// The holder renews; the others watch whether it does, by their own clocks alone, and take the
// lease over once it has not been renewed for its duration. A holder that cannot renew stops in
// time: it counts itself out `renew_deadline_ms` after its last success, before anybody else may
// take over.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/kubernetes/client.h"
#include "baro/kubernetes/json.h"

namespace baro::agent {

struct LeaseOptions {
  std::string space = "kube-system";
  std::string name = "baro-agent-cluster";
  std::string identity = {};  // of this agent; unique
  // client-go's defaults.
  int64_t duration_ms = 15'000;
  int64_t renew_deadline_ms = 10'000;
  int64_t retry_ms = 2'000;
  bool operator==(const LeaseOptions&) const = default;
};

// Strand-bound. Must outlive its Run().
class LeaseElection {
 public:
  // `on_change(true)` when this agent becomes the holder, `on_change(false)` when it is no more.
  LeaseElection(boost::asio::any_io_executor executor, kubernetes::ClientConfig config,
                LeaseOptions options, const base::Clock* clock,
                std::function<void(bool leading)> on_change);

  // Until Close(). Errors are tried again; last_error() tells.
  boost::asio::awaitable<void> Run();
  void Close();
  bool leading() const { return leading_; }
  const std::string& last_error() const { return last_error_; }

 private:
  boost::asio::awaitable<absl::Status> TryOnce();
  boost::asio::awaitable<absl::Status> Create();
  boost::asio::awaitable<absl::Status> Replace(std::string resource_version, int64_t transitions,
                                               std::string acquire_time);
  boost::asio::awaitable<absl::Status> Send(std::string method, std::string path, std::string body);
  void Observe(const kubernetes::Json& lease);
  void SetLeading(bool leading);
  void Settle(const absl::Status& status, int64_t asked_ns);
  std::string LeaseJson(std::string_view resource_version, int64_t transitions,
                        std::string_view acquire_time) const;

  const LeaseOptions options_;
  const base::Clock* const clock_;
  const std::function<void(bool)> on_change_;
  kubernetes::ApiClient client_;
  kubernetes::JsonParser parser_;
  boost::asio::steady_timer timer_;
  bool closing_ = false;
  bool leading_ = false;
  std::string last_error_;
  int64_t renewed_ns_ = 0;   // when our last successful write was asked for
  std::string observed_;     // holder and renew time, as last seen
  int64_t observed_ns_ = 0;  // since when they are as they are
};

}  // namespace baro::agent
