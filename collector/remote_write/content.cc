#include "remote_write/content.h"

#include <algorithm>

#include "baro/base/strings.h"
#include "baro/wire/remote_series.h"

namespace baro::collector {
namespace {

constexpr std::string_view kMediaType = "application/x-protobuf";
constexpr std::string_view kMessageV1 = "prometheus.WriteRequest";
constexpr std::string_view kMessageV2 = "io.prometheus.write.v2.Request";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool SameLetters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [lower](char x, char y) { return lower(x) == lower(y); });
}

// The text up to the next semicolon; `rest` is what follows it.
std::string_view TakePart(std::string_view* rest) {
  const size_t end = std::min(rest->find(';'), rest->size());
  const std::string_view part = Trim(rest->substr(0, end));
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return part;
}

absl::Status Unsupported(std::string text) { return absl::UnimplementedError(std::move(text)); }

absl::StatusOr<WriteVersion> VersionOf(std::string_view message) {
  if (message.size() >= 2 && message.front() == '"' && message.back() == '"') {
    message = message.substr(1, message.size() - 2);
  }
  if (message == kMessageV1) return WriteVersion::kOne;
  if (message == kMessageV2) return WriteVersion::kTwo;
  return Unsupported(base::StrCat(message,
                                  " protobuf message is not accepted by this server; accepted are ",
                                  kMessageV1, " and ", kMessageV2));
}

absl::StatusOr<WriteVersion> ReadContentType(std::string_view type) {
  if (Trim(type).empty()) return WriteVersion::kOne;
  std::string_view rest = type;
  if (!SameLetters(TakePart(&rest), kMediaType)) {
    return Unsupported(base::StrCat("expected ", kMediaType, " as the first (media) part, got ",
                                    type, " content-type"));
  }
  while (!rest.empty()) {
    const std::string_view parameter = TakePart(&rest);
    if (parameter.empty()) continue;
    const size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) {
      return Unsupported(base::StrCat("expected parameters to be key=value, got ", parameter,
                                      " in ", type, " content-type"));
    }
    if (SameLetters(Trim(parameter.substr(0, equals)), "proto")) {
      return VersionOf(Trim(parameter.substr(equals + 1)));
    }
  }
  return WriteVersion::kOne;
}

}  // namespace

absl::StatusOr<WriteContent> NegotiateWrite(const net::ServerRequest& request) {
  WriteContent content;
  const auto version = ReadContentType(request.Header("Content-Type"));
  if (!version.ok()) return version.status();
  content.version = *version;
  const std::string_view encoding = Trim(request.Header("Content-Encoding"));
  content.zstd = SameLetters(encoding, "zstd");
  if (encoding.empty() || content.zstd || SameLetters(encoding, "snappy")) return content;
  return Unsupported(base::StrCat(
      encoding,
      " encoding (compression) is not accepted by this server; only snappy and zstd are"));
}

absl::Status UnpackWrite(const WriteContent& content, const std::string& body,
                         size_t decoded_bytes_max, std::string* decoded) {
  const auto unpack = [&](bool zstd) {
    return zstd ? wire::UncompressZstd(body, decoded_bytes_max, decoded)
                : wire::UncompressRemoteWrite(body, decoded_bytes_max, decoded);
  };
  absl::Status status = unpack(content.zstd);
  if (!absl::IsInvalidArgument(status)) return status;
  const absl::Status other = unpack(!content.zstd);
  return absl::IsInvalidArgument(other) ? status : other;
}

}  // namespace baro::collector
