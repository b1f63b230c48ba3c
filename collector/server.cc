#include "server.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "baro/base/memory_budget.h"
#include "baro/base/mutex.h"
#include "baro/base/random.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/base/yaml.h"
#include "baro/collector/ingest_service.h"
#include "baro/net/http_server.h"
#include "baro/net/listen.h"
#include "baro/notify/notifier.h"
#include "baro/promql/engine.h"
#include "baro/promql/result_cache.h"
#include "baro/rules/rule_engine.h"
#include "baro/slo/slo_engine.h"
#include "baro/tsdb/store.h"
#include "http_api/api.h"
#include "notify/notify_metrics.h"
#include "notify/notify_routes.h"
#include "otlp/otlp_grpc.h"
#include "otlp/otlp_http.h"
#include "otlp/otlp_metrics.h"
#include "queries/log_file.h"
#include "queries/query_log.h"
#include "queries/query_metrics.h"
#include "remote_read/remote_read.h"
#include "remote_write/remote_write.h"
#include "rules/alerts_api.h"
#include "rules/past_api.h"
#include "rules/rule_loader.h"
#include "rules/rule_metrics.h"
#include "rules/rules_api.h"
#include "rules/store_rule_storage.h"
#include "self_metrics.h"
#include "self_metrics_json.h"
#include "slo/slo_api.h"
#include "slo/slo_loader.h"
#include "slo/store_slo_storage.h"
#include "spdlog/spdlog.h"
#include "version.h"
#include "web_config.h"
#include "web_routes.h"

namespace baro::collector {
namespace {

using net::HttpLane;

promql::EngineOptions EngineOptionsOf(const CollectorOptions& options, const base::Clock* clock,
                                      base::MemoryBudget* memory, promql::ResultCache* cache) {
  promql::EngineOptions engine;
  engine.lookback_ms = options.query_lookback_ms;
  engine.timeout_ms = options.query_timeout_ms;
  engine.samples_max = options.query_samples_max;
  engine.points_max = options.query_points_max;
  engine.series_max = static_cast<size_t>(options.query_series_max);
  engine.memory_bytes_max = options.query_memory_bytes_max;
  if (options.query_cache_bytes > 0) engine.cache = cache;
  engine.memory = memory;
  engine.clock = clock;
  return engine;
}

// How long "ready" waits for the journals: nearly all are loaded by then (docs/adr/0014).
constexpr int64_t kReadyPatienceNs = 600'000'000;

int64_t RetentionOf(const CollectorOptions& options, const CollectorConfig& config) {
  if (options.retention_given || !config.storage.retention) return options.retention_ms;
  return config.storage.retention->count();
}

tsdb::Retention RetentionOfAll(const CollectorOptions& options, const CollectorConfig& config) {
  StorageConfig storage = config.storage;
  if (options.downsampling) storage.downsampling = *options.downsampling;
  return StoreRetention(storage, RetentionOf(options, config));
}

std::string RetentionText(int64_t retention_ms) {
  if (retention_ms == 0) return "for ever";
  return base::FormatDuration(std::chrono::milliseconds(retention_ms));
}

class ServerImpl final : public Server {
 public:
  ServerImpl(CollectorOptions options, const base::Clock* clock)
      : options_(std::move(options)),
        clock_(clock),
        start_time_ms_(clock->NowMs()),
        start_ns_(clock->MonotonicNs()),
        memory_({options_.memory_limit_bytes, base::ResidentBytes, clock}),
        cache_({options_.query_cache_bytes, &memory_}),
        engine_(EngineOptionsOf(options_, clock, &memory_, &cache_)),
        metrics_(Version()) {}
  ~ServerImpl() override { Stop(); }

  absl::Status Open();

  std::string http_address() const override { return http_->address(); }
  std::string grpc_address() const override {
    const std::string listen = GrpcListen();
    return base::StrCat(listen.substr(0, listen.rfind(':')), ":", ingest_->port());
  }
  absl::Status Reload() override ABSL_LOCKS_EXCLUDED(reload_mutex_, mutex_);
  void Stop() override ABSL_LOCKS_EXCLUDED(stop_mutex_);

