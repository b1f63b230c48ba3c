#include "http_source.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/http_client.h"

namespace baro::discovery {

namespace asio = boost::asio;

namespace {

// 100,000 targets with labels; more is a mistake or an attack.
constexpr size_t kBodyBytesMax = base::kYamlBytesMax;
constexpr int64_t kTimeoutMsMax = 60'000;

bool IsJson(std::string_view content_type) {
  const std::string_view media = content_type.substr(0, content_type.find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(base::ToAbsl(media))) ==
         "application/json";
}

// Lives as long as its source or its fetch under way, whichever ends last.
class Fetcher : public std::enable_shared_from_this<Fetcher> {
 public:
  Fetcher(HttpDiscovery discovery, const SourceContext& context)
      : discovery_(std::move(discovery)), context_(context), client_(context.executor) {}

  bool Poll(int64_t now_ms) {
    if (!under_way_ && now_ms >= next_ms_) {
      next_ms_ = now_ms + discovery_.refresh_interval.count();
      under_way_ = true;
      asio::co_spawn(context_.executor, Fetch(shared_from_this()),
                     [self = shared_from_this()](const std::exception_ptr& thrown) {
                       self->under_way_ = false;
                       if (thrown != nullptr) self->error_ = "cannot ask: out of memory";
                     });
    }
    return std::exchange(changed_, false);
  }
  void Close() {
    closed_ = true;
    client_.Close();
  }

  const std::vector<TargetGroup>& groups() const { return groups_; }
  uint64_t errors() const { return errors_; }
  const std::string& error() const { return error_; }
  const std::string& url() const { return discovery_.url; }

 private:
  static asio::awaitable<void> Fetch(std::shared_ptr<Fetcher> self) {
    auto groups = co_await self->Ask();
    if (self->closed_) co_return;
    self->Take(std::move(groups));
  }

  asio::awaitable<absl::StatusOr<std::vector<TargetGroup>>> Ask() {
    net::HttpRequest request;
    request.url = discovery_.url;
    request.timeout_ms = std::min<int64_t>(discovery_.refresh_interval.count(), kTimeoutMsMax);
    request.body_bytes_max = kBodyBytesMax;
    request.follow_redirects = discovery_.http.follow_redirects;
    request.tls = std::make_shared<net::TlsOptions>(discovery_.http.tls);
    BARO_CO_TRY_ASSIGN(request.headers, net::RequestHeaders(discovery_.http));
    net::SetProxy(discovery_.http, &request);
    request.headers.push_back({"Accept", "application/json"});
    request.headers.push_back(
        {"X-Prometheus-Refresh-Interval-Seconds",
         absl::StrFormat("%g", static_cast<double>(discovery_.refresh_interval.count()) / 1000)});
    BARO_CO_TRY_ASSIGN(const net::HttpResponse response, co_await client_.Send(std::move(request)));
    if (response.status != 200) {
      co_return absl::UnavailableError(base::StrCat("cannot read targets from ", discovery_.url,
                                                    ": HTTP status ", response.status));
    }
    if (!IsJson(response.Header("content-type"))) {
      co_return absl::InvalidArgumentError(
          base::StrCat("cannot read targets from ", discovery_.url, ": content type \"",
                       response.Header("content-type"), "\" is not application/json"));
    }
    co_return ReadHttpGroups(response.body, discovery_.url);
  }

  void Take(absl::StatusOr<std::vector<TargetGroup>> groups) {
    if (!groups.ok()) {
      ++errors_;
      error_ = base::FromAbsl(groups.status().message());
      return;
    }
    error_.clear();
    if (*groups == groups_) return;
    groups_ = *std::move(groups);
    changed_ = true;
    if (context_.on_news) context_.on_news();
  }

  const HttpDiscovery discovery_;
  const SourceContext context_;
  net::HttpClient client_;
  std::vector<TargetGroup> groups_;
  std::string error_;
  uint64_t errors_ = 0;
  int64_t next_ms_ = 0;
  bool under_way_ = false;
  bool changed_ = false;
  bool closed_ = false;
};

class HttpSource final : public Source {
 public:
  HttpSource(HttpDiscovery discovery, const SourceContext& context)
      : fetcher_(std::make_shared<Fetcher>(std::move(discovery), context)) {}
  ~HttpSource() override { fetcher_->Close(); }

  bool Poll(int64_t now_ms) override { return fetcher_->Poll(now_ms); }
  std::vector<TargetGroup> groups() const override { return fetcher_->groups(); }
  uint64_t errors() const override { return fetcher_->errors(); }
  std::vector<std::pair<std::string, std::string>> Broken() const override {
    if (fetcher_->error().empty()) return {};
    return {{fetcher_->url(), fetcher_->error()}};
  }

 private:
  const std::shared_ptr<Fetcher> fetcher_;
};

}  // namespace

absl::StatusOr<std::vector<TargetGroup>> ReadHttpGroups(std::string_view body,
                                                        const std::string& url) {
  // JSON is a part of YAML.
  BARO_TRY_ASSIGN(const base::YamlNode document, base::ParseYaml(body, url));
  if (document.kind() != base::YamlNode::Kind::kList) return document.ErrorAt("expected a list");
  std::vector<TargetGroup> groups;
  BARO_TRY(base::ReadYaml(document, &groups));
  for (TargetGroup& group : groups) group.labels["__meta_url"] = url;
  return groups;
}

std::unique_ptr<Source> MakeHttpSource(HttpDiscovery discovery, const SourceContext& context) {
  return std::make_unique<HttpSource>(std::move(discovery), context);
}

}  // namespace baro::discovery
