#include "render/json.h"

#include <array>
#include <cstdio>

#include "baro/base/strings.h"
#include "render/text.h"

namespace baro::cli {
namespace {

std::string JsonPoint(const Point& point) {
  std::array<char, 40> time{};
  std::snprintf(time.data(), time.size(), "%.15g", point.time_seconds);
  return base::StrCat("[", time.data(), ",",
                      point.is_histogram ? point.text : JsonString(point.text), "]");
}

std::string JsonPoints(const Series& series, bool histograms) {
  std::string out;
  for (const Point& point : series.points) {
    if (point.is_histogram != histograms) continue;
    base::StrAppend(&out, out.empty() ? "" : ",", JsonPoint(point));
  }
  return out;
}

std::string JsonSeries(const Series& series, ResultType type) {
  std::string out = base::StrCat("{\"metric\":", JsonLabels(series.labels));
  if (type == ResultType::kMatrix) {
    const std::string values = JsonPoints(series, false);
    const std::string histograms = JsonPoints(series, true);
    if (!values.empty() || histograms.empty()) {
      base::StrAppend(&out, ",\"values\":[", values, "]");
    }
    if (!histograms.empty()) base::StrAppend(&out, ",\"histograms\":[", histograms, "]");
  } else {
    const Point& point = series.points.front();
    base::StrAppend(&out, point.is_histogram ? ",\"histogram\":" : ",\"value\":", JsonPoint(point));
  }
  return out + "}";
}

std::string_view TypeName(ResultType type) {
  switch (type) {
    case ResultType::kVector:
      return "vector";
    case ResultType::kMatrix:
      return "matrix";
    case ResultType::kScalar:
      return "scalar";
    case ResultType::kString:
      break;
  }
  return "string";
}

bool IsSingle(ResultType type) {
  return type == ResultType::kScalar || type == ResultType::kString;
}

std::string Joined(const std::vector<Record>& records, std::string_view between) {
  std::string out;
  for (const Record& record : records) {
    base::StrAppend(&out, out.empty() ? "" : between, JsonRecord(record));
  }
  return out;
}

}  // namespace

std::string JsonString(std::string_view text) {
  // Harmless() marks what must be escaped; its own escapes are turned into JSON's. A backslash of
  // the text itself is doubled first and thereby told apart.
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\\') {
      out += {'\\', c};
      ++at;
      continue;
    }
    size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    const std::string_view character = text.substr(at, end - at);
    const std::string harmless = Harmless(character);
    if (harmless == character) {
      out += character;
    } else if (harmless.starts_with("\\u") && harmless.size() == 6) {
      out += harmless;
    } else if (harmless.starts_with("\\x") && static_cast<unsigned char>(c) < 0x80) {
      base::StrAppend(&out, "\\u00", harmless.substr(2));
    } else {
      out += harmless.size() == 2 ? harmless : "\\ufffd";
    }
    at = end;
  }
  return out + "\"";
}

std::string JsonStrings(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    base::StrAppend(&out, out.empty() ? "" : ",", JsonString(text));
  }
  return base::StrCat("[", out, "]");
}

std::string JsonLabels(const LabelSet& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    base::StrAppend(&out, out.empty() ? "" : ",", JsonString(name), ":", JsonString(value));
  }
  return base::StrCat("{", out, "}");
}

std::string JsonRecord(const Record& record) {
  std::string out;
  for (const Field& field : record) {
    base::StrAppend(&out, out.empty() ? "" : ",", JsonString(field.name), ":",
                    field.is_text ? JsonString(field.text) : field.text);
  }
  return base::StrCat("{", out, "}");
}

std::string QueryJson(const QueryAnswer& answer, const std::vector<std::string>& warnings,
                      const std::vector<std::string>& infos) {
  std::string result;
  if (IsSingle(answer.type)) {
    result = JsonPoint(answer.series.front().points.front());
  } else {
    for (const Series& series : answer.series) {
      base::StrAppend(&result, result.empty() ? "" : ",", JsonSeries(series, answer.type));
    }
    result = base::StrCat("[", result, "]");
  }
  std::string out = base::StrCat("{\"status\":\"success\",\"data\":{\"resultType\":\"",
                                 TypeName(answer.type), "\",\"result\":", result);
  if (!answer.stats_json.empty()) base::StrAppend(&out, ",\"stats\":", answer.stats_json);
  out += "}";
  if (!warnings.empty()) base::StrAppend(&out, ",\"warnings\":", JsonStrings(warnings));
  if (!infos.empty()) base::StrAppend(&out, ",\"infos\":", JsonStrings(infos));
  return out + "}\n";
}

std::string QueryJsonLines(const QueryAnswer& answer) {
  std::string out;
  for (const Series& series : answer.series) {
    base::StrAppend(&out, JsonSeries(series, answer.type), "\n");
  }
  return out;
}

std::string RecordsJson(const std::vector<Record>& records) {
  return base::StrCat("[", Joined(records, ",\n "), "]\n");
}

std::string RecordsJsonLines(const std::vector<Record>& records) {
  return records.empty() ? "" : base::StrCat(Joined(records, "\n"), "\n");
}

}  // namespace baro::cli
