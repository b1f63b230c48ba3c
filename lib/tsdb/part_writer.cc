#include "part_writer.h"

#include <utility>

#include "baro/base/strings.h"

namespace baro::tsdb {

PartWriter::PartWriter(const Database& database, std::string file)
    : file_(std::move(file)), writer_(rocksdb::EnvOptions(), database.slot_options()) {}

absl::Status PartWriter::Open() {
  return ToStatus(writer_.Open(file_), base::StrCat("create ", file_));
}

absl::Status PartWriter::Put(const SlotKey& key, std::string_view value) {
  return ToStatus(writer_.Put(EncodeSlotKey(key), ToSlice(value)),
                  base::StrCat("write to ", file_));
}

absl::Status PartWriter::Finish(uint64_t* bytes) {
  rocksdb::ExternalSstFileInfo file;
  const absl::Status status = ToStatus(writer_.Finish(&file), base::StrCat("finish ", file_));
  *bytes = file.file_size;
  return status;
}

}  // namespace baro::tsdb
