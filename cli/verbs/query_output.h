// What query and range print alike.
#pragma once

#include "api/answer.h"
#include "render/number.h"
#include "session.h"

namespace baro::cli {

// Prints the answer in the session's format when that is an exact one: wide, json, jsonl or csv.
// False for tables, which each verb makes itself.
bool PrintExact(const QueryAnswer& answer, Session* session);

// The unit of the answer's values: by the metric's name when all series have the same, otherwise by
// the expression.
Unit UnitOfAnswer(const QueryAnswer& answer, std::string_view expression);

// True when the expression itself orders its result (sort, topk, bottomk …).
bool OrdersItself(std::string_view expression);

// For --exit-code: whether the answer holds nothing, or an alert that fires.
void TellWhatItHolds(const QueryAnswer& answer, Session* session);

// What the query cost, when that was asked for, as a line on stderr.
void NoteStats(const QueryAnswer& answer, Session* session);

// "… 90 more of 100; -l 0 shows all": what a limit left out is counted.
void NoteMore(size_t all, int limit, Session* session);

// The same where the collector stopped at the limit and nobody counted the rest.
void NoteTruncation(int limit, Session* session);

// "no series match …" for an empty answer, with what to try next.
void NoteNothingFound(std::string_view expression, std::string_view when, Session* session);

}  // namespace baro::cli
