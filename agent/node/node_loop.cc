#include "node_loop.h"

#include <utility>

namespace baro::agent {

NodeLoop::NodeLoop(std::unique_ptr<NodeTarget> target, const base::Clock* clock)
    : target_(std::move(target)), clock_(clock) {}

NodeLoop::~NodeLoop() { Stop(false); }

void NodeLoop::Start() {
  thread_.Start("node", [this] { Run(); });
}

// True when it is time; false when the loop ends.
bool NodeLoop::WaitUntil(int64_t next_ns) {
  base::MutexLock lock(&mutex_);
  while (!stopping_) {
    const int64_t left_ns = next_ns - clock_->MonotonicNs();
    if (left_ns <= 0) return true;
    wake_.WaitWithTimeout(&mutex_, absl::Nanoseconds(left_ns));
  }
  return false;
}

void NodeLoop::Run() {
  while (WaitUntil(target_->next_pass_ns())) target_->Pass();
}

void NodeLoop::Stop(bool retire) {
  {
    base::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
    retire = retire && !std::exchange(retired_, true);
  }
  thread_.Stop();
  if (retire) target_->Retire();
}

}  // namespace baro::agent
