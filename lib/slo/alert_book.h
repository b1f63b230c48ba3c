// AlertBook: the alerts of one objective, from pending to firing to resolved, and when each is
// told.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/model/alert.h"
#include "baro/slo/slo_status.h"

namespace baro::slo {

// An alert whose condition holds now.
struct FoundAlert {
  model::Labels labels;
  std::map<std::string, std::string> annotations;
  std::string severity;
  std::string why;
  double value = 0;
  bool fires = true;  // for long enough
};

// When alerts are told again, and for how long receivers may believe them.
struct Telling {
  int64_t time_ms = 0;
  int64_t interval_ms = 0;
  int64_t resend_delay_ms = 0;
  std::string generator_url;
};

// Thread-compatible.
class AlertBook {
 public:
  void Advance(int64_t time_ms, std::vector<FoundAlert> found);

  // Those that are due; told as of now.
  std::vector<model::Alert> TakeDue(const Telling& telling);
  // They could not be told.
  void TellAgain(const std::vector<model::Alert>& alerts);

  // Pending and firing ones of a group, by labels.
  std::vector<SloAlert> Active() const;
  // Since when the alert has been active; 0: it is not.
  int64_t ActiveSince(const model::Labels& labels) const;
  bool IsFiring(const model::Labels& labels) const;

  // Whether something is to be saved that was not when it was asked last.
  bool TakeChanged();
  std::string Encode() const;
  // Errors: DataLoss; then it is empty.
  absl::Status Decode(std::string_view bytes);

 private:
  struct Entry {
    SloAlert alert;
    int64_t sent_ms = 0;
  };
  std::map<model::Labels, Entry> alerts_;
  bool changed_ = false;
};

}  // namespace baro::slo
