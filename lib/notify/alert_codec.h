// The bytes of an alert in a queue's records (docs/formats/notify-queue.md).
#pragma once

#include <string>

#include "baro/model/alert.h"
#include "bytes.h"

namespace baro::notify {

void AppendAlert(const model::Alert& alert, std::string* bytes);
// What is damaged leaves the reader not ok().
model::Alert ReadAlert(ByteReader* reader);
// What an alert costs in memory and on disk, near enough for a bound.
size_t AlertBytes(const model::Alert& alert);

}  // namespace baro::notify
