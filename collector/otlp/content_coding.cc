#include "otlp/content_coding.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::collector {
namespace {

constexpr size_t kFirstBytes = size_t{64} << 10;

absl::Status TooLarge(size_t bytes_max) {
  return absl::ResourceExhaustedError(
      base::StrCat("cannot unpack body: it is larger than the ", bytes_max, " bytes allowed"));
}
absl::Status Damaged(std::string_view coding, size_t offset) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot unpack body: not ", coding, ", or damaged, at byte ", offset));
}

// Room for more in a buffer that grows by doubling; false when it is as large as it may be. One
// byte beyond the limit shows that there is more.
bool Grow(size_t used, size_t bytes_max, std::string* plain) {
  if (used < plain->size()) return true;
  if (plain->size() > bytes_max) return false;
  plain->resize(std::min(std::max(plain->size() * 2, kFirstBytes), bytes_max + 1));
  return true;
}

// gzip, of one or more members, or zlib.
absl::Status Inflate(std::string_view coding, std::string_view body, size_t bytes_max,
                     std::string* plain) {
  constexpr int kDetectHeader = 32;
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + kDetectHeader) != Z_OK) {
    return absl::ResourceExhaustedError("cannot unpack body: no memory for zlib");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  plain->clear();
  size_t used = 0;
  int result = Z_OK;
  while (true) {
    if (!Grow(used, bytes_max, plain)) return TooLarge(bytes_max);
    stream.next_out = reinterpret_cast<Bytef*>(plain->data() + used);
    stream.avail_out = static_cast<uInt>(plain->size() - used);
    result = inflate(&stream, Z_NO_FLUSH);
    used = plain->size() - stream.avail_out;
    if (result == Z_STREAM_END) {
      if (stream.avail_in == 0) break;
      if (inflateReset(&stream) != Z_OK) return Damaged(coding, body.size() - stream.avail_in);
      continue;
    }
    const bool starved = stream.avail_in == 0 && stream.avail_out > 0;
    if ((result != Z_OK && result != Z_BUF_ERROR) || starved) {
      return Damaged(coding, body.size() - stream.avail_in);
    }
  }
  if (used > bytes_max) return TooLarge(bytes_max);
  plain->resize(used);
  return absl::OkStatus();
}

absl::Status Unzstd(std::string_view body, size_t bytes_max, std::string* plain) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  if (context == nullptr) {
    return absl::ResourceExhaustedError("cannot unpack body: no memory for zstd");
  }
  // A frame may ask for a window of gigabytes; 8 MiB is what every decoder must have.
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 23);
  ZSTD_inBuffer in = {body.data(), body.size(), 0};
  plain->clear();
  size_t used = 0;
  size_t left = 1;
  while (in.pos < in.size || left != 0) {
    if (!Grow(used, bytes_max, plain)) return TooLarge(bytes_max);
    ZSTD_outBuffer out = {plain->data() + used, plain->size() - used, 0};
    const size_t before = in.pos;
    left = ZSTD_decompressStream(context.get(), &out, &in);
    used += out.pos;
    if (ZSTD_isError(left) != 0) return Damaged("zstd", in.pos);
    const bool stuck = in.pos == before && out.pos == 0;
    if (stuck && left != 0) return Damaged("zstd", in.pos);
    if (stuck) break;
  }
  if (used > bytes_max) return TooLarge(bytes_max);
  plain->resize(used);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string_view> DecodeBody(std::string_view coding, std::string_view body,
                                            size_t bytes_max, std::string* plain) {
  if (coding.empty() || coding == "identity") {
    if (body.size() > bytes_max) return TooLarge(bytes_max);
    return body;
  }
  absl::Status status;
  if (coding == "gzip" || coding == "deflate" || coding == "zlib") {
    status = Inflate(coding, body, bytes_max, plain);
  } else if (coding == "zstd") {
    status = Unzstd(body, bytes_max, plain);
  } else {
    status = absl::UnimplementedError(base::StrCat("cannot unpack body: encoding \"", coding,
                                                   "\" is none of gzip, deflate, zstd, identity"));
  }
  if (!status.ok()) return status;
  return std::string_view(*plain);
}

}  // namespace baro::collector
