// What the tests of the verbs share: answers from files, a fixed clock, golden texts.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "api/client.h"
#include "api/transport.h"
#include "baro/base/clock.h"
#include "baro/base/strings.h"
#include "session.h"

namespace baro::cli::testing {

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A captured answer of testdata/answers/.
inline std::string Captured(const std::string& name) {
  return ReadFile(base::StrCat(BARO_TESTDATA_DIR, "/answers/", name, ".json"));
}

// Compares with testdata/golden/<name>; BARO_UPDATE_GOLDEN=1 rewrites it.
inline void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = base::StrCat(BARO_TESTDATA_DIR, "/golden/", name, ".txt");
  if (std::getenv("BARO_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  EXPECT_EQ(text, ReadFile(path)) << name;
}

// Answers by path (without the query); remembers what it was asked.
class FakeTransport final : public Transport {
 public:
  void Answer(const std::string& path, ApiResponse response) { answers_[path] = response; }
  void Answer(const std::string& path, absl::Status error) { errors_[path] = std::move(error); }

  absl::StatusOr<ApiResponse> Send(const ApiRequest& request) override {
    requests.push_back(request);
    const std::string path = request.path.substr(0, request.path.find('?'));
    if (const auto error = errors_.find(path); error != errors_.end()) return error->second;
    const auto answer = answers_.find(path);
    if (answer == answers_.end()) return ApiResponse{404, "404 page not found"};
    return answer->second;
  }

  std::vector<ApiRequest> requests;

 private:
  std::map<std::string, ApiResponse> answers_;
  std::map<std::string, absl::Status> errors_;
};

// The moment at which the answers were captured: 2026-11-23 06:19:40 UTC.
inline constexpr int64_t kCapturedMs = 1'795'414'780'000;

// One run of one verb against fake answers on a screen of a given width.
struct VerbRun {
  FakeTransport transport;
  GlobalOptions options;
  Screen screen{80, 24, true, false};
  int64_t now_ms = kCapturedMs;
  std::string out;
  std::string notes;
  bool failed = false;
  bool is_empty = false;
  bool is_firing = false;
  std::function<Transport*(const std::string& url)> connect;  // to Alertmanagers

  absl::Status Run(const Verb& verb) {
    Client client(&transport, options.timeout_ms);
    base::FakeClock clock(now_ms);
    Session session{&options, &client, screen, &clock, "http://127.0.0.1:9490", "", "", false};
    session.connect = connect;
    const absl::Status status = RunVerb(verb, &session);
    is_empty = session.is_empty;
    is_firing = session.is_firing;
    out = session.out;
    notes = session.notes;
    failed = session.failed;
    return status;
  }
};

}  // namespace baro::cli::testing
