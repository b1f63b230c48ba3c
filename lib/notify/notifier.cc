#include "baro/notify/notifier.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "alert_board.h"
#include "alert_codec.h"
#include "alert_json.h"
#include "alertmanager_queue.h"
#include "alertmanager_targets.h"
#include "baro/base/mutex.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/discovery/file_watch.h"
#include "baro/net/url.h"
#include "baro/notify/alertmanager_webhook.h"
#include "baro/notify/fingerprint.h"
#include "group_queue.h"
#include "history_match.h"
#include "receiver.h"
#include "response_board.h"

namespace baro::notify {
namespace {

// An alert of this size is a template gone wrong; it would only be refused elsewhere.
constexpr size_t kAlertBytesMax = size_t{512} << 10;
// Instances that discovery may come up with; more are a mistake in a file.
constexpr size_t kReceiversMax = 256;
constexpr int64_t kOrphanMs = 3'600'000;

// A receiver and what its alerts go through on the way.
struct Route {
  ReceiverKind kind = ReceiverKind::kAlertmanager;
  std::string key;  // names the queue's file
  std::string name;
  Endpoint endpoint;
  GroupOptions groups;  // of a webhook
  std::vector<relabel::RelabelRule> alert_relabel;
  std::shared_ptr<Receiver> receiver;
};
using Routes = std::vector<Route>;

struct Discovery {
  AlertmanagerSet set;
  std::vector<discovery::FileWatch> watches;
};

std::string LoggableUrl(const std::string& url) {
  const auto parsed = net::ParseUrl(url);
  return parsed.ok() ? parsed->ToString() : std::string();
}

std::string FileOf(const std::string& key) {
  model::Labels name;
  name.Set("key", key);
  return base::StrCat(key.substr(0, key.find(':')), "-", FingerprintText(Fingerprint(name)),
                      ".queue");
}

ReceiverStatus StatusOf(const Route& route, size_t capacity) {
  const ReceiverStats stats = route.receiver->GetStats();
  ReceiverStatus status;
  status.kind = route.kind;
  status.name = route.name;
  status.url = LoggableUrl(route.endpoint.url);
  status.queue_alerts = stats.outbox.pending;
  status.kept_alerts = stats.outbox.kept;
  status.queue_bytes = stats.outbox.bytes;
  status.queue_capacity = capacity;
  status.sent_total = stats.sent_total;
  status.errors_total = stats.errors_total;
  status.attempts_total = stats.attempts_total;
  status.dropped_total = stats.outbox.dropped_total;
  status.disk_errors_total = stats.outbox.disk_errors_total;
  status.failures = stats.failures;
  status.last_success_ms = stats.last_success_ms;
  status.last_error_ms = stats.last_error_ms;
  status.last_error = stats.last_error;
  status.retry_at_ms = stats.retry_at_ms;
  status.latency_bounds.assign(kLatencyBounds.begin(), kLatencyBounds.end());
  status.latency_counts.assign(stats.latency_counts.begin(), stats.latency_counts.end());
  status.latency_seconds_sum = stats.latency_seconds_sum;
  return status;
}

class NotifierImpl final : public Notifier {
 public:
  explicit NotifierImpl(NotifierOptions options) : options_(std::move(options)) {}
  ~NotifierImpl() override { Stop(); }

  absl::Status Start();

  absl::Status Apply(AlertingConfig config,
                     std::map<std::string, std::string> external_labels) override
      ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);
  absl::Status Send(const std::vector<model::Alert>& alerts) override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<TestOutcome>> Test(const model::Alert& alert,
                                                std::string_view receiver) override;
  absl::Status TakeNotice(std::string_view body) override ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t IdentityOf(model::Labels labels) const override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Acknowledge(uint64_t fingerprint, Acknowledgement acknowledgement) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::map<uint64_t, Acknowledgement> Acknowledgements() const override ABSL_LOCKS_EXCLUDED(mutex_);
  NotifierStatus GetStatus() const override ABSL_LOCKS_EXCLUDED(mutex_);
  const History& history() const override { return *history_; }
  void Stop() override ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);

