#include "template_value.h"

#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {
namespace {

constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr std::string_view kWeekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};

template <typename Map, typename Show>
std::string MapText(const Map& map, const Show& show) {
  std::string out = "map[";
  for (const char* space = ""; const auto& [key, value] : map) {
    base::StrAppend(&out, space, key, ":", show(value));
    space = " ";
  }
  return out + "]";
}

std::string StringsText(const Value::Strings& map) {
  return MapText(map, [](const std::string& value) { return value; });
}

std::string NumberOrText(const std::variant<double, std::string>& value) {
  const double* number = std::get_if<double>(&value);
  return number != nullptr ? GoFloat(*number, 'g', -1) : std::get<std::string>(value);
}

std::string SampleText(const Value::SamplePointer& sample) {
  if (sample == nullptr) return "<nil>";
  return base::StrCat("{", StringsText(sample->labels), " ", NumberOrText(sample->value), "}");
}

std::string SamplesText(const Value::Samples& samples) {
  std::string out = "[";
  for (const char* space = ""; const auto& sample : samples) {
    base::StrAppend(&out, space, "&", SampleText(sample));
    space = " ";
  }
  return out + "]";
}

std::string InputText(const TemplateInput& input) {
  return base::StrCat("{", StringsText(*input.labels), " ", StringsText(*input.external_labels),
                      " ", input.external_url, " ", NumberOrText(input.value), "}");
}

}  // namespace

bool Value::Truth() const {
  switch (kind_) {
    case Kind::kNone:
      return false;
    case Kind::kFloat:
      return float_value() != 0;
    case Kind::kString:
    case Kind::kHtml:
      return !text().empty();
    case Kind::kStrings:
      return !strings().empty();
    case Kind::kArguments:
      return !arguments().empty();
    case Kind::kSamples:
      return !samples()->empty();
    case Kind::kSample:
      return sample() != nullptr;
    case Kind::kTime:
    case Kind::kDuration:
    case Kind::kHistogram:
    case Kind::kInput:
      return true;  // pointers to something, and structs
    default:
      return int_value() != 0;
  }
}

std::string_view Value::InnerTypeName() const {
  switch (kind_) {
    case Kind::kNone:
      return "<nil>";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kByte:
      return "uint8";
    case Kind::kRune:
      return "int32";
    case Kind::kFloat:
      return "float64";
    case Kind::kString:
      return "string";
    case Kind::kHtml:
      return "template.HTML";
    case Kind::kHistogram:
      return "*histogram.FloatHistogram";
    case Kind::kStrings:
      return "map[string]string";
    case Kind::kArguments:
      return "map[string]interface {}";
    case Kind::kSamples:
      return "template.queryResult";
    case Kind::kSample:
      return "*template.sample";
    case Kind::kTime:
      return "*time.Time";
    case Kind::kDuration:
      return "*time.Duration";
    case Kind::kMonth:
      return "time.Month";
    case Kind::kWeekday:
      return "time.Weekday";
    case Kind::kInput:
      break;
  }
  return "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
         "Value interface {} }";
}

std::string Value::TypeName() const {
  return boxed_ ? "interface {}" : std::string(InnerTypeName());
}

std::string PrintedText(const Value& value) {
  if (value.is_none()) return "<no value>";
  if (value.kind() == Value::Kind::kSample) return SampleText(value.sample());
  return FormattedText(value);
}

std::string FormattedText(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNone:
      return "<nil>";
    case Value::Kind::kBool:
      return value.bool_value() ? "true" : "false";
    case Value::Kind::kFloat:
      return GoFloat(value.float_value(), 'g', -1);
    case Value::Kind::kString:
    case Value::Kind::kHtml:
    case Value::Kind::kHistogram:
      return value.text();
    case Value::Kind::kStrings:
      return StringsText(value.strings());
    case Value::Kind::kArguments:
      return MapText(value.arguments(), FormattedText);
    case Value::Kind::kSamples:
      return SamplesText(*value.samples());
    case Value::Kind::kSample:
      return value.is_nil_pointer() ? "<nil>" : base::StrCat("&", SampleText(value.sample()));
    case Value::Kind::kTime:
      return GoTime(value.int_value());
    case Value::Kind::kDuration:
      return GoDuration(value.int_value());
    case Value::Kind::kMonth:
      return std::string(kMonths[static_cast<size_t>(value.int_value() - 1) % 12]);
    case Value::Kind::kWeekday:
      return std::string(kWeekdays[static_cast<size_t>(value.int_value()) % 7]);
    case Value::Kind::kInput:
      return InputText(value.input());
    default:
      return std::to_string(value.int_value());
  }
}

}  // namespace baro::rules
