#include <snappy.h>

#include <bit>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "replay_verbs.h"
#include "request_stream.h"

namespace baro::bench {
namespace {

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void AppendField(uint32_t number, std::string_view bytes, std::string* out) {
  AppendVarint(number << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

// The labels of all series of a target as protobuf, one after the other.
struct EncodedTarget {
  std::string labels;
  std::vector<uint32_t> ends;
  std::vector<uint64_t> hashes;
};

EncodedTarget EncodeTarget(const Target& target) {
  EncodedTarget encoded;
  std::string pair;
  for (const Column& column : target.exporter().columns) {
    const std::vector<Label> labels = target.LabelsOf(column);
    for (const Label& label : labels) {
      pair.clear();
      AppendField(1, label.name, &pair);
      AppendField(2, label.value, &pair);
      AppendField(1, pair, &encoded.labels);
    }
    encoded.ends.push_back(static_cast<uint32_t>(encoded.labels.size()));
    encoded.hashes.push_back(LabelsHash(labels));
  }
  return encoded;
}

// The last field of a series: 1 double, 2 int64.
void AppendSample(double value, int64_t time_ms, std::string* out) {
  std::string sample = "\x09";
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8) sample.push_back(static_cast<char>(bits >> shift));
  sample.push_back('\x10');
  AppendVarint(static_cast<uint64_t>(time_ms), &sample);
  AppendField(2, sample, out);
}

class Encoder {
 public:
  Encoder(const Corpus& corpus, const EncodeOptions& options, std::FILE* out)
      : options_(options), fleet_(&corpus, options.plan), out_(out) {
    for (const Target& target : fleet_.targets()) {
      targets_.push_back(EncodeTarget(target));
      series_ += target.exporter().columns.size();
    }
  }

  void EncodeRow(size_t row) {
    const std::vector<bool> fresh = fleet_.Advance(row);
    row_ = row;
    for (size_t i = 0; i < targets_.size(); ++i) {
      if (fresh[i]) {
        targets_[i] = EncodeTarget(fleet_.targets()[i]);
        series_ += targets_[i].ends.size();
      }
      EncodeTargetRow(fleet_.targets()[i], targets_[i]);
    }
    Finish();
  }

  int Report() const {
    std::printf(
        "{\"series\": %llu, \"samples\": %llu, \"requests\": %llu, \"bytes\": %llu, "
        "\"checksum\": \"%016llx\"}\n",
        static_cast<unsigned long long>(series_), static_cast<unsigned long long>(samples_),
        static_cast<unsigned long long>(requests_), static_cast<unsigned long long>(bytes_),
        static_cast<unsigned long long>(checksum_));
    return failed_ ? 1 : 0;
  }

 private:
  void EncodeTargetRow(const Target& target, const EncodedTarget& encoded) {
    const int64_t time_ms = fleet_.TimeMs(target, row_);
    const std::vector<Column>& columns = target.exporter().columns;
    uint32_t begin = 0;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (const auto value = target.ValueAt(columns[i], row_)) {
        series_bytes_.assign(encoded.labels, begin, encoded.ends[i] - begin);
        AppendSample(*value, time_ms, &series_bytes_);
        AppendField(1, series_bytes_, &body_);
        ++in_request_;
        checksum_ += SampleHash(encoded.hashes[i], time_ms, *value);
      }
      begin = encoded.ends[i];
      // Counted with those that are absent: a series stays in the same request of every row.
      if (++slots_ == options_.samples_per_request) Finish();
    }
  }

  void Finish() {
    slots_ = 0;
    if (body_.empty()) return;
    std::string packed;
    snappy::Compress(body_.data(), body_.size(), &packed);
    const RequestHead head{kRequestMark, static_cast<uint32_t>(row_), in_request_,
                           static_cast<uint32_t>(packed.size())};
    if (std::fwrite(&head, sizeof(head), 1, out_) != 1 ||
        std::fwrite(packed.data(), packed.size(), 1, out_) != 1)
      failed_ = true;
    samples_ += in_request_;
    bytes_ += packed.size();
    ++requests_;
    body_.clear();
    in_request_ = 0;
  }

  const EncodeOptions& options_;
  Fleet fleet_;
  std::FILE* out_;
  std::vector<EncodedTarget> targets_;
  size_t row_ = 0;
  size_t slots_ = 0;
  uint32_t in_request_ = 0;
  std::string body_, series_bytes_;
  uint64_t series_ = 0, samples_ = 0, requests_ = 0, bytes_ = 0, checksum_ = 0;
  bool failed_ = false;
};

}  // namespace

int Encode(const Corpus& corpus, const EncodeOptions& options) {
  std::FILE* const out = options.out == "-" ? stdout : std::fopen(options.out.c_str(), "wb");
  if (out == nullptr) {
    std::fprintf(stderr, "remote_write_replay: cannot write %s\n", options.out.c_str());
    return 1;
  }
  Encoder encoder(corpus, options, out);
  for (size_t row = 0; row < options.plan.rows; ++row)
    encoder.EncodeRow(options.plan.first_row + row);
  if (out == stdout) return std::fflush(out) == 0 ? 0 : 1;
  if (std::fclose(out) != 0) return 1;
  return encoder.Report();
}

}  // namespace baro::bench