 private:
  absl::Status RestoreBoard() ABSL_LOCKS_EXCLUDED(mutex_);
  std::string QueueFolder() const { return options_.folder + "/queues"; }
  // The routes that configuration and discovery ask for, without receivers.
  Routes WantedRoutes() ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mutex_);
  void AddAlertmanagers(Discovery* discovery, Routes* routes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mutex_);
  Route WebhookRoute(const WebhookConfig& webhook) const;
  absl::Status Sync() ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mutex_) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::shared_ptr<Receiver>> MakeReceiver(const Route& route)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mutex_);
  absl::StatusOr<std::unique_ptr<Outbox>> OpenOutbox(const Route& route)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mutex_);
  void RemoveOrphans(int64_t now_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mutex_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void WatchFiles() ABSL_LOCKS_EXCLUDED(apply_mutex_, mutex_);
  bool PollFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mutex_);
  std::vector<model::Alert> Prepare(const std::vector<model::Alert>& alerts, bool* too_large)
      ABSL_LOCKS_EXCLUDED(mutex_);
  Routes routes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // False: the alert is for nobody.
  bool RelabelForAll(model::Labels* labels) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const NotifierOptions options_;
  std::unique_ptr<History> history_;

  // One change of receivers at a time; held while their files are opened.
  base::Mutex apply_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  AlertingConfig config_ ABSL_GUARDED_BY(apply_mutex_);
  std::vector<Discovery> discoveries_ ABSL_GUARDED_BY(apply_mutex_);
  std::map<std::string, int64_t> orphans_ ABSL_GUARDED_BY(apply_mutex_);  // file to since when
  std::vector<std::string> discovery_errors_ ABSL_GUARDED_BY(apply_mutex_);
  std::vector<std::string> dropped_ ABSL_GUARDED_BY(apply_mutex_);

  mutable base::Mutex mutex_;
  base::CondVar wake_;
  Routes routes_ ABSL_GUARDED_BY(mutex_);
  std::vector<relabel::RelabelRule> alert_relabel_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> external_labels_ ABSL_GUARDED_BY(mutex_);
  AlertBoard board_ ABSL_GUARDED_BY(mutex_);
  ResponseBoard responses_ ABSL_GUARDED_BY(mutex_);
  NotifierStatus status_ ABSL_GUARDED_BY(mutex_);  // all but the receivers
  size_t capacity_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  base::TaskGroup tasks_;
};

absl::Status NotifierImpl::Start() {
  HistoryOptions history;
  history.folder = options_.folder + "/history";
  history.disk = options_.disk;
  BARO_TRY_ASSIGN(history_, History::Open(std::move(history)));
  BARO_TRY(RestoreBoard());
  BARO_TRY(options_.disk->CreateDirs(QueueFolder()));
  BARO_TRY_ASSIGN(const std::vector<std::string> files, options_.disk->List(QueueFolder()));
  {
    base::MutexLock apply(&apply_mutex_);
    for (const std::string& file : files) orphans_[file] = options_.clock->NowMs();
  }
  tasks_.Start("notify-watch", [this] { WatchFiles(); });
  return absl::OkStatus();
}

absl::Status NotifierImpl::RestoreBoard() {
  const HistoryQuery all;
  HistoryMatch match(all);
  HistoryRecord record;
  const int64_t now_ms = options_.clock->NowMs();
  base::MutexLock lock(&mutex_);
  AlertBoard* const board = &board_;
  ResponseBoard* const responses = &responses_;
  return history_->ForEach([&](std::string_view json) {
    uint64_t fingerprint = 0;
    if (!match.Read(json, &record) || record.fingerprints.empty()) return;
    if (!absl::SimpleHexAtoi(record.fingerprints[0], &fingerprint)) return;
    if (record.acknowledgement) {
      responses->RestoreAcknowledgement(fingerprint, *record.acknowledgement);
    }
    if (!record.is_alert) return;
    board->Restore(fingerprint, !record.resolved, now_ms);
    if (record.resolved) return responses->Forget(fingerprint);
    if (!record.first) return;
    responses->Restore(fingerprint, record.starts_ms, record.labels.Get("severity"));
  });
}

