#include "store_host.h"

#include <unistd.h>

#include <filesystem>

#include "baro/base/mutex.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::sim {
namespace {

// In memory: thousands of stores are opened.
std::string NewFolder() {
  std::string folder = "/dev/shm/baro_sim_XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    folder = (std::filesystem::temp_directory_path() / "baro_sim_XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) std::abort();
  }
  return folder;
}

}  // namespace

StoreHost::StoreHost(const base::Clock* clock, uint64_t) : clock_(clock), folder_(NewFolder()) {}

StoreHost::~StoreHost() {
  store_.reset();
  std::filesystem::remove_all(folder_);
}

absl::Status StoreHost::Start() {
  tsdb::StoreOptions options;
  options.path = base::StrCat(folder_, "/", lives_);
  options.commit_delay_ms = 0;
  options.clock = clock_;
  options.background = false;
  BARO_TRY_ASSIGN(store_, tsdb::Store::Open(options));
  return absl::OkStatus();
}

void StoreHost::Kill(bool) {
  // A copy of the files while the store is open is what a killed process leaves behind.
  const std::string before = base::StrCat(folder_, "/", lives_);
  const std::string after = base::StrCat(folder_, "/", ++lives_);
  std::filesystem::copy(before, after, std::filesystem::copy_options::recursive);
  std::filesystem::remove(after + "/LOCK");
  store_.reset();
  std::filesystem::remove_all(before);
}

tsdb::AppendResult StoreHost::Append(tsdb::FrameBatch batch) {
  struct Outcome {
    base::Mutex mutex;
    base::CondVar done;
    bool is_done = false;
    tsdb::AppendResult result;
  };
  const auto outcome = std::make_shared<Outcome>();
  store_->Append(std::move(batch), [outcome](const tsdb::AppendResult& result) {
    base::MutexLock lock(&outcome->mutex);
    outcome->result = result;
    outcome->is_done = true;
    outcome->done.Signal();
  });
  base::MutexLock lock(&outcome->mutex);
  while (!outcome->is_done) outcome->done.Wait(&outcome->mutex);
  return outcome->result;
}

}  // namespace baro::sim
