// CapturedScrapes: what bench/capture.py wrote, as series with a value a scrape.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace baro::bench {

// Series as its exporter wrote it (`name{label="value"}`) → a value for each scrape; NaN: not
// there.
using Capture = std::map<std::string, std::vector<double>>;

// Exporter name → its capture. Exits with a message when the folder cannot be read.
std::map<std::string, Capture> ReadCaptures(const std::filesystem::path& folder);

// The labels of a captured series, __name__ among them, by name.
std::map<std::string, std::string> LabelsOf(const std::string& series);

// The i-th instance of the fleet that every replay sends: "host-0000:9100", …
std::string InstanceName(size_t instance);

// Where in the capture an instance begins, so that no two send the same values at once.
inline size_t OffsetOf(size_t instance) { return 7 * instance; }

}  // namespace baro::bench
