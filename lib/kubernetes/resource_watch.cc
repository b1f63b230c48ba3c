#include "baro/kubernetes/resource_watch.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/url.h"

namespace baro::kubernetes {

namespace asio = boost::asio;

namespace {

// One event: an object of etcd's limit (1.5 MiB) as JSON, with room.
constexpr size_t kEventBytesMax = size_t{16} << 20;
// A watch that lives shorter than this and tells nothing counts as one that failed.
constexpr auto kWatchTooShort = std::chrono::milliseconds(1'000);
// The server ends a watch by itself; only later than this the client does.
constexpr int64_t kWatchGraceMs = 30'000;
constexpr size_t kPagesMax = 100'000;

absl::Status Gone(std::string_view words) {
  return absl::OutOfRangeError(base::StrCat("resource version is too old: ", words));
}

}  // namespace

std::string ObjectKey(const Json& object) {
  const Json metadata = object["metadata"];
  const std::string_view space = metadata["namespace"].Text();
  if (space.empty()) return std::string(metadata["name"].Text());
  return base::StrCat(space, "/", metadata["name"].Text());
}

ResourceWatch::ResourceWatch(asio::any_io_executor executor, ClientConfig config,
                             WatchOptions options, ObjectSink* sink)
    : options_(std::move(options)),
      sink_(sink),
      client_(executor, std::move(config)),
      timer_(executor),
      random_(options_.seed) {}

void ResourceWatch::Close() {
  closing_ = true;
  client_.Close();
  timer_.cancel();
}

asio::awaitable<void> ResourceWatch::Run() {
  while (!closing_) {
    const bool lists = resource_version_.empty();
    const auto begin = std::chrono::steady_clock::now();
    const uint64_t events = stats_.events;
    absl::Status status;
    if (lists) {
      status = co_await List();
    } else {
      status = co_await Watch();
    }
    if (closing_) co_return;
    Note(status, lists ? &stats_.list_errors : &stats_.watch_errors);
    if (absl::IsOutOfRange(status)) ++stats_.gone;
    // Also after an answer that is not what it should be: going on from the same place would bring
    // it again.
    if (absl::IsOutOfRange(status) || absl::IsInvalidArgument(status)) resource_version_.clear();
    const bool too_short = !lists && stats_.events == events &&
                           std::chrono::steady_clock::now() - begin < kWatchTooShort;
    if (status.ok() && !too_short) {
      backoff_ms_ = 0;
    } else {
      co_await Wait(client_.retry_after_ms());
    }
  }
}

void ResourceWatch::Note(const absl::Status& status, uint64_t* errors) {
  stats_.last_error = std::string(status.message());
  if (!status.ok()) ++*errors;
}

// Exponential with jitter, so that a thousand agents do not come back in step.
asio::awaitable<void> ResourceWatch::Wait(int64_t retry_after_ms) {
  backoff_ms_ = std::clamp(2 * backoff_ms_, options_.backoff_min_ms, options_.backoff_max_ms);
  const auto jitter = static_cast<int64_t>(random_() % static_cast<uint64_t>(backoff_ms_ / 2 + 1));
  timer_.expires_after(
      std::chrono::milliseconds(std::max(retry_after_ms, backoff_ms_ / 2 + jitter)));
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

std::string ResourceWatch::ListPath(bool paged, std::string_view continue_token) const {
  std::string path = options_.path + "?";
  if (paged) base::StrAppend(&path, "limit=", options_.page_objects, "&");
  if (!options_.label_selector.empty()) {
    base::StrAppend(&path, "labelSelector=", net::QueryEscape(options_.label_selector), "&");
  }
  if (!options_.field_selector.empty()) {
    base::StrAppend(&path, "fieldSelector=", net::QueryEscape(options_.field_selector), "&");
  }
  if (!continue_token.empty()) {
    base::StrAppend(&path, "continue=", net::QueryEscape(continue_token), "&");
  }
  path.pop_back();  // '&' or '?'
  return path;
}

std::string ResourceWatch::WatchPath() const {
  std::string path = ListPath(false, "");
  base::StrAppend(&path, path.size() == options_.path.size() ? "?" : "&",
                  "watch=true&allowWatchBookmarks=true&timeoutSeconds=",
                  std::max<int64_t>(1, options_.watch_ms / 1000),
                  "&resourceVersion=", net::QueryEscape(resource_version_));
  return path;
}

// `kind` is what the server makes of each answer when only metadata is wanted.
std::string ResourceWatch::Accept(std::string_view kind) const {
  if (!options_.metadata_only) return "application/json";
  return base::StrCat("application/json;as=", kind, ";g=meta.k8s.io;v=v1");
}

// A continue token that has expired between two pages is answered with 410: then all at once.
asio::awaitable<absl::Status> ResourceWatch::List() {
  absl::Status status = co_await ListPages(true);
  if (absl::IsOutOfRange(status) && !closing_) {
    ++stats_.gone;
    status = co_await ListPages(false);
  }
  co_return status;
}

asio::awaitable<absl::Status> ResourceWatch::ListPages(bool paged) {
  ++generation_;
  std::string continue_token;
  for (size_t page = 0; page < kPagesMax; ++page) {
    ApiRequest request;
    request.path = ListPath(paged, continue_token);
    request.accept = Accept("PartialObjectMetadataList");
    BARO_CO_TRY_ASSIGN(const std::string body, co_await client_.Send(std::move(request)));
    continue_token.clear();
    BARO_CO_TRY(TakePage(body, &continue_token));
    if (!continue_token.empty()) continue;
    RemoveMissing();
    ++stats_.lists;
    stats_.synced = true;
    sink_->Synced();
    co_return absl::OkStatus();
  }
  resource_version_.clear();
  co_return absl::ResourceExhaustedError(
      base::StrCat("cannot list ", options_.path, ": more than ", kPagesMax, " pages"));
}

absl::Status ResourceWatch::TakePage(std::string_view body, std::string* continue_token) {
  BARO_TRY_ASSIGN(const Json list, parser_.Parse(body, options_.path));
  const Json metadata = list["metadata"];
  if (metadata["resourceVersion"].Text().empty()) {
    return absl::UnavailableError(
        base::StrCat("cannot list ", options_.path, ": the answer has no resourceVersion"));
  }
  for (const Json& object : list["items"].Items()) SetObject(object);
  *continue_token = metadata["continue"].Text();
  // Of the last page: until then a list is needed again after an error.
  if (continue_token->empty()) resource_version_ = metadata["resourceVersion"].Text();
  return absl::OkStatus();
}

void ResourceWatch::SetObject(const Json& object) {
  const std::string key = ObjectKey(object);
  if (key.empty()) return;
  const auto found = seen_.find(key);
  if (found != seen_.end()) {
    found->second = generation_;
  } else if (seen_.size() >= options_.objects_max) {
    ++stats_.objects_refused;
    return;
  } else {
    seen_.emplace(key, generation_);
  }
  stats_.objects = seen_.size();
  sink_->Set(key, object);
}

void ResourceWatch::RemoveMissing() {
  for (auto at = seen_.begin(); at != seen_.end();) {
    const auto current = at++;
    if (current->second == generation_) continue;
    sink_->Remove(current->first);
    seen_.erase(current);
  }
  stats_.objects = seen_.size();
}

asio::awaitable<absl::Status> ResourceWatch::Watch() {
  ++stats_.watches;
  partial_line_.clear();
  ApiRequest request;
  request.path = WatchPath();
  request.accept = Accept("PartialObjectMetadata");
  request.timeout_ms = options_.watch_ms + kWatchGraceMs;
  request.body_sink = [this](std::string_view piece) { return TakePiece(piece); };
  auto answer = co_await client_.Send(std::move(request));
  // A server that lets the watch run over its time has said all it had to say.
  if (absl::IsDeadlineExceeded(answer.status())) co_return absl::OkStatus();
  if (answer.ok() && !partial_line_.empty()) {
    co_return absl::InvalidArgumentError(
        base::StrCat("cannot watch ", options_.path, ": the answer ends within an event"));
  }
  co_return answer.status();
}

absl::Status ResourceWatch::TakePiece(std::string_view piece) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    if (end == std::string_view::npos || !partial_line_.empty()) {
      partial_line_.append(piece.substr(0, end));
    }
    if (partial_line_.size() > kEventBytesMax) {
      return absl::ResourceExhaustedError(base::StrCat(
          "cannot watch ", options_.path, ": an event exceeds ", kEventBytesMax, " bytes"));
    }
    if (end == std::string_view::npos) break;
    const std::string whole = std::exchange(partial_line_, {});
    const std::string_view line = whole.empty() ? piece.substr(0, end) : whole;
    piece.remove_prefix(end + 1);
    if (!line.empty()) BARO_TRY(TakeEvent(line));
  }
  return absl::OkStatus();
}

absl::Status ResourceWatch::TakeEvent(std::string_view line) {
  BARO_TRY_ASSIGN(const Json event, parser_.Parse(line, options_.path));
  const std::string_view type = event["type"].Text();
  const Json object = event["object"];
  if (type == "ERROR") return TakeErrorEvent(object);
  const std::string_view version = object["metadata"]["resourceVersion"].Text();
  if (version.empty()) return absl::UnavailableError("a watch event has no resourceVersion");
  ++stats_.events;
  resource_version_ = version;
  if (type == "ADDED" || type == "MODIFIED") {
    SetObject(object);
  } else if (type == "DELETED") {
    const std::string key = ObjectKey(object);
    if (seen_.erase(key) > 0) sink_->Remove(key);
    stats_.objects = seen_.size();
  }
  return absl::OkStatus();  // BOOKMARK: the version was all
}

absl::Status ResourceWatch::TakeErrorEvent(const Json& status) {
  const std::string_view words = status["message"].Text();
  if (status["code"].NumberOr(0) == 410) return Gone(words);
  return absl::UnavailableError(base::StrCat("cannot watch ", options_.path, ": ", words));
}

}  // namespace baro::kubernetes
