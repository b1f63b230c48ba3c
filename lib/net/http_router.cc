#include "baro/net/http_router.h"

#include <algorithm>
#include <optional>
#include <set>

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

void AddAllowed(const HttpRoute& route, std::set<std::string>* allowed) {
  allowed->insert("OPTIONS");
  for (const std::string& method : route.methods) {
    allowed->insert(method);
    if (method == "GET") allowed->insert("HEAD");
  }
}

std::string Join(const std::set<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += ", ";
    joined += word;
  }
  return joined;
}

// Without empty segments, "." and ".."; a slash at the end stays.
std::string Clean(std::string_view path) {
  std::vector<std::string_view> kept;
  std::string_view segment;
  bool slash_at_end = false;
  while (TakeSegment(&path, &segment)) {
    slash_at_end = segment.empty() || segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!slash_at_end) kept.push_back(segment);
  }
  std::string clean;
  for (const std::string_view part : kept) base::StrAppend(&clean, "/", part);
  if (slash_at_end || clean.empty()) clean += '/';
  return clean;
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

std::optional<std::string_view> HttpRouter::Below(std::string_view path) const {
  if (!path.starts_with(prefix_)) return std::nullopt;
  path.remove_prefix(prefix_.size());
  if (!prefix_.empty() && !path.starts_with('/')) return std::nullopt;
  return path;
}

HttpRouter::Found HttpRouter::FindExactly(std::string_view method, std::string_view path) const {
  Found found;
  std::set<std::string> allowed;
  for (const auto& route : routes_) {
    auto values = Match(route->pattern, path);
    if (!values) continue;
    if (Allows(*route, method)) {
      found.route = route.get();
      found.path_values = *std::move(values);
      return found;
    }
    AddAllowed(*route, &allowed);
  }
  found.allow = Join(allowed);
  return found;
}

HttpRouter::Found HttpRouter::Find(std::string_view method, std::string_view path) const {
  const auto below = Below(path);
  if (!below) {
    Found found;
    if (path == "/" || path == prefix_) found.redirect = prefix_ + "/";
    return found;
  }
  Found found = FindExactly(method, *below);
  if (found.route != nullptr || !found.allow.empty() || below->empty()) return found;
  std::string other = Clean(*below);
  if (other == *below && other.size() > 1) {
    other.back() == '/' ? other.pop_back() : other.push_back('/');
  }
  if (other != *below && FindExactly(method, other).route != nullptr) {
    found.redirect = prefix_ + other;
  }
  return found;
}

}  // namespace baro::net
