// FrameBatch.extras ⇄ model: native histograms and exemplars of the push protocol.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/series_extras.h"
#include "baro/v1/ingest.pb.h"
#include "baro/wire/ingest.h"

namespace baro::wire {

struct ExtrasLimits {
  size_t raw_bytes_max = size_t{16} << 20;
  size_t buckets_max = 10'000;  // of one sign of one histogram, and custom bounds
  DeclarationLimits labels;
};

void WriteExtras(const std::vector<model::SeriesExtras>& extras, v1::Extras* message);
// Fills extras, extras_raw_size and extras_crc32c of `batch`; leaves them empty for no extras.
void PutExtras(const std::vector<model::SeriesExtras>& extras, v1::FrameBatch* batch);

// A series that is not sound is left out, and so is a histogram; `refused` counts them.
// Errors: InvalidArgument (no Extras, or too large), DataLoss (CRC, damaged zstd).
absl::StatusOr<std::vector<model::SeriesExtras>> TakeExtras(const v1::FrameBatch& batch,
                                                            size_t* refused,
                                                            const ExtrasLimits& limits = {});

}  // namespace baro::wire
