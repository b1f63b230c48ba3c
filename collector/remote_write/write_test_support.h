// A store that keeps what it is given, and a receiver in front of it.
#pragma once

#include <snappy.h>

#include <bit>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "remote_write/remote_write.h"

namespace baro::collector {

// Keeps what was appended and answers when the test tells it to.
class FakeStore final : public tsdb::Store {
 public:
  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest&) const override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(const model::LabelRequest&) const override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string&,
                                                       const model::LabelRequest&) const override {
    return absl::UnimplementedError("");
  }
  std::vector<model::Metadata> MetricMetadata(const std::string&, size_t) const override {
    return described;
  }
  bool KnowsLayout(const model::ContentHash&) const override { return false; }
  absl::Status DeclareLayout(const model::Layout&) override { return absl::OkStatus(); }
  absl::StatusOr<tsdb::Declared> DeclareTarget(const model::Labels&,
                                               const model::ContentHash&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tsdb::SeriesId> DeclareSeries(const model::Labels& labels) override {
    ++declarations;
    if (labels.Get(model::kMetricName) == "one_too_many") {
      return absl::ResourceExhaustedError("series_max of 1 is reached");
    }
    const auto [entry, inserted] =
        ids.emplace(labels, tsdb::SeriesId{static_cast<uint32_t>(ids.size()), 0});
    return entry->second;
  }
  void Describe(const std::vector<model::Metadata>& metadata) override { described = metadata; }
  std::vector<tsdb::SequenceRange> StoredSequences(const tsdb::AgentId&) const override {
    return {};
  }
  void Append(tsdb::FrameBatch, tsdb::AppendDone) override {}
  void Append(tsdb::SampleBatch batch, tsdb::AppendDone done) override {
    batches.push_back(batch);
    appended = std::move(batch);
    if (!answer_at_once) {
      pending = std::move(done);
      return;
    }
    tsdb::AppendResult result;
    result.status = *answer_at_once;
    done(result);
  }
  absl::Status Maintain(bool) override { return absl::OkStatus(); }
  tsdb::Stats GetStats() const override { return {}; }
  tsdb::Cardinality GetCardinality(size_t) const override { return {}; }
  absl::Status Close() override { return absl::OkStatus(); }

  std::map<model::Labels, tsdb::SeriesId> ids;
  std::vector<model::Metadata> described;
  tsdb::SampleBatch appended;  // the last one
  std::vector<tsdb::SampleBatch> batches;
  tsdb::AppendDone pending;
  std::optional<absl::Status> answer_at_once;
  int declarations = 0;
};

class WriteTest : public testing::Test {
 protected:
  explicit WriteTest(const char* content_type, RemoteWriteOptions options = {})
      : remote_write_(&store_, options), content_type_(content_type) {}
  // A completion that is dropped answers too, into members that must still be there.
  ~WriteTest() override { store_.pending = nullptr; }

  // Sends a request; the answer is there at once or after Synced().
  void Send(const std::string& protobuf) {
    net::ServerRequest request;
    request.headers = {{"Content-Type", content_type_}, {"Content-Encoding", "snappy"}};
    snappy::Compress(protobuf.data(), protobuf.size(), &request.body);
    SendRequest(request);
  }
  void SendRequest(const net::ServerRequest& request) {
    status_ = 0;
    remote_write_.Handle(request, net::HttpReply([this](const net::ServerResponse& answer) {
                           status_ = answer.status;
                           text_ = answer.body.empty() ? "" : answer.body.front();
                           headers_.clear();
                           for (const auto& [name, value] : answer.headers) headers_[name] = value;
                         }));
  }
  void Synced(const tsdb::AppendResult& result = {}) {
    ASSERT_TRUE(store_.pending);
    std::exchange(store_.pending, nullptr)(result);
  }
  // Samples, histograms, exemplars written; empty when the headers are not there.
  std::vector<std::string> Written() const {
    std::vector<std::string> written;
    for (const std::string_view name : {kSamplesWritten, kHistogramsWritten, kExemplarsWritten}) {
      const auto header = headers_.find(std::string(name));
      if (header != headers_.end()) written.push_back(header->second);
    }
    return written;
  }

  FakeStore store_;
  RemoteWrite remote_write_;
  const std::string content_type_;
  int status_ = 0;
  std::string text_;
  std::map<std::string, std::string> headers_;
};

}  // namespace baro::collector
