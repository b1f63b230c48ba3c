// OomLedger: OOM kills by container, kept over the restarts that they cause.
//
// A container that is OOM-killed takes its control group with it, before anybody can read it (which
// is why others always tell 0). The pod's group stays and counts the kills of all groups below it
// that ever were: what it counts beyond the living containers' own kills is the dead ones'.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pod_list.h"

namespace baro::agent {

// Thread-compatible.
class OomLedger {
 public:
  // One pass over one pod. `pod_kills` is the pod group's own count, `living` those of its
  // containers' groups that are there now, by container name.
  void Update(const PodRecord& pod, double pod_kills, const std::map<std::string, double>& living);
  // Kills of a container since its pod came to be; 0 for one that is not known.
  double Kills(const std::string& pod_uid, const std::string& container) const;
  // The pod is gone.
  void Forget(const std::string& pod_uid) { pods_.erase(pod_uid); }

 private:
  struct Container {
    double ended = 0;   // of its groups that are gone
    double living = 0;  // of the group that is there now
    bool is_living = false;
  };
  struct Pod {
    std::map<std::string, Container> containers;
    std::vector<std::string> vanished;  // containers whose group went since the kills last agreed
  };
  static std::string Victim(const PodRecord& pod, const Pod& known);

  std::map<std::string, Pod> pods_;
};

}  // namespace baro::agent