 private:
  absl::Status OpenStore();
  absl::Status OpenQueryLog();
  void TellReplay();
  bool IsReady() const;
  void StartOtlp();
  absl::Status StartNotifier();
  absl::Status StartRules();
  absl::Status StartSlos();
  std::string ExternalUrl() const;
  RuleDefaults DefaultsOfRules() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::string GrpcListen() const;
  absl::Status StartIngest();
  absl::Status Listen();
  ApiFacts Facts();
  void AddMetrics();
  void AddRoutes(net::HttpRouter* router);
  net::HttpServerOptions HttpOptions();
  std::vector<ApiFacts::Notification> Notifications() const ABSL_LOCKS_EXCLUDED(mutex_);
  net::ServerResponse CompactAnswer();
  CollectorConfig config() const ABSL_LOCKS_EXCLUDED(mutex_);

  const CollectorOptions options_;
  const base::Clock* const clock_;
  const int64_t start_time_ms_;
  const int64_t start_ns_;
  base::MemoryBudget memory_;
  promql::ResultCache cache_;
  const promql::Engine engine_;
  std::unique_ptr<LogFile> query_log_file_;  // null: none
  std::unique_ptr<QueryLog> queries_;
  int64_t retention_ms_ = 0;

  base::Mutex reload_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);  // one reload at a time
  mutable base::Mutex mutex_;
  CollectorConfig config_ ABSL_GUARDED_BY(mutex_);
  int64_t reload_time_ms_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reload_good_ ABSL_GUARDED_BY(mutex_) = true;
  int64_t reload_failed_ms_ ABSL_GUARDED_BY(mutex_) = 0;

  std::unique_ptr<tsdb::Store> store_;
  std::unique_ptr<RemoteWrite> remote_write_;
  std::unique_ptr<RemoteRead> remote_read_;
  std::unique_ptr<OtlpReceiver> otlp_;
  std::unique_ptr<OtlpGrpc> otlp_grpc_;
  std::unique_ptr<notify::Notifier> notifier_;
  std::unique_ptr<StoreRuleStorage> rule_storage_;
  std::unique_ptr<rules::RuleEngine> rules_;
  std::unique_ptr<StoreSloStorage> slo_storage_;
  std::unique_ptr<slo::SloEngine> slos_;
  ApiParts api_;
  SelfMetrics metrics_;
  WebSecurity security_;
  std::unique_ptr<IngestService> ingest_;
  std::unique_ptr<net::HttpServer> http_;
  base::TaskGroup watch_;

