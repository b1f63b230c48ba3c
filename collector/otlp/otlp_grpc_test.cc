// OTLP over gRPC: stock clients export, hear what was refused, and are told to come again.

#include "otlp/otlp_grpc.h"

#include <grpcpp/grpcpp.h>

#include "baro/wire/otlp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.grpc.pb.h"
#include "otlp/testing/map_store.h"
#include "otlp/testing/requests.h"

namespace baro::collector {
namespace {

using opentelemetry::proto::collector::metrics::v1::MetricsService;
using otlp_testing::Builder;
using otlp_testing::kNowMs;
using testing::HasSubstr;
using Response = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceResponse;

class OtlpGrpcTest : public testing::Test {
 protected:
  void Serve(OtlpGrpcOptions options) {
    OtlpOptions otlp;
    otlp.clock = &clock_;
    receiver_ = std::make_unique<OtlpReceiver>(&store_, OtlpConfig(), otlp);
    options.workers = 1;  // the store is of one thread
    otlp_ = OtlpGrpc::Start(receiver_.get(), options);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(otlp_->service());
    builder.SetMaxReceiveMessageSize(16 << 20);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    stub_ = MetricsService::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                        grpc::InsecureChannelCredentials()));
  }
  void TearDown() override {
    if (otlp_ != nullptr) otlp_->Stop();
    if (server_ != nullptr) server_->Shutdown();
  }
  grpc::Status Export(const Builder& builder, Response* response,
                      grpc_compression_algorithm compression = GRPC_COMPRESS_NONE) {
    grpc::ClientContext context;
    context.set_compression_algorithm(compression);
    context.set_deadline(gpr_timespec{60, 0, GPR_TIMESPAN});
    return stub_->Export(&context, builder.request, response);
  }

  MapStore store_;
  base::FakeClock clock_{kNowMs};
  std::unique_ptr<OtlpReceiver> receiver_;
  std::unique_ptr<OtlpGrpc> otlp_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<MetricsService::Stub> stub_;
};

TEST_F(OtlpGrpcTest, StoresWhatIsExported) {
  Serve({});
  for (const auto compression : {GRPC_COMPRESS_NONE, GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    Builder builder;
    // Long enough to be worth packing: gRPC sends what does not shrink as it is.
    for (int i = 0; i < 50; ++i) builder.Gauge("up", i, 1, {{"some.attribute", "of some length"}});
    Response response;
    const grpc::Status status = Export(builder, &response, compression);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_FALSE(response.has_partial_success());
  }
  EXPECT_EQ(receiver_->GetStats().points_total, 150u);
  EXPECT_EQ(receiver_->GetStats().requests_broken_total, 0u);
}

TEST_F(OtlpGrpcTest, RefusesBombsBeforeTheyGrow) {
  Serve({});
  Builder builder;
  builder.Metric(std::string(wire::kOtlpBytesMax, 'a').c_str());
  Response response;
  const grpc::Status status = Export(builder, &response, GRPC_COMPRESS_GZIP);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("larger than"));
}

TEST_F(OtlpGrpcTest, NamesWhatWasRefused) {
  Serve({});
  Response response;
  ASSERT_TRUE(Export(Builder().Gauge("up", 0, 1).Gauge("", 0, 1), &response).ok());
  EXPECT_EQ(response.partial_success().rejected_data_points(), 1);
  EXPECT_THAT(response.partial_success().error_message(), HasSubstr("the metric has no name"));
}

TEST_F(OtlpGrpcTest, SaysWhenToComeAgain) {
  OtlpGrpcOptions options;
  options.bytes_max = 10;
  Serve(options);
  Response response;
  const grpc::Status status = Export(Builder().Gauge("up", 0, 1), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_details(), HasSubstr("google.rpc.RetryInfo"));
  EXPECT_EQ(receiver_->GetStats().requests_shed_total, 1u);
  EXPECT_EQ(store_.appends, 0);
}

TEST_F(OtlpGrpcTest, IsUnavailableOnceStopped) {
  Serve({});
  otlp_->Stop();
  Response response;
  EXPECT_EQ(Export(Builder().Gauge("up", 0, 1), &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace baro::collector
