// Source: something that tells over and over which targets there are: files, a URL, DNS names, a
// Kubernetes cluster.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "baro/discovery/configs.h"
#include "baro/discovery/target_group.h"

namespace baro::discovery {

// Strand-bound: every call on the executor's thread, and whatever it does takes place there,
// without blocking for longer than a small local file takes to read.
class Source {
 public:
  virtual ~Source() = default;

  // Looks when it is time to. True when groups() has changed since the last call. `now_ms` is
  // monotonic.
  virtual bool Poll(int64_t now_ms) = 0;
  // What was found last. A source that cannot be asked keeps what it said before.
  virtual std::vector<TargetGroup> groups() const = 0;
  // Attempts that failed, since start.
  virtual uint64_t errors() const = 0;
  // What cannot be read now: its place (a path, a URL, a name) and the error.
  virtual std::vector<std::pair<std::string, std::string>> Broken() const = 0;
};

// What sources need of their surroundings.
struct SourceContext {
  boost::asio::any_io_executor executor;
  // Called when a source has found something new, from the executor's thread: poll soon.
  std::function<void()> on_news;
};

// One source for each entry of `configs` but the static ones. They must be destroyed on the
// executor's thread, or after it has ended.
std::vector<std::unique_ptr<Source>> MakeSources(const DiscoveryConfigs& configs,
                                                 const SourceContext& context);

}  // namespace baro::discovery
