#include "alert_codec.h"

#include <utility>
#include <vector>

namespace baro::notify {
namespace {

void AppendLabels(const model::Labels& labels, std::string* bytes) {
  AppendNumber(static_cast<uint32_t>(labels.size()), bytes);
  for (const model::Label& label : labels) {
    AppendText(label.name, bytes);
    AppendText(label.value, bytes);
  }
}

model::Labels ReadLabels(ByteReader* reader) {
  std::vector<model::Label> labels;
  const auto count = reader->Number<uint32_t>();
  for (uint32_t i = 0; i < count && reader->ok(); ++i) {
    const std::string_view name = reader->Text();
    labels.push_back({std::string(name), std::string(reader->Text())});
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

size_t LabelBytes(const model::Labels& labels) {
  size_t bytes = 0;
  for (const model::Label& label : labels) {
    bytes += 2 * sizeof(uint32_t) + label.name.size() + label.value.size();
  }
  return bytes;
}

}  // namespace

void AppendAlert(const model::Alert& alert, std::string* bytes) {
  AppendNumber(alert.starts_ms, bytes);
  AppendNumber(alert.ends_ms, bytes);
  AppendText(alert.generator_url, bytes);
  AppendLabels(alert.labels, bytes);
  AppendLabels(alert.annotations, bytes);
}

model::Alert ReadAlert(ByteReader* reader) {
  model::Alert alert;
  alert.starts_ms = reader->Number<int64_t>();
  alert.ends_ms = reader->Number<int64_t>();
  alert.generator_url = reader->Text();
  alert.labels = ReadLabels(reader);
  alert.annotations = ReadLabels(reader);
  return alert;
}

size_t AlertBytes(const model::Alert& alert) {
  return 64 + alert.generator_url.size() + LabelBytes(alert.labels) + LabelBytes(alert.annotations);
}

}  // namespace baro::notify
