#include "name_filter.h"

#include "baro/base/strings.h"

namespace baro::agent {

absl::StatusOr<NameFilter> NameFilter::Make(std::string_view expression) {
  if (expression.empty()) return NameFilter(nullptr);
  auto compiled = std::make_unique<re2::RE2>(re2::StringPiece(expression.data(), expression.size()),
                                             re2::RE2::Quiet);
  if (!compiled->ok()) {
    return absl::InvalidArgumentError(base::StrCat(
        "cannot read \"", expression, "\" as a regular expression: ", compiled->error()));
  }
  return NameFilter(std::move(compiled));
}

bool NameFilter::Matches(std::string_view name) {
  if (expression_ == nullptr) return false;
  key_.assign(name);
  const auto found = answers_.find(key_);
  if (found != answers_.end()) return found->second;
  if (answers_.size() >= kAnswersMax) answers_.clear();
  const bool matches =
      re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *expression_);
  answers_.emplace(key_, matches);
  return matches;
}

}  // namespace baro::agent
