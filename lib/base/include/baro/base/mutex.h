// Mutex: absl::Mutex with thread annotations that ThreadSanitizer can see as well.
//
// Debian's libabsl is not built for TSan, so a plain absl::Mutex would be invisible to it and every
// guarded access would look like a race. Under TSan this wrapper tells it of each lock and unlock;
// elsewhere it costs nothing. std::mutex is banned (tools/tidy): clang's thread-safety analysis
// cannot see it.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#if defined(__SANITIZE_THREAD__)
#define BARO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BARO_TSAN 1
#endif
#endif

#ifdef BARO_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace baro::base {

// Thread-safe. Not recursive.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mutex_.Lock();
    Acquired();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    Releasing();
    mutex_.Unlock();
  }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    if (!mutex_.TryLock()) return false;
    Acquired();
    return true;
  }
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() { mutex_.AssertHeld(); }

 private:
  friend class CondVar;

  void Acquired() {
#ifdef BARO_TSAN
    __tsan_acquire(this);
#endif
  }
  void Releasing() {
#ifdef BARO_TSAN
    __tsan_release(this);
#endif
  }

  absl::Mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

// Wait in a loop on the guarded condition; wake-ups may be spurious.
class CondVar {
 public:
  void Wait(Mutex* mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    mutex->Releasing();
    cond_.Wait(&mutex->mutex_);
    mutex->Acquired();
  }
  // Returns true when the timeout passed first.
  bool WaitWithTimeout(Mutex* mutex, absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    mutex->Releasing();
    const bool timed_out = cond_.WaitWithTimeout(&mutex->mutex_, timeout);
    mutex->Acquired();
    return timed_out;
  }
  void Signal() { cond_.Signal(); }
  void SignalAll() { cond_.SignalAll(); }

 private:
  absl::CondVar cond_;
};

}  // namespace baro::base
