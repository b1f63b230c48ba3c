// RawClient: a client that says exactly what it is told to, for tests of servers.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace baro::net::testing {

// Blocking; 20 s for every wait. Thread-compatible.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval deadline{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // False when the server has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  // Ends the sending direction only.
  void SayNoMore() { ::shutdown(fd_, SHUT_WR); }
  // Until `size` bytes are there or the server closes.
  void Fill(size_t size) {
    std::array<char, 64 * 1024> chunk;
    while (buffer_.size() < size) {
      const ssize_t count = ::recv(fd_, chunk.data(), chunk.size(), 0);
      if (count <= 0) return;
      buffer_.append(chunk.data(), static_cast<size_t>(count));
    }
  }
  // Everything until the server closes.
  std::string ReadAll() {
    Fill(SIZE_MAX);
    return std::exchange(buffer_, {});
  }
  // One answer with a Content-Length: its head and body.
  std::pair<std::string, std::string> ReadAnswer() {
    size_t end = std::string::npos;
    for (size_t before = SIZE_MAX; before != buffer_.size();) {
      before = buffer_.size();
      end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos) break;
      Fill(before + 1);
    }
    if (end == std::string::npos) return {};
    const std::string head = buffer_.substr(0, end + 4);
    const size_t at = head.find("Content-Length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    Fill(head.size() + length);
    std::string body = buffer_.substr(head.size(), length);
    buffer_.erase(0, head.size() + length);
    return {head, body};
  }

 private:
  int fd_;
  std::string buffer_;
};

}  // namespace baro::net::testing
