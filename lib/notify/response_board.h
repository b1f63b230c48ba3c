// ResponseBoard: the alerts that fire, who has acknowledged them, and how long people take.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/model/alert.h"
#include "baro/notify/response.h"

namespace baro::notify {

// Thread-compatible.
class ResponseBoard {
 public:
  ResponseBoard();

  // An alert that fires: the first word of it counts. Nothing when it is known.
  void NoteFiring(uint64_t fingerprint, const model::Alert& alert);
  // An alert that has ended.
  void NoteResolved(uint64_t fingerprint, const model::Alert& alert);
  // Errors: NotFound (no such alert fires).
  absl::Status Acknowledge(uint64_t fingerprint, Acknowledgement acknowledgement);
  // What an earlier process knew; counts for no duration.
  void Restore(uint64_t fingerprint, int64_t starts_ms, std::string_view severity);
  void RestoreAcknowledgement(uint64_t fingerprint, Acknowledgement acknowledgement);
  void Forget(uint64_t fingerprint) { firing_.erase(fingerprint); }

  std::map<uint64_t, Acknowledgement> Acknowledgements() const;
  ResponseStats GetStats() const;

 private:
  struct Row {
    int64_t starts_ms = 0;
    std::string severity;
    bool acknowledged = false;
    Acknowledgement acknowledgement;
  };
  // The severity, or "other" when there are too many.
  std::string SeverityOf(std::string_view text);
  void Count(double seconds, ResponseTimes* times) const;

  absl::flat_hash_map<uint64_t, Row> firing_;
  std::map<std::string, ResponseTimes> to_acknowledge_;
  std::map<std::string, ResponseTimes> to_resolve_;
};

}  // namespace baro::notify