absl::Status NotifierImpl::Apply(AlertingConfig config,
                                 std::map<std::string, std::string> external_labels) {
  base::MutexLock apply(&apply_mutex_);
  history_->SetBounds(config.history.bytes_max.bytes, config.history.retention.count());
  {
    base::MutexLock lock(&mutex_);
    alert_relabel_ = config.alert_relabel_configs;
    external_labels_ = std::move(external_labels);
    capacity_ = config.queue.alerts_max;
  }
  config_ = std::move(config);
  discoveries_.clear();
  for (const AlertmanagerSet& set : config_.alertmanagers) {
    Discovery discovery{set, {}};
    for (const auto& files : set.file_sd_configs) discovery.watches.emplace_back(files);
    discoveries_.push_back(std::move(discovery));
  }
  PollFiles();
  return Sync();
}

bool NotifierImpl::PollFiles() {
  bool changed = false;
  const int64_t now_ms = options_.clock->MonotonicNs() / 1'000'000;
  for (Discovery& discovery : discoveries_) {
    for (discovery::FileWatch& watch : discovery.watches) changed |= watch.Poll(now_ms);
  }
  return changed;
}

void NotifierImpl::WatchFiles() {
  while (true) {
    {
      base::MutexLock lock(&mutex_);
      if (!stopping_) {
        wake_.WaitWithTimeout(&mutex_, absl::Milliseconds(options_.discovery_poll_ms));
      }
      if (stopping_) return;
    }
    base::MutexLock apply(&apply_mutex_);
    if (PollFiles()) {
      const absl::Status status = Sync();
      if (!status.ok()) options_.on_trouble(std::string(base::FromAbsl(status.message())));
    }
    RemoveOrphans(options_.clock->NowMs());
  }
}

void NotifierImpl::AddAlertmanagers(Discovery* discovery, Routes* routes) {
  std::vector<discovery::TargetGroup> groups = discovery->set.static_configs;
  for (const discovery::FileWatch& watch : discovery->watches) {
    const auto found = watch.groups();
    groups.insert(groups.end(), found.begin(), found.end());
    for (const auto& [path, error] : watch.BrokenFiles()) discovery_errors_.push_back(error);
  }
  AlertmanagerTargets targets = FindAlertmanagers(discovery->set, groups);
  std::move(targets.errors.begin(), targets.errors.end(), std::back_inserter(discovery_errors_));
  std::move(targets.dropped.begin(), targets.dropped.end(), std::back_inserter(dropped_));
  for (const std::string& url : targets.active) {
    // Two sets may name one instance; each has its own say, and its own queue.
    const auto same = std::count_if(routes->begin(), routes->end(),
                                    [&](const Route& route) { return route.endpoint.url == url; });
    Route route;
    route.name = LoggableUrl(url);
    route.key = base::StrCat("alertmanager:", url, same == 0 ? "" : base::StrCat("#", same));
    route.endpoint = {url, discovery->set.timeout.count(), discovery->set.http, {}};
    route.alert_relabel = discovery->set.alert_relabel_configs;
    routes->push_back(std::move(route));
  }
}