  base::Mutex stop_mutex_;
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
};

absl::Status ServerImpl::Open() {
  BARO_TRY_ASSIGN(CollectorConfig config, ReadConfig(options_.config_file));
  BARO_TRY(security_.Load(options_.web_config_file));
  retention_ms_ = RetentionOf(options_, config);
  {
    base::MutexLock lock(&mutex_);
    config_ = std::move(config);
    reload_time_ms_ = start_time_ms_;
  }
  BARO_TRY(OpenStore());
  BARO_TRY(OpenQueryLog());
  RemoteWriteOptions remote_write;
  remote_write.cache_seed = options_.hash_seed;
  remote_write.start_samples = std::find(options_.features.begin(), options_.features.end(),
                                         kStartSamplesFeature) != options_.features.end();
  remote_write.cached_series_max =
      SeriesCache::CapacityWithin(memory_.limit_bytes(), remote_write.cached_series_max);
  remote_write_ = std::make_unique<RemoteWrite>(store_.get(), remote_write);
  RemoteReadOptions remote_read;
  remote_read.samples_max = static_cast<uint64_t>(options_.read_samples_max);
  remote_read.external_labels = [this] { return this->config().global.external_labels; };
  remote_read.memory = &memory_;
  remote_read_ = std::make_unique<RemoteRead>(store_.get(), std::move(remote_read));
  StartOtlp();
  BARO_TRY(StartNotifier());
  BARO_TRY(StartRules());
  BARO_TRY(StartSlos());
  api_ = ApiParts{store_.get(),    &engine_,           clock_,        Facts(),
                  store_->admin(), options_.admin_api, queries_.get()};
  BARO_TRY(StartIngest());
  BARO_TRY(Listen());
  rules_->Start();
  slos_->Start();
  return absl::OkStatus();
}

absl::Status ServerImpl::OpenQueryLog() {
  QueryLogOptions options;
  options.slow_seconds = static_cast<double>(options_.query_slow_ms) / 1000;
  options.clock = clock_;
  options.on_slow = [](const FinishedQuery& query) {
    spdlog::warn("slow query: seconds={:.3f} samples={} query={} dashboard_uid={} error={}",
                 query.seconds, query.samples, query.asked.expression, query.asked.dashboard_uid,
                 query.error);
  };
  if (!options_.query_log_file.empty()) {
    BARO_TRY_ASSIGN(query_log_file_, LogFile::Open(options_.query_log_file));
    options.write_line = [this](std::string_view line) { return query_log_file_->Write(line); };
  }
  queries_ = std::make_unique<QueryLog>(std::move(options));
  return absl::OkStatus();
}

absl::Status ServerImpl::OpenStore() {
  tsdb::StoreOptions options;
  options.path = options_.storage_path;
  options.limits.series_max = options_.limits.series;
  options.limits.series_per_target_max = options_.limits.series_per_target;
  options.limits.series_per_metric_max = options_.limits.series_per_metric;
  options.limits.series_per_job_max = options_.limits.series_per_job;
  options.limits.labels_per_series_max = options_.limits.labels_per_series;
  options.limits.label_name_bytes_max = options_.limits.label_name_bytes;
  options.limits.label_value_bytes_max = options_.limits.label_value_bytes;
  tsdb::Retention retention = RetentionOfAll(options_, this->config());
  options.retention_ms = retention.retention_ms;
  options.retention_classes = std::move(retention.classes);
  options.tiers = std::move(retention.tiers);
  options.memory = &memory_;
  options.clock = clock_;
  options.on_damage = [](const std::string& what) {
    spdlog::error("the store is damaged: {}", what);
  };
  BARO_TRY_ASSIGN(store_, tsdb::Store::Open(std::move(options)));
  const tsdb::Stats stats = store_->GetStats();
  spdlog::info("store is open: path={} slots={} journal_bytes_to_load={}", options_.storage_path,
               stats.slots, stats.replay_bytes);
  watch_.Start("replay-watch", [this] { TellReplay(); });
  return absl::OkStatus();
}

// Waits for the end of the replay, or of the store.
void ServerImpl::TellReplay() {
  const absl::Status status = store_->AwaitReplay();
  const tsdb::Stats stats = store_->GetStats();
  if (status.ok()) {
    spdlog::info("journals are loaded: series={} replay_seconds={:.3f}", stats.series,
                 stats.replay_seconds);
  } else if (!absl::IsUnavailable(status)) {
    spdlog::error("samples from before the start are missing: {}", std::string(status.message()));
  }
}

// All that is stored can be queried; or people have waited long enough, and get it with a warning.
bool ServerImpl::IsReady() const {
  return store_->ReplayComplete() || clock_->MonotonicNs() - start_ns_ > kReadyPatienceNs;
}

void ServerImpl::StartOtlp() {
  OtlpOptions options;
  options.cache_seed = options_.hash_seed;
  options.retention_ms = retention_ms_;
  options.lookback_ms = options_.query_lookback_ms;
  options.clock = clock_;
  options.cached_series_max =
      SeriesCache::CapacityWithin(memory_.limit_bytes(), options.cached_series_max);
  options.deltas.clock = clock_;
  options.deltas.series_max =
      DeltaOptions::SeriesWithin(memory_.limit_bytes(), options.deltas.series_max);
  options.deltas.store_is_complete = [this] { return store_->GetStats().replay_complete; };
  otlp_ = std::make_unique<OtlpReceiver>(store_.get(), config().otlp, options);
  otlp_grpc_ = OtlpGrpc::Start(otlp_.get(), OtlpGrpcOptions());
}

absl::Status ServerImpl::StartNotifier() {
  notify::NotifierOptions options;
  options.folder = options_.storage_path + "/notify";
  options.clock = clock_;
  options.seed = base::RandomSeed();
  options.external_url = ExternalUrl();
  options.on_trouble = [](const std::string& what) { spdlog::warn("notify: {}", what); };
  BARO_TRY_ASSIGN(notifier_, notify::Notifier::Open(std::move(options)));
  const CollectorConfig config = this->config();
  return notifier_->Apply(config.alerting, config.global.external_labels);
}

// Where links in alerts lead.
std::string ServerImpl::ExternalUrl() const {
  std::string url = options_.external_url;
  if (url.empty()) {
    char host[256] = "localhost";
    if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
    const std::string& address = options_.http_address;
    url =
        base::StrCat("http://", host, address.substr(std::min(address.rfind(':'), address.size())));
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

absl::Status ServerImpl::StartRules() {
  rule_storage_ = std::make_unique<StoreRuleStorage>(store_.get());
  rules::RuleEngineOptions options;
  options.source = store_.get();
  options.engine = &engine_;
  options.storage = rule_storage_.get();
  options.clock = clock_;
  options.resend_delay_ms = options_.rules_resend_delay_ms;
  options.replay_ms_max = options_.rules_outage_tolerance_ms;
  options.threads = options_.rules_concurrency_max;
  options.sink = [this](const std::vector<model::Alert>& alerts) {
    return notifier_->Send(alerts);
  };
  options.ready = [this] { return IsReady(); };
  options.warn = [](const std::string& what) { spdlog::warn("{}", what); };
  rules_ = std::make_unique<rules::RuleEngine>(std::move(options));
  BARO_TRY_ASSIGN(rules::RuleSet set, LoadRules(config(), options_.config_file, ExternalUrl()));
  rules_->Update(std::move(set));
  return absl::OkStatus();
}

RuleDefaults ServerImpl::DefaultsOfRules() const {
  const GlobalConfig global = config().global;
  RuleDefaults defaults;
  defaults.interval_ms = global.evaluation_interval.count();
  if (global.rule_query_offset) defaults.query_offset_ms = global.rule_query_offset->count();
  defaults.external_labels = global.external_labels;
  return defaults;
}

absl::Status ServerImpl::StartSlos() {
  slo_storage_ = std::make_unique<StoreSloStorage>(rule_storage_.get());
  slo::SloEngineOptions options;
  options.source = store_.get();
  options.engine = &engine_;
  options.storage = slo_storage_.get();
  options.clock = clock_;
  options.resend_delay_ms = options_.rules_resend_delay_ms;
  options.interval_ms =
      std::min<int64_t>(options.interval_ms, config().global.evaluation_interval.count());
  options.external_url = ExternalUrl();
  options.sink = [this](const std::vector<model::Alert>& alerts) {
    return notifier_->Send(alerts);
  };
  options.ready = [this] { return IsReady(); };
  options.warn = [](const std::string& what) { spdlog::warn("{}", what); };
  slos_ = std::make_unique<slo::SloEngine>(std::move(options));
  BARO_TRY_ASSIGN(std::vector<slo::SloSpec> specs, LoadSlos(config(), options_.config_file));
  slos_->Update(std::move(specs));
  return absl::OkStatus();
}

// gRPC does not know the empty host that stands for every address.
std::string ServerImpl::GrpcListen() const {
  const std::string& address = options_.grpc_address;
  return address.starts_with(':') ? base::StrCat("0.0.0.0", address) : address;
}

absl::Status ServerImpl::StartIngest() {
  // gRPC tells its own log, and only that, why it cannot listen.
  BARO_TRY(net::ProbeListen(options_.grpc_address));
  IngestOptions options;
  options.listen = GrpcListen();
  options.version = Version();
  options.clock = clock_;
  options.services = {otlp_grpc_->service()};
  BARO_TRY_ASSIGN(ingest_, IngestService::Start(std::move(options), store_.get()));
  return absl::OkStatus();
}

absl::Status ServerImpl::Listen() {
  net::HttpRouter router;
  AddRoutes(&router);
  router.Handle({{"POST"},
                 "/api/v1/write",
                 HttpLane::kWrite,
                 [this](const net::ServerRequest& request, net::HttpReply reply) {
                   remote_write_->Handle(request, std::move(reply));
                 },
                 wire::kRemoteWriteBytesMax});
  router.Handle(
      {"POST"}, "/api/v1/read", HttpLane::kQuery,
      [this](const net::ServerRequest& request) { return remote_read_->Handle(request); });
  AddOtlpRoutes(otlp_.get(), &router);
  AddMetrics();
  BARO_TRY_ASSIGN(http_, net::HttpServer::Listen(HttpOptions(), std::move(router)));
  // Handlers ask http_ for its counters: only now may they run.
  http_->Serve();
  spdlog::info("listening: http={} grpc={}", http_->address(), grpc_address());
  return absl::OkStatus();
}

std::vector<ApiFacts::Notification> ServerImpl::Notifications() const {
  std::vector<ApiFacts::Notification> notifications;
  if (!store_->ReplayComplete()) {
    notifications.push_back({"The collector is starting and loads its journals.", start_time_ms_});
  }
  base::MutexLock lock(&mutex_);
  // Prometheus' words.
  if (!reload_good_)
    notifications.push_back({"Configuration reload has failed.", reload_failed_ms_});
  return notifications;
}

net::HttpServerOptions ServerImpl::HttpOptions() {
  net::HttpServerOptions http;
  http.address = options_.http_address;
  http.connections_max = options_.connections_max;
  http.clock = clock_;
  http.lanes[static_cast<size_t>(HttpLane::kQuery)].threads = options_.query_concurrency_max;
  http.cors = true;
  http.cors_prefix = options_.route_prefix + "/api/v1/";
  auto origins = model::Matcher::Create(model::MatchType::kRegex, "origin", options_.cors_origin);
  if (origins.ok()) {  // the command line has checked it
    http.cors_allows = [origins = *std::move(origins)](std::string_view origin) {
      return origins.Matches(origin);
    };
  }
  if (!options_.web_config_file.empty()) {
    http.tls = [this] { return security_.Tls(); };
    http.guard = [this](const net::ServerRequest& request) { return security_.Guard(request); };
    http.decorate = [this](net::ServerResponse* response) { security_.Decorate(response); };
  }
  http.on_exchange = [this](const net::HttpExchange& exchange) { metrics_.Observe(exchange); };
  return http;
}

ApiFacts ServerImpl::Facts() {
  ApiFacts facts;
  facts.store_stats = [this] { return store_->GetStats(); };
  facts.cardinality = [this](size_t limit) { return store_->GetCardinality(limit); };
  facts.exemplars = [this](const model::LabelRequest& request) {
    return store_->Exemplars(request);
  };
  facts.agents = [this] { return ingest_->Agents(); };
  facts.config_yaml = [this] { return PrintConfig(config()); };
  facts.last_reload = [this] {
    base::MutexLock lock(&mutex_);
    return std::pair(reload_time_ms_, reload_good_);
  };
  facts.notifications = [this] { return Notifications(); };
  facts.external_labels = [this] { return this->config().global.external_labels; };
  facts.self_metrics = [this](const auto& wanted) {
    return FamiliesJson(metrics_.Families(), wanted);
  };
  facts.lifecycle = options_.lifecycle.value_or(false);
  facts.external_url = options_.external_url;
  facts.flags = options_.flags;
  facts.retention = RetentionText(retention_ms_);
  facts.version = Version();
  facts.start_time_ms = start_time_ms_;
  facts.storage_path = options_.storage_path;
  facts.backup_path = options_.backup_path;
  return facts;
}

void ServerImpl::AddMetrics() {
  using Families = std::vector<prometheus::MetricFamily>;
  metrics_.Add([this](Families* families) { CollectStore(store_->GetStats(), families); });
  metrics_.Add(
      [this](Families* families) { CollectRemoteWrite(remote_write_->GetStats(), families); });
  metrics_.Add(
      [this](Families* families) { CollectRemoteRead(remote_read_->GetStats(), families); });
  metrics_.Add([this](Families* families) { CollectOtlp(otlp_->GetStats(), families); });
  metrics_.Add([this](Families* families) { CollectNotify(notifier_->GetStatus(), families); });
  metrics_.Add([this](Families* families) { CollectIngest(ingest_->GetStats(), families); });
  metrics_.Add([this](Families* families) { CollectHttp(http_->GetStats(), families); });
  metrics_.Add([this](Families* families) {
    base::MutexLock lock(&mutex_);
    families->push_back(OneGauge("baro_config_last_reload_successful",
                                 "Whether the last reload of the configuration was good.",
                                 reload_good_ ? 1 : 0));
    families->push_back(OneGauge("baro_config_last_reload_success_timestamp_seconds",
                                 "When the configuration in force was read.",
                                 static_cast<double>(reload_time_ms_) / 1000));
  });
  metrics_.Add([this](Families* families) { CollectRules(*rules_, families); });
  metrics_.Add([this](Families* families) { CollectSlos(*slos_, families); });
  metrics_.Add([this](Families* families) { CollectMemory(memory_, families); });
  metrics_.Add([this](Families* families) { CollectQueries(queries_->GetStats(), families); });
  metrics_.Add([this](Families* families) { CollectResultCache(cache_.GetStats(), families); });
  metrics_.Add(CollectProcess);
  metrics_.Add([this](Families* families) { CollectDisk(options_.storage_path, families); });
}

void ServerImpl::AddRoutes(net::HttpRouter* router) {
  router->SetPrefix(options_.route_prefix);
  WebParts web;
  web.is_ready = [this] { return IsReady(); };
  if (options_.lifecycle.value_or(true)) web.reload = [this] { return Reload(); };
  if (options_.lifecycle.value_or(false)) web.quit = options_.quit;
  web.metrics = [this] { return metrics_.Text(); };
  web.prefix = options_.route_prefix;
  web.version = VersionText();
  AddWebRoutes(std::move(web), router);
  AddNotifyRoutes(notifier_.get(), clock_, router);
  AddApiRoutes(&api_, router);
  AddRuleRoutes(rules_.get(), router, [this] { return SloGroups(*slos_); });
  AddAlertRoutes(rules_.get(), notifier_.get(), [this] { return SloGroups(*slos_); }, router);
  AddPastRoutes({store_.get(), &engine_, rule_storage_.get(), clock_,
                 [this] { return DefaultsOfRules(); }, ExternalUrl()},
                router);
  AddSloRoutes(slos_.get(), clock_, router);
  router->Handle({"POST", "PUT"}, "/api/v1/baro/admin/compact", HttpLane::kQuery,
                 [this](const net::ServerRequest&) { return CompactAnswer(); });
}

// Seals all that is in memory and answers when it is on disk.
net::ServerResponse ServerImpl::CompactAnswer() {
  const absl::Status status = store_->Maintain(true);
  if (status.ok()) return net::ServerResponse::Json(200, R"({"status":"success"})");
  return net::ServerResponse::Text(
      503, base::StrCat("cannot compact: ", base::FromAbsl(status.message()), "\n"));
}

CollectorConfig ServerImpl::config() const {
  base::MutexLock lock(&mutex_);
  return config_;
}

absl::Status ServerImpl::Reload() {
  // SIGHUP and HTTP may ask at the same time; the later one reads the later file.
  base::MutexLock reload(&reload_mutex_);
  absl::StatusOr<CollectorConfig> config = ReadConfig(options_.config_file);
  absl::Status status = config.status();
  if (status.ok()) status = security_.Load(options_.web_config_file);
  rules::RuleSet rule_set;
  if (status.ok()) {
    auto loaded = LoadRules(*config, options_.config_file, ExternalUrl());
    status = loaded.status();
    if (loaded.ok()) rule_set = *std::move(loaded);
  }
  std::vector<slo::SloSpec> specs;
  if (status.ok()) {
    auto loaded = LoadSlos(*config, options_.config_file);
    status = loaded.status();
    if (loaded.ok()) specs = *std::move(loaded);
  }
  if (status.ok()) status = store_->SetRetention(RetentionOfAll(options_, *config));
  if (status.ok() && query_log_file_ != nullptr) status = query_log_file_->Reopen();
  if (status.ok()) status = notifier_->Apply(config->alerting, config->global.external_labels);
  if (!status.ok()) {
    base::MutexLock lock(&mutex_);
    reload_good_ = false;
    reload_failed_ms_ = clock_->NowMs();
    spdlog::error("configuration is not reloaded: {}", std::string(status.message()));
    return status;
  }
  otlp_->Configure(config->otlp);
  {
    base::MutexLock lock(&mutex_);
    config_ = *std::move(config);
  }
  // Waits for groups that are being evaluated: the mutex, which answers about the configuration
  // need, is not held meanwhile.
  rules_->Update(std::move(rule_set));
  slos_->Update(std::move(specs));
  base::MutexLock lock(&mutex_);
  reload_good_ = true;
  reload_time_ms_ = clock_->NowMs();
  spdlog::info("configuration is reloaded: file={}", options_.config_file);
  return absl::OkStatus();
}

void ServerImpl::Stop() {
  base::MutexLock lock(&stop_mutex_);
  if (std::exchange(stopped_, true)) return;
  if (http_) http_->Stop();
  if (otlp_grpc_) otlp_grpc_->Stop();
  if (slos_) slos_->Stop();
  if (rules_) rules_->Stop();
  if (ingest_) ingest_->Stop();
  if (notifier_) notifier_->Stop();
  if (!store_) return;
  const absl::Status closed = store_->Close();
  watch_.Stop();
  if (!closed.ok()) spdlog::error("store is not closed cleanly: {}", std::string(closed.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(CollectorOptions options,
                                                      const base::Clock* clock) {
  auto server = std::make_unique<ServerImpl>(std::move(options), clock);
  BARO_TRY(server->Open());
  return server;
}

}  // namespace baro::collector
