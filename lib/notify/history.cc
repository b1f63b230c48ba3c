#include "baro/notify/history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "alert_json.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/notify/fingerprint.h"
#include "history_match.h"

namespace baro::notify {
namespace {

constexpr std::string_view kPrefix = "history-";
constexpr std::string_view kSuffix = ".jsonl";
// The oldest of so many files goes when the whole is too large.
constexpr uint64_t kSegments = 16;
constexpr int64_t kSyncEveryMs = 1'000;
// Names of alerts in one record; the numbers tell the rest.
constexpr size_t kFingerprintsMax = 256;

void AppendTime(int64_t time_ms, std::string* json) {
  base::StrAppend(json, R"({"time_ms":)", time_ms, R"(,"time":")", ApiTime(time_ms), R"(")");
}

void AppendField(std::string_view name, std::string_view value, std::string* json) {
  base::StrAppend(json, ",\"", name, "\":");
  AppendJsonText(value, json);
}

void AppendFingerprints(const std::vector<uint64_t>& fingerprints, std::string* json) {
  *json += R"(,"fingerprints":[)";
  for (size_t i = 0; i < std::min(fingerprints.size(), kFingerprintsMax); ++i) {
    base::StrAppend(json, i == 0 ? "\"" : ",\"", FingerprintText(fingerprints[i]), "\"");
  }
  *json += ']';
}

void VisitLines(std::string_view bytes, const std::function<void(std::string_view)>& visit) {
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    if (end > 0) visit(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<History>> History::Open(HistoryOptions options) {
  auto history = std::unique_ptr<History>(new History(std::move(options)));
  BARO_TRY(history->Load());
  return history;
}

absl::Status History::Load() {
  base::Disk* const disk = options_.disk;
  BARO_TRY(disk->CreateDirs(options_.folder));
  BARO_TRY_ASSIGN(const std::vector<std::string> names, disk->List(options_.folder));
  base::MutexLock lock(&mutex_);
  bytes_max_ = options_.bytes_max;
  age_ms_max_ = options_.age_ms_max;
  for (std::string_view name : names) {
    Segment segment;
    segment.path = base::StrCat(options_.folder, "/", name);
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    name.remove_prefix(kPrefix.size());
    name.remove_suffix(kSuffix.size());
    if (!absl::SimpleAtoi(base::ToAbsl(name), &segment.first_ms)) continue;
    BARO_TRY_ASSIGN(segment.bytes, disk->Size(segment.path));
    segments_.push_back(std::move(segment));
  }
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.first_ms < b.first_ms; });
  if (segments_.empty()) return absl::OkStatus();
  BARO_TRY_ASSIGN(file_, disk->OpenAppend(segments_.back().path));
  // Ends the line that a crash may have torn; an empty line is nothing.
  ++segments_.back().bytes;
  return file_->Append("\n");
}

void History::AddAlert(int64_t time_ms, std::string_view state, const model::Alert& alert,
                       uint64_t fingerprint) {
  std::string json;
  AppendTime(time_ms, &json);
  base::StrAppend(&json, R"(,"kind":"alert","state":")", state, R"(","fingerprint":")",
                  FingerprintText(fingerprint), R"(","labels":)");
  AppendJsonLabels(alert.labels, &json);
  json += R"(,"annotations":)";
  AppendJsonLabels(alert.annotations, &json);
  AppendField("startsAt", ApiTime(alert.starts_ms), &json);
  AppendField("endsAt", ApiTime(alert.ends_ms), &json);
  AppendField("generatorURL", alert.generator_url, &json);
  Append(time_ms, json + "}\n");
}

void History::AddDelivery(const DeliveryRecord& delivery) {
  std::string json;
  AppendTime(delivery.time_ms, &json);
  json += R"(,"kind":"delivery")";
  AppendField("receiver", delivery.receiver, &json);
  AppendField("outcome", delivery.outcome, &json);
  base::StrAppend(&json, R"(,"status":)", delivery.status, R"(,"firing":)", delivery.firing,
                  R"(,"resolved":)", delivery.resolved, R"(,"latency_seconds":)",
                  absl::StrFormat("%.6f", delivery.seconds));
  if (!delivery.error.empty()) AppendField("error", delivery.error, &json);
  AppendFingerprints(delivery.fingerprints, &json);
  Append(delivery.time_ms, json + "}\n");
}

void History::AddNotified(const NotifiedRecord& notified) {
  std::string json;
  AppendTime(notified.time_ms, &json);
  json += R"(,"kind":"notified")";
  AppendField("receiver", notified.receiver, &json);
  AppendField("status", notified.status, &json);
  AppendField("externalURL", notified.external_url, &json);
  AppendField("groupKey", notified.group_key, &json);
  AppendFingerprints(notified.fingerprints, &json);
  Append(notified.time_ms, json + "}\n");
}

void History::AddAcknowledgement(const Acknowledgement& acknowledgement, uint64_t fingerprint) {
  std::string json;
  AppendTime(acknowledgement.time_ms, &json);
  json += R"(,"kind":"ack")";
  AppendField("author", acknowledgement.author, &json);
  AppendField("comment", acknowledgement.comment, &json);
  AppendField("silence", acknowledgement.silence, &json);
  base::StrAppend(&json, R"(,"until_ms":)", acknowledgement.until_ms);
  AppendFingerprints({fingerprint}, &json);
  Append(acknowledgement.time_ms, json + "}\n");
}

void History::Append(int64_t time_ms, const std::string& json) {
  base::MutexLock lock(&mutex_);
  if (!Write(time_ms, json).ok()) ++errors_;
}

absl::Status History::Write(int64_t time_ms, const std::string& json) {
  if (!file_ || segments_.back().bytes >= bytes_max_ / kSegments) BARO_TRY(StartSegment(time_ms));
  absl::Status status = file_->Append(json);
  segments_.back().bytes += json.size();
  if (status.ok() && (time_ms - synced_ms_ >= kSyncEveryMs || time_ms < synced_ms_)) {
    status = file_->Sync();
    synced_ms_ = time_ms;
  }
  // Its end is in doubt: the next record goes to another file.
  if (!status.ok()) file_.reset();
  return status;
}

absl::Status History::StartSegment(int64_t time_ms) {
  if (file_) BARO_TRY(file_->Sync());
  Segment segment;
  // Names ascend even when the clock does not.
  segment.first_ms = segments_.empty() ? time_ms : std::max(time_ms, segments_.back().first_ms + 1);
  segment.path = base::StrCat(options_.folder, "/", kPrefix,
                              absl::StrFormat("%016d", segment.first_ms), kSuffix);
  BARO_TRY_ASSIGN(file_, options_.disk->OpenAppend(segment.path));
  segments_.push_back(std::move(segment));
  Prune(time_ms);
  return options_.disk->SyncDir(options_.folder);
}

void History::Prune(int64_t now_ms) {
  uint64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.bytes;
  // A file is as old as the start of the next one.
  while (segments_.size() > 1 &&
         (bytes > bytes_max_ || segments_[1].first_ms < now_ms - age_ms_max_)) {
    if (!options_.disk->Remove(segments_[0].path).ok()) ++errors_;
    bytes -= segments_[0].bytes;
    segments_.erase(segments_.begin());
  }
}

std::vector<History::Segment> History::Segments() const {
  base::MutexLock lock(&mutex_);
  return segments_;
}

absl::StatusOr<std::string> History::ReadSegment(const Segment& segment) const {
  auto bytes = options_.disk->Read(segment.path, 0, segment.bytes);
  if (absl::IsNotFound(bytes.status())) return std::string();  // pruned since
  return bytes;
}

absl::Status History::ForEach(const std::function<void(std::string_view)>& visit) const {
  for (const Segment& segment : Segments()) {
    BARO_TRY_ASSIGN(const std::string bytes, ReadSegment(segment));
    VisitLines(bytes, visit);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> History::Query(const HistoryQuery& query) const {
  HistoryMatch match(query);
  HistoryRecord record;
  if (match.HasMatchers()) {
    BARO_TRY(ForEach([&](std::string_view json) {
      if (match.Read(json, &record)) match.LearnAlert(record);
    }));
  }
  std::vector<std::string> found;
  const std::vector<Segment> segments = Segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (found.size() >= query.limit) break;
    BARO_TRY_ASSIGN(const std::string bytes, ReadSegment(*segment));
    std::vector<std::string> of_segment;
    VisitLines(bytes, [&](std::string_view json) {
      if (match.Read(json, &record) && match.Wants(record)) of_segment.emplace_back(json);
    });
    std::move(of_segment.rbegin(), of_segment.rend(), std::back_inserter(found));
  }
  if (found.size() > query.limit) found.resize(query.limit);
  return found;
}

void History::SetBounds(uint64_t bytes_max, int64_t age_ms_max) {
  base::MutexLock lock(&mutex_);
  bytes_max_ = bytes_max;
  age_ms_max_ = age_ms_max;
}

uint64_t History::bytes() const {
  uint64_t bytes = 0;
  for (const Segment& segment : Segments()) bytes += segment.bytes;
  return bytes;
}

uint64_t History::errors_total() const {
  base::MutexLock lock(&mutex_);
  return errors_;
}

}  // namespace baro::notify
