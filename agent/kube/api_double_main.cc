// A Kubernetes API server and kubelet for tests of programs: serves the objects of a file until its
// standard input ends.
//
// Usage: kubernetes_double FOLDER OBJECTS.jsonl [PODS.json]
//
// Writes ca.crt and token into FOLDER and its URL to standard output. A line of OBJECTS is a
// resource and an object; PODS is what the kubelet's /pods answers.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "agent/kube/resources.h"
#include "baro/kubernetes/testing/api_double.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  baro::kubernetes::testing::ApiDouble api(argv[1]);
  std::ifstream objects(argv[2]);
  for (std::string line; std::getline(objects, line);) {
    const size_t space = line.find(' ');
    const baro::agent::Resource* const resource = baro::agent::FindResource(line.substr(0, space));
    if (resource == nullptr) return 1;
    api.Put(std::string(resource->path), line.substr(space + 1));
  }
  if (argc > 3) {
    std::stringstream pods;
    pods << std::ifstream(argv[3]).rdbuf();
    api.Serve("/pods", pods.str());
  }
  std::cout << api.url() << std::endl;
  while (std::getchar() != EOF) {
  }
  return 0;
}
