// How people answer alerts: who has acknowledged which, and how long that and the end took.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace baro::notify {

// Somebody's word that they look after an alert that fires. It ends with the alert.
struct Acknowledgement {
  int64_t time_ms = 0;
  int64_t until_ms = 0;  // when the silence that goes with it ends; 0: there is none
  std::string author;
  std::string comment;
  std::string silence;  // Alertmanager's id of it; may be empty
};

// Durations of alerts of one severity.
struct ResponseTimes {
  std::vector<uint64_t> counts;  // by bucket; the last has no bound
  double seconds_sum = 0;
};

struct ResponseStats {
  std::vector<double> bounds_seconds;
  // By the label severity; beyond a number of them "other".
  std::map<std::string, ResponseTimes> to_acknowledge;
  std::map<std::string, ResponseTimes> to_resolve;
  std::map<std::string, uint64_t> unacknowledged;  // that fire now
};

}  // namespace baro::notify