Route NotifierImpl::WebhookRoute(const WebhookConfig& webhook) const {
  Route route;
  route.kind = ReceiverKind::kWebhook;
  route.name = webhook.name;
  route.key = base::StrCat("webhook:", webhook.name);
  route.endpoint = {webhook.url, webhook.timeout.count(), webhook.http, webhook.headers};
  route.alert_relabel = webhook.alert_relabel_configs;
  route.groups.receiver = webhook.name;
  route.groups.external_url = options_.external_url;
  route.groups.send_resolved = webhook.send_resolved;
  route.groups.group_by_all = webhook.group_by == std::vector<std::string>{"..."};
  route.groups.group_by = webhook.group_by;
  route.groups.group_wait_ms = webhook.group_wait.count();
  route.groups.group_interval_ms = webhook.group_interval.count();
  route.groups.repeat_interval_ms = webhook.repeat_interval.count();
  route.groups.alerts_max = webhook.max_alerts;
  return route;
}

Routes NotifierImpl::WantedRoutes() {
  Routes routes;
  discovery_errors_.clear();
  dropped_.clear();
  for (Discovery& discovery : discoveries_) AddAlertmanagers(&discovery, &routes);
  for (const WebhookConfig& webhook : config_.webhooks) routes.push_back(WebhookRoute(webhook));
  if (routes.size() > kReceiversMax) {
    discovery_errors_.push_back(
        base::StrCat("cannot notify ", routes.size(), " receivers: the limit is ", kReceiversMax));
    routes.resize(kReceiversMax);
  }
  return routes;
}

absl::Status NotifierImpl::Sync() {
  const Routes before = this->routes();
  Routes wanted = WantedRoutes();
  absl::Status status = absl::OkStatus();
  Routes after;
  for (Route& route : wanted) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const Route& candidate) {
      return candidate.key == route.key;
    });
    if (known != before.end()) {
      route.receiver = known->receiver;
      route.receiver->Configure(route.endpoint);
      route.receiver->Regroup(route.groups);
    } else {
      auto made = MakeReceiver(route);
      if (!made.ok()) {
        status.Update(made.status());
        continue;
      }
      route.receiver = *std::move(made);
    }
    orphans_.erase(FileOf(route.key));
    after.push_back(std::move(route));
  }
  std::vector<std::shared_ptr<Receiver>> gone;
  for (const Route& route : before) {
    const bool stays = std::any_of(after.begin(), after.end(),
                                   [&](const Route& one) { return one.key == route.key; });
    if (stays) continue;
    gone.push_back(route.receiver);
    orphans_[FileOf(route.key)] = options_.clock->NowMs();
  }
  {
    base::MutexLock lock(&mutex_);
    routes_ = std::move(after);
    status_.discovery_errors = discovery_errors_;
    status_.dropped_alertmanagers = dropped_;
  }
  for (const auto& receiver : gone) receiver->BeginStop(0);
  for (const auto& receiver : gone) receiver->Stop();
  for (const std::string& error : discovery_errors_) options_.on_trouble(error);
  return status;
}

absl::StatusOr<std::unique_ptr<Outbox>> NotifierImpl::OpenOutbox(const Route& route) {
  const std::string path = base::StrCat(QueueFolder(), "/", FileOf(route.key));
  const OutboxLimits limits{config_.queue.alerts_max, config_.queue.bytes_max.bytes};
  if (route.kind == ReceiverKind::kWebhook) {
    GroupQueueOptions options{path, options_.disk, limits, route.groups};
    return GroupQueue::Open(std::move(options), options_.clock->NowMs());
  }
  AlertmanagerQueueOptions options;
  options.path = path;
  options.disk = options_.disk;
  options.limits = limits;
  options.resolve_hold_ms = config_.queue.resolve_hold.count();
  return AlertmanagerQueue::Open(std::move(options));
}

absl::StatusOr<std::shared_ptr<Receiver>> NotifierImpl::MakeReceiver(const Route& route) {
  BARO_TRY_ASSIGN(std::unique_ptr<Outbox> outbox, OpenOutbox(route));
  ReceiverOptions options;
  options.name = route.name;
  options.clock = options_.clock;
  options.history = history_.get();
  options.retry_min_ms = config_.queue.retry_min.count();
  options.retry_max_ms = config_.queue.retry_max.count();
  options.poll_ms = options_.poll_ms;
  options.seed = options_.seed;
  options.on_trouble = options_.on_trouble;
  auto receiver = std::make_shared<Receiver>(std::move(options), route.endpoint, std::move(outbox));
  receiver->Start();
  return receiver;
}

