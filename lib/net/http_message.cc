#include "baro/net/http_message.h"

#include <algorithm>
#include <array>

namespace baro::net {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return Lower(x) == Lower(y); });
}

ServerResponse OnePiece(int status, std::string content_type, std::string text) {
  ServerResponse response;
  response.status = status;
  response.content_type = std::move(content_type);
  response.body.push_back(std::move(text));
  return response;
}

struct StatusText {
  int status;
  std::string_view text;
};
constexpr std::array kStatusTexts = std::to_array<StatusText>({
    {100, "Continue"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {413, "Request Entity Too Large"},
    {414, "Request URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
});

}  // namespace

std::string_view ServerRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (SameName(key, name)) return value;
  }
  return {};
}

std::string_view ServerRequest::PathValue(std::string_view name) const {
  for (const auto& [key, value] : path_values) {
    if (key == name) return value;
  }
  return {};
}

ServerResponse ServerResponse::Text(int status, std::string text) {
  return OnePiece(status, "text/plain; charset=utf-8", std::move(text));
}

ServerResponse ServerResponse::Json(int status, std::string text) {
  return OnePiece(status, "application/json", std::move(text));
}

size_t ServerResponse::BodyBytes() const {
  size_t bytes = 0;
  for (const std::string& piece : body) bytes += piece.size();
  return bytes;
}

std::string_view HttpStatusText(int status) {
  for (const StatusText& entry : kStatusTexts) {
    if (entry.status == status) return entry.text;
  }
  return "Unknown";
}

}  // namespace baro::net
