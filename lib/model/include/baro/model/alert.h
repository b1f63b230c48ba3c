// Alert: what the rule engine and the SLO engine tell, and notifiers deliver.
#pragma once

#include <cstdint>
#include <string>

#include "baro/model/labels.h"

namespace baro::model {

// One firing or resolved alert, as it goes on the wire (Alertmanager's API v2). Value type.
struct Alert {
  Labels labels;  // with alertname; its identity
  Labels annotations;
  int64_t starts_ms = 0;  // when it began to fire
  // Firing: until when receivers may believe so unless told again. Resolved: when it ended.
  int64_t ends_ms = 0;
  std::string generator_url;  // where a person sees the expression
};

inline bool IsResolved(const Alert& alert, int64_t now_ms) { return alert.ends_ms <= now_ms; }

}  // namespace baro::model
