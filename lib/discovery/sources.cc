#include <utility>

#include "baro/discovery/file_watch.h"
#include "baro/discovery/source.h"
#include "dns_source.h"
#include "http_source.h"
#include "kubernetes_source.h"

namespace baro::discovery {
namespace {

class FileSource final : public Source {
 public:
  explicit FileSource(FileDiscovery discovery) : watch_(std::move(discovery)) {}

  bool Poll(int64_t now_ms) override { return watch_.Poll(now_ms); }
  std::vector<TargetGroup> groups() const override { return watch_.groups(); }
  uint64_t errors() const override { return watch_.errors(); }
  std::vector<std::pair<std::string, std::string>> Broken() const override {
    return watch_.BrokenFiles();
  }

 private:
  FileWatch watch_;
};

}  // namespace

std::vector<std::unique_ptr<Source>> MakeSources(const DiscoveryConfigs& configs,
                                                 const SourceContext& context) {
  std::vector<std::unique_ptr<Source>> sources;
  for (const FileDiscovery& discovery : configs.file) {
    sources.push_back(std::make_unique<FileSource>(discovery));
  }
  for (const HttpDiscovery& discovery : configs.http) {
    sources.push_back(MakeHttpSource(discovery, context));
  }
  for (const DnsDiscovery& discovery : configs.dns) {
    sources.push_back(MakeDnsSource(discovery, context));
  }
  for (const KubernetesDiscovery& discovery : configs.kubernetes) {
    sources.push_back(MakeKubernetesSource(discovery, context));
  }
  return sources;
}

}  // namespace baro::discovery
