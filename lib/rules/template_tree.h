// The tree of a template. Owned top-down; immutable once parsed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace baro::rules {

struct TemplateNode;
using TemplateNodePtr = std::unique_ptr<TemplateNode>;

struct TemplateNode {
  enum class Kind : uint8_t {
    kList,        // children
    kText,        // value
    kAction,      // pipe
    kIf,          // pipe, list, else_list
    kRange,       //
    kWith,        //
    kCall,        // {{template "value" pipe}}
    kBreak,       //
    kContinue,    //
    kEnd,         // only while parsing
    kElse,        //
    kPipe,        // declared, children: commands
    kCommand,     // children: operands
    kField,       // names
    kVariable,    // names, the first with its $
    kChain,       // children[0], then names
    kIdentifier,  // text
    kDot,
    kNil,
    kBool,    // integer
    kNumber,  // integer, real
    kString,  // value
  };

  TemplateNode(Kind node_kind, size_t node_place) : kind(node_kind), place(node_place) {}

  const Kind kind;
  const size_t place;  // byte offset in the text
  std::string text;    // as it was written: identifiers and literals
  std::string value;
  std::vector<std::string> names;
  std::vector<TemplateNodePtr> children;
  std::vector<std::string> declared;
  bool assigns = false;  // =, not :=
  std::optional<int64_t> integer;
  std::optional<double> real;
  bool rune = false;        // 'x'
  bool beyond_int = false;  // a whole number that only an unsigned one can hold
  TemplateNodePtr pipe;
  TemplateNodePtr list;
  TemplateNodePtr else_list;

  // As Go's messages show it.
  std::string Shown() const;
};

// The trees that a text defines, by name; that of the text itself has the name it was given.
class TemplateSet {
 public:
  std::string name;
  std::string text;
  std::map<std::string, TemplateNodePtr, std::less<>> trees;

  // "NAME:1:5"
  std::string PlaceOf(const TemplateNode& node) const;
};

}  // namespace baro::rules
