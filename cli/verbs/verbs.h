// The verbs: each asks the collector and leaves its answer in the session. One file per verb.
//
// Errors of all: those of Client; InvalidArgument for arguments that cannot be read.
#pragma once

#include "absl/status/status.h"
#include "command_line.h"
#include "session.h"

namespace baro::cli {

absl::Status Run(const QueryArguments& arguments, Session* session);
absl::Status Run(const RangeArguments& arguments, Session* session);
absl::Status Run(const LabelsArguments& arguments, Session* session);
absl::Status Run(const SeriesArguments& arguments, Session* session);
absl::Status Run(const MetricsArguments& arguments, Session* session);
absl::Status Run(const ExplainArguments& arguments, Session* session);
absl::Status Run(const DiffArguments& arguments, Session* session);
absl::Status Run(const TopQueriesArguments& arguments, Session* session);
absl::Status Run(const TargetsArguments& arguments, Session* session);
absl::Status Run(const AgentsArguments& arguments, Session* session);
absl::Status Run(const StatusArguments& arguments, Session* session);
// tsdb.cc
absl::Status Run(const TsdbDeleteArguments& arguments, Session* session);
absl::Status Run(const TsdbCleanArguments& arguments, Session* session);
absl::Status Run(const TsdbCompactArguments& arguments, Session* session);
absl::Status Run(const TsdbSnapshotArguments& arguments, Session* session);
absl::Status Run(const TsdbBackupArguments& arguments, Session* session);
absl::Status Run(const TsdbRestoreArguments& arguments, Session* session);
absl::Status Run(const TsdbVerifyArguments& arguments, Session* session);
absl::Status Run(const TsdbCardinalityArguments& arguments, Session* session);
absl::Status Run(const TsdbStatusArguments& arguments, Session* session);
absl::Status Run(const TsdbExportBlocksArguments& arguments, Session* session);
absl::Status Run(const TsdbExportOpenMetricsArguments& arguments, Session* session);
absl::Status Run(const TsdbImportBlocksArguments& arguments, Session* session);
absl::Status Run(const TsdbImportOpenMetricsArguments& arguments, Session* session);
// rules.cc
absl::Status Run(const CheckRulesArguments& arguments, Session* session);
absl::Status Run(const TestRulesArguments& arguments, Session* session);
absl::Status Run(const CompletionArguments& arguments, Session* session);
absl::Status Run(const CompleteArguments& arguments, Session* session);
absl::Status Run(const VersionArguments& arguments, Session* session);
absl::Status Run(const RulesArguments& arguments, Session* session);
absl::Status Run(const RulesBacktestArguments& arguments, Session* session);
absl::Status Run(const RulesBackfillArguments& arguments, Session* session);
absl::Status Run(const TopArguments& arguments, Session* session);
absl::Status Run(const AlertsArguments& arguments, Session* session);
absl::Status Run(const AlertExplainArguments& arguments, Session* session);
absl::Status Run(const AckArguments& arguments, Session* session);
absl::Status Run(const SilenceAddArguments& arguments, Session* session);
absl::Status Run(const SilenceListArguments& arguments, Session* session);
absl::Status Run(const SilenceExpireArguments& arguments, Session* session);
absl::Status Run(const ContextArguments& arguments, Session* session);
// slo.cc, slo_past.cc, slo_change.cc
absl::Status Run(const SloListArguments& arguments, Session* session);
absl::Status Run(const SloGetArguments& arguments, Session* session);
absl::Status Run(const SloExplainArguments& arguments, Session* session);
absl::Status Run(const SloForecastArguments& arguments, Session* session);
absl::Status Run(const SloBacktestArguments& arguments, Session* session);
absl::Status Run(const SloExcludeArguments& arguments, Session* session);
absl::Status Run(const SloGateArguments& arguments, Session* session);
// notify.cc
absl::Status Run(const NotifyTestArguments& arguments, Session* session);
absl::Status Run(const NotifyStatusArguments& arguments, Session* session);
absl::Status Run(const AlertHistoryArguments& arguments, Session* session);

}  // namespace baro::cli
