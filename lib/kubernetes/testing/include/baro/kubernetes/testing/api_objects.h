// ApiObjects: what the double of the Kubernetes API knows: objects by resource, the history of
// their changes, and the answers to requests for them. No network here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace baro::kubernetes::testing {

// "/apis/apps/v1/namespaces/shop/deployments/web?watch=true" taken apart.
struct ApiPath {
  std::string collection;  // "/apis/apps/v1/deployments"
  std::string space;       // "shop"; empty: all
  std::string name;        // "web"; empty: the collection
  std::map<std::string, std::string> query;
};
ApiPath ParseApiPath(std::string_view target);

struct ApiAnswer {
  int status = 200;
  std::string body;
};
// The body that a Kubernetes server sends with an error.
std::string StatusJson(int code, std::string_view message);

// Thread-compatible.
class ApiObjects {
 public:
  // Adds or replaces an object, by namespace and name.
  void Put(const std::string& collection, std::string_view object);
  void Delete(const std::string& collection, std::string_view space, std::string_view name);
  // Forgets the history: watches and pages from before get 410.
  void Compact() { oldest_version_ = version_; }

  ApiAnswer List(const ApiPath& path) const;
  ApiAnswer Read(const ApiPath& path) const;
  // POST: 409 when the object is there. PUT: 404 when it is not, 409 when its resourceVersion is
  // not the one of the body.
  ApiAnswer Create(const ApiPath& path, std::string_view object);
  ApiAnswer Replace(const ApiPath& path, std::string_view object);

  // The events behind `*version` as lines of a watch; moves *version on.
  std::string EventsSince(const ApiPath& path, uint64_t* version) const;
  std::string Bookmark() const;
  uint64_t version() const { return version_; }
  uint64_t oldest_version() const { return oldest_version_; }

 private:
  struct Object {
    std::string space;
    std::string name;
    std::string text;  // with its resourceVersion
    uint64_t version = 0;
  };
  struct Event {
    uint64_t version = 0;
    std::string collection;
    std::string type;
    Object object;
  };
  using Collection = std::map<std::string, Object>;  // by space/name

  const Object* Find(const ApiPath& path) const;
  void Change(const std::string& collection, std::string type, Object object);
  static bool Selects(const ApiPath& path, const Object& object);

  uint64_t version_ = 100;
  uint64_t oldest_version_ = 100;
  std::map<std::string, Collection> collections_;
  std::vector<Event> history_;
};

}  // namespace baro::kubernetes::testing
