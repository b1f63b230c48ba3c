// Loaded into a program (LD_PRELOAD), it makes a worse machine of the one it runs on;
// machine_faults.py is what tests use it by. BARO_MACHINE names a file that both sides map and that
// outlives a kill:
//
//   how much of each file the program has synced, so that a test can take away after a kill -9 what
//     a power cut might have taken. A file that is there when it is first opened counts as synced.
//   errno of syncs that are to fail, 0 for none
//   by how much the clock is wrong
//
// BARO_SYNC_DELAY_MS is the longest random wait before a sync: a slow disk, so that a kill falls
// between a write and its sync more often.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr uint64_t kSlots = uint64_t{1} << 16;

struct Slot {
  std::atomic<uint64_t> key;  // inode number + 1; 0 is free
  std::atomic<uint64_t> synced_bytes;
};

// Native byte order; machine_faults.py has the same layout.
struct Machine {
  std::atomic<int64_t> sync_errno;
  std::atomic<int64_t> clock_shift_s;
  Slot slots[kSlots];
};

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

using OpenFunction = int(const char*, int, ...);
using SyncFunction = int(int);
using ClockFunction = int(clockid_t, timespec*);
using TruncateFunction = int(int, off_t);

Machine* MapMachine() {
  const char* const path = std::getenv("BARO_MACHINE");
  if (path == nullptr) return nullptr;
  const int file = Real<OpenFunction>("open")(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || Real<TruncateFunction>("ftruncate")(file, sizeof(Machine)) != 0) std::abort();
  void* const memory =
      ::mmap(nullptr, sizeof(Machine), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) std::abort();
  ::close(file);
  return static_cast<Machine*>(memory);
}

Machine* TheMachine() {
  static Machine* const machine = MapMachine();
  return machine;
}

// The slot of an inode, and whether it is new. Slots are never given back: inode numbers are used
// again.
Slot* Find(uint64_t inode, bool* is_new) {
  const uint64_t key = inode + 1;
  for (uint64_t probe = 0; probe < kSlots; ++probe) {
    Slot& slot = TheMachine()->slots[(key * 0x9e3779b97f4a7c15 + probe) % kSlots];
    uint64_t expected = 0;
    *is_new = slot.key.compare_exchange_strong(expected, key);
    if (*is_new || expected == key) return &slot;
  }
  std::abort();
}

bool IsRegular(int file, struct stat* status) {
  return TheMachine() != nullptr && ::fstat(file, status) == 0 && S_ISREG(status->st_mode);
}

void Opened(int file, int flags) {
  struct stat status{};
  if (file < 0 || (flags & O_ACCMODE) == O_RDONLY || !IsRegular(file, &status)) return;
  bool is_new = false;
  Slot* const slot = Find(status.st_ino, &is_new);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (is_new || size == 0) slot->synced_bytes = size;
}

// A slow disk.
void Wait() {
  static const char* const text = std::getenv("BARO_SYNC_DELAY_MS");
  static const uint64_t longest_ms = text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
  static std::atomic<uint64_t> turn{static_cast<uint64_t>(::getpid())};
  if (longest_ms == 0) return;
  const uint64_t random = (turn.fetch_add(1) + 1) * 0x9e3779b97f4a7c15 >> 20;
  ::poll(nullptr, 0, static_cast<int>(random % (longest_ms + 1)));
}

int Sync(const char* name, int file) {
  struct stat status{};
  const bool is_regular = IsRegular(file, &status);
  if (is_regular) Wait();
  if (is_regular && TheMachine()->sync_errno != 0) {
    errno = static_cast<int>(TheMachine()->sync_errno);
    return -1;
  }
  const int result = Real<SyncFunction>(name)(file);
  if (result != 0 || !is_regular) return result;
  bool is_new = false;
  Slot* const slot = Find(status.st_ino, &is_new);
  const auto size = static_cast<uint64_t>(status.st_size);  // as it was before the sync
  uint64_t synced = slot->synced_bytes;
  while (synced < size && !slot->synced_bytes.compare_exchange_weak(synced, size)) {
  }
  return result;
}

int Truncate(const char* name, int file, off_t size) {
  struct stat status{};
  const int result = Real<TruncateFunction>(name)(file, size);
  if (result != 0 || !IsRegular(file, &status)) return result;
  bool is_new = false;
  Slot* const slot = Find(status.st_ino, &is_new);
  uint64_t synced = slot->synced_bytes;
  const auto left = static_cast<uint64_t>(size);
  while (synced > left && !slot->synced_bytes.compare_exchange_weak(synced, left)) {
  }
  return result;
}

int Open(const char* name, const char* path, int flags, unsigned mode) {
  const int file = Real<OpenFunction>(name)(path, flags, mode);
  Opened(file, flags);
  return file;
}

int ReadClock(clockid_t clock, timespec* time) {
  static auto* const real = Real<ClockFunction>("clock_gettime");
  const int result = real(clock, time);
  const bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result != 0 || !is_wall || TheMachine() == nullptr) return result;
  time->tv_sec += TheMachine()->clock_shift_s;
  return 0;
}

unsigned ModeOf(int flags, std::va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
}

}  // namespace

// The names and signatures are libc's.
extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open("open64", path, flags, mode);
}

int __open_2(const char* path, int flags) { return Open("open", path, flags, 0); }
int __open64_2(const char* path, int flags) { return Open("open64", path, flags, 0); }

int fsync(int file) { return Sync("fsync", file); }
int fdatasync(int file) { return Sync("fdatasync", file); }
int ftruncate(int file, off_t size) noexcept { return Truncate("ftruncate", file, size); }
int ftruncate64(int file, off64_t size) noexcept { return Truncate("ftruncate64", file, size); }

int clock_gettime(clockid_t clock, timespec* time) noexcept { return ReadClock(clock, time); }

}  // extern "C"
