// The series of an objective: our own names, and Sloth's and Pyrra's where they are asked for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "baro/slo/slo_spec.h"
#include "baro/slo/slo_status.h"
#include "baro/slo/slo_storage.h"

namespace baro::slo {

// slo, service, the spec's labels and the group's.
model::Labels BaseLabels(const SloSpec& spec, const model::Labels& group);
// What Sloth adds to every series and alert.
void AddSlothLabels(const SloSpec& spec, model::Labels* labels);

// All of `status`, ALERTS among them.
void AppendSeries(const SloStatus& status, int64_t time_ms, std::vector<SloSample>* samples);

// Replaces {{ $labels.NAME }} and {{ $value }}; anything else stays as it is.
std::string ExpandAnnotation(const std::string& text, const model::Labels& labels, double value);

// 14.4, 0.999: as few digits as tell it apart, six at most.
std::string NumberText(double value);

}  // namespace baro::slo
