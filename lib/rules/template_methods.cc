// Methods of Go's times and durations that templates call: {{ ($value | toTime).Format "15:04" }}.
#include <array>
#include <cmath>

#include "absl/time/civil_time.h"
#include "baro/base/strings.h"
#include "go_format.h"
#include "template_functions.h"

namespace baro::rules {
namespace {

using Kind = Value::Kind;
using ValueOr = absl::StatusOr<Value>;

// A time in UTC, taken apart.
struct Moment {
  absl::CivilSecond civil;
  int64_t unix_seconds = 0;
  int64_t nanosecond = 0;
};

Moment MomentOf(int64_t time_ns) {
  Moment moment;
  moment.unix_seconds = time_ns / 1'000'000'000;
  moment.nanosecond = time_ns % 1'000'000'000;
  if (moment.nanosecond < 0) {
    moment.nanosecond += 1'000'000'000;
    --moment.unix_seconds;
  }
  moment.civil = absl::CivilSecond(1970, 1, 1, 0, 0, 0) + moment.unix_seconds;
  return moment;
}

int WeekdayOf(const Moment& moment) {
  // absl counts from Monday, Go from Sunday.
  return (static_cast<int>(absl::GetWeekday(moment.civil)) + 1) % 7;
}

std::string Two(int value) { return base::StrCat(value < 10 ? "0" : "", value); }

std::string Name(Kind kind, int value) { return FormattedText(Value::Integer(kind, value)); }

int Hour12(const Moment& moment) {
  const int hour = moment.civil.hour() % 12;
  return hour == 0 ? 12 : hour;
}

// The elements of Go's layouts; longer ones come before those they begin with.
struct Element {
  std::string_view layout;
  std::string (*show)(const Moment& moment);
};
const std::array kElements = {
    Element{"January", [](const Moment& m) { return Name(Kind::kMonth, m.civil.month()); }},
    Element{"Jan",
            [](const Moment& m) { return Name(Kind::kMonth, m.civil.month()).substr(0, 3); }},
    Element{"Monday", [](const Moment& m) { return Name(Kind::kWeekday, WeekdayOf(m)); }},
    Element{"Mon", [](const Moment& m) { return Name(Kind::kWeekday, WeekdayOf(m)).substr(0, 3); }},
    Element{"MST", [](const Moment&) { return std::string("UTC"); }},
    Element{"2006", [](const Moment& m) { return std::to_string(m.civil.year()); }},
    Element{"-07:00", [](const Moment&) { return std::string("+00:00"); }},
    Element{"-0700", [](const Moment&) { return std::string("+0000"); }},
    Element{"-07", [](const Moment&) { return std::string("+00"); }},
    Element{"Z07:00", [](const Moment&) { return std::string("Z"); }},
    Element{"Z0700", [](const Moment&) { return std::string("Z"); }},
    Element{"01", [](const Moment& m) { return Two(m.civil.month()); }},
    Element{"02", [](const Moment& m) { return Two(m.civil.day()); }},
    Element{"03", [](const Moment& m) { return Two(Hour12(m)); }},
    Element{"04", [](const Moment& m) { return Two(m.civil.minute()); }},
    Element{"05", [](const Moment& m) { return Two(m.civil.second()); }},
    Element{"06", [](const Moment& m) { return Two(static_cast<int>(m.civil.year() % 100)); }},
    Element{"15", [](const Moment& m) { return Two(m.civil.hour()); }},
    Element{"PM", [](const Moment& m) { return std::string(m.civil.hour() < 12 ? "AM" : "PM"); }},
    Element{"pm", [](const Moment& m) { return std::string(m.civil.hour() < 12 ? "am" : "pm"); }},
    Element{
        "_2",
        [](const Moment& m) { return base::StrCat(m.civil.day() < 10 ? " " : "", m.civil.day()); }},
    Element{"1", [](const Moment& m) { return std::to_string(m.civil.month()); }},
    Element{"2", [](const Moment& m) { return std::to_string(m.civil.day()); }},
    Element{"3", [](const Moment& m) { return std::to_string(Hour12(m)); }},
    Element{"4", [](const Moment& m) { return std::to_string(m.civil.minute()); }},
    Element{"5", [](const Moment& m) { return std::to_string(m.civil.second()); }},
};

// .000 or .999 behind the seconds; how many bytes of the layout it takes, 0: it is none.
size_t AppendFraction(std::string_view layout, const Moment& moment, std::string* out) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',')) return 0;
  const char digit = layout[1];
  if (digit != '0' && digit != '9') return 0;
  size_t end = 1;
  while (end < layout.size() && layout[end] == digit) ++end;
  if (end < layout.size() && layout[end] >= '0' && layout[end] <= '9') return 0;
  std::string digits = std::to_string(moment.nanosecond);
  digits.insert(0, 9 - digits.size(), '0');
  digits.resize(std::min<size_t>(end - 1, 9));
  while (digit == '9' && !digits.empty() && digits.back() == '0') digits.pop_back();
  if (!digits.empty()) base::StrAppend(out, layout.substr(0, 1), digits);
  return end;
}

