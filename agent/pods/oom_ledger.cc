#include "oom_ledger.h"

#include <algorithm>

namespace baro::agent {

double OomLedger::Kills(const std::string& pod_uid, const std::string& container) const {
  const auto pod = pods_.find(pod_uid);
  if (pod == pods_.end()) return 0;
  const auto found = pod->second.containers.find(container);
  return found == pod->second.containers.end() ? 0 : found->second.ended + found->second.living;
}

// Who was killed: a container whose group has just gone; of several the one that the kubelet calls
// OOM-killed; without any (an agent that has just started) the kubelet alone tells.
std::string OomLedger::Victim(const PodRecord& pod, const Pod& known) {
  const ContainerRecord* latest = nullptr;
  for (const ContainerRecord& container : pod.containers) {
    const bool candidate =
        known.vanished.empty() || std::find(known.vanished.begin(), known.vanished.end(),
                                            container.name) != known.vanished.end();
    if (!candidate || !container.oom_killed_last) continue;
    if (latest == nullptr || container.last_end_seconds > latest->last_end_seconds) {
      latest = &container;
    }
  }
  if (latest != nullptr) return latest->name;
  return known.vanished.size() == 1 ? known.vanished.front() : "";
}

void OomLedger::Update(const PodRecord& pod, double pod_kills,
                       const std::map<std::string, double>& living) {
  Pod& known = pods_[pod.uid];
  for (auto& [name, container] : known.containers) {
    const auto now = living.find(name);
    const bool restarted = now != living.end() && now->second < container.living;
    if (container.is_living && (now == living.end() || restarted)) {
      container.ended += container.living;
      container.living = 0;
      container.is_living = false;
      known.vanished.push_back(name);
    }
  }
  double counted = 0;
  for (const auto& [name, kills] : living) {
    Container& container = known.containers[name];
    container.living = kills;
    container.is_living = true;
  }
  for (const auto& [name, container] : known.containers) {
    counted += container.ended + container.living;
  }
  if (pod_kills <= counted) {
    // A container that ended without being killed, and is back, is no suspect any more.
    std::erase_if(known.vanished, [&](const std::string& name) { return living.contains(name); });
    return;
  }
  const std::string victim = Victim(pod, known);
  if (victim.empty()) return;  // told by the pod's own series until the kubelet knows more
  known.containers[victim].ended += pod_kills - counted;
  known.vanished.clear();
}

}  // namespace baro::agent
