// The values of a label that some ids of one half carry.
#pragma once

#include <roaring/roaring.hh>
#include <string>
#include <string_view>
#include <vector>

#include "label_table.h"

namespace baro::tsdb {

// Adds them, each once, in no order: by a walk over the values or over the ids, whichever are
// fewer.
void AddValuesOf(const LabelTable& table, std::string_view name, const Roaring& ids,
                 std::vector<std::string>* values);

}  // namespace baro::tsdb
