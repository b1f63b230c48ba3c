#include "overlay_source.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"

namespace baro::rules {
namespace {

// Series of two sets, those of the second from `split` on.
struct Union {
  std::vector<std::unique_ptr<model::SeriesSet>> sets;
  // By set, the number of a series here; kHidden: it is not.
  std::vector<std::vector<size_t>> numbers;
  std::vector<std::pair<size_t, size_t>> places;  // by number: set, and index in it
  std::vector<std::string> warnings;
};
constexpr size_t kHidden = SIZE_MAX;

class UnionReader final : public model::SeriesReader {
 public:
  UnionReader(const Union* all, size_t begin, size_t end) : all_(all), begin_(begin), end_(end) {}

  absl::StatusOr<bool> Next(model::SeriesView* view) override {
    for (;;) {
      if (reader_ == nullptr) {
        if (set_ == all_->sets.size()) return false;
        reader_ = all_->sets[set_]->Read(0, all_->sets[set_]->size());
      }
      BARO_TRY_ASSIGN(const bool more, reader_->Next(view));
      if (!more) {
        reader_.reset();
        ++set_;
        continue;
      }
      const size_t number = all_->numbers[set_][view->index];
      if (number == kHidden || number < begin_ || number >= end_) continue;
      view->index = number;
      return true;
    }
  }

 private:
  const Union* const all_;
  const size_t begin_;
  const size_t end_;
  size_t set_ = 0;
  std::unique_ptr<model::SeriesReader> reader_;
};

class UnionSet final : public model::SeriesSet {
 public:
  explicit UnionSet(Union all) : all_(std::move(all)) {}
  size_t size() const override { return all_.places.size(); }
  model::LabelsRef labels(size_t index) const override {
    const auto [set, place] = all_.places[index];
    return all_.sets[set]->labels(place);
  }
  std::unique_ptr<model::SeriesReader> Read(size_t begin, size_t end) const override {
    return std::make_unique<UnionReader>(&all_, begin, end);
  }
  const std::vector<std::string>& warnings() const override { return all_.warnings; }

 private:
  const Union all_;
};

// The only name that the matchers allow; empty: there is no such.
std::string_view NameOf(const std::vector<model::Matcher>& matchers) {
  for (const model::Matcher& matcher : matchers) {
    if (matcher.name() != model::kMetricName) continue;
    if (matcher.type() == model::MatchType::kEqual) return matcher.value();
  }
  return {};
}

}  // namespace

absl::StatusOr<std::unique_ptr<model::SeriesSet>> OverlaySource::Select(
    const model::SelectRequest& request) const {
  const std::string_view name = NameOf(request.matchers);
  if (!name.empty()) return Holds(name) ? memory_.Select(request) : below_->Select(request);
  Union all;
  BARO_TRY_ASSIGN(auto below, below_->Select(request));
  BARO_TRY_ASSIGN(auto above, memory_.Select(request));
  all.warnings = below->warnings();
  all.sets.push_back(std::move(below));
  all.sets.push_back(std::move(above));
  for (size_t set = 0; set < all.sets.size(); ++set) {
    std::vector<size_t>& numbers = all.numbers.emplace_back();
    for (size_t i = 0; i < all.sets[set]->size(); ++i) {
      const bool hidden = set == 0 && Holds(all.sets[set]->labels(i).Get(model::kMetricName));
      numbers.push_back(hidden ? kHidden : all.places.size());
      if (!hidden) all.places.emplace_back(set, i);
    }
  }
  return std::make_unique<UnionSet>(std::move(all));
}

absl::StatusOr<std::vector<std::string>> OverlaySource::LabelNames(
    const model::LabelRequest& request) const {
  BARO_TRY_ASSIGN(const std::vector<std::string> below, below_->LabelNames(request));
  BARO_TRY_ASSIGN(const std::vector<std::string> above, memory_.LabelNames(request));
  std::set<std::string> names(below.begin(), below.end());
  names.insert(above.begin(), above.end());
  return std::vector<std::string>(names.begin(), names.end());
}

absl::StatusOr<std::vector<std::string>> OverlaySource::LabelValues(
    const std::string& name, const model::LabelRequest& request) const {
  BARO_TRY_ASSIGN(const std::vector<std::string> below, below_->LabelValues(name, request));
  BARO_TRY_ASSIGN(const std::vector<std::string> above, memory_.LabelValues(name, request));
  std::set<std::string> values(below.begin(), below.end());
  values.insert(above.begin(), above.end());
  return std::vector<std::string>(values.begin(), values.end());
}

}  // namespace baro::rules
