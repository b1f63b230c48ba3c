#include "baro/base/task_group.h"

#include <pthread.h>

#include <utility>

namespace baro::base {

bool TaskGroup::Start(const std::string& name, std::function<void()> work) {
  MutexLock lock(&mutex_);
  if (stopped_) return false;
  threads_.emplace_back(std::move(work));
  pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  return true;
}

void TaskGroup::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace baro::base
