// What bounds a template. Go has no such bounds, or larger ones; real templates stay far below.
#pragma once

#include <cstddef>

namespace baro::rules {

inline constexpr size_t kTemplateTextBytesMax = size_t{1} << 20;
inline constexpr size_t kTemplateOutputBytesMax = size_t{1} << 20;
inline constexpr size_t kTemplateStepsMax = 1'000'000;  // nodes walked by one expansion
inline constexpr int kTemplateNestingMax = 100;         // of actions and parentheses
inline constexpr int kTemplateCallDepthMax = 200;       // of templates that call templates
inline constexpr size_t kTemplatePrintfWidthMax = 10'000;

}  // namespace baro::rules
