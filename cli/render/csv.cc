#include "render/csv.h"

namespace baro::cli {

std::string CsvLine(const std::vector<std::string>& fields) {
  std::string out;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) out.push_back(',');
    // A line that is one empty field would be taken for no line at all.
    const bool quoted = field.find_first_of(",\"\r\n") != std::string::npos ||
                        (field.empty() && fields.size() == 1);
    if (!quoted) {
      out += field;
      continue;
    }
    out.push_back('"');
    for (const char c : field) {
      if (c == '"') out.push_back('"');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out + "\n";
}

}  // namespace baro::cli
