#include "otlp/otlp_grpc.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/bounded_queue.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/wire/otlp.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.grpc.pb.h"
#include "otlp/content_coding.h"

namespace baro::collector {
namespace {

using opentelemetry::proto::collector::metrics::v1::MetricsService;
// Bytes in, bytes out: requests are read in place.
using RawService = MetricsService::WithRawCallbackMethod_Export<MetricsService::Service>;

// A status that says when to come again, where the sender shall.
grpc::Status StatusOf(grpc::StatusCode code, std::string_view message, int64_t retry_after_ms) {
  return {code, std::string(message),
          retry_after_ms > 0 ? wire::RpcStatus(code, message, retry_after_ms, false) : ""};
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

// The bytes of a request in one piece: `joined` where gRPC has them in several.
std::string Join(const grpc::ByteBuffer& buffer) {
  std::string joined;
  joined.reserve(buffer.Length());
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return joined;
  for (const grpc::Slice& slice : slices) {
    joined.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return joined;
}

// What a message is packed with, if it is. The server's own settings keep the header to themselves,
// but neither mark begins an ExportMetricsServiceRequest: 0x1f is no tag at all, and 0x78 that of a
// field 15, which there is not.
std::string_view CodingOf(std::string_view message) {
  constexpr std::string_view kGzipMark = "\x1f\x8b";
  constexpr std::string_view kZlibMark = "\x78";
  if (message.starts_with(kGzipMark)) return "gzip";
  return message.starts_with(kZlibMark) ? "deflate" : "";
}

class Service final : public OtlpGrpc, public RawService {
 public:
  Service(OtlpReceiver* receiver, OtlpGrpcOptions options)
      : receiver_(receiver), options_(options), calls_(options.requests_max) {}
  ~Service() override { Stop(); }

  void Run() {
    for (int i = 0; i < options_.workers; ++i) {
      tasks_.Start(base::StrCat("otlp-", i), [this] { Work(); });
    }
  }

  grpc::Service* service() override { return this; }
  void Stop() override {
    calls_.Close();
    tasks_.Stop();
  }

  grpc::ServerUnaryReactor* Export(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;

 private:
  struct Call {
    grpc::ServerUnaryReactor* reactor = nullptr;
    const grpc::ByteBuffer* request = nullptr;
    grpc::ByteBuffer* response = nullptr;
    size_t bytes = 0;
  };

  bool Admit(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void Release(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void Work();
  void End(const Call& call, const OtlpOutcome& outcome);

  OtlpReceiver* const receiver_;
  const OtlpGrpcOptions options_;
  base::BoundedQueue<Call> calls_;
  base::TaskGroup tasks_;

  base::Mutex mutex_;
  size_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

bool Service::Admit(size_t bytes) {
  base::MutexLock lock(&mutex_);
  if (requests_ >= options_.requests_max || bytes_ + bytes > options_.bytes_max) return false;
  ++requests_;
  bytes_ += bytes;
  return true;
}

void Service::Release(size_t bytes) {
  base::MutexLock lock(&mutex_);
  --requests_;
  bytes_ -= bytes;
}

grpc::ServerUnaryReactor* Service::Export(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const size_t bytes = request->Length();
  if (bytes > wire::kOtlpBytesMax) {
    receiver_->CountBroken();
    reactor->Finish(StatusOf(
        grpc::StatusCode::INVALID_ARGUMENT,
        base::StrCat(bytes, " bytes are more than the ", wire::kOtlpBytesMax, " allowed"), 0));
    return reactor;
  }
  if (!Admit(bytes)) {
    receiver_->CountShed();
    reactor->Finish(StatusOf(grpc::StatusCode::RESOURCE_EXHAUSTED,
                             "too many requests are under way, send it again later",
                             options_.retry_after_ms));
    return reactor;
  }
  if (!calls_.TryPush(Call{reactor, request, response, bytes})) {
    Release(bytes);
    reactor->Finish(StatusOf(grpc::StatusCode::UNAVAILABLE, "the collector stops", 0));
  }
  return reactor;
}

void Service::Work() {
  while (const std::optional<Call> call = calls_.Pop()) {
    const std::string message = Join(*call->request);
    std::string plain;
    const auto request = DecodeBody(CodingOf(message), message, wire::kOtlpBytesMax, &plain);
    if (!request.ok()) {
      receiver_->CountBroken();
      const std::string_view why = base::FromAbsl(request.status().message());
      End(*call, {absl::InvalidArgumentError(base::ToAbsl(why)), 0, {}});
      continue;
    }
    receiver_->Receive(*request,
                       [this, call = *call](const OtlpOutcome& outcome) { End(call, outcome); });
  }
}

void Service::End(const Call& call, const OtlpOutcome& outcome) {
  Release(call.bytes);
  const std::string_view message = base::FromAbsl(outcome.status.message());
  if (absl::IsInvalidArgument(outcome.status)) {
    call.reactor->Finish(StatusOf(grpc::StatusCode::INVALID_ARGUMENT, message, 0));
  } else if (!outcome.status.ok()) {
    call.reactor->Finish(StatusOf(grpc::StatusCode::UNAVAILABLE, message, options_.retry_after_ms));
  } else {
    *call.response = ToBuffer(wire::OtlpResponse(outcome.rejected_points, outcome.message, false));
    call.reactor->Finish(grpc::Status::OK);
  }
}

}  // namespace

std::unique_ptr<OtlpGrpc> OtlpGrpc::Start(OtlpReceiver* receiver, OtlpGrpcOptions options) {
  auto service = std::make_unique<Service>(receiver, options);
  service->Run();
  return service;
}

}  // namespace baro::collector
