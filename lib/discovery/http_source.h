// HttpSource: the target groups that a URL of http_sd_configs answers with.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "baro/discovery/source.h"

namespace baro::discovery {

// One answer. `url` becomes __meta_url. Errors: InvalidArgument, with the place in the body.
absl::StatusOr<std::vector<TargetGroup>> ReadHttpGroups(std::string_view body,
                                                        const std::string& url);

std::unique_ptr<Source> MakeHttpSource(HttpDiscovery discovery, const SourceContext& context);

}  // namespace baro::discovery
