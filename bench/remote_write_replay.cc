// Replays captured scrapes as remote write 1.0 from many instances: what a fleet would send,
// encoded before the clock starts, so that the generator's cost is not the server's. Prints what
// was sent and the process's own CPU; bench/store.py reads the server's CPU from /proc.
//
// usage: remote_write_replay CAPTURE_FOLDER HOST:PORT PATH INSTANCES ROWS INTERVAL_MS START_MS
// [SAMPLES_PER_REQUEST]

#include <snappy.h>

#include <algorithm>
#include <bit>
#include <boost/asio.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

// One series of a capture: its labels as protobuf, without the instance, and a value for each
// scrape (NaN: not there).
struct Series {
  std::string labels;
  std::vector<double> values;
};

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void AppendField(uint32_t number, std::string_view bytes, std::string* out) {
  AppendVarint(number << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

std::string LabelField(std::string_view name, std::string_view value) {
  std::string label;
  AppendField(1, name, &label);
  AppendField(2, value, &label);
  std::string field;
  AppendField(1, label, &field);
  return field;
}

// Labels in name order, as senders must: __name__ sorts before lower case, job and instance among
// the rest.
std::string EncodeLabels(std::string_view series, std::string_view job, std::string_view instance) {
  std::map<std::string, std::string> labels{{"job", std::string(job)},
                                            {"instance", std::string(instance)}};
  const size_t brace = series.find('{');
  labels["__name__"] = std::string(series.substr(0, brace));
  size_t at = brace == std::string_view::npos ? series.size() : brace + 1;
  while (at < series.size() && series[at] != '}') {
    const size_t equals = series.find('=', at);
    std::string value;
    size_t end = equals + 2;
    for (; series[end] != '"'; ++end) {
      if (series[end] == '\\') ++end;
      value.push_back(series[end]);
    }
    labels[std::string(series.substr(at, equals - at))] = value;
    at = end + 1;
    if (at < series.size() && series[at] == ',') ++at;
  }
  std::string encoded;
  for (const auto& [name, value] : labels) encoded += LabelField(name, value);
  return encoded;
}

using Capture = std::map<std::string, std::vector<double>>;

void ReadScrape(const std::filesystem::path& path, size_t scrape, size_t scrape_count,
                Capture* capture) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.rfind(' ');
    auto& values = (*capture)[line.substr(0, space)];
    values.resize(scrape_count, std::numeric_limits<double>::quiet_NaN());
    values[scrape] = std::strtod(line.c_str() + space + 1, nullptr);
  }
}

// Exporter name → its series.
std::map<std::string, Capture> ReadCaptures(const std::filesystem::path& folder) {
  std::map<std::string, Capture> captures;
  for (const auto& exporter : std::filesystem::directory_iterator(folder)) {
    if (!exporter.is_directory()) continue;
    std::vector<std::filesystem::path> scrapes;
    for (const auto& file : std::filesystem::directory_iterator(exporter))
      scrapes.push_back(file.path());
    std::sort(scrapes.begin(), scrapes.end());
    Capture& capture = captures[exporter.path().filename().string()];
    for (size_t i = 0; i < scrapes.size(); ++i) ReadScrape(scrapes[i], i, scrapes.size(), &capture);
  }
  return captures;
}

struct Plan {
  size_t instances = 0;
  size_t rows = 0;
  int64_t interval_ms = 0;
  int64_t start_ms = 0;
  size_t samples_per_request = 2'000;
};

// Each instance starts elsewhere in the capture, so that no two send the same values at once.
class Fleet {
 public:
  Fleet(const std::map<std::string, Capture>& captures, const Plan& plan) : plan_(plan) {
    for (size_t i = 0; i < plan.instances; ++i) {
      char name[32];
      std::snprintf(name, sizeof(name), "host-%04zu:9100", i);
      for (const auto& [exporter, capture] : captures) {
        for (const auto& [series, values] : capture) {
          series_.push_back({EncodeLabels(series, exporter, name), values});
          offsets_.push_back(7 * i);
        }
      }
    }
  }
  size_t size() const { return series_.size(); }

