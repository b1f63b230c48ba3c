// BARO_CHECK: an invariant of ours that is always on, prints its values and aborts.
// For our own bugs only; bad input and the state of the world travel as absl::Status.
#pragma once

#include <sstream>
#include <string>

namespace baro::base {

// Prints "file:line: check failed: text (details)" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* text,
                              const std::string& details);

template <typename A, typename B>
std::string CheckValues(const A& left, const B& right) {
  std::ostringstream out;
  out << left << " vs " << right;
  return out.str();
}

}  // namespace baro::base

#define BARO_CHECK(condition)                                        \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::baro::base::CheckFailed(__FILE__, __LINE__, #condition, {}); \
  } while (false)

#define BARO_CHECK_OP_(op, left, right)                                              \
  do {                                                                               \
    const auto& baro_left_ = (left);                                                 \
    const auto& baro_right_ = (right);                                               \
    if (!(baro_left_ op baro_right_)) [[unlikely]]                                   \
      ::baro::base::CheckFailed(__FILE__, __LINE__, #left " " #op " " #right,        \
                                ::baro::base::CheckValues(baro_left_, baro_right_)); \
  } while (false)

#define BARO_CHECK_EQ(left, right) BARO_CHECK_OP_(==, left, right)
#define BARO_CHECK_NE(left, right) BARO_CHECK_OP_(!=, left, right)
#define BARO_CHECK_LT(left, right) BARO_CHECK_OP_(<, left, right)
#define BARO_CHECK_LE(left, right) BARO_CHECK_OP_(<=, left, right)
#define BARO_CHECK_GT(left, right) BARO_CHECK_OP_(>, left, right)
#define BARO_CHECK_GE(left, right) BARO_CHECK_OP_(>=, left, right)
