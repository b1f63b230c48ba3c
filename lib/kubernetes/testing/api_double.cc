#include "baro/kubernetes/testing/api_double.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <fstream>
#include <set>
#include <vector>

#include "absl/strings/str_format.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/kubernetes/testing/api_objects.h"
#include "baro/kubernetes/testing/tls_identity.h"

namespace baro::kubernetes::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Stream = asio::ssl::stream<tcp::socket>;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream(path + ".new", std::ios::binary) << text;
  std::rename((path + ".new").c_str(), path.c_str());
}

std::shared_ptr<asio::ssl::context> MakeContext(const TlsIdentity& identity) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  context->use_certificate_chain(asio::buffer(identity.cert));
  context->use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
  return context;
}

std::string Head(int status, std::string_view more) {
  return base::StrCat("HTTP/1.1 ", status, " Status\r\nContent-Type: application/json\r\n", more,
                      "\r\n");
}

std::string WholeAnswer(int status, std::string_view body, std::string_view more = "") {
  return Head(status, base::StrCat(more, "Content-Length: ", body.size(), "\r\n")) +
         std::string(body);
}

std::string Chunk(std::string_view text) {
  return base::StrCat(absl::StrFormat("%x", text.size()), "\r\n", text, "\r\n");
}

}  // namespace

struct ApiDouble::Impl {
  struct Request {
    std::string method;
    std::string target;
    std::string authorization;
    std::string body;
  };
  // A watch that is open; its timer is cancelled when there may be something to tell.
  struct Watch {
    explicit Watch(asio::io_context* io) : wake(*io) {}
    asio::steady_timer wake;
    bool end = false;
    bool gone = false;
    bool bookmark = false;
  };

  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(tcp::socket socket, std::shared_ptr<asio::ssl::context> tls);
  asio::awaitable<bool> Reply(Stream* stream, Request request);
  asio::awaitable<bool> ReplyFault(Stream* stream, Fault fault);
  asio::awaitable<void> ServeWatch(Stream* stream, ApiPath path, uint64_t version);
  ApiAnswer Answer(const Request& request);
  bool TakeFault(const Request& request, Fault* fault);
  bool IsAuthorized(const Request& request);
  // Runs `change` on every open watch, on the server's thread.
  void WakeWatches(const std::function<void(Watch*)>& change);

  std::string folder;
  asio::io_context io{1};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  base::TaskGroup tasks;
  std::set<Watch*> watches;  // the server's thread

  mutable base::Mutex mutex;
  std::shared_ptr<asio::ssl::context> context ABSL_GUARDED_BY(mutex);
  ApiObjects objects ABSL_GUARDED_BY(mutex);
  std::map<std::string, std::string> fixed ABSL_GUARDED_BY(mutex);
  std::vector<Fault> faults ABSL_GUARDED_BY(mutex);
  std::string token ABSL_GUARDED_BY(mutex) = "first-token";
  std::vector<std::string> targets ABSL_GUARDED_BY(mutex);
  int watches_open ABSL_GUARDED_BY(mutex) = 0;
};

asio::awaitable<void> ApiDouble::Impl::Accept() {
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (error) co_return;
    std::shared_ptr<asio::ssl::context> tls;
    {
      base::MutexLock lock(&mutex);
      tls = context;
    }
    asio::co_spawn(io, Serve(std::move(socket), tls),
                   asio::detached);  // tidy: ok (io.run() ends with it)
  }
}

asio::awaitable<void> ApiDouble::Impl::Serve(tcp::socket socket,
                                             std::shared_ptr<asio::ssl::context> tls) {
  Stream stream(std::move(socket), *tls);
  auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
  if (failed) co_return;
  boost::beast::flat_buffer buffer;
  while (true) {
    http::request<http::string_body> message;
    auto [error, bytes] = co_await http::async_read(stream, buffer, message, kAwait);
    if (error) co_return;
    Request request{std::string(message.method_string()), std::string(message.target()),
                    std::string(message[http::field::authorization]), message.body()};
    const bool more = co_await Reply(&stream, std::move(request));
    if (!more) co_return;
  }
}

