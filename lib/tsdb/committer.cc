#include "committer.h"

#include <utility>

namespace baro::tsdb {
namespace {

// Accepted and not yet durable. A batch waits one or two syncs, so this is what comes in meanwhile.
constexpr size_t kQueueItemsMax = 4'096;
constexpr size_t kQueueBytesMax = size_t{64} << 20;
// One sync's worth: larger writes gain nothing and hold up the first batch.
constexpr size_t kCommitBytesMax = size_t{8} << 20;

}  // namespace

Committer::Committer(int64_t commit_delay_ms, Commit commit)
    : commit_delay_ms_(commit_delay_ms), commit_(std::move(commit)) {
  threads_.Start("tsdb-writer", [this] { Loop(); });
}

bool Committer::Submit(Item&& item) {
  base::MutexLock lock(&mutex_);
  const bool full = queue_.size() >= kQueueItemsMax ||
                    (queue_bytes_ > 0 && queue_bytes_ + item.bytes > kQueueBytesMax);
  if (closed_ || full) return false;
  queue_bytes_ += item.bytes;
  queue_.emplace_back(std::move(item));
  changed_.Signal();
  return true;
}

bool Committer::Run(const std::function<void()>& task) {
  base::MutexLock lock(&mutex_);
  if (closed_) return false;
  queue_.emplace_back(&task);
  const uint64_t number = ++tasks_submitted_;
  changed_.Signal();
  while (tasks_done_ < number) task_done_.Wait(&mutex_);
  return true;
}

void Committer::Stop() {
  {
    base::MutexLock lock(&mutex_);
    closed_ = true;
    changed_.SignalAll();
  }
  threads_.Stop();
}

std::vector<Committer::Work> Committer::Gather() {
  base::MutexLock lock(&mutex_);
  while (queue_.empty() && !closed_) changed_.Wait(&mutex_);
  // A lone sender gets its answer after one sync; a crowd is worth a short wait.
  if (crowded_ && !closed_ && commit_delay_ms_ > 0 && queue_.size() == 1) {
    changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(commit_delay_ms_));
  }
  std::vector<Work> work;
  size_t bytes = 0;
  while (!queue_.empty()) {
    const auto* item = std::get_if<Item>(&queue_.front());
    const size_t size = item == nullptr ? 0 : item->bytes;
    if (!work.empty() && bytes + size > kCommitBytesMax) break;
    bytes += size;
    queue_bytes_ -= size;
    work.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  crowded_ = work.size() > 1;
  return work;
}

void Committer::Loop() {
  for (std::vector<Work> work = Gather(); !work.empty(); work = Gather()) {
    std::vector<Item> items;
    const auto commit = [&] {
      if (!items.empty()) commit_(std::exchange(items, {}));
    };
    for (Work& one : work) {
      if (auto* item = std::get_if<Item>(&one)) {
        items.push_back(std::move(*item));
        continue;
      }
      commit();
      (*std::get<const std::function<void()>*>(one))();
      base::MutexLock lock(&mutex_);
      ++tasks_done_;
      task_done_.SignalAll();
    }
    commit();
  }
}

size_t Committer::depth() const {
  base::MutexLock lock(&mutex_);
  return queue_.size();
}

bool Committer::closed() const {
  base::MutexLock lock(&mutex_);
  return closed_;
}

}  // namespace baro::tsdb
