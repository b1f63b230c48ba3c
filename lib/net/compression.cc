#include "compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace baro::net {
namespace {

// Level 1: an answer is read once, on the same machine or in the same cluster; the CPU of higher
// levels costs more than the bytes they save.
constexpr int kLevel = 1;
// gzip's own container instead of zlib's, with the largest window.
constexpr int kGzipWindowBits = 15 + 16;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// True when the parameters of a coding say q=0, q=0.0, …
bool IsRefused(std::string_view parameters) {
  const size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return false;
  const std::string_view weight = Trim(parameters.substr(q + 2));
  return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

// Feeds one piece to deflate and appends what comes out.
bool Deflate(z_stream* stream, std::string_view piece, int flush, std::string* out) {
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream->avail_in = static_cast<uInt>(piece.size());
  do {
    const size_t used = out->size();
    out->resize(used + std::max<size_t>(32 * 1024, piece.size() / 8));
    stream->next_out = reinterpret_cast<Bytef*>(out->data() + used);
    stream->avail_out = static_cast<uInt>(out->size() - used);
    const int result = deflate(stream, flush);
    out->resize(out->size() - stream->avail_out);
    if (result == Z_STREAM_ERROR) return false;
  } while (stream->avail_out == 0);
  return true;
}

std::string Gzip(const std::vector<std::string>& pieces) {
  // zlib counts in 32 bits, so that longer pieces go in slices.
  constexpr size_t kSliceMax = 1U << 30;
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string out;
  bool good = true;
  for (const std::string& piece : pieces) {
    for (size_t at = 0; good && at < piece.size(); at += kSliceMax) {
      good = Deflate(&stream, std::string_view(piece).substr(at, kSliceMax), Z_NO_FLUSH, &out);
    }
  }
  good = good && Deflate(&stream, {}, Z_FINISH, &out);
  deflateEnd(&stream);
  return good ? out : std::string();
}

// Feeds one piece to zstd until it is taken (or, for kEnd, until the frame is closed).
bool CompressZstd(ZSTD_CCtx* context, std::string_view piece, ZSTD_EndDirective directive,
                  std::string* out) {
  ZSTD_inBuffer input{piece.data(), piece.size(), 0};
  for (;;) {
    const size_t used = out->size();
    out->resize(used + ZSTD_CStreamOutSize());
    ZSTD_outBuffer output{out->data() + used, out->size() - used, 0};
    const size_t left = ZSTD_compressStream2(context, &output, &input, directive);
    out->resize(used + output.pos);
    if (ZSTD_isError(left) != 0) return false;
    const bool done = directive == ZSTD_e_end ? left == 0 : input.pos == input.size;
    if (done) return true;
  }
}

std::string Zstd(const std::vector<std::string>& pieces) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                   &ZSTD_freeCCtx);
  if (context == nullptr) return {};
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  std::string out;
  for (const std::string& piece : pieces) {
    if (!CompressZstd(context.get(), piece, ZSTD_e_continue, &out)) return {};
  }
  if (!CompressZstd(context.get(), {}, ZSTD_e_end, &out)) return {};
  return out;
}

}  // namespace

ContentCoding ChooseCoding(std::string_view accept_encoding) {
  bool gzip = false;
  bool zstd = false;
  while (!accept_encoding.empty()) {
    const size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view item = Trim(accept_encoding.substr(0, end));
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const size_t semicolon = std::min(item.find(';'), item.size());
    if (IsRefused(item.substr(semicolon))) continue;
    const std::string_view name = Trim(item.substr(0, semicolon));
    gzip = gzip || name == "gzip" || name == "*";
    zstd = zstd || name == "zstd";
  }
  if (zstd) return ContentCoding::kZstd;
  return gzip ? ContentCoding::kGzip : ContentCoding::kIdentity;
}

std::string_view CodingName(ContentCoding coding) {
  if (coding == ContentCoding::kGzip) return "gzip";
  return coding == ContentCoding::kZstd ? "zstd" : "";
}

std::string Compress(ContentCoding coding, const std::vector<std::string>& pieces) {
  if (coding == ContentCoding::kGzip) return Gzip(pieces);
  if (coding == ContentCoding::kZstd) return Zstd(pieces);
  return {};
}

}  // namespace baro::net
