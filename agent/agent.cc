#include "agent/agent.h"

#include <filesystem>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

#include "agent/log.h"
#include "agent/source_metrics.h"
#include "agent/targets_json.h"
#include "baro/agent/relabel_steps.h"
#include "baro/agent/scrape_manager.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/form.h"
#include "prometheus/text_serializer.h"

namespace baro::agent {
namespace {

prometheus::Family<prometheus::Counter>& ReloadFamily(prometheus::Registry* registry) {
  return prometheus::BuildCounter()
      .Name("baro_agent_config_reloads_total")
      .Help("Attempts to put the configuration file into force again, by result.")
      .Register(*registry);
}

ScrapeOptions ScrapeOptionsHere() {
  ScrapeOptions options;
  options.cpus_max = CgroupCpuLimit("/sys/fs/cgroup");
  return options;
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
  std::shared_ptr<ExternalLabelsSink> sink;
  std::unique_ptr<NodeLoop> node;             // null: switched off
  std::unique_ptr<PodsLoop> pods;             // null: switched off
  std::unique_ptr<ClusterCollector> cluster;  // null: not in cluster mode
  std::unique_ptr<ScrapeManager> scrapes;

  void Start() {
    if (node != nullptr) node->Start();
    if (pods != nullptr) pods->Start();
    if (cluster != nullptr) cluster->Start();
  }
  // With `retire` the series are marked stale: they will not come back.
  void Stop(bool retire) {
    if (node != nullptr) node->Stop(retire);
    if (pods != nullptr) pods->Stop(retire);
    if (cluster != nullptr) cluster->Stop(retire);
    if (scrapes == nullptr) return;
    if (retire) scrapes->ApplyConfig({});
    scrapes->Stop();
  }
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
  BARO_TRY(OpenDelivery(config));
  BARO_TRY(Listen());
  BARO_TRY_ASSIGN(std::unique_ptr<Sources> sources, MakeSources(std::move(config), nullptr));
  sources->Start();
  sources->scrapes =
      std::make_unique<ScrapeManager>(sources->sink.get(), clock_, ScrapeOptionsHere());
  sources->scrapes->ApplyConfig(sources->config.scrape);
  sources->scrapes->Start();
  reload_time_.Set(static_cast<double>(clock_->NowMs()) / 1e3);
  base::MutexLock lock(&mutex_);
  sources_ = std::move(sources);
  return absl::OkStatus();
}

absl::Status Agent::OpenDelivery(const AgentConfig& config) {
  BARO_TRY_ASSIGN(SpoolLock lock, SpoolLock::Take(flags_.spool_path));
  spool_lock_.emplace(std::move(lock));
  DeliveryOptions options;
  options.collector = flags_.collector_address;
  options.spool.path = std::filesystem::absolute(flags_.spool_path);
  options.spool.bytes_max = config.push.spool_size_max.bytes;
  options.queue.bytes_max = config.limits.queue_size_max.bytes;
  options.queue.targets_max = config.limits.targets_max;
  // The node's own row, and those of jobs called critical, go last when the spool must shed.
  std::set<std::string, std::less<>> critical = {config.node.job};
  for (const ScrapeJob& job : config.scrape.jobs) {
    if (job.critical) critical.insert(job.job_name);
  }
  options.queue.priority = [critical](const model::Labels& target) {
    return static_cast<uint8_t>(critical.contains(target.Get("job")) ? 1 : 0);
  };
  options.push.node_name = NodeInstance(config.node);
  options.push.version = AgentVersion();
  options.write_interval_ms = config.push.flush_interval.count();
  options.clock = clock_;
  BARO_TRY_ASSIGN(delivery_, Delivery::Start(std::move(options)));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Agent::Sources>> Agent::MakeSources(AgentConfig config,
                                                                   const Sources* before) {
  config.node.paths = flags_.paths;
  config.pods.paths = flags_.paths;
  BARO_TRY(ApplyCollectorFlags(flags_.collectors, &config.node));
  auto sources = std::make_unique<Sources>();
  const auto& labels = config.global.external_labels;
  sources->sink = before != nullptr && before->config.global.external_labels == labels
                      ? before->sink
                      : std::make_shared<ExternalLabelsSink>(labels, delivery_.get());
  if (config.node.enabled && flags_.mode == AgentMode::kNode) {
    BARO_TRY_ASSIGN(auto node,
                    NodeTarget::Make(config.node, sources->sink.get(), &node_metrics_, clock_));
    sources->node = std::make_unique<NodeLoop>(std::move(node), clock_);
  }
  sources->config = std::move(config);
  BARO_TRY(MakeKubernetesSources(sources.get()));
  return sources;
}

absl::Status Agent::MakeKubernetesSources(Sources* sources) {
  AgentConfig& config = sources->config;
  if (flags_.mode == AgentMode::kCluster) {
    BARO_TRY_ASSIGN(sources->cluster,
                    ClusterCollector::Make(config.cluster, sources->sink.get(), clock_));
  } else if (config.pods.enabled) {
    if (config.pods.instance.empty()) config.pods.instance = NodeInstance(config.node);
    BARO_TRY_ASSIGN(sources->pods, PodsLoop::Make(config.pods, sources->sink.get(), clock_));
  }
  return absl::OkStatus();
}

absl::Status Agent::Listen() {
  net::HttpRouter router;
  const auto text = [](std::string body) {
    return [body = std::move(body)](const net::ServerRequest&) {
      return net::ServerResponse::Text(200, body);
    };
  };
  router.Handle({"GET"}, "/", net::HttpLane::kInline,
                text(AgentVersionText() +
                     "\n/-/healthy\n/-/ready\n/metrics\n/targets\n/targets/relabel_steps\n"));
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
  router.Handle({"GET"}, "/targets/relabel_steps", net::HttpLane::kQuick,
                [this](const net::ServerRequest& request) { return RelabelSteps(request); });
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
    BARO_LOG_LIMITED(info, "configuration reloaded");
  } else {
    reloads_bad_.Increment();
    BARO_LOG_LIMITED(error, "cannot reload: {}", status.ToString());
  }
  return status;
}

absl::Status Agent::ApplyReload() {
  BARO_TRY_ASSIGN(AgentConfig config, ReadAgentConfig(flags_.config_file));
  base::MutexLock lock(&mutex_);
  if (stopped_ || sources_ == nullptr) return absl::UnavailableError("the agent is stopping");
  BARO_TRY_ASSIGN(std::unique_ptr<Sources> next, MakeSources(std::move(config), sources_.get()));
  const AgentConfig& before = sources_->config;
  if (next->config.push != before.push || next->config.limits != before.limits) {
    spdlog::warn("changes of push and limits take effect when the agent starts again");
  }
  if (next->sink != sources_->sink) {
    // Every series changes its identity.
    sources_->Stop(true);
    next->scrapes = std::make_unique<ScrapeManager>(next->sink.get(), clock_, ScrapeOptionsHere());
    next->scrapes->Start();
    next->Start();
  } else {
    KeepUnchanged(next.get());
  }
  next->scrapes->ApplyConfig(next->config.scrape);
  sources_ = std::move(next);
  return absl::OkStatus();
}

void Agent::KeepUnchanged(Sources* next) {
  next->scrapes = std::move(sources_->scrapes);
  const auto keep = [](bool unchanged, auto& before, auto& after) {
    if (unchanged) {
      after = std::move(before);
    } else {
      if (before != nullptr) before->Stop(true);
      if (after != nullptr) after->Start();
    }
  };
  const AgentConfig& now = next->config;
  const AgentConfig& before = sources_->config;
  keep(now.node == before.node, sources_->node, next->node);
  keep(now.pods == before.pods, sources_->pods, next->pods);
  keep(now.cluster == before.cluster, sources_->cluster, next->cluster);
}

void Agent::Stop() {
  std::unique_ptr<Sources> sources;
  {
    base::MutexLock lock(&mutex_);
    stopped_ = true;
    sources = std::move(sources_);
  }
  if (sources != nullptr) sources->Stop(false);
  if (delivery_ != nullptr) delivery_->Stop();
  if (server_ != nullptr) server_->Stop();
}

bool Agent::IsReady() const {
  base::MutexLock lock(&mutex_);
  if (sources_ == nullptr) return false;
  // A reload that changes `node` starts it anew: that is no reason to be taken out of service.
  ready_ = ready_ || sources_->node == nullptr || sources_->node->state().last_pass_ms > 0;
  return ready_;
}

std::string Agent::MetricsText() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  const auto add = [&](std::vector<prometheus::MetricFamily> more) {
    std::move(more.begin(), more.end(), std::back_inserter(families));
  };
  add(process_metrics_.Collect());
  add(DeliveryFamilies(delivery_->GetStats()));
  base::MutexLock lock(&mutex_);
  if (sources_ != nullptr) {
    add(ScrapeFamilies(sources_->scrapes->Stats()));
  }
  return prometheus::TextSerializer().Serialize(families);
}

// ?job=NAME&label=__address__=host:port&label=…: what relabelling makes of a target; with
// metrics=true, what metric_relabel_configs make of a series.
net::ServerResponse Agent::RelabelSteps(const net::ServerRequest& request) const {
  const auto pairs = net::DecodeForm(request.query);
  if (!pairs.ok()) return net::ServerResponse::Text(400, pairs.status().ToString() + "\n");
  std::string job_name;
  bool metrics = false;
  model::Labels labels;
  for (const auto& [name, value] : *pairs) {
    const size_t equals = value.find('=');
    if (name == "job") job_name = value;
    if (name == "metrics") metrics = value == "true";
    if (name == "label" && equals != std::string::npos) {
      labels.Set(value.substr(0, equals), value.substr(equals + 1));
    }
  }
  base::MutexLock lock(&mutex_);
  if (sources_ == nullptr) return net::ServerResponse::Text(503, "the agent is stopping\n");
  for (const ScrapeJob& job : sources_->config.scrape.jobs) {
    if (job.job_name != job_name) continue;
    return net::ServerResponse::Json(
        200, metrics ? MetricRelabelStepsJson(job, labels) : RelabelStepsJson(job, labels));
  }
  return net::ServerResponse::Text(404, base::StrCat("there is no job \"", job_name, "\"\n"));
}

std::string Agent::TargetsJson() const {
  const DeliveryStats delivery = delivery_->GetStats();
  std::string json = "{\"delivery\":";
  AppendDeliveryJson(flags_.collector_address, delivery, &json);
  json += ",\"node\":";
  base::MutexLock lock(&mutex_);
  if (sources_ == nullptr || sources_->node == nullptr) {
    json += "null";
  } else {
    AppendNodeJson(sources_->node->state(), &json);
  }
  json += ",\"pods\":";
  AppendPodsJson(sources_ == nullptr ? nullptr : sources_->pods.get(), &json);
  json += ",\"cluster\":";
  AppendClusterJson(sources_ == nullptr ? nullptr : sources_->cluster.get(), &json);
  json += ",\"activeTargets\":";
  json += sources_ == nullptr ? "[]" : agent::TargetsJson(sources_->scrapes->Targets());
  json += ",\"droppedTargets\":";
  json += sources_ == nullptr ? "[]" : agent::TargetsJson(sources_->scrapes->DroppedTargets());
  return json + "}\n";
}

}  // namespace baro::agent
