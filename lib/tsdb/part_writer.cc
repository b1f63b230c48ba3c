#include "part_writer.h"

#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::tsdb {

PartWriter::PartWriter(const Database& database, std::string stem, bool merged,
                       uint64_t file_bytes_max)
    : stem_(std::move(stem)),
      options_(merged ? database.merged_options() : database.slot_options()),
      file_bytes_max_(file_bytes_max) {}

absl::Status PartWriter::Put(const SlotKey& key, std::string_view value) {
  if (writer_ != nullptr && writer_->FileSize() >= file_bytes_max_) BARO_TRY(FinishFile());
  if (writer_ == nullptr) {
    files_.push_back(base::StrCat(stem_, ".", files_.size(), ".sst"));
    writer_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options_);
    BARO_TRY(ToStatus(writer_->Open(files_.back()), base::StrCat("create ", files_.back())));
  }
  return ToStatus(writer_->Put(EncodeSlotKey(key), ToSlice(value)),
                  base::StrCat("write to ", files_.back()));
}

absl::Status PartWriter::FinishFile() {
  rocksdb::ExternalSstFileInfo file;
  BARO_TRY(ToStatus(writer_->Finish(&file), base::StrCat("finish ", files_.back())));
  writer_.reset();
  bytes_ += file.file_size;
  return absl::OkStatus();
}

absl::Status PartWriter::Finish() { return writer_ == nullptr ? absl::OkStatus() : FinishFile(); }

}  // namespace baro::tsdb
