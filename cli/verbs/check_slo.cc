// `baro check slo`: every mistake in SLO files, without a collector.

#include "baro/base/strings.h"
#include "baro/slo/slo_file.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

void PrintProblems(const std::vector<std::string>& problems, Session* session) {
  session->failed = true;
  base::StrAppend(&session->out, "  FAILED:\n");
  for (const std::string& problem : problems) base::StrAppend(&session->out, "  ", problem, "\n");
}

std::vector<slo::SloSpec> CheckFile(const std::string& file, Session* session) {
  base::StrAppend(&session->out, "Checking ", file, "\n");
  std::vector<std::string> problems;
  absl::StatusOr<std::vector<slo::SloSpec>> slos = slo::ReadSloFile(file, &problems);
  if (slos.ok()) {
    base::StrAppend(&session->out, "  SUCCESS: ", slos->size(),
                    slos->size() == 1 ? " objective\n" : " objectives\n");
    return *std::move(slos);
  }
  if (problems.empty()) problems.emplace_back(base::FromAbsl(slos.status().message()));
  PrintProblems(problems, session);
  return {};
}

}  // namespace

absl::Status Run(const CheckSloArguments& arguments, Session* session) {
  std::vector<slo::SloSpec> all;
  for (const std::string& file : arguments.files) {
    for (slo::SloSpec& spec : CheckFile(file, session)) all.push_back(std::move(spec));
  }
  // What only all of them together show; after a mistake in one, the rest would be misleading.
  std::vector<std::string> problems;
  if (!session->failed && !slo::CheckSlos(all, &problems).ok()) {
    base::StrAppend(&session->out, "All files together\n");
    PrintProblems(problems, session);
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
