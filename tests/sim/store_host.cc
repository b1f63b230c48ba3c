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

StoreHost::StoreHost(const base::Clock* clock, uint64_t seed)
    : clock_(clock),
      seed_(seed),
      folder_(NewFolder()),
      disk_(tsdb::testing::FaultFileSystem::Create(seed)),
      env_(disk_->NewEnv()) {
  std::filesystem::create_directories(Folder());
}

std::string StoreHost::Folder() const { return base::StrCat(folder_, "/", lives_); }

StoreHost::~StoreHost() {
  disk_->CutPower();
  store_.reset();
  std::filesystem::remove_all(folder_);
}

absl::Status StoreHost::Start() {
  tsdb::StoreOptions options;
  options.path = Folder();
  options.commit_delay_ms = 0;
  options.clock = clock_;
  options.background = false;
  options.env = env_.get();
  BARO_TRY_ASSIGN(store_, tsdb::Store::Open(options));
  return absl::OkStatus();
}

void StoreHost::Kill(bool power_cut) {
  disk_->CutPower();
  if (power_cut) {
    store_.reset();
    disk_->RestorePower();
    return;
  }
  // A copy of the files while the store is open is what a killed process leaves behind.
  const std::string before = Folder();
  ++lives_;
  std::filesystem::copy(before, Folder(), std::filesystem::copy_options::recursive);
  std::filesystem::remove(Folder() + "/LOCK");
  store_.reset();
  std::filesystem::remove_all(before);
  disk_ = tsdb::testing::FaultFileSystem::Create(seed_ + lives_);
  env_ = disk_->NewEnv();
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
