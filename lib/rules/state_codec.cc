#include "state_codec.h"

#include <bit>
#include <cstring>

#include "baro/base/status.h"

namespace baro::rules {
namespace {

constexpr uint64_t kVersion = 1;
// More than any rule may have; bounds what damaged bytes can make us take.
constexpr uint64_t kAlertsMax = 10'000'000;

void PutU64(uint64_t value, std::string* out) {
  for (int shift = 0; shift < 64; shift += 8) *out += static_cast<char>(value >> shift & 0xff);
}
void PutI64(int64_t value, std::string* out) { PutU64(static_cast<uint64_t>(value), out); }
void PutText(std::string_view text, std::string* out) {
  PutU64(text.size(), out);
  *out += text;
}
template <typename Pairs>
void PutPairs(const Pairs& pairs, std::string* out) {
  PutU64(pairs.size(), out);
  for (const auto& [name, value] : pairs) {
    PutText(name, out);
    PutText(value, out);
  }
}

// Takes from the front; after the first failure everything fails.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  uint64_t U64() {
    uint64_t value = 0;
    if (rest_.size() < 8) {
      ok_ = false;
      return 0;
    }
    for (size_t i = 0; i < 8; ++i) {
      value |= uint64_t{static_cast<unsigned char>(rest_[i])} << 8 * i;
    }
    rest_.remove_prefix(8);
    return value;
  }
  int64_t I64() { return static_cast<int64_t>(U64()); }
  std::string Text() {
    const uint64_t size = U64();
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return "";
    }
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }
  std::map<std::string, std::string> Pairs() {
    std::map<std::string, std::string> pairs;
    const uint64_t count = U64();
    for (uint64_t i = 0; ok_ && i < count; ++i) {
      std::string name = Text();
      pairs[std::move(name)] = Text();
    }
    return pairs;
  }
  model::Labels LabelSet() {
    std::vector<model::Label> labels;
    for (auto& [name, value] : Pairs()) labels.push_back({name, value});
    return model::Labels::FromUnsorted(std::move(labels));
  }

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

void PutAlert(const ActiveAlert& alert, std::string* out) {
  PutU64(static_cast<uint64_t>(alert.state), out);
  PutPairs(alert.labels, out);
  PutPairs(alert.annotations, out);
  PutPairs(alert.source, out);
  PutU64(std::bit_cast<uint64_t>(alert.value), out);
  for (const int64_t time_ns :
       {alert.active_at_ns, alert.fired_at_ns, alert.resolved_at_ns, alert.last_sent_ns,
        alert.valid_until_ns, alert.keep_firing_since_ns}) {
    PutI64(time_ns, out);
  }
  PutU64(alert.found, out);
  PutU64(alert.without_data ? 1 : 0, out);
}

ActiveAlert TakeAlert(Reader* reader, bool* good) {
  ActiveAlert alert;
  const uint64_t state = reader->U64();
  *good = state >= static_cast<uint64_t>(AlertState::kInactive) &&
          state <= static_cast<uint64_t>(AlertState::kFiring);
  alert.state = static_cast<AlertState>(state);
  alert.labels = reader->LabelSet();
  alert.annotations = reader->Pairs();
  alert.source = reader->LabelSet();
  alert.value = std::bit_cast<double>(reader->U64());
  for (int64_t* time_ns :
       {&alert.active_at_ns, &alert.fired_at_ns, &alert.resolved_at_ns, &alert.last_sent_ns,
        &alert.valid_until_ns, &alert.keep_firing_since_ns}) {
    *time_ns = reader->I64();
  }
  alert.found = reader->U64();
  alert.without_data = reader->U64() != 0;
  return alert;
}

}  // namespace

std::string EncodeGroupMark(const GroupMark& mark) {
  std::string out;
  PutU64(kVersion, &out);
  PutI64(mark.last_evaluation_ns, &out);
  PutI64(mark.interval_ms, &out);
  return out;
}

absl::StatusOr<GroupMark> DecodeGroupMark(std::string_view bytes) {
  Reader reader(bytes);
  const uint64_t version = reader.U64();
  GroupMark mark;
  mark.last_evaluation_ns = reader.I64();
  mark.interval_ms = reader.I64();
  if (reader.at_end() && version == kVersion) return mark;
  return absl::DataLossError("cannot read the state of a rule group: damaged");
}

std::string EncodeAlerts(const std::map<model::Labels, ActiveAlert>& alerts) {
  std::string out;
  PutU64(kVersion, &out);
  PutU64(alerts.size(), &out);
  for (const auto& [labels, alert] : alerts) PutAlert(alert, &out);
  return out;
}

absl::StatusOr<std::vector<ActiveAlert>> DecodeAlerts(std::string_view bytes) {
  Reader reader(bytes);
  const uint64_t version = reader.U64();
  const uint64_t count = reader.U64();
  std::vector<ActiveAlert> alerts;
  bool good = version == kVersion && count <= kAlertsMax;
  for (uint64_t i = 0; good && reader.ok() && i < count; ++i) {
    alerts.push_back(TakeAlert(&reader, &good));
  }
  if (good && reader.at_end()) return alerts;
  return absl::DataLossError("cannot read the alerts of a rule: damaged");
}

}  // namespace baro::rules
