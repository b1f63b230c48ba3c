// OTLP/JSON requests, and the answers in both encodings.

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <memory>

#include "baro/base/strings.h"
#include "baro/wire/otlp.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace baro::wire {
namespace {

namespace pb = google::protobuf;
using Request = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

constexpr char kTypePrefix[] = "type.googleapis.com";

// google.rpc.Status is three fields: written here rather than compiled in, as other libraries of
// the process bring it, too.
void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}
void AppendNumber(int field, uint64_t value, std::string* out) {
  if (value == 0) return;
  AppendVarint(static_cast<uint64_t>(field) << 3, out);
  AppendVarint(value, out);
}
void AppendBytes(int field, std::string_view bytes, std::string* out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

// As JSON wants it: what is not printable ASCII goes as it is, but for control characters.
std::string JsonQuoted(std::string_view text) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') out.push_back('\\');
    if (byte < 0x20) {
      out.append("\\u00");
      out.push_back(kHexDigits[byte >> 4]);
      out.push_back(kHexDigits[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace

absl::StatusOr<std::string> OtlpJsonToProtobuf(std::string_view json) {
  // Lives for ever, as the descriptors it looks into.
  static pb::util::TypeResolver* const kResolver =
      pb::util::NewTypeResolverForDescriptorPool(kTypePrefix, pb::DescriptorPool::generated_pool());
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  std::string protobuf;
  const auto status = pb::util::JsonToBinaryString(
      kResolver, base::StrCat(kTypePrefix, "/", Request::descriptor()->full_name()),
      pb::StringPiece(json.data(), json.size()), &protobuf, options);
  if (status.ok()) return protobuf;
  constexpr size_t kMessageBytesMax = 300;  // it quotes the input
  const std::string message(status.message().data(), status.message().size());
  return absl::InvalidArgumentError(base::StrCat(
      "cannot read OTLP/JSON request: ", std::string_view(message).substr(0, kMessageBytesMax)));
}

std::string OtlpResponse(int64_t rejected_points, std::string_view message, bool json) {
  const bool empty = rejected_points == 0 && message.empty();
  if (json) {
    if (empty) return "{}";
    return base::StrCat("{\"partialSuccess\":{\"rejectedDataPoints\":\"", rejected_points,
                        "\",\"errorMessage\":", JsonQuoted(message), "}}");
  }
  if (empty) return {};
  std::string partial;
  AppendNumber(1, static_cast<uint64_t>(rejected_points), &partial);
  AppendBytes(2, message, &partial);
  std::string out;
  AppendBytes(1, partial, &out);
  return out;
}

std::string RpcStatus(int code, std::string_view message, int64_t retry_after_ms, bool json) {
  if (json) return base::StrCat("{\"code\":", code, ",\"message\":", JsonQuoted(message), "}");
  std::string out;
  AppendNumber(1, static_cast<uint64_t>(code), &out);
  AppendBytes(2, message, &out);
  if (retry_after_ms <= 0) return out;
  std::string duration;
  AppendNumber(1, static_cast<uint64_t>(retry_after_ms / 1'000), &duration);
  AppendNumber(2, static_cast<uint64_t>(retry_after_ms % 1'000) * 1'000'000, &duration);
  std::string retry_info;
  AppendBytes(1, duration, &retry_info);
  std::string any;
  AppendBytes(1, "type.googleapis.com/google.rpc.RetryInfo", &any);
  AppendBytes(2, retry_info, &any);
  AppendBytes(3, any, &out);
  return out;
}

}  // namespace baro::wire
