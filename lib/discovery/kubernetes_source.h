// KubernetesSource: the targets that a cluster's objects are, kept up to date by watches.
#pragma once

#include <memory>

#include "baro/discovery/source.h"

namespace baro::discovery {

std::unique_ptr<Source> MakeKubernetesSource(KubernetesDiscovery discovery,
                                             const SourceContext& context);

}  // namespace baro::discovery
