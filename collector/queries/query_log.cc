#include "queries/query_log.h"

#include <algorithm>
#include <limits>

#include "baro/base/strings.h"

namespace baro::collector {
namespace {

// About what a held sample takes.
constexpr uint64_t kBytesPerSample = 16;

void Observe(double seconds, StageSeconds* stage) {
  const auto at =
      std::lower_bound(StageSeconds::kBounds.begin(), StageSeconds::kBounds.end(), seconds);
  ++stage->buckets[static_cast<size_t>(at - StageSeconds::kBounds.begin())];
  stage->sum += seconds;
  ++stage->count;
}

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':' || c == '.';
}

// Copies a quoted string, the quote at `at` included; returns what is behind it.
size_t CopyQuoted(std::string_view text, size_t at, std::string* out) {
  const char quote = text[at];
  size_t end = at + 1;
  while (end < text.size() && text[end] != quote) {
    end += text[end] == '\\' && quote != '`' ? 2 : 1;
  }
  end = std::min(end + 1, text.size());
  out->append(text.substr(at, end - at));
  return end;
}

// Leaves out a time or a duration: spaces, a sign, a number; not a function such as end().
size_t SkipNumber(std::string_view text, size_t at, std::string* out) {
  size_t next = at;
  while (next < text.size() && text[next] == ' ') ++next;
  size_t digits = next;
  if (digits < text.size() && (text[digits] == '-' || text[digits] == '+')) ++digits;
  if (digits >= text.size() || text[digits] < '0' || text[digits] > '9') return at;
  while (digits < text.size() && IsWord(text[digits])) ++digits;
  out->append(" _");
  return digits;
}

bool IsOffset(std::string_view text, size_t at) {
  constexpr std::string_view kWord = "offset";
  if (text.substr(at, kWord.size()) != kWord) return false;
  const size_t end = at + kWord.size();
  return (at == 0 || !IsWord(text[at - 1])) && end < text.size() && text[end] == ' ';
}

}  // namespace

std::string NormaliseQuery(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'' || c == '`') {
      at = CopyQuoted(text, at, &out);
    } else if (c == '[') {
      const size_t end = text.find(']', at);
      out.append(text.substr(at, end - at).find(':') == std::string_view::npos ? "[_]" : "[_:_]");
      at = end == std::string_view::npos ? text.size() : end + 1;
    } else if (c == '@') {
      out.push_back(c);
      at = SkipNumber(text, at + 1, &out);
    } else if (IsOffset(text, at)) {
      out.append("offset");
      at = SkipNumber(text, at + 6, &out);
    } else {
      out.push_back(c);
      ++at;
    }
  }
  return out;
}

QueryLog::Entry::~Entry() {
  if (!finished_) Finish({absl::CancelledError("the query was given up"), {}});
}

void QueryLog::Entry::Finish(const QueryOutcome& outcome) {
  if (finished_) return;
  finished_ = true;
  progress_->phase.store(promql::QueryPhase::kDone, std::memory_order_relaxed);
  log_->Finish(id_, outcome);
}

std::unique_ptr<QueryLog::Entry> QueryLog::Start(AskedQuery asked, int64_t begun_ns,
                                                 std::shared_ptr<std::atomic<bool>> cancelled) {
  auto progress = std::make_shared<promql::QueryProgress>();
  uint64_t id = 0;
  {
    base::MutexLock lock(&mutex_);
    id = next_id_++;
    running_[id] = {std::move(asked), begun_ns, std::move(cancelled), progress};
  }
  return std::make_unique<Entry>(this, id, std::move(progress));
}

bool QueryLog::Cancel(uint64_t id) {
  base::MutexLock lock(&mutex_);
  const auto it = running_.find(id);
  if (it == running_.end() || it->second.cancelled == nullptr) return false;
  it->second.cancelled->store(true, std::memory_order_release);
  return true;
}

void QueryLog::Finish(uint64_t id, const QueryOutcome& outcome) {
  const int64_t now_ns = options_.clock->MonotonicNs();
  FinishedQuery query;
  {
    base::MutexLock lock(&mutex_);
    const auto it = running_.find(id);
    query.id = id;
    query.asked = std::move(it->second.asked);
    query.seconds = static_cast<double>(now_ns - it->second.begun_ns) / 1e9;
    query.samples = outcome.stats.samples_total;
    // Of a query that failed only its progress tells how far it came.
    if (!outcome.status.ok()) {
      query.samples = it->second.progress->samples.load(std::memory_order_relaxed);
    }
    query.memory_bytes =
        static_cast<uint64_t>(outcome.stats.samples_peak) * kBytesPerSample + outcome.answer_bytes;
    query.finished_ms = options_.clock->NowMs();
    query.error = std::string(base::FromAbsl(outcome.status.message()));
    running_.erase(it);
    Count(query, outcome);
    AddCost(query, now_ns / 1'000'000);
    if (query.seconds >= options_.slow_seconds) {
      ++stats_.slow_total;
      slow_.push_back(query);
      if (slow_.size() > options_.slow_max) slow_.pop_front();
    }
  }
  if (query.seconds >= options_.slow_seconds && options_.on_slow) options_.on_slow(query);
  if (!options_.write_line || options_.write_line(QueryLogLine(query, outcome))) return;
  base::MutexLock lock(&mutex_);
  ++stats_.lines_lost_total;
}

