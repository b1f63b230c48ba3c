#include "gunzip.h"

#include <zlib.h>

#include <algorithm>

#include "baro/base/check.h"
#include "baro/base/strings.h"

namespace baro::net {

namespace {
// Two growth steps unpack a typical exposition (60 KB); small enough not to overshoot the limit
// far.
constexpr size_t kStepBytes = size_t{64} << 10;
constexpr int kGzipOnly = 16 + MAX_WBITS;
}  // namespace

struct Gunzip::Stream {
  z_stream z = {};
  uint64_t packed_bytes = 0;
  bool member_open = true;
};

Gunzip::Gunzip(size_t bytes_max) : stream_(std::make_unique<Stream>()), bytes_max_(bytes_max) {
  BARO_CHECK_EQ(inflateInit2(&stream_->z, kGzipOnly), Z_OK);
}

Gunzip::~Gunzip() { inflateEnd(&stream_->z); }

absl::Status Gunzip::Append(std::string_view packed, std::string* plain) {
  z_stream& z = stream_->z;
  // A full output piece may leave more inside zlib although all input is taken.
  bool piece_full = false;
  while (!packed.empty() || piece_full) {
    if (!stream_->member_open) {
      inflateReset(&z);
      stream_->member_open = true;
    }
    // One byte more than allowed tells "just full" from "too large".
    const size_t room = std::min(kStepBytes, bytes_max_ - plain->size() + 1);
    const size_t old_size = plain->size();
    plain->resize(old_size + room);
    // zlib's type lacks const; it does not write there.
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    z.avail_in = static_cast<uInt>(std::min<size_t>(packed.size(), 1u << 30));
    const uInt offered = z.avail_in;
    z.next_out = reinterpret_cast<Bytef*>(plain->data() + old_size);
    z.avail_out = static_cast<uInt>(room);
    const int result = inflate(&z, Z_NO_FLUSH);
    plain->resize(old_size + room - z.avail_out);
    packed.remove_prefix(offered - z.avail_in);
    stream_->packed_bytes += offered - z.avail_in;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot unpack gzip body: ", z.msg == nullptr ? "damaged" : z.msg,
                       " at packed byte ", stream_->packed_bytes));
    }
    stream_->member_open = result != Z_STREAM_END;
    piece_full = stream_->member_open && z.avail_out == 0;
    if (plain->size() > bytes_max_) {
      return absl::ResourceExhaustedError(
          base::StrCat("unpacked body exceeds ", bytes_max_, " bytes"));
    }
  }
  return absl::OkStatus();
}

absl::Status Gunzip::Finish() const {
  if (!stream_->member_open) return absl::OkStatus();
  return absl::InvalidArgumentError(base::StrCat(
      "cannot unpack gzip body: it is cut short at packed byte ", stream_->packed_bytes));
}

}  // namespace baro::net
