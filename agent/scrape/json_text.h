// JSON of what /targets tells.
#pragma once

#include <string>
#include <string_view>

#include "baro/model/labels.h"

namespace baro::agent {

std::string QuotedJson(std::string_view text);
std::string LabelsJson(const model::Labels& labels);

}  // namespace baro::agent
