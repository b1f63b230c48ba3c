#include "captured_scrapes.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <system_error>

namespace baro::bench {
namespace {

void ReadScrape(const std::filesystem::path& path, size_t scrape, size_t scrape_count,
                Capture* capture) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.rfind(' ');
    std::vector<double>& values = (*capture)[line.substr(0, space)];
    values.resize(scrape_count, std::numeric_limits<double>::quiet_NaN());
    values[scrape] = std::strtod(line.c_str() + space + 1, nullptr);
  }
}

}  // namespace

std::map<std::string, Capture> ReadCaptures(const std::filesystem::path& folder) {
  std::map<std::string, Capture> captures;
  std::error_code error;
  for (const auto& exporter : std::filesystem::directory_iterator(folder, error)) {
    if (!exporter.is_directory()) continue;
    std::vector<std::filesystem::path> scrapes;
    for (const auto& file : std::filesystem::directory_iterator(exporter)) {
      scrapes.push_back(file.path());
    }
    std::sort(scrapes.begin(), scrapes.end());
    Capture& capture = captures[exporter.path().filename().string()];
    for (size_t i = 0; i < scrapes.size(); ++i) ReadScrape(scrapes[i], i, scrapes.size(), &capture);
  }
  if (!captures.empty()) return captures;
  std::fprintf(stderr, "cannot read captures of %s: no folder of an exporter in it\n",
               folder.c_str());
  std::exit(2);
}

std::map<std::string, std::string> LabelsOf(const std::string& series) {
  const size_t brace = series.find('{');
  std::map<std::string, std::string> labels{{"__name__", series.substr(0, brace)}};
  size_t at = brace == std::string::npos ? series.size() : brace + 1;
  while (at < series.size() && series[at] != '}') {
    const size_t equals = series.find('=', at);
    std::string value;
    size_t end = equals + 2;
    for (; series[end] != '"'; ++end) {
      if (series[end] == '\\') ++end;
      value.push_back(series[end]);
    }
    labels[series.substr(at, equals - at)] = value;
    at = end + 1;
    if (at < series.size() && series[at] == ',') ++at;
  }
  return labels;
}

std::string InstanceName(size_t instance) {
  char name[32];
  std::snprintf(name, sizeof(name), "host-%04zu:9100", instance);
  return name;
}

}  // namespace baro::bench
