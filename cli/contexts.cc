#include "contexts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"

namespace baro::cli {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status FileError(const char* verb, const std::string& file) {
  return absl::UnavailableError(
      base::StrCat("cannot ", verb, " ", file, ": ", std::strerror(errno)));
}

}  // namespace

// Found by base::YamlMap.
static absl::Status ReadYaml(const base::YamlNode& node, Context* context) {
  base::YamlMap map(node);
  map.Required("name", &context->name);
  map.Required("server", &context->server);
  map.Optional("alertmanager", &context->alertmanager);
  return map.Finish();
}

const Context* Contexts::Find(const std::string& name) const {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Context& context) { return context.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string ContextsFile() {
  std::string file = Environment("BARO_CONFIG");
  if (!file.empty()) return file;
  std::string folder = Environment("XDG_CONFIG_HOME");
  if (folder.empty()) folder = base::StrCat(Environment("HOME"), "/.config");
  return base::StrCat(folder, "/baro/contexts.yml");
}

absl::StatusOr<Contexts> ReadContexts(const std::string& file) {
  auto root = base::ReadYamlFile(file);
  if (absl::IsNotFound(root.status())) return Contexts();
  BARO_TRY(root.status());
  Contexts contexts;
  base::YamlMap map(*root);
  map.Optional("current", &contexts.current);
  map.Optional("contexts", &contexts.all);
  BARO_TRY(map.Finish());
  return contexts;
}

absl::Status WriteContexts(const Contexts& contexts, const std::string& file) {
  std::string text = base::StrCat("current: ", base::QuotedYaml(contexts.current), "\ncontexts:\n");
  for (const Context& context : contexts.all) {
    base::StrAppend(&text, "  - name: ", base::QuotedYaml(context.name),
                    "\n    server: ", base::QuotedYaml(context.server), "\n");
    if (context.alertmanager.empty()) continue;
    base::StrAppend(&text, "    alertmanager: ", base::QuotedYaml(context.alertmanager), "\n");
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  // Whole or not at all: another baro may read it now.
  const std::string fresh = base::StrCat(file, ".new");
  const int descriptor = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError("write", fresh);
  const ssize_t written = write(descriptor, text.data(), text.size());
  const bool closed = close(descriptor) == 0;
  if (written != static_cast<ssize_t>(text.size()) || !closed) return FileError("write", fresh);
  if (std::rename(fresh.c_str(), file.c_str()) != 0) return FileError("write", file);
  return absl::OkStatus();
}

absl::Status ApplyContext(bool server_given, GlobalOptions* options) {
  if (server_given && options->context.empty()) return absl::OkStatus();
  const std::string file = ContextsFile();
  BARO_TRY_ASSIGN(const Contexts contexts, ReadContexts(file));
  const std::string& name = options->context.empty() ? contexts.current : options->context;
  if (name.empty()) return absl::OkStatus();
  const Context* context = contexts.Find(name);
  if (context == nullptr) {
    return absl::InvalidArgumentError(
        base::StrCat("there is no context \"", name, "\" in ", file, "; baro ctx ls lists them"));
  }
  options->server = context->server;
  if (options->alertmanager.empty()) options->alertmanager = context->alertmanager;
  return absl::OkStatus();
}

}  // namespace baro::cli
