#include "agent_registry.h"

#include <algorithm>
#include <tuple>

#include "baro/base/strings.h"

namespace baro::collector {

std::string UuidText(const std::array<uint8_t, 16>& uuid) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[uuid[i] >> 4]);
    text.push_back(kDigits[uuid[i] & 15]);
  }
  return text;
}

namespace {

void Fill(const IngestPosition& position, AgentFacts* facts) {
  facts->epoch = position.agent.epoch;
  facts->node_name = position.node_name;
  facts->version = position.version;
  facts->connected_since_ms = position.connected_ms;
  if (position.last_frame_ms != 0) facts->last_frame_ms = position.last_frame_ms;
  facts->received_sequence = position.received_sequence;
  facts->stored_sequence = position.stored_sequence;
  facts->stored_floor = position.stored_floor;
  facts->queued_bytes = position.queued_bytes;
  facts->lag_frames = position.received_sequence > position.stored_sequence
                          ? position.received_sequence - position.stored_sequence
                          : 0;
}

}  // namespace

void AgentRegistry::OnGreeted(const IngestPosition& position, const std::string& address) {
  base::MutexLock lock(&mutex_);
  if (!agents_.contains(position.agent.uuid)) Evict();
  Entry& entry = agents_[position.agent.uuid];
  Fill(position, &entry.facts);
  entry.facts.uuid = UuidText(position.agent.uuid);
  entry.facts.address = address;
  entry.facts.connected = true;
  entry.facts.disconnected_ms = 0;
  entry.facts.disconnect_reason.clear();
  ++entry.facts.connections_total;
}

void AgentRegistry::Evict() {
  if (agents_.size() < kAgentsMax) return;
  auto oldest = agents_.end();
  for (auto entry = agents_.begin(); entry != agents_.end(); ++entry) {
    if (entry->second.facts.connected) continue;
    if (oldest == agents_.end() ||
        entry->second.facts.disconnected_ms < oldest->second.facts.disconnected_ms) {
      oldest = entry;
    }
  }
  if (oldest == agents_.end()) return;
  strangers_.Add(oldest->second.finished);
  agents_.erase(oldest);
}

void AgentRegistry::OnProgress(const IngestPosition& position, const IngestStats& stats) {
  base::MutexLock lock(&mutex_);
  const auto entry = agents_.find(position.agent.uuid);
  if (entry == agents_.end()) return;
  Fill(position, &entry->second.facts);
  entry->second.current = stats;
}

void AgentRegistry::OnGone(const IngestPosition& position, const IngestStats& stats,
                           std::string_view reason, int64_t now_ms) {
  base::MutexLock lock(&mutex_);
  const auto entry = agents_.find(position.agent.uuid);
  if (entry == agents_.end()) return;
  entry->second.finished.Add(stats);
  entry->second.current = IngestStats();
  AgentFacts& facts = entry->second.facts;
  Fill(position, &facts);
  facts.connected = false;
  facts.disconnected_ms = now_ms;
  facts.disconnect_reason = std::string(reason);
}

void AgentRegistry::OnStranger(const IngestStats& stats) {
  base::MutexLock lock(&mutex_);
  strangers_.Add(stats);
}

std::vector<AgentFacts> AgentRegistry::Agents() const {
  std::vector<AgentFacts> all;
  {
    base::MutexLock lock(&mutex_);
    all.reserve(agents_.size());
    for (const auto& [uuid, entry] : agents_) {
      all.push_back(entry.facts);
      all.back().stats = entry.finished;
      all.back().stats.Add(entry.current);
    }
  }
  std::sort(all.begin(), all.end(), [](const AgentFacts& left, const AgentFacts& right) {
    return std::tie(left.node_name, left.uuid) < std::tie(right.node_name, right.uuid);
  });
  return all;
}

void AgentRegistry::FillStats(IngestServiceStats* stats) const {
  base::MutexLock lock(&mutex_);
  stats->sessions.Add(strangers_);
  stats->agents_known = agents_.size();
  for (const auto& [uuid, entry] : agents_) {
    stats->agents_connected += entry.facts.connected ? 1 : 0;
    stats->sessions.Add(entry.finished);
    stats->sessions.Add(entry.current);
  }
}

}  // namespace baro::collector