// Files of receivers that are gone for good: instances of yesterday, that discovery never names
// again.
void NotifierImpl::RemoveOrphans(int64_t now_ms) {
  uint64_t removed = 0;
  std::erase_if(orphans_, [&](const auto& orphan) {
    if (now_ms - orphan.second < kOrphanMs) return false;
    const absl::Status status = options_.disk->Remove(QueueFolder() + "/" + orphan.first);
    if (status.ok()) ++removed;
    return true;
  });
  base::MutexLock lock(&mutex_);
  status_.queues_removed_total += removed;
}

Routes NotifierImpl::routes() const {
  base::MutexLock lock(&mutex_);
  return routes_;
}

// What all receivers are told alike.
bool NotifierImpl::RelabelForAll(model::Labels* labels) const {
  for (const auto& [name, value] : external_labels_) {
    if (!labels->Has(name)) labels->Set(name, value);
  }
  return relabel::Relabel(alert_relabel_, labels);
}

uint64_t NotifierImpl::IdentityOf(model::Labels labels) const {
  base::MutexLock lock(&mutex_);
  return RelabelForAll(&labels) ? Fingerprint(labels) : 0;
}

absl::Status NotifierImpl::Acknowledge(uint64_t fingerprint, Acknowledgement acknowledgement) {
  acknowledgement.time_ms = options_.clock->NowMs();
  base::MutexLock lock(&mutex_);
  BARO_TRY(responses_.Acknowledge(fingerprint, acknowledgement));
  history_->AddAcknowledgement(acknowledgement, fingerprint);
  return absl::OkStatus();
}

std::map<uint64_t, Acknowledgement> NotifierImpl::Acknowledgements() const {
  base::MutexLock lock(&mutex_);
  return responses_.Acknowledgements();
}

std::vector<model::Alert> NotifierImpl::Prepare(const std::vector<model::Alert>& alerts,
                                                bool* too_large) {
  std::vector<model::Alert> prepared;
  const int64_t now_ms = options_.clock->NowMs();
  base::MutexLock lock(&mutex_);
  for (const model::Alert& given : alerts) {
    model::Alert alert = given;
    if (!RelabelForAll(&alert.labels)) {
      ++status_.suppressed_total["relabel"];
      continue;
    }
    if (alert.labels.empty() || AlertBytes(alert) > kAlertBytesMax) {
      *too_large |= !alert.labels.empty();
      ++status_.suppressed_total[alert.labels.empty() ? "no_labels" : "too_large"];
      continue;
    }
    const uint64_t fingerprint = Fingerprint(alert.labels);
    const auto change = board_.Note(fingerprint, alert, now_ms);
    if (change) history_->AddAlert(now_ms, *change, alert, fingerprint);
    if (model::IsResolved(alert, now_ms)) {
      responses_.NoteResolved(fingerprint, alert);
    } else {
      responses_.NoteFiring(fingerprint, alert);
    }
    prepared.push_back(std::move(alert));
  }
  return prepared;
}

absl::Status NotifierImpl::Send(const std::vector<model::Alert>& alerts) {
  bool too_large = false;
  const std::vector<model::Alert> prepared = Prepare(alerts, &too_large);
  absl::Status status = absl::OkStatus();
  for (const Route& route : this->routes()) {
    if (route.alert_relabel.empty()) {
      status.Update(route.receiver->Put(prepared));
      continue;
    }
    std::vector<model::Alert> own = prepared;
    std::erase_if(own, [&](model::Alert& alert) {
      return !relabel::Relabel(route.alert_relabel, &alert.labels) || alert.labels.empty();
    });
    status.Update(route.receiver->Put(own));
  }
  if (too_large) {
    status.Update(absl::ResourceExhaustedError(base::StrCat(
        "cannot send an alert: its labels and annotations exceed ", kAlertBytesMax, " bytes")));
  }
  return status;
}

