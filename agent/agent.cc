#include "agent/agent.h"

#include <utility>

#include "agent/log.h"
#include "agent/targets_json.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "prometheus/text_serializer.h"

namespace baro::agent {
namespace {

prometheus::Family<prometheus::Counter>& ReloadFamily(prometheus::Registry* registry) {
  return prometheus::BuildCounter()
      .Name("baro_agent_config_reloads_total")
      .Help("Attempts to put the configuration file into force again, by result.")
      .Register(*registry);
}

net::ServerResponse StatusAnswer(const absl::Status& status) {
  if (status.ok()) return net::ServerResponse::Text(200, "OK\n");
  return net::ServerResponse::Text(
      500, base::StrCat("cannot reload: ", base::FromAbsl(status.message()), "\n"));
}

}  // namespace

// What a configuration started. Replaced by a reload, in the order that keeps what did not change.
struct Agent::Sources {
  AgentConfig config;
  std::unique_ptr<ExternalLabelsSink> sink;
  std::unique_ptr<NodeLoop> node;  // null: switched off
};

Agent::Agent(AgentFlags flags, const base::Clock* clock)
    : flags_(std::move(flags)),
      clock_(clock),
      process_metrics_(AgentVersion()),
      node_metrics_(&registry_),
      reloads_good_(ReloadFamily(&registry_).Add({{"result", "success"}})),
      reloads_bad_(ReloadFamily(&registry_).Add({{"result", "failure"}})),
      reload_time_(prometheus::BuildGauge()
                       .Name("baro_agent_config_last_reload_success_timestamp_seconds")
                       .Help("When a configuration was last put into force.")
                       .Register(registry_)
                       .Add({})) {}

Agent::~Agent() { Stop(); }

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(AgentFlags flags, const base::Clock* clock) {
  std::unique_ptr<Agent> agent(new Agent(std::move(flags), clock));
  BARO_TRY(agent->Open());
  return agent;
}

absl::Status Agent::Open() {
  BARO_TRY_ASSIGN(AgentConfig config, ReadAgentConfig(flags_.config_file));
  BARO_TRY(Listen());
  BARO_TRY_ASSIGN(std::unique_ptr<Sources> sources, MakeSources(std::move(config)));
  if (sources->node != nullptr) sources->node->Start();
  reload_time_.Set(static_cast<double>(clock_->NowMs()) / 1e3);
  base::MutexLock lock(&mutex_);
  sources_ = std::move(sources);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Agent::Sources>> Agent::MakeSources(AgentConfig config) {
  config.node.paths = flags_.paths;
  auto sources = std::make_unique<Sources>();
  sources->sink =
      std::make_unique<ExternalLabelsSink>(config.global.external_labels, delivery_.get());
  if (config.node.enabled) {
    BARO_TRY_ASSIGN(auto node,
                    NodeTarget::Make(config.node, sources->sink.get(), &node_metrics_, clock_));
    sources->node = std::make_unique<NodeLoop>(std::move(node), clock_);
  }
  sources->config = std::move(config);
  return sources;
}

absl::Status Agent::Listen() {
  net::HttpRouter router;
  const auto text = [](std::string body) {
    return [body = std::move(body)](const net::ServerRequest&) {
      return net::ServerResponse::Text(200, body);
    };
  };
  router.Handle({"GET"}, "/", net::HttpLane::kInline,
                text(AgentVersionText() + "\n/-/healthy\n/-/ready\n/metrics\n/targets\n"));
  router.Handle({"GET"}, "/-/healthy", net::HttpLane::kInline, text("baro-agent is healthy.\n"));
  router.Handle({"GET"}, "/-/ready", net::HttpLane::kQuick, [this](const net::ServerRequest&) {
    return IsReady() ? net::ServerResponse::Text(200, "baro-agent is ready.\n")
                     : net::ServerResponse::Text(503, "baro-agent is starting.\n");
  });
  router.Handle({"POST", "PUT"}, "/-/reload", net::HttpLane::kQuick,
                [this](const net::ServerRequest&) { return StatusAnswer(Reload()); });
  router.Handle({"GET"}, "/metrics", net::HttpLane::kQuick, [this](const net::ServerRequest&) {
    net::ServerResponse response = net::ServerResponse::Text(200, MetricsText());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
  router.Handle({"GET"}, "/targets", net::HttpLane::kQuick, [this](const net::ServerRequest&) {
    return net::ServerResponse::Json(200, TargetsJson());
  });
  net::HttpServerOptions options;
  options.address = flags_.http_address;
  options.lanes = {{{0, 0}, {1, 64}, {0, 0}, {0, 0}}};
  options.connections_max = 256;
  options.body_bytes_max = 64 << 10;
  options.bodies_bytes_max = 1 << 20;
  options.clock = clock_;
  BARO_TRY_ASSIGN(server_, net::HttpServer::Start(std::move(options), std::move(router)));
  return absl::OkStatus();
}

absl::Status Agent::Reload() {
  const absl::Status status = ApplyReload();
  if (status.ok()) {
    reloads_good_.Increment();
    reload_time_.Set(static_cast<double>(clock_->NowMs()) / 1e3);
    spdlog::info("configuration reloaded");
  } else {
    reloads_bad_.Increment();
    spdlog::error("cannot reload: {}", status.ToString());
  }
  return status;
}

absl::Status Agent::ApplyReload() {
  BARO_TRY_ASSIGN(AgentConfig config, ReadAgentConfig(flags_.config_file));
  base::MutexLock lock(&mutex_);
  if (stopped_ || sources_ == nullptr) return absl::UnavailableError("the agent is stopping");
  BARO_TRY_ASSIGN(std::unique_ptr<Sources> next, MakeSources(std::move(config)));
  const bool same_labels =
      next->config.global.external_labels == sources_->config.global.external_labels;
  if (same_labels && next->config.node == sources_->config.node) {
    next->sink = std::move(sources_->sink);  // the loop's
    next->node = std::move(sources_->node);
  } else {
    if (sources_->node != nullptr) sources_->node->Stop(true);
    if (next->node != nullptr) next->node->Start();
  }
  sources_ = std::move(next);
  return absl::OkStatus();
}

void Agent::Stop() {
  std::unique_ptr<Sources> sources;
  {
    base::MutexLock lock(&mutex_);
    stopped_ = true;
    sources = std::move(sources_);
  }
  if (sources != nullptr && sources->node != nullptr) sources->node->Stop(false);
  if (server_ != nullptr) server_->Stop();
}

bool Agent::IsReady() const {
  base::MutexLock lock(&mutex_);
  if (sources_ == nullptr) return false;
  return sources_->node == nullptr || sources_->node->state().last_pass_ms > 0;
}

std::string Agent::MetricsText() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (prometheus::MetricFamily& family : process_metrics_.Collect()) {
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::string Agent::TargetsJson() const {
  base::MutexLock lock(&mutex_);
  std::string json = "{\"node\":";
  if (sources_ == nullptr || sources_->node == nullptr) {
    json += "null";
  } else {
    AppendNodeJson(sources_->node->state(), &json);
  }
  return json + "}\n";
}

}  // namespace baro::agent
