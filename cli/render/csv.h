// RFC 4180 with \n: for spreadsheets and awk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baro::cli {

// Fields are quoted only when they must be.
std::string CsvLine(const std::vector<std::string>& fields);

}  // namespace baro::cli