  std::vector<std::string> EncodeRow(size_t row, uint64_t* samples) const {
    std::vector<std::string> requests;
    std::string body;
    size_t in_request = 0;
    const auto finish = [&] {
      if (body.empty()) return;
      std::string packed;
      snappy::Compress(body.data(), body.size(), &packed);
      requests.push_back(std::move(packed));
      body.clear();
      in_request = 0;
    };
    for (size_t i = 0; i < series_.size(); ++i) {
      const auto& values = series_[i].values;
      const double value = values[(row + offsets_[i]) % values.size()];
      if (value != value) continue;
      AppendSeries(series_[i].labels, value,
                   plan_.start_ms + static_cast<int64_t>(row) * plan_.interval_ms, &body);
      ++*samples;
      if (++in_request == plan_.samples_per_request) finish();
    }
    finish();
    return requests;
  }

 private:
  static void AppendSeries(const std::string& labels, double value, int64_t time_ms,
                           std::string* body) {
    std::string sample = "\x09";
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) sample.push_back(static_cast<char>(bits >> shift));
    sample.push_back('\x10');
    AppendVarint(static_cast<uint64_t>(time_ms), &sample);
    std::string series = labels;
    AppendField(2, sample, &series);
    AppendField(1, series, body);
  }

  const Plan plan_;
  std::vector<Series> series_;
  std::vector<size_t> offsets_;
};

// One kept-alive connection.
class Sender {
 public:
  Sender(const std::string& host, const std::string& port, const std::string& path)
      : socket_(io_),
        head_("POST " + path + " HTTP/1.1\r\nHost: " + host +
              "\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
              "X-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: ") {
    boost::asio::connect(socket_, boost::asio::ip::tcp::resolver(io_).resolve(host, port));
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }

  // Returns the status code.
  int Send(const std::string& body) {
    const std::string head = head_ + std::to_string(body.size()) + "\r\n\r\n";
    boost::asio::write(socket_, std::vector<boost::asio::const_buffer>{boost::asio::buffer(head),
                                                                       boost::asio::buffer(body)});
    const size_t size =
        boost::asio::read_until(socket_, boost::asio::dynamic_buffer(answer_), "\r\n\r\n");
    const int status = std::atoi(answer_.c_str() + 9);
    const size_t length = answer_.find("Content-Length: ");
    const size_t body_size =
        length < size ? static_cast<size_t>(std::atoll(answer_.c_str() + length + 16)) : 0;
    if (answer_.size() < size + body_size) {
      boost::asio::read(socket_, boost::asio::dynamic_buffer(answer_),
                        boost::asio::transfer_exactly(size + body_size - answer_.size()));
    }
    if (status >= 300)
      std::fprintf(stderr, "%d %s\n", status, answer_.substr(size, body_size).c_str());
    answer_.erase(0, size + body_size);
    return status;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  const std::string head_;
  std::string answer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8) {
    std::fprintf(stderr,
                 "usage: %s CAPTURE HOST:PORT PATH INSTANCES ROWS INTERVAL_MS START_MS [SAMPLES]\n",
                 argv[0]);
    return 2;
  }
  Plan plan;
  plan.instances = static_cast<size_t>(std::atoll(argv[4]));
  plan.rows = static_cast<size_t>(std::atoll(argv[5]));
  plan.interval_ms = std::atoll(argv[6]);
  plan.start_ms = std::atoll(argv[7]);
  if (argc > 8) plan.samples_per_request = static_cast<size_t>(std::atoll(argv[8]));
  const Fleet fleet(ReadCaptures(argv[1]), plan);
  const std::string address = argv[2];
  const size_t colon = address.rfind(':');
  Sender sender(address.substr(0, colon), address.substr(colon + 1), argv[3]);
  uint64_t samples = 0, bytes = 0, requests = 0, refused = 0;
  for (size_t row = 0; row < plan.rows; ++row) {
    for (const std::string& request : fleet.EncodeRow(row, &samples)) {
      ++requests;
      bytes += request.size();
      if (sender.Send(request) >= 300) ++refused;
    }
  }
  std::printf(
      "{\"series\": %zu, \"samples\": %llu, \"requests\": %llu, \"refused\": %llu, \"bytes\": "
      "%llu}\n",
      fleet.size(), static_cast<unsigned long long>(samples),
      static_cast<unsigned long long>(requests), static_cast<unsigned long long>(refused),
      static_cast<unsigned long long>(bytes));
  return refused == 0 ? 0 : 1;
}
