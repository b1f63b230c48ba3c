#include <simdjson.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <string>
#include <string_view>

#include "baro/net/http_client.h"
#include "replay_verbs.h"

namespace baro::bench {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kAnswerBytesMax = size_t{3} << 30;

struct Comparison {
  uint64_t sent = 0, equal = 0, different = 0, unexpected = 0;
  uint64_t nan_sent = 0, nan_equal = 0;
  uint64_t checksum_sent = 0, checksum_read = 0;
  double relative_error_max = 0;
};

// Labels in name order as one string.
std::string KeyOf(const std::map<std::string, std::string>& labels) {
  std::string key;
  for (const auto& [name, value] : labels) key += name + '\xff' + value + '\xff';
  return key;
}

double ParseValue(std::string_view text) {
  double value = std::numeric_limits<double>::quiet_NaN();
  if (text.ends_with("Inf")) {
    value = std::numeric_limits<double>::infinity();
    return text.starts_with('-') ? -value : value;
  }
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class TargetCheck {
 public:
  TargetCheck(const Fleet& fleet, const Target& target, const Plan& plan, Comparison* total)
      : fleet_(fleet), target_(target), plan_(plan), total_(total) {
    for (const Column& column : target.exporter().columns) {
      const std::vector<Label> labels = target.LabelsOf(column);
      std::map<std::string, std::string> by_name;
      for (const Label& label : labels) by_name[label.name] = label.value;
      columns_[KeyOf(by_name)] = {&column, LabelsHash(labels)};
    }
    CountSent();
  }

  bool CompareAnswer(std::string_view json) {
    dom::parser parser;
    dom::element document;
    dom::array result;
    if (parser.parse(json.data(), json.size()).get(document) != simdjson::SUCCESS) return false;
    if (document["data"]["result"].get(result) != simdjson::SUCCESS) return false;
    for (const dom::element series : result) CompareSeries(series);
    return true;
  }

 private:
  struct Known {
    const Column* column = nullptr;
    uint64_t hash = 0;
  };

  void CountSent() {
    for (const auto& [key, known] : columns_) {
      for (size_t row = plan_.first_row; row < plan_.first_row + plan_.rows; ++row) {
        const auto value = target_.ValueAt(*known.column, row);
        if (!value) continue;
        ++total_->sent;
        total_->nan_sent += std::isnan(*value);
        total_->checksum_sent += SampleHash(known.hash, fleet_.TimeMs(target_, row), *value);
      }
    }
  }

  void CompareSeries(const dom::element& series) {
    std::map<std::string, std::string> labels;
    dom::object metric;
    dom::array values;
    if (series["metric"].get(metric) != simdjson::SUCCESS) return;
    for (const auto& [name, value] : metric)
      labels[std::string(name)] = std::string(value.get_string().value_unsafe());
    const auto found = columns_.find(KeyOf(labels));
    if (series["values"].get(values) != simdjson::SUCCESS) return;
    for (const dom::element pair : values) {
      const double seconds = pair.at(0).get_double().value_unsafe();
      const double value = ParseValue(pair.at(1).get_string().value_unsafe());
      CompareSample(found == columns_.end() ? Known{} : found->second, std::llround(seconds * 1000),
                    value);
    }
  }

  void CompareSample(const Known& known, int64_t time_ms, double value) {
    const int64_t since = time_ms - fleet_.TimeMs(target_, plan_.first_row);
    const int64_t row = since / plan_.interval_ms;
    const bool on_time =
        since >= 0 && since % plan_.interval_ms == 0 && row < static_cast<int64_t>(plan_.rows);
    total_->checksum_read += SampleHash(known.hash, time_ms, value);
    std::optional<double> sent;
    if (known.column != nullptr && on_time)
      sent = target_.ValueAt(*known.column, plan_.first_row + static_cast<size_t>(row));
    if (!sent) {
      ++total_->unexpected;
    } else if (std::isnan(value) && std::isnan(*sent)) {
      ++total_->equal;
      ++total_->nan_equal;
    } else if (std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(*sent)) {
      ++total_->equal;
    } else {
      ++total_->different;
      const double error = std::abs(value - *sent) / std::max(std::abs(*sent), 1e-300);
      if (error > total_->relative_error_max) total_->relative_error_max = error;
    }
  }

  const Fleet& fleet_;
  const Target& target_;
  const Plan& plan_;
  Comparison* total_;
  std::map<std::string, Known> columns_;
};

std::string QueryUrl(const CheckOptions& options, const Target& target) {
  const Plan& plan = options.plan;
  const int64_t end_ms =
      plan.start_ms + static_cast<int64_t>(plan.first_row + plan.rows) * plan.interval_ms;
  const auto range_ms = static_cast<int64_t>(plan.rows + 1) * plan.interval_ms;
  char tail[128];
  std::snprintf(tail, sizeof(tail), "%%22%%7D%%5B%lldms%%5D&time=%lld.%03lld",
                static_cast<long long>(range_ms), static_cast<long long>(end_ms / 1000),
                static_cast<long long>(end_ms % 1000));
  return options.url + "/api/v1/query?query=%7Bjob%3D%22" + target.exporter().name +
         "%22%2Cinstance%3D%22" + target.instance() + tail;
}

void Report(const Comparison& total) {
  const auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "{\"sent\": %llu, \"equal\": %llu, \"different\": %llu, \"missing\": %llu, "
      "\"unexpected\": %llu, \"nan_sent\": %llu, \"nan_equal\": %llu, "
      "\"relative_error_max\": %g, \"checksum_sent\": \"%016llx\", "
      "\"checksum_read\": \"%016llx\"}\n",
      number(total.sent), number(total.equal), number(total.different),
      number(total.sent - total.equal - total.different), number(total.unexpected),
      number(total.nan_sent), number(total.nan_equal), total.relative_error_max,
      number(total.checksum_sent), number(total.checksum_read));
}

}  // namespace

int Check(const Corpus& corpus, const CheckOptions& options) {
  Fleet fleet(&corpus, options.plan);
  Comparison total;
  for (const Target& target : fleet.targets()) {
    TargetCheck check(fleet, target, options.plan, &total);
    net::HttpOptions http;
    http.timeout_ms = 300'000;
    http.body_bytes_max = kAnswerBytesMax;
    const auto answer = net::HttpGet(QueryUrl(options, target), http);
    if (!answer.ok() || answer->status != 200 || !check.CompareAnswer(answer->body)) {
      std::fprintf(stderr, "remote_write_replay: cannot read back %s: %s\n",
                   target.instance().c_str(),
                   answer.ok() ? answer->body.substr(0, 300).c_str()
                               : std::string(answer.status().message()).c_str());
      return 1;
    }
  }
  Report(total);
  return 0;
}

}  // namespace baro::bench
