#include "compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

namespace baro::net {
namespace {

// Level 1: an answer is read once, on the same machine or in the same cluster; the CPU of higher
// levels costs more than the bytes they save.
constexpr int kLevel = 1;
// gzip's own container instead of zlib's, with the largest window.
constexpr int kGzipWindowBits = 15 + 16;
// What HTTP calls deflate is zlib's container.
constexpr int kDeflateWindowBits = 15;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The q of a coding's parameters, 0 to 1; 1 when there is none.
double WeightOf(std::string_view parameters) {
  const size_t q = std::min(parameters.find("q="), parameters.find("Q="));
  if (q == std::string_view::npos) return 1;
  std::string_view text = parameters.substr(q + 2);
  text = Trim(text.substr(0, text.find(';')));
  double weight = 1;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), weight);
  const bool good = result.ec == std::errc{} && result.ptr == text.data() + text.size();
  return good && weight >= 0 && weight <= 1 ? weight : 1;
}

struct Offer {
  std::string_view name;
  ContentCoding coding;
  double weight = -1;  // not mentioned
};

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

std::string Zip(const std::vector<std::string>& pieces, int window_bits) {
  // zlib counts in 32 bits, so that longer pieces go in slices.
  constexpr size_t kSliceMax = 1U << 30;
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
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
  std::array<Offer, 3> offers = {{{"zstd", ContentCoding::kZstd},
                                  {"gzip", ContentCoding::kGzip},
                                  {"deflate", ContentCoding::kDeflate}}};
  double others = -1;
  double identity = -1;
  while (!accept_encoding.empty()) {
    const size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view item = Trim(accept_encoding.substr(0, end));
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view name = Trim(item.substr(0, semicolon));
    const double weight = WeightOf(item.substr(semicolon));
    if (name == "*") others = weight;
    if (name == "identity") identity = weight;
    for (Offer& offer : offers) {
      if (name == offer.name) offer.weight = weight;
    }
  }
  // What "*" stands for: gzip, which everybody reads.
  if (offers[1].weight < 0) offers[1].weight = others;
  const Offer* best = nullptr;
  for (const Offer& offer : offers) {
    if (offer.weight <= 0 || offer.weight < identity) continue;
    if (best == nullptr || offer.weight > best->weight) best = &offer;
  }
  return best == nullptr ? ContentCoding::kIdentity : best->coding;
}

std::string_view CodingName(ContentCoding coding) {
  static constexpr std::array<std::string_view, 4> kNames = {"", "gzip", "zstd", "deflate"};
  return kNames[static_cast<size_t>(coding)];
}

std::string Compress(ContentCoding coding, const std::vector<std::string>& pieces) {
  switch (coding) {
    case ContentCoding::kGzip:
      return Zip(pieces, kGzipWindowBits);
    case ContentCoding::kDeflate:
      return Zip(pieces, kDeflateWindowBits);
    case ContentCoding::kZstd:
      return Zstd(pieces);
    case ContentCoding::kIdentity:
      break;
  }
  return {};
}

}  // namespace baro::net