TestOutcome TestRoute(const Route& route, const model::Alert& alert, const base::Clock* clock) {
  ParcelItem item;
  item.alert = alert;
  item.fingerprint = Fingerprint(alert.labels);
  item.resolved = model::IsResolved(alert, clock->NowMs());
  std::string body = AlertmanagerBody({item});
  if (route.kind == ReceiverKind::kWebhook) {
    const model::Labels group = {{"alertname", std::string(alert.labels.Get("alertname"))}};
    const std::string key = base::StrCat("{}:", group.ToString());
    body = WebhookBody({route.name, route.groups.external_url, key, &group, 0}, {item});
  }
  HttpSender sender;
  const Attempt attempt = PostOnce(route.endpoint, std::move(body), clock, &sender);
  return {route.name, attempt.verdict == Verdict::kDelivered, attempt.status, attempt.error,
          attempt.seconds};
}

absl::StatusOr<std::vector<TestOutcome>> NotifierImpl::Test(const model::Alert& alert,
                                                            std::string_view receiver) {
  Routes chosen = this->routes();
  if (!receiver.empty()) {
    std::erase_if(chosen, [&](const Route& route) { return route.name != receiver; });
    if (chosen.empty()) {
      return absl::NotFoundError(base::StrCat("there is no receiver named \"", receiver, "\""));
    }
  }
  std::vector<TestOutcome> outcomes(chosen.size());
  base::TaskGroup tasks;
  for (size_t i = 0; i < chosen.size(); ++i) {
    tasks.Start("notify-test", [this, &chosen, &outcomes, &alert, i] {
      outcomes[i] = TestRoute(chosen[i], alert, options_.clock);
    });
  }
  tasks.Stop();
  return outcomes;
}

absl::Status NotifierImpl::TakeNotice(std::string_view body) {
  BARO_TRY_ASSIGN(const WebhookNotice notice, ParseWebhookNotice(body));
  NotifiedRecord record;
  record.time_ms = options_.clock->NowMs();
  record.receiver = notice.receiver;
  record.status = notice.firing ? "firing" : "resolved";
  record.external_url = notice.external_url;
  record.group_key = notice.group_key;
  for (const NoticedAlert& alert : notice.alerts) record.fingerprints.push_back(alert.fingerprint);
  history_->AddNotified(record);
  base::MutexLock lock(&mutex_);
  ++status_.notices_total;
  return absl::OkStatus();
}

NotifierStatus NotifierImpl::GetStatus() const {
  NotifierStatus status;
  Routes routes;
  size_t capacity = 0;
  {
    base::MutexLock lock(&mutex_);
    status = status_;
    status.responses = responses_.GetStats();
    routes = routes_;
    capacity = capacity_;
  }
  for (const Route& route : routes) {
    status.receivers.push_back(StatusOf(route, capacity));
    if (route.kind == ReceiverKind::kAlertmanager) {
      status.active_alertmanagers.push_back(LoggableUrl(route.endpoint.url));
    }
  }
  status.history_bytes = history_->bytes();
  status.history_errors_total = history_->errors_total();
  return status;
}

void NotifierImpl::Stop() {
  {
    base::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
  }
  tasks_.Stop();
  base::MutexLock apply(&apply_mutex_);
  const Routes routes = this->routes();
  for (const Route& route : routes) {
    route.receiver->BeginStop(config_.queue.drain_timeout.count());
  }
  for (const Route& route : routes) route.receiver->Stop();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Notifier>> Notifier::Open(NotifierOptions options) {
  auto notifier = std::make_unique<NotifierImpl>(std::move(options));
  BARO_TRY(notifier->Start());
  return notifier;
}

}  // namespace baro::notify