bool ApiDouble::Impl::TakeFault(const Request& request, Fault* fault) {
  base::MutexLock lock(&mutex);
  targets.push_back(request.target);
  for (Fault& known : faults) {
    if (known.count <= 0 || !request.target.starts_with(known.path_prefix)) continue;
    --known.count;
    *fault = known;
    return true;
  }
  return false;
}

bool ApiDouble::Impl::IsAuthorized(const Request& request) {
  base::MutexLock lock(&mutex);
  return request.authorization == "Bearer " + token;
}

asio::awaitable<bool> ApiDouble::Impl::ReplyFault(Stream* stream, Fault fault) {
  std::string bytes;
  if (fault.kind == Fault::Kind::kStatus) {
    const std::string retry = fault.retry_after_seconds > 0
                                  ? base::StrCat("Retry-After: ", fault.retry_after_seconds, "\r\n")
                                  : "";
    bytes = WholeAnswer(fault.status, StatusJson(fault.status, "injected"), retry);
  } else if (fault.kind == Fault::Kind::kGarbage) {
    bytes = WholeAnswer(200, "<html>not what you think");
  } else if (fault.kind == Fault::Kind::kCut) {
    bytes = Head(200, "Content-Length: 1000\r\n") + "{\"metadata\":{";
  }
  if (!bytes.empty()) co_await asio::async_write(*stream, asio::buffer(bytes), kAwait);
  if (fault.kind == Fault::Kind::kHang) {
    char byte = 0;
    co_await stream->async_read_some(asio::buffer(&byte, 1), kAwait);
  }
  co_return fault.kind == Fault::Kind::kStatus || fault.kind == Fault::Kind::kGarbage;
}

ApiAnswer ApiDouble::Impl::Answer(const Request& request) {
  base::MutexLock lock(&mutex);
  const auto found = fixed.find(request.target);
  if (found != fixed.end()) return {200, found->second};
  const ApiPath path = ParseApiPath(request.target);
  if (request.method == "POST") return objects.Create(path, request.body);
  if (request.method == "PUT") return objects.Replace(path, request.body);
  return path.name.empty() ? objects.List(path) : objects.Read(path);
}

asio::awaitable<bool> ApiDouble::Impl::Reply(Stream* stream, Request request) {
  Fault fault;
  if (TakeFault(request, &fault)) co_return co_await ReplyFault(stream, fault);
  ApiAnswer answer;
  const ApiPath path = ParseApiPath(request.target);
  if (!IsAuthorized(request)) {
    answer = {401, StatusJson(401, "Unauthorized")};
  } else if (path.query.contains("watch")) {
    uint64_t version = 0;
    std::from_chars(
        path.query.at("resourceVersion").data(),
        path.query.at("resourceVersion").data() + path.query.at("resourceVersion").size(), version);
    uint64_t oldest = 0;
    {
      base::MutexLock lock(&mutex);
      oldest = objects.oldest_version();
    }
    if (version >= oldest) {
      co_await ServeWatch(stream, path, version);
      co_return false;
    }
    answer = {410, StatusJson(410, "too old resource version")};
  } else {
    answer = Answer(request);
  }
  const std::string bytes = WholeAnswer(answer.status, answer.body);
  auto [error, written] = co_await asio::async_write(*stream, asio::buffer(bytes), kAwait);
  co_return !error;
}

asio::awaitable<void> ApiDouble::Impl::ServeWatch(Stream* stream, ApiPath path, uint64_t version) {
  Watch watch(&io);
  watches.insert(&watch);
  {
    base::MutexLock lock(&mutex);
    ++watches_open;
  }
  std::string bytes = Head(200, "Transfer-Encoding: chunked\r\n");
  bool end = false;
  while (!end) {
    std::string lines;
    {
      base::MutexLock lock(&mutex);
      lines = objects.EventsSince(path, &version);
      if (std::exchange(watch.bookmark, false)) lines += objects.Bookmark();
    }
    if (watch.gone) {
      lines += base::StrCat(R"({"type":"ERROR","object":)", StatusJson(410, "expired"), "}\n");
    }
    end = watch.end;
    if (!lines.empty()) bytes += Chunk(lines);
    if (end) bytes += "0\r\n\r\n";
    auto [error, written] = co_await asio::async_write(*stream, asio::buffer(bytes), kAwait);
    bytes.clear();
    if (error || end) break;
    bool more = watch.end || watch.bookmark;
    {
      base::MutexLock lock(&mutex);
      more = more || objects.version() != version;
    }
    if (more) continue;
    watch.wake.expires_at(asio::steady_timer::time_point::max());
    co_await watch.wake.async_wait(kAwait);
  }
  watches.erase(&watch);
  base::MutexLock lock(&mutex);
  --watches_open;
}

