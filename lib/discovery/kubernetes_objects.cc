#include "kubernetes_objects.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"

namespace baro::discovery {
namespace {

using kubernetes::Json;

constexpr std::string_view kMeta = "__meta_kubernetes_";

std::string Name(std::string_view a, std::string_view b = "", std::string_view c = "") {
  return base::StrCat(kMeta, a, b, c);
}

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(base::ToAbsl(text)); }

// As Prometheus makes label names of any text.
std::string Sanitized(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_') c = '_';
  }
  return name;
}

std::string HostPort(std::string_view host, uint32_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return base::StrCat(v6 ? "[" : "", host, v6 ? "]" : "", ":", port);
}

std::optional<uint32_t> PortNumber(const Json& number) {
  const auto value = number.Number();
  if (!value || !(*value >= 0 && *value <= 65'535)) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

// Labels and annotations, each with its "present" twin.
void AddLabelsAndAnnotations(const Json& metadata, std::string_view role, MetaLabels* labels) {
  for (const auto& [field, word] :
       {std::pair("labels", "_label"), std::pair("annotations", "_annotation")}) {
    metadata[field].ForEachField([&](std::string_view key, const Json& value) {
      const std::string name = Sanitized(key);
      (*labels)[base::StrCat(kMeta, role, word, "_", name)] = value.Text();
      (*labels)[base::StrCat(kMeta, role, word, "present_", name)] = "true";
    });
  }
}

void AddMeta(const Json& object, std::string_view role, MetaLabels* labels) {
  (*labels)[Name(role, "_name")] = object["metadata"]["name"].Text();
  AddLabelsAndAnnotations(object["metadata"], role, labels);
}

std::string Key(std::string_view its_namespace, std::string_view name) {
  return base::StrCat(its_namespace, "/", name);
}

Json ControllerOf(const Json& object) {
  for (const Json& owner : object["metadata"]["ownerReferences"].Items()) {
    if (owner["controller"].IsTrue()) return owner;
  }
  return {};
}

std::string ReadyOf(const Json& pod) {
  for (const Json& condition : pod["status"]["conditions"].Items()) {
    if (condition["type"].Text() == "Ready") return Lower(condition["status"].Text());
  }
  return "unknown";
}

void AddContainers(const Json& specs, const Json& statuses, bool init,
                   std::vector<KubeContainer>* containers) {
  const std::vector<Json> known = statuses.Items();
  for (const Json& spec : specs.Items()) {
    KubeContainer& container = containers->emplace_back();
    container.name = spec["name"].Text();
    container.image = spec["image"].Text();
    container.init = init;
    for (const Json& status : known) {
      if (status["name"].Text() == container.name) container.id = status["containerID"].Text();
    }
    for (const Json& port : spec["ports"].Items()) {
      container.ports.push_back({PortNumber(port["containerPort"]),
                                 std::string(port["name"].Text()),
                                 std::string(port["protocol"].Text())});
    }
  }
}

void SetIfThere(const Json& value, std::string name, MetaLabels* labels) {
  if (value.exists()) (*labels)[std::move(name)] = value.Text();
}

void SetIfTold(const Json& value, std::string name, MetaLabels* labels) {
  if (const auto told = value.Bool()) (*labels)[std::move(name)] = *told ? "true" : "false";
}

// "*.example.com" means one more part.
bool MatchesHost(std::string_view pattern, std::string_view host) {
  if (pattern == host) return true;
  if (!pattern.starts_with("*.")) return false;
  const size_t dot = host.find('.');
  return dot != std::string_view::npos && host.substr(dot) == pattern.substr(1);
}

bool HasTls(const Json& ingress, std::string_view host) {
  for (const Json& tls : ingress["spec"]["tls"].Items()) {
    for (const Json& pattern : tls["hosts"].Items()) {
      if (MatchesHost(pattern.Text(), host)) return true;
    }
  }
  return false;
}

KubeEndpoint ReadAddress(const Json& address, const Json& port, bool ready) {
  KubeEndpoint endpoint;
  endpoint.port = {PortNumber(port["port"]), std::string(port["name"].Text()),
                   std::string(port["protocol"].Text())};
  endpoint.address = HostPort(address["ip"].Text(), endpoint.port.number.value_or(0));
  MetaLabels& labels = endpoint.labels;
  labels[Name("endpoint_port_name")] = endpoint.port.name;
  labels[Name("endpoint_port_protocol")] = endpoint.port.protocol;
  labels[Name("endpoint_ready")] = ready ? "true" : "false";
  const Json target = address["targetRef"];
  if (target.exists()) {
    labels[Name("endpoint_address_target_kind")] = target["kind"].Text();
    labels[Name("endpoint_address_target_name")] = target["name"].Text();
  }
  SetIfThere(address["nodeName"], Name("endpoint_node_name"), &labels);
  if (!address["hostname"].Text().empty()) {
    labels[Name("endpoint_hostname")] = address["hostname"].Text();
  }
  if (address["nodeName"].exists()) {
    endpoint.node = address["nodeName"].Text();
  } else if (target["kind"].Text() == "Node") {
    endpoint.node = target["name"].Text();
  }
  if (target["kind"].Text() == "Pod") {
    endpoint.pod = Key(target["namespace"].Text(), target["name"].Text());
  }
  return endpoint;
}

KubeEndpoint ReadSliceEndpoint(std::string_view address, const Json& told, const Json& port) {
  KubeEndpoint endpoint;
  endpoint.port = {PortNumber(port["port"]), std::string(port["name"].Text()),
                   std::string(port["protocol"].Text())};
  endpoint.address =
      endpoint.port.number ? HostPort(address, *endpoint.port.number) : std::string(address);
  MetaLabels& labels = endpoint.labels;
  SetIfThere(port["name"], Name("endpointslice_port_name"), &labels);
  SetIfThere(port["protocol"], Name("endpointslice_port_protocol"), &labels);
  if (endpoint.port.number) {
    labels[Name("endpointslice_port")] = std::to_string(*endpoint.port.number);
  }
  SetIfThere(port["appProtocol"], Name("endpointslice_port_app_protocol"), &labels);
  for (const char* condition : {"ready", "serving", "terminating"}) {
    SetIfTold(told["conditions"][condition], Name("endpointslice_endpoint_conditions_", condition),
              &labels);
  }
  SetIfThere(told["hostname"], Name("endpointslice_endpoint_hostname"), &labels);
  SetIfThere(told["nodeName"], Name("endpointslice_endpoint_node_name"), &labels);
  SetIfThere(told["zone"], Name("endpointslice_endpoint_zone"), &labels);
  const Json target = told["targetRef"];
  if (target.exists()) {
    labels[Name("endpointslice_address_target_kind")] = target["kind"].Text();
    labels[Name("endpointslice_address_target_name")] = target["name"].Text();
  }
  told["deprecatedTopology"].ForEachField([&](std::string_view key, const Json& value) {
    labels[Name("endpointslice_endpoint_topology_", Sanitized(key))] = value.Text();
    labels[Name("endpointslice_endpoint_topology_present_", Sanitized(key))] = "true";
  });
  const bool of_node = target["kind"].Text() == "Node";
  endpoint.node = of_node ? target["name"].Text() : told["nodeName"].Text();
  if (target["kind"].Text() == "Pod") {
    endpoint.pod = Key(target["namespace"].Text(), target["name"].Text());
  }
  return endpoint;
}

}  // namespace

KubePod ReadPod(const Json& object) {
  KubePod pod;
  const Json status = object["status"];
  pod.ip = status["podIP"].Text();
  pod.node_name = object["spec"]["nodeName"].Text();
  pod.its_namespace = object["metadata"]["namespace"].Text();
  MetaLabels& labels = pod.labels;
  labels[Name("pod_ip")] = pod.ip;
  labels[Name("pod_ready")] = ReadyOf(object);
  labels[Name("pod_phase")] = status["phase"].Text();
  labels[Name("pod_node_name")] = pod.node_name;
  labels[Name("pod_host_ip")] = status["hostIP"].Text();
  labels[Name("pod_uid")] = object["metadata"]["uid"].Text();
  AddMeta(object, "pod", &labels);
  const Json controller = ControllerOf(object);
  for (const char* field : {"kind", "name"}) {
    const std::string_view value = controller[field].Text();
    if (!value.empty()) labels[Name("pod_controller_", field)] = value;
  }
  AddContainers(object["spec"]["containers"], status["containerStatuses"], false, &pod.containers);
  AddContainers(object["spec"]["initContainers"], status["initContainerStatuses"], true,
                &pod.containers);
  return pod;
}

KubeObject ReadNode(const Json& object) {
  KubeObject node;
  AddMeta(object, "node", &node.meta);
  node.labels = node.meta;
  node.labels[Name("node_provider_id")] = object["spec"]["providerID"].Text();
  for (const Json& condition : object["status"]["conditions"].Items()) {
    node.labels[Name("node_condition_", Sanitized(Lower(condition["type"].Text())))] =
        Lower(condition["status"].Text());
  }
  std::map<std::string, std::string> addresses;  // the first one of each type
  for (const Json& address : object["status"]["addresses"].Items()) {
    addresses.emplace(address["type"].Text(), address["address"].Text());
  }
  for (const char* type :
       {"InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"}) {
    const auto found = addresses.find(type);
    if (found == addresses.end()) continue;
    const Json port = object["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"];
    TargetGroup target;
    target.targets.push_back(HostPort(found->second, PortNumber(port).value_or(0)));
    target.labels["instance"] = object["metadata"]["name"].Text();
    for (const auto& [its_type, address] : addresses) {
      target.labels[Name("node_address_", Sanitized(its_type))] = address;
    }
    node.targets.push_back(std::move(target));
    break;
  }
  return node;
}

KubeObject ReadService(const Json& object) {
  KubeObject service;
  service.its_namespace = object["metadata"]["namespace"].Text();
  service.meta[Name("namespace")] = service.its_namespace;
  AddMeta(object, "service", &service.meta);
  service.labels = service.meta;
  const Json spec = object["spec"];
  const std::string_view type = spec["type"].Text();
  for (const Json& port : spec["ports"].Items()) {
    TargetGroup target;
    const uint32_t number = PortNumber(port["port"]).value_or(0);
    target.targets.push_back(HostPort(
        base::StrCat(object["metadata"]["name"].Text(), ".", service.its_namespace, ".svc"),
        number));
    target.labels[Name("service_port_name")] = port["name"].Text();
    target.labels[Name("service_port_number")] = std::to_string(number);
    target.labels[Name("service_port_protocol")] = port["protocol"].Text();
    target.labels[Name("service_type")] = type;
    if (type == "ExternalName") {
      target.labels[Name("service_external_name")] = spec["externalName"].Text();
    } else {
      target.labels[Name("service_cluster_ip")] = spec["clusterIP"].Text();
    }
    if (type == "LoadBalancer") {
      target.labels[Name("service_loadbalancer_ip")] = spec["loadBalancerIP"].Text();
    }
    service.targets.push_back(std::move(target));
  }
  const std::string_view policy = spec["ipFamilyPolicy"].Text();
  const std::vector<Json> families = spec["ipFamilies"].Items();
  if (!families.empty() && (policy == "PreferDualStack" || policy == "RequireDualStack")) {
    service.primary_address_type = families.front().Text();
  }
  return service;
}

KubeObject ReadIngress(const Json& object) {
  KubeObject ingress;
  ingress.its_namespace = object["metadata"]["namespace"].Text();
  ingress.labels[Name("namespace")] = ingress.its_namespace;
  SetIfThere(object["spec"]["ingressClassName"], Name("ingress_class_name"), &ingress.labels);
  AddMeta(object, "ingress", &ingress.labels);
  for (const Json& rule : object["spec"]["rules"].Items()) {
    const std::string host(rule["host"].Text());
    std::vector<std::string> paths;
    for (const Json& path : rule["http"]["paths"].Items()) {
      paths.emplace_back(path["path"].Text().empty() ? "/" : path["path"].Text());
    }
    if (!rule["http"].exists()) paths.emplace_back("/");
    for (const std::string& path : paths) {
      TargetGroup target;
      target.targets.push_back(host);
      target.labels[Name("ingress_scheme")] = HasTls(object, host) ? "https" : "http";
      target.labels[Name("ingress_host")] = host;
      target.labels[Name("ingress_path")] = path;
      ingress.targets.push_back(std::move(target));
    }
  }
  return ingress;
}

KubeObject ReadNamespace(const Json& object) {
  KubeObject result;
  AddLabelsAndAnnotations(object["metadata"], "namespace", &result.meta);
  return result;
}

KubeEndpoints ReadEndpoints(const Json& object) {
  KubeEndpoints endpoints;
  endpoints.its_namespace = object["metadata"]["namespace"].Text();
  endpoints.service = Key(endpoints.its_namespace, object["metadata"]["name"].Text());
  endpoints.labels[Name("namespace")] = endpoints.its_namespace;
  AddMeta(object, "endpoints", &endpoints.labels);
  for (const Json& subset : object["subsets"].Items()) {
    for (const Json& port : subset["ports"].Items()) {
      for (const Json& address : subset["addresses"].Items()) {
        endpoints.endpoints.push_back(ReadAddress(address, port, true));
      }
      for (const Json& address : subset["notReadyAddresses"].Items()) {
        endpoints.endpoints.push_back(ReadAddress(address, port, false));
      }
    }
  }
  return endpoints;
}

KubeEndpoints ReadEndpointSlice(const Json& object) {
  KubeEndpoints slice;
  slice.its_namespace = object["metadata"]["namespace"].Text();
  slice.address_type = object["addressType"].Text();
  slice.labels[Name("namespace")] = slice.its_namespace;
  slice.labels[Name("endpointslice_address_type")] = slice.address_type;
  AddMeta(object, "endpointslice", &slice.labels);
  const std::string_view service =
      object["metadata"]["labels"]["kubernetes.io/service-name"].Text();
  if (!service.empty()) slice.service = Key(slice.its_namespace, service);
  for (const Json& told : object["endpoints"].Items()) {
    for (const Json& port : object["ports"].Items()) {
      for (const Json& address : told["addresses"].Items()) {
        slice.endpoints.push_back(ReadSliceEndpoint(address.Text(), told, port));
      }
    }
  }
  return slice;
}

}  // namespace baro::discovery
