// Selector: matchers on whole label sets, evaluated on the two halves.
//
// A label may be carried by columns, by targets, or by some of both (the column's wins). So each
// matcher splits the columns in two: those that carry its label decide by themselves; for the rest
// the target decides. The answer is a list of rectangles targets × columns, disjoint in columns.
#pragma once

#include <roaring/roaring.hh>
#include <vector>

#include "baro/model/matcher.h"
#include "postings.h"

namespace baro::tsdb {

struct Rectangle {
  Roaring targets;
  Roaring columns;
};

// A label that neither half carries matches as the empty string.
std::vector<Rectangle> EvaluateSelector(const std::vector<model::Matcher>& matchers,
                                        const Postings& targets, const Postings& columns);

}  // namespace baro::tsdb