void ApiDouble::Impl::WakeWatches(const std::function<void(Watch*)>& change) {
  asio::post(io, [this, change] {
    for (Watch* watch : watches) {
      change(watch);
      watch->wake.cancel();
    }
  });
}

ApiDouble::ApiDouble(const std::string& folder) : impl_(std::make_unique<Impl>()) {
  impl_->folder = folder;
  SetToken("first-token", true);
  RenewCertificate();
  asio::co_spawn(impl_->io, impl_->Accept(), asio::detached);  // tidy: ok (io.run() ends with it)
  Impl* impl = impl_.get();
  impl_->tasks.Start("api-double", [impl] { impl->io.run(); });
}

ApiDouble::~ApiDouble() {
  impl_->io.stop();
  impl_->tasks.Stop();
}

std::string ApiDouble::url() const {
  return base::StrCat("https://127.0.0.1:", impl_->acceptor.local_endpoint().port());
}
std::string ApiDouble::ca_file() const { return impl_->folder + "/ca.crt"; }
std::string ApiDouble::token_file() const { return impl_->folder + "/token"; }

ClientConfig ApiDouble::client_config() const {
  ClientConfig config;
  config.server = url();
  config.http.authorization.emplace();
  config.http.authorization->credentials_file = token_file();
  config.http.tls.ca_file = ca_file();
  return config;
}

void ApiDouble::Put(const std::string& collection, std::string_view object) {
  {
    base::MutexLock lock(&impl_->mutex);
    impl_->objects.Put(collection, object);
  }
  impl_->WakeWatches([](Impl::Watch*) {});
}

void ApiDouble::Delete(const std::string& collection, std::string_view space,
                       std::string_view name) {
  {
    base::MutexLock lock(&impl_->mutex);
    impl_->objects.Delete(collection, space, name);
  }
  impl_->WakeWatches([](Impl::Watch*) {});
}

void ApiDouble::Serve(const std::string& path, std::string body) {
  base::MutexLock lock(&impl_->mutex);
  impl_->fixed[path] = std::move(body);
}

void ApiDouble::SetToken(const std::string& token, bool write_file) {
  base::MutexLock lock(&impl_->mutex);
  impl_->token = token;
  if (write_file) WriteFile(token_file(), token + "\n");
}

void ApiDouble::RenewCertificate() {
  const TlsIdentity identity = MakeTlsIdentity();
  base::MutexLock lock(&impl_->mutex);
  impl_->context = MakeContext(identity);
  WriteFile(ca_file(), identity.cert);
}

void ApiDouble::Inject(Fault fault) {
  base::MutexLock lock(&impl_->mutex);
  impl_->faults.push_back(std::move(fault));
}

void ApiDouble::Compact() {
  base::MutexLock lock(&impl_->mutex);
  impl_->objects.Compact();
}

void ApiDouble::EndWatches(bool gone) {
  impl_->WakeWatches([gone](Impl::Watch* watch) {
    watch->end = true;
    watch->gone = gone;
  });
}

void ApiDouble::Bookmark() {
  impl_->WakeWatches([](Impl::Watch* watch) { watch->bookmark = true; });
}

std::string ApiDouble::Object(const std::string& path) const {
  base::MutexLock lock(&impl_->mutex);
  const ApiAnswer answer = impl_->objects.Read(ParseApiPath(path));
  return answer.status == 200 ? answer.body : "";
}

int ApiDouble::requests(std::string_view target_prefix) const {
  base::MutexLock lock(&impl_->mutex);
  return static_cast<int>(
      std::count_if(impl_->targets.begin(), impl_->targets.end(),
                    [&](const std::string& target) { return target.starts_with(target_prefix); }));
}

int ApiDouble::watches_open() const {
  base::MutexLock lock(&impl_->mutex);
  return impl_->watches_open;
}

}  // namespace baro::kubernetes::testing
