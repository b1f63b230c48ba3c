#include "section.h"

#include <algorithm>
#include <unordered_set>

#include "baro/model/sample.h"

namespace baro::agent {
namespace {

// Bytes of the well-formed UTF-8 sequence at the front of `text` (Unicode 15, table 3-7); 0 for
// none.
size_t SequenceBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return 0;
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::string ValidUtf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t size = SequenceBytes(text);
    valid.append(size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size));
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return valid;
}

bool Section::Matches(const Slot& slot, const Family& family,
                      std::initializer_list<std::string_view> label_values) {
  return slot.family == &family && std::equal(label_values.begin(), label_values.end(),
                                              slot.label_values.begin(), slot.label_values.end());
}

void Section::Put(const Family& family, std::initializer_list<std::string_view> label_values,
                  double value) {
  if (cursor_ < slots_.size() && Matches(slots_[cursor_], family, label_values)) [[likely]] {
    values_[cursor_++] = value;
    return;
  }
  if (cursor_ == kSectionValuesMax) {
    ++values_dropped_;
    return;
  }
  slots_.resize(cursor_);
  values_.resize(cursor_);
  slots_.push_back({&family, {label_values.begin(), label_values.end()}, false});
  values_.push_back(value);
  slots_changed_ = true;
  ++cursor_;
}

void Section::End() {
  if (cursor_ != slots_.size()) {
    slots_.resize(cursor_);
    values_.resize(cursor_);
    slots_changed_ = true;
  }
  if (slots_changed_) Rebuild();
}

void Section::Fail() {
  if (slots_changed_) Rebuild();
  std::fill(values_.begin(), values_.end(), model::kStaleNan);
}

void Section::Skip() { std::fill(values_.begin(), values_.end(), model::kNoSample); }

void Section::Rebuild() {
  slots_changed_ = false;
  changed_ = true;
  has_doubles_ = false;
  columns_.clear();
  std::unordered_set<uint64_t> seen;
  for (Slot& slot : slots_) {
    const Family& family = *slot.family;
    std::vector<model::Label> labels = {{std::string(model::kMetricName), ValidUtf8(family.name)}};
    for (size_t i = 0; i < slot.label_values.size(); ++i) {
      labels.push_back({std::string(family.label_names[i]), ValidUtf8(slot.label_values[i])});
    }
    model::Column column{model::Labels::FromUnsorted(std::move(labels)),
                         {ValidUtf8(family.name), family.type, ValidUtf8(family.help), ""}};
    slot.doubled = !seen.insert(column.labels.Hash()).second;
    has_doubles_ = has_doubles_ || slot.doubled;
    if (!slot.doubled) columns_.push_back(std::move(column));
  }
}

bool Section::TakeChanged() { return std::exchange(changed_, false); }

void Section::AppendValues(std::vector<double>* row) const {
  if (!has_doubles_) {
    row->insert(row->end(), values_.begin(), values_.end());
    return;
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].doubled) row->push_back(values_[i]);
  }
}

}  // namespace baro::agent