void QueryLog::Count(const FinishedQuery& query, const QueryOutcome& outcome) {
  ++stats_.finished_total;
  stats_.samples_total += static_cast<uint64_t>(query.samples);
  if (!outcome.status.ok()) ++stats_.failed_total;
  if (absl::IsCancelled(outcome.status)) ++stats_.cancelled_total;
  if (absl::IsDeadlineExceeded(outcome.status)) ++stats_.timeouts_total;
  if (absl::IsResourceExhausted(outcome.status)) ++stats_.refused_total;
  const promql::QueryStats& stats = outcome.stats;
  const double evaluated =
      std::max(0.0, stats.eval_seconds - stats.prepare_seconds - stats.sort_seconds);
  const std::array<double, kQueryStages> seconds = {
      outcome.queue_seconds, stats.prepare_seconds, evaluated,
      stats.sort_seconds,    outcome.write_seconds, query.seconds};
  for (size_t i = 0; i < kQueryStages; ++i) Observe(seconds[i], &stats_.seconds[i]);
}

void QueryLog::AddCost(const FinishedQuery& query, int64_t now_ms) {
  if (buckets_.empty() || now_ms - buckets_.back().begin_ms >= kBucketMs) {
    buckets_.push_back({now_ms, {}});
    if (buckets_.size() > kBuckets) buckets_.pop_front();
  }
  auto& costs = buckets_.back().costs;
  std::string text = NormaliseQuery(query.asked.expression);
  auto it = costs.find(text);
  if (it == costs.end()) {
    if (costs.size() >= kQueriesPerBucket) {
      ++stats_.unlisted_total;
      return;
    }
    it = costs.emplace(std::move(text), Cost()).first;
    it->second.sum.query = it->first;
  }
  QueryCost& sum = it->second.sum;
  sum.example = query.asked.expression;
  ++sum.count;
  sum.errors += query.error.empty() ? 0 : 1;
  sum.seconds += query.seconds;
  sum.seconds_max = std::max(sum.seconds_max, query.seconds);
  sum.samples += query.samples;
  sum.memory_bytes_max = std::max(sum.memory_bytes_max, query.memory_bytes);
  if (query.asked.dashboard_uid.empty() && query.asked.panel_id.empty()) return;
  Sources& sources = it->second.sources;
  const std::pair source(query.asked.dashboard_uid, query.asked.panel_id);
  if (sources.size() < kSourcesPerQuery || sources.contains(source)) ++sources[source];
}

std::vector<ActiveQuery> QueryLog::Active() const {
  const int64_t now_ns = options_.clock->MonotonicNs();
  std::vector<ActiveQuery> active;
  base::MutexLock lock(&mutex_);
  for (const auto& [id, running] : running_) {
    active.push_back({id, running.asked, static_cast<double>(now_ns - running.begun_ns) / 1e9,
                      running.progress->phase.load(std::memory_order_relaxed),
                      running.progress->samples.load(std::memory_order_relaxed)});
  }
  return active;
}

std::vector<FinishedQuery> QueryLog::Slow() const {
  base::MutexLock lock(&mutex_);
  return {slow_.rbegin(), slow_.rend()};
}

std::vector<QueryCost> QueryLog::Top(CostOrder order, size_t limit, int64_t since_ms) const {
  const int64_t now_ms = options_.clock->MonotonicNs() / 1'000'000;
  absl::flat_hash_map<std::string, Cost> sums;
  {
    base::MutexLock lock(&mutex_);
    for (const Bucket& bucket : buckets_) {
      if (since_ms > 0 && bucket.begin_ms + kBucketMs < now_ms - since_ms) continue;
      for (const auto& [text, cost] : bucket.costs) {
        Cost& sum = sums[text];
        sum.sum.query = text;
        sum.sum.example = cost.sum.example;
        sum.sum.count += cost.sum.count;
        sum.sum.errors += cost.sum.errors;
        sum.sum.seconds += cost.sum.seconds;
        sum.sum.seconds_max = std::max(sum.sum.seconds_max, cost.sum.seconds_max);
        sum.sum.samples += cost.sum.samples;
        sum.sum.memory_bytes_max = std::max(sum.sum.memory_bytes_max, cost.sum.memory_bytes_max);
        for (const auto& [source, count] : cost.sources) sum.sources[source] += count;
      }
    }
  }
  std::vector<QueryCost> top;
  for (auto& [text, cost] : sums) {
    for (const auto& [source, count] : cost.sources) {
      cost.sum.dashboards.push_back({source.first, source.second, count});
    }
    std::stable_sort(cost.sum.dashboards.begin(), cost.sum.dashboards.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    top.push_back(std::move(cost.sum));
  }
  const auto key = [order](const QueryCost& cost) {
    switch (order) {
      case CostOrder::kSamples:
        return static_cast<double>(cost.samples);
      case CostOrder::kCount:
        return static_cast<double>(cost.count);
      case CostOrder::kMemory:
        return static_cast<double>(cost.memory_bytes_max);
      default:
        return cost.seconds;
    }
  };
  std::sort(top.begin(), top.end(), [&key](const QueryCost& a, const QueryCost& b) {
    return key(a) != key(b) ? key(a) > key(b) : a.query < b.query;
  });
  if (limit > 0 && top.size() > limit) top.resize(limit);
  return top;
}

QueryLogStats QueryLog::GetStats() const {
  base::MutexLock lock(&mutex_);
  QueryLogStats stats = stats_;
  stats.active = running_.size();
  return stats;
}

}  // namespace baro::collector
