#include "component_table.h"

#include <algorithm>
#include <cmath>

#include "baro/base/strings.h"
#include "bytes.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

// HistogramForm as a whole number, lowest bits first: schema + 64 (7 bits), float counts (1), reset
// hint (2), bounds (32). Below 2^53, so a double holds it exactly.
constexpr int32_t kSchemaOffset = 64;
constexpr int kFloatShift = 7;
constexpr int kHintShift = 8;
constexpr int kBoundsShift = 10;
constexpr double kFormEnd = static_cast<double>(uint64_t{1} << (kBoundsShift + 32));

bool ByCode(const Component& component, const ComponentCode& code) { return component.code < code; }

bool Has(const ComponentList& list, const ComponentCode& code) {
  const auto it = std::lower_bound(list.begin(), list.end(), code, ByCode);
  return it != list.end() && it->code == code;
}

}  // namespace

double EncodeForm(const HistogramForm& form) {
  return static_cast<double>(uint64_t{form.bounds} << kBoundsShift |
                             static_cast<uint64_t>(form.reset_hint) << kHintShift |
                             static_cast<uint64_t>(form.float_counts) << kFloatShift |
                             static_cast<uint64_t>(form.schema + kSchemaOffset));
}

bool DecodeForm(double value, HistogramForm* form) {
  if (!(value >= 0 && value < kFormEnd) || value != std::floor(value)) return false;
  const auto bits = static_cast<uint64_t>(value);
  form->schema = static_cast<int32_t>(bits & 0x7f) - kSchemaOffset;
  form->float_counts = ((bits >> kFloatShift) & 1) != 0;
  form->reset_hint = static_cast<model::ResetHint>((bits >> kHintShift) & 3);
  form->bounds = static_cast<uint32_t>(bits >> kBoundsShift);
  return form->schema == model::kCustomBoundsSchema ||
         (form->schema >= model::kExponentialSchemaMin &&
          form->schema <= model::kExponentialSchemaMax);
}

std::shared_ptr<const ComponentList> ComponentTable::Of(ColumnId base) const {
  const auto it = by_base_.find(base);
  return it == by_base_.end() ? nullptr : it->second;
}

absl::StatusOr<std::shared_ptr<const ComponentList>> ComponentTable::Add(
    ColumnId base, std::span<const ComponentCode> codes, std::vector<Entry>* pending) {
  std::shared_ptr<ComponentList>& known = by_base_[base];
  if (known == nullptr) known = std::make_shared<ComponentList>();
  std::vector<ComponentCode> missing;
  for (const ComponentCode& code : codes) {
    if (!tsdb::Has(*known, code)) missing.push_back(code);
  }
  if (missing.empty()) return std::shared_ptr<const ComponentList>(known);
  const size_t room = UINT32_MAX - kFirstComponent - bases_.size();
  if (known->size() + missing.size() > kComponentsPerColumnMax || missing.size() > room) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot store histogram: over limit histogram_components_max, ",
                     known->size() + missing.size(), " different buckets in one column"));
  }
  auto list = std::make_shared<ComponentList>(*known);  // readers have the old one
  for (const ComponentCode& code : missing) {
    const auto column = static_cast<ColumnId>(kFirstComponent + bases_.size());
    std::string bytes;
    PutVarint(base, &bytes);
    bytes.push_back(static_cast<char>(code.kind));
    PutVarint(ZigZag(code.bucket), &bytes);
    pending->emplace_back(IdKey(kComponentKey, column), std::move(bytes));
    bases_.push_back(base);
    list->push_back({code, column});
  }
  std::sort(list->begin(), list->end(),
            [](const Component& a, const Component& b) { return a.code < b.code; });
  known = std::move(list);
  return std::shared_ptr<const ComponentList>(known);
}

absl::StatusOr<uint32_t> ComponentTable::AddBounds(const std::vector<double>& bounds,
                                                   std::vector<Entry>* pending) {
  std::string bytes;
  for (const double bound : bounds) PutDouble(bound, &bytes);
  const auto found = bounds_by_bytes_.find(bytes);
  if (found != bounds_by_bytes_.end()) return found->second;
  if (bounds_.size() >= kBoundsMax) {
    return absl::ResourceExhaustedError(base::StrCat(
        "cannot store histogram: over limit histogram_bounds_max, ", kBoundsMax, " sets"));
  }
  const auto id = static_cast<uint32_t>(bounds_.size());
  bounds_.push_back(bounds);
  bounds_by_bytes_.emplace(bytes, id);
  pending->emplace_back(IdKey(kBoundsKey, id), std::move(bytes));
  return id;
}

const std::vector<double>* ComponentTable::bounds(uint32_t id) const {
  return id < bounds_.size() ? &bounds_[id] : nullptr;
}

bool ComponentTable::Load(std::string_view key, std::string_view value) {
  ColumnId column = 0;
  uint32_t base = 0;
  uint64_t bucket = 0;
  if (!TakeBigEndian(&key, &column) || !key.empty() || column != kFirstComponent + bases_.size() ||
      !TakeVarint32(&value, &base) || IsComponent(base) || value.empty() ||
      static_cast<uint8_t>(value.front()) > static_cast<uint8_t>(ComponentKind::kNegative)) {
    return false;
  }
  ComponentCode code{static_cast<ComponentKind>(value.front()), 0};
  value.remove_prefix(1);
  if (!TakeVarint(&value, &bucket) || !value.empty() || bucket > UINT32_MAX) return false;
  code.bucket = static_cast<int32_t>(UnZigZag(bucket));
  std::shared_ptr<ComponentList>& known = by_base_[base];
  if (known == nullptr) known = std::make_shared<ComponentList>();
  ComponentList& list = *known;  // nobody reads yet
  const auto at = std::lower_bound(list.begin(), list.end(), code, ByCode);
  if (at != list.end() && at->code == code) return false;
  list.insert(at, {code, column});
  bases_.push_back(base);
  return true;
}

bool ComponentTable::LoadBounds(std::string_view key, std::string_view value) {
  uint32_t id = 0;
  if (!TakeBigEndian(&key, &id) || !key.empty() || id != bounds_.size()) return false;
  if (value.size() % sizeof(double) != 0) return false;
  if (!bounds_by_bytes_.emplace(value, id).second) return false;
  std::vector<double>& bounds = bounds_.emplace_back(value.size() / sizeof(double));
  for (double& bound : bounds) {
    if (!TakeDouble(&value, &bound) || !std::isfinite(bound)) return false;
  }
  return true;
}

}  // namespace baro::tsdb
