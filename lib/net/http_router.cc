#include "baro/net/http_router.h"

#include <algorithm>
#include <optional>

#include "baro/base/strings.h"

namespace baro::net {
namespace {

// Takes the next segment off a path; false at its end.
bool TakeSegment(std::string_view* path, std::string_view* segment) {
  if (path->empty() || path->front() != '/') return false;
  path->remove_prefix(1);
  const size_t end = std::min(path->find('/'), path->size());
  *segment = path->substr(0, end);
  path->remove_prefix(end);
  return true;
}

bool IsPlace(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// The values of the pattern's places when the path fits it.
std::optional<FormPairs> Match(std::string_view pattern, std::string_view path) {
  FormPairs values;
  std::string_view wanted;
  std::string_view sent;
  while (TakeSegment(&pattern, &wanted)) {
    if (wanted.size() > 5 && wanted.ends_with("...}")) {
      if (path.empty()) return std::nullopt;
      auto rest = DecodePercent(path.substr(1), false);
      if (!rest.ok()) return std::nullopt;
      values.emplace_back(wanted.substr(1, wanted.size() - 5), *std::move(rest));
      return values;
    }
    if (!TakeSegment(&path, &sent)) return std::nullopt;
    auto decoded = DecodePercent(sent, false);
    if (!decoded.ok()) return std::nullopt;
    if (IsPlace(wanted)) {
      values.emplace_back(wanted.substr(1, wanted.size() - 2), *std::move(decoded));
    } else if (*decoded != wanted) {
      return std::nullopt;
    }
  }
  if (!path.empty()) return std::nullopt;
  return values;
}

bool Allows(const HttpRoute& route, std::string_view method) {
  if (method == "HEAD") method = "GET";
  return std::find(route.methods.begin(), route.methods.end(), method) != route.methods.end();
}

void AddAllowed(const HttpRoute& route, std::string* allow) {
  for (const std::string& method : route.methods) {
    if (!allow->empty()) *allow += ", ";
    *allow += method;
    if (method == "GET") *allow += ", HEAD";
  }
}

}  // namespace

HttpReply::~HttpReply() {
  if (deliver_) Send(ServerResponse::Text(500, "the request was dropped without an answer\n"));
}

HttpReply& HttpReply::operator=(HttpReply&& other) noexcept {
  std::swap(deliver_, other.deliver_);
  return *this;
}

void HttpReply::Send(ServerResponse response) {
  if (const Deliver deliver = std::exchange(deliver_, nullptr)) deliver(std::move(response));
}

void HttpRouter::Handle(HttpRoute route) {
  routes_.push_back(std::make_unique<HttpRoute>(std::move(route)));
}

void HttpRouter::Handle(std::vector<std::string> methods, std::string pattern, HttpLane lane,
                        HttpHandler handler) {
  Handle(HttpRoute{std::move(methods), std::move(pattern), lane,
                   [handler = std::move(handler)](const ServerRequest& request, HttpReply reply) {
                     try {
                       reply.Send(handler(request));
                     } catch (const std::exception& error) {
                       reply.Send(ServerResponse::Text(
                           500, base::StrCat("cannot answer: ", error.what(), "\n")));
                     }
                   },
                   0});
}

HttpRouter::Found HttpRouter::Find(std::string_view method, std::string_view path) const {
  Found found;
  for (const auto& route : routes_) {
    auto values = Match(route->pattern, path);
    if (!values) continue;
    if (Allows(*route, method)) {
      found.route = route.get();
      found.path_values = *std::move(values);
      return found;
    }
    AddAllowed(*route, &found.allow);
  }
  return found;
}

}  // namespace baro::net
