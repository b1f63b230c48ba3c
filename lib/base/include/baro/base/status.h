// BARO_TRY and BARO_CO_TRY: hand an error to the caller; with ASSIGN, unwrap a StatusOr.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define BARO_STATUS_CONCAT_INNER_(a, b) a##b
#define BARO_STATUS_CONCAT_(a, b) BARO_STATUS_CONCAT_INNER_(a, b)

// BARO_TRY(expression): returns the error of an absl::Status expression.
#define BARO_TRY(expression)                  \
  do {                                        \
    absl::Status baro_status_ = (expression); \
    if (!baro_status_.ok()) [[unlikely]]      \
      return baro_status_;                    \
  } while (false)

// BARO_TRY_ASSIGN(auto value, expression): unwraps an absl::StatusOr expression or returns its
// error.
#define BARO_TRY_ASSIGN(target, expression) \
  BARO_TRY_ASSIGN_(BARO_STATUS_CONCAT_(baro_or_, __LINE__), return, target, expression)

// The same inside a coroutine, where `return` is illegal.
#define BARO_CO_TRY(expression)               \
  do {                                        \
    absl::Status baro_status_ = (expression); \
    if (!baro_status_.ok()) [[unlikely]]      \
      co_return baro_status_;                 \
  } while (false)

#define BARO_CO_TRY_ASSIGN(target, expression) \
  BARO_TRY_ASSIGN_(BARO_STATUS_CONCAT_(baro_or_, __LINE__), co_return, target, expression)

#define BARO_TRY_ASSIGN_(temporary, leave, target, expression) \
  auto temporary = (expression);                               \
  if (!temporary.ok()) [[unlikely]]                            \
    leave std::move(temporary).status();                       \
  target = *std::move(temporary)
