// Value: what a template computes with: the few Go types that Prometheus' templates can see.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baro/rules/template.h"

namespace baro::rules {

// Value type. The kinds are Go's types, as messages and formatting must name them.
class Value {
 public:
  enum class Kind : uint8_t {
    kNone,  // no value at all; an untyped nil
    kBool,
    kInt,
    kByte,  // uint8: what indexing a string gives
    kRune,  // int32: 'x'
    kFloat,
    kString,
    kHtml,       // template.HTML: a string that is no string to functions
    kHistogram,  // its text
    kStrings,    // map[string]string
    kArguments,  // map[string]interface {}
    kSamples,    // template.queryResult
    kSample,     // *template.sample, may be nil
    kTime,       // *time.Time, in ns
    kDuration,   // *time.Duration, in ns
    kMonth,
    kWeekday,
    kInput,  // what the template is given: .Labels, .Value …
  };
  using Strings = std::map<std::string, std::string>;
  using Arguments = std::map<std::string, Value>;
  using SamplePointer = std::shared_ptr<const TemplateSample>;
  using Samples = std::vector<SamplePointer>;

  Value() = default;
  static Value Bool(bool value) { return Value(Kind::kBool, int64_t{value}); }
  static Value Int(int64_t value) { return Value(Kind::kInt, value); }
  static Value Integer(Kind kind, int64_t value) { return Value(kind, value); }
  static Value Float(double value) { return Value(Kind::kFloat, value); }
  static Value String(std::string text) { return Value(Kind::kString, std::move(text)); }
  static Value Text(Kind kind, std::string text) { return Value(kind, std::move(text)); }
  static Value Map(std::shared_ptr<const Strings> map) { return Value(Kind::kStrings, map); }
  static Value Map(std::shared_ptr<const Arguments> map) { return Value(Kind::kArguments, map); }
  static Value List(std::shared_ptr<Samples> list) { return Value(Kind::kSamples, list); }
  static Value Sample(SamplePointer sample) { return Value(Kind::kSample, sample); }
  static Value Input(const TemplateInput* input) { return Value(Kind::kInput, input); }

  Kind kind() const { return kind_; }
  bool is_none() const { return kind_ == Kind::kNone; }
  // Of Go's type interface {}: only messages can tell the difference.
  bool boxed() const { return boxed_; }
  Value Boxed() && {
    boxed_ = true;
    return std::move(*this);
  }
  void Unbox() { boxed_ = false; }

  bool bool_value() const { return int_value() != 0; }
  int64_t int_value() const { return std::get<int64_t>(content_); }
  double float_value() const { return std::get<double>(content_); }
  const std::string& text() const { return std::get<std::string>(content_); }
  const Strings& strings() const { return *std::get<std::shared_ptr<const Strings>>(content_); }
  const Arguments& arguments() const {
    return *std::get<std::shared_ptr<const Arguments>>(content_);
  }
  const std::shared_ptr<Samples>& samples() const {
    return std::get<std::shared_ptr<Samples>>(content_);
  }
  const SamplePointer& sample() const { return std::get<SamplePointer>(content_); }
  const TemplateInput& input() const { return *std::get<const TemplateInput*>(content_); }

  bool is_integer() const {
    return kind_ == Kind::kInt || kind_ == Kind::kByte || kind_ == Kind::kRune ||
           kind_ == Kind::kMonth || kind_ == Kind::kWeekday;
  }
  bool is_text() const { return kind_ == Kind::kString || kind_ == Kind::kHtml; }
  bool is_nil_pointer() const { return kind_ == Kind::kSample && sample() == nullptr; }

  // Not the zero of its type.
  bool Truth() const;
  // "float64", "*template.sample"; "interface {}" when boxed.
  std::string TypeName() const;
  // The same for what is inside the box.
  std::string_view InnerTypeName() const;

 private:
  using Content = std::variant<std::monostate, int64_t, double, std::string,
                               std::shared_ptr<const Strings>, std::shared_ptr<const Arguments>,
                               std::shared_ptr<Samples>, SamplePointer, const TemplateInput*>;
  Value(Kind kind, Content content) : kind_(kind), content_(std::move(content)) {}

  Kind kind_ = Kind::kNone;
  bool boxed_ = false;
  Content content_;
};

// What `{{ value }}` prints.
std::string PrintedText(const Value& value);
// Go's %v; pointers at the top are shown with what they point to.
std::string FormattedText(const Value& value);

}  // namespace baro::rules