std::string FormatTime(const Moment& moment, std::string_view layout) {
  std::string out;
  while (!layout.empty()) {
    size_t taken = AppendFraction(layout, moment, &out);
    for (const Element& element : kElements) {
      if (taken > 0 || !layout.starts_with(element.layout)) continue;
      out += element.show(moment);
      taken = element.layout.size();
    }
    if (taken == 0) {
      out += layout[0];
      taken = 1;
    }
    layout.remove_prefix(taken);
  }
  return out;
}

absl::Status WrongCount(std::string_view name, size_t want, size_t got) {
  return absl::InvalidArgumentError(
      base::StrCat("wrong number of args for ", name, ": want ", want, " got ", got));
}

ValueOr TimeMethod(const Value& receiver, std::string_view name, std::span<const Value> arguments) {
  const int64_t time_ns = receiver.int_value();
  const Moment moment = MomentOf(time_ns);
  if (name == "Format") {
    if (arguments.size() != 1) return WrongCount(name, 1, arguments.size());
    if (arguments[0].kind() != Kind::kString) {
      return absl::InvalidArgumentError(
          base::StrCat("expected string; found ", FormattedText(arguments[0])));
    }
    return Value::String(FormatTime(moment, arguments[0].text()));
  }
  if (name == "Add" && arguments.size() == 1 && arguments[0].kind() == Kind::kDuration) {
    int64_t sum = 0;
    if (__builtin_add_overflow(time_ns, arguments[0].int_value(), &sum)) sum = time_ns;
    return Value::Integer(Kind::kTime, sum);
  }
  if (!arguments.empty()) return WrongCount(name, 0, arguments.size());
  if (name == "Unix") return Value::Int(moment.unix_seconds);
  if (name == "UnixMilli") return Value::Int(time_ns / 1'000'000);
  if (name == "UnixMicro") return Value::Int(time_ns / 1'000);
  if (name == "UnixNano") return Value::Int(time_ns);
  if (name == "Year") return Value::Int(moment.civil.year());
  if (name == "Month") return Value::Integer(Kind::kMonth, moment.civil.month());
  if (name == "Day") return Value::Int(moment.civil.day());
  if (name == "Hour") return Value::Int(moment.civil.hour());
  if (name == "Minute") return Value::Int(moment.civil.minute());
  if (name == "Second") return Value::Int(moment.civil.second());
  if (name == "Nanosecond") return Value::Int(moment.nanosecond);
  if (name == "Weekday") return Value::Integer(Kind::kWeekday, WeekdayOf(moment));
  if (name == "YearDay") return Value::Int(absl::GetYearDay(absl::CivilDay(moment.civil)));
  if (name == "UTC" || name == "Local") return receiver;
  if (name == "String") return Value::String(GoTime(time_ns));
  if (name == "IsZero") return Value::Bool(false);
  return absl::NotFoundError("");
}

ValueOr DurationMethod(const Value& receiver, std::string_view name,
                       std::span<const Value> arguments) {
  const int64_t duration_ns = receiver.int_value();
  if (!arguments.empty()) return WrongCount(name, 0, arguments.size());
  if (name == "Hours") return Value::Float(static_cast<double>(duration_ns) / 3.6e12);
  if (name == "Minutes") return Value::Float(static_cast<double>(duration_ns) / 6e10);
  if (name == "Seconds") return Value::Float(static_cast<double>(duration_ns) / 1e9);
  if (name == "Milliseconds") return Value::Int(duration_ns / 1'000'000);
  if (name == "Microseconds") return Value::Int(duration_ns / 1'000);
  if (name == "Nanoseconds") return Value::Int(duration_ns);
  if (name == "String") return Value::String(GoDuration(duration_ns));
  if (name == "Abs") {
    return Value::Integer(Kind::kDuration,
                          duration_ns == INT64_MIN ? INT64_MAX : std::abs(duration_ns));
  }
  return absl::NotFoundError("");
}

}  // namespace

absl::StatusOr<Value> CallTemplateMethod(const Value& receiver, std::string_view name,
                                         std::span<const Value> arguments) {
  switch (receiver.kind()) {
    case Kind::kTime:
      return TimeMethod(receiver, name, arguments);
    case Kind::kDuration:
      return DurationMethod(receiver, name, arguments);
    default:
      if (name == "String" && arguments.empty()) return Value::String(FormattedText(receiver));
      return absl::NotFoundError("");
  }
}

}  // namespace baro::rules
