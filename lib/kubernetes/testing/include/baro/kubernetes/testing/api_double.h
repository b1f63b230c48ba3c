// ApiDouble: a Kubernetes API server and kubelet for tests: TLS with a certificate of its own,
// token authentication, lists in pages, watches, optimistic writes; and whatever can go wrong with
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "baro/kubernetes/client.h"

namespace baro::kubernetes::testing {

// What goes wrong with a request.
struct Fault {
  enum class Kind : uint8_t {
    kStatus,  // answers with `status` (and Retry-After)
    kHang,    // reads the request and says nothing more
    kCut,     // closes in the middle of the answer's body
    kGarbage  // answers 200 with what is no JSON
  };
  Kind kind = Kind::kStatus;
  int status = 500;
  int retry_after_seconds = 0;
  std::string path_prefix = "/";  // of requests that it hits
  int count = 1;                  // how many
};

// Thread-safe. Listens on a free loopback port until it is destroyed.
class ApiDouble {
 public:
  // Files (authority, token) go into `folder`, which must exist.
  explicit ApiDouble(const std::string& folder);
  ~ApiDouble();

  std::string url() const;  // https://127.0.0.1:port
  ClientConfig client_config() const;
  std::string ca_file() const;
  std::string token_file() const;

  void Put(const std::string& collection, std::string_view object);
  void Delete(const std::string& collection, std::string_view space, std::string_view name);
  // A fixed answer, as a kubelet's /pods.
  void Serve(const std::string& path, std::string body);
  // Only this token is accepted from now on; the file changes only with `write_file`.
  void SetToken(const std::string& token, bool write_file);
  // New connections see another certificate; the file of the authority follows.
  void RenewCertificate();

  void Inject(Fault fault);
  // Forgets the history: 410 for who comes from before it.
  void Compact();
  // Ends all watches, with an ERROR event of code 410 before when `gone`.
  void EndWatches(bool gone);
  // Sends BOOKMARK to all watches.
  void Bookmark();

  // The object as it is stored; empty when there is none.
  std::string Object(const std::string& path) const;
  // Requests that were answered, by the beginning of their target ("" counts all).
  int requests(std::string_view target_prefix) const;
  int watches_open() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace baro::kubernetes::testing
