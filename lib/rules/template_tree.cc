#include "template_tree.h"

#include <algorithm>

#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {
namespace {

std::string ShownChildren(const TemplateNode& node, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < node.children.size(); ++i) {
    if (i > 0) out += separator;
    const TemplateNode& child = *node.children[i];
    const bool paren =
        node.kind == TemplateNode::Kind::kCommand && child.kind == TemplateNode::Kind::kPipe;
    out += paren ? base::StrCat("(", child.Shown(), ")") : child.Shown();
  }
  return out;
}

std::string ShownNames(const TemplateNode& node, bool dot_first) {
  std::string out;
  for (size_t i = 0; i < node.names.size(); ++i) {
    if (i > 0 || dot_first) out += '.';
    out += node.names[i];
  }
  return out;
}

std::string ShownPipe(const TemplateNode& node) {
  std::string out;
  for (size_t i = 0; i < node.declared.size(); ++i) {
    base::StrAppend(&out, i > 0 ? ", " : "", node.declared[i]);
  }
  if (!out.empty()) out += node.assigns ? " = " : " := ";
  return out + ShownChildren(node, " | ");
}

std::string ShownBranch(const TemplateNode& node, const char* word) {
  std::string out = base::StrCat("{{", word, " ", node.pipe->Shown(), "}}", node.list->Shown());
  if (node.else_list != nullptr) base::StrAppend(&out, "{{else}}", node.else_list->Shown());
  return out + "{{end}}";
}

}  // namespace

std::string TemplateNode::Shown() const {
  switch (kind) {
    case Kind::kList:
      return ShownChildren(*this, "");
    case Kind::kText:
      return value;
    case Kind::kAction:
      return base::StrCat("{{", pipe->Shown(), "}}");
    case Kind::kIf:
      return ShownBranch(*this, "if");
    case Kind::kRange:
      return ShownBranch(*this, "range");
    case Kind::kWith:
      return ShownBranch(*this, "with");
    case Kind::kCall:
      return base::StrCat("{{template ", GoQuote(value),
                          pipe == nullptr ? "" : base::StrCat(" ", pipe->Shown()), "}}");
    case Kind::kBreak:
      return "{{break}}";
    case Kind::kContinue:
      return "{{continue}}";
    case Kind::kEnd:
      return "{{end}}";
    case Kind::kElse:
      return "{{else}}";
    case Kind::kPipe:
      return ShownPipe(*this);
    case Kind::kCommand:
      return ShownChildren(*this, " ");
    case Kind::kField:
      return ShownNames(*this, true);
    case Kind::kVariable:
      return ShownNames(*this, false);
    case Kind::kChain: {
      const bool paren = children[0]->kind == Kind::kPipe;
      return base::StrCat(paren ? "(" : "", children[0]->Shown(), paren ? ")" : "",
                          ShownNames(*this, true));
    }
    default:
      return text;
  }
}

std::string TemplateSet::PlaceOf(const TemplateNode& node) const {
  const std::string_view before = std::string_view(text).substr(0, node.place);
  const size_t newline = before.rfind('\n');
  const size_t column =
      newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
  return base::StrCat(name, ":", 1 + std::count(before.begin(), before.end(), '\n'), ":", column);
}

}  // namespace baro::rules
