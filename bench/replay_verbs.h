// The verbs of remote_write_replay. Each prints one line of JSON and returns the exit code.
#pragma once

#include <string>

#include "corpus.h"

namespace baro::bench {

struct EncodeOptions {
  Plan plan;
  size_t samples_per_request = 2'000;
  std::string out = "-";
};
// Writes the requests of a fleet (request_stream.h).
int Encode(const Corpus& corpus, const EncodeOptions& options);

struct SendOptions {
  std::string in = "-";
  std::string address;  // HOST:PORT
  std::string path = "/api/v1/write";
  size_t connections = 8;
  size_t report_rows = 0;  // a line of JSON every so many rows; 0: only at the end
};
// Sends them as fast as they are answered. All requests of a row are answered before the next row,
// and a series is always on the same connection. 429 and 5xx are tried again.
int Send(const SendOptions& options);

struct CheckOptions {
  Plan plan;
  std::string url;  // http://HOST:PORT
};
// Reads every sample back by GET /api/v1/query and compares each with what Encode() sent.
int Check(const Corpus& corpus, const CheckOptions& options);

}  // namespace baro::bench
