#include "selector.h"

#include <utility>

namespace baro::tsdb {
namespace {

// Ids for which the matcher holds, the missing label being empty.
Roaring Matching(const model::Matcher& matcher, const Postings& postings) {
  Roaring matching = postings.Carrying(matcher);
  if (!matcher.MatchesEmpty()) return matching;
  const Roaring* carriers = postings.Carriers(matcher.name());
  return matching | (carriers == nullptr ? postings.all() : postings.all() - *carriers);
}

}  // namespace

std::vector<Rectangle> EvaluateSelector(const std::vector<model::Matcher>& matchers,
                                        const Postings& targets, const Postings& columns) {
  std::vector<Rectangle> rectangles = {{targets.all(), columns.all()}};
  for (const model::Matcher& matcher : matchers) {
    const Roaring* carriers = columns.Carriers(matcher.name());
    const Roaring by_target = Matching(matcher, targets);
    const Roaring by_column = carriers == nullptr ? Roaring() : columns.Carrying(matcher);
    std::vector<Rectangle> split;
    const auto keep = [&](Rectangle rectangle) {
      if (!rectangle.targets.isEmpty() && !rectangle.columns.isEmpty()) {
        split.push_back(std::move(rectangle));
      }
    };
    for (Rectangle& rectangle : rectangles) {
      Roaring undecided = rectangle.columns;
      if (carriers != nullptr) {
        undecided -= *carriers;
        keep({rectangle.targets, rectangle.columns & by_column});
      }
      keep({rectangle.targets & by_target, std::move(undecided)});
    }
    rectangles = std::move(split);
  }
  return rectangles;
}

}  // namespace baro::tsdb
