// JSON for programs: valid whatever a label holds, harmless when shown on a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/answer.h"

namespace baro::cli {

// "text" with quotes. Controls and characters that change how text is shown are \u escapes; bytes
// that are not UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);
std::string JsonStrings(const std::vector<std::string>& texts);
std::string JsonLabels(const LabelSet& labels);
std::string JsonRecord(const Record& record);

// The API's own form, so that what works on curl's output works on ours:
// {"status":"success","data":{"resultType":…,"result":[…]},"warnings":[…],"infos":[…]}
std::string QueryJson(const QueryAnswer& answer, const std::vector<std::string>& warnings,
                      const std::vector<std::string>& infos);
// One line per series: {"metric":{…},"value":[t,"v"]} or {"metric":{…},"values":[…]}.
std::string QueryJsonLines(const QueryAnswer& answer);

// An array of objects, one per line, and the same without the array.
std::string RecordsJson(const std::vector<Record>& records);
std::string RecordsJsonLines(const std::vector<Record>& records);

}  // namespace baro::cli
