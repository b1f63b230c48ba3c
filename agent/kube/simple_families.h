// The families that are one place of an object, by resource.
#pragma once

#include <span>

#include "object_series.h"

namespace baro::agent {

extern const std::span<const SimpleFamily> kDeploymentSimple;
extern const std::span<const SimpleFamily> kStatefulSetSimple;
extern const std::span<const SimpleFamily> kDaemonSetSimple;
extern const std::span<const SimpleFamily> kReplicaSetSimple;
extern const std::span<const SimpleFamily> kJobSimple;
extern const std::span<const SimpleFamily> kCronJobSimple;
extern const std::span<const SimpleFamily> kHorizontalPodAutoscalerSimple;
extern const std::span<const SimpleFamily> kPersistentVolumeClaimSimple;
extern const std::span<const SimpleFamily> kPersistentVolumeSimple;
extern const std::span<const SimpleFamily> kNamespaceSimple;
extern const std::span<const SimpleFamily> kResourceQuotaSimple;
extern const std::span<const SimpleFamily> kServiceSimple;
extern const std::span<const SimpleFamily> kEndpointSimple;
extern const std::span<const SimpleFamily> kIngressSimple;
extern const std::span<const SimpleFamily> kPodDisruptionBudgetSimple;
extern const std::span<const SimpleFamily> kConfigMapSimple;
extern const std::span<const SimpleFamily> kSecretSimple;
extern const std::span<const SimpleFamily> kNetworkPolicySimple;

}  // namespace baro::agent
