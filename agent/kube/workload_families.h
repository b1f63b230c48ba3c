// What takes more than one place of an object, by resource.
#pragma once

#include "baro/kubernetes/json.h"
#include "object_series.h"

namespace baro::agent {

void AddDeployment(const kubernetes::Json& object, ObjectSeries* series);
void AddStatefulSet(const kubernetes::Json& object, ObjectSeries* series);
void AddReplicaSet(const kubernetes::Json& object, ObjectSeries* series);
void AddJob(const kubernetes::Json& object, ObjectSeries* series);
void AddCronJob(const kubernetes::Json& object, ObjectSeries* series);
void AddAutoscaler(const kubernetes::Json& object, ObjectSeries* series);
void AddVolumeClaim(const kubernetes::Json& object, ObjectSeries* series);
void AddVolume(const kubernetes::Json& object, ObjectSeries* series);
void AddNamespace(const kubernetes::Json& object, ObjectSeries* series);
void AddQuota(const kubernetes::Json& object, ObjectSeries* series);
void AddService(const kubernetes::Json& object, ObjectSeries* series);
void AddEndpoints(const kubernetes::Json& object, ObjectSeries* series);
void AddIngress(const kubernetes::Json& object, ObjectSeries* series);
void AddSecret(const kubernetes::Json& object, ObjectSeries* series);

}  // namespace baro::agent
