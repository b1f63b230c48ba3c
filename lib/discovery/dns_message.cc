#include "dns_message.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::discovery {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kNameBytesMax = 255;
constexpr size_t kNameLabelBytesMax = 63;
constexpr uint16_t kClassInternet = 1;

uint16_t NumberOf(DnsType type) {
  switch (type) {
    case DnsType::kA:
      return 1;
    case DnsType::kNs:
      return 2;
    case DnsType::kMx:
      return 15;
    case DnsType::kAaaa:
      return 28;
    case DnsType::kSrv:
      return 33;
  }
  return 0;
}

void Put16(uint16_t value, std::string* out) {
  out->push_back(static_cast<char>(value >> 8));
  out->push_back(static_cast<char>(value & 0xff));
}

// Reads big-endian numbers and names; every step is checked against the message's end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<uint16_t> Read16() {
    if (at_ + 2 > bytes_.size()) return std::nullopt;
    const auto high = static_cast<unsigned char>(bytes_[at_]);
    const auto low = static_cast<unsigned char>(bytes_[at_ + 1]);
    at_ += 2;
    return static_cast<uint16_t>(high << 8 | low);
  }
  bool Skip(size_t count) {
    if (count > bytes_.size() - at_) return false;
    at_ += count;
    return true;
  }
  std::string_view Rest() const { return bytes_.substr(at_); }
  size_t at() const { return at_; }
  void Seek(size_t at) { at_ = at; }

  // A name, which may go on at an earlier place; each jump goes backwards, so that none repeats.
  std::optional<std::string> ReadName() {
    std::string name;
    std::optional<size_t> after;
    size_t barrier = bytes_.size();
    while (true) {
      if (at_ >= bytes_.size()) return std::nullopt;
      const auto size = static_cast<unsigned char>(bytes_[at_]);
      if ((size & 0xc0) == 0xc0) {
        const auto pointer = Read16();
        if (!pointer) return std::nullopt;
        const size_t to = *pointer & 0x3fff;
        if (to >= barrier || to + 2 > at_) return std::nullopt;
        if (!after) after = at_;
        barrier = at_ = to;
        continue;
      }
      if (size > kNameLabelBytesMax || at_ + 1 + size > bytes_.size()) return std::nullopt;
      name += bytes_.substr(at_ + 1, size);
      at_ += 1 + size;
      if (size == 0) break;
      name += '.';
      if (name.size() > kNameBytesMax) return std::nullopt;
    }
    if (after) at_ = *after;
    if (name.empty()) name = ".";
    return name;
  }

 private:
  const std::string_view bytes_;
  size_t at_ = 0;
};

std::optional<DnsRecord> ReadRecord(DnsType type, size_t size, Reader* reader) {
  DnsRecord record;
  record.type = type;
  const std::string_view data = reader->Rest().substr(0, size);
  if (type == DnsType::kA || type == DnsType::kAaaa) {
    if (data.size() != (type == DnsType::kA ? 4u : 16u)) return std::nullopt;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = type == DnsType::kA ? AF_INET : AF_INET6;
    if (inet_ntop(family, data.data(), text.data(), text.size()) == nullptr) return std::nullopt;
    record.host = text.data();
    return record;
  }
  if (type == DnsType::kMx && !reader->Skip(2)) return std::nullopt;
  if (type == DnsType::kSrv) {
    if (!reader->Skip(4)) return std::nullopt;
    const auto port = reader->Read16();
    if (!port) return std::nullopt;
    record.port = *port;
  }
  auto host = reader->ReadName();
  if (!host) return std::nullopt;
  record.host = *std::move(host);
  return record;
}

absl::Status Damaged(size_t at) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot read DNS answer: it is damaged at byte ", at));
}

absl::Status ReadRecords(uint16_t count, DnsType type, Reader* reader, DnsAnswer* answer) {
  for (uint16_t i = 0; i < count; ++i) {
    const auto owner = reader->ReadName();
    const auto number = reader->Read16();
    const auto klass = reader->Read16();
    if (!owner || !number || !klass || !reader->Skip(4)) return Damaged(reader->at());
    const auto size = reader->Read16();
    const size_t begin = reader->at();
    if (!size || *size > reader->Rest().size()) return Damaged(begin);
    if (*number == NumberOf(type) && *klass == kClassInternet) {
      auto record = ReadRecord(type, *size, reader);
      if (!record) return Damaged(begin);
      answer->records.push_back(*std::move(record));
    }
    reader->Seek(begin + *size);
  }
  std::sort(answer->records.begin(), answer->records.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> WriteDnsQuestion(uint16_t id, std::string_view name, DnsType type) {
  std::string question;
  Put16(id, &question);
  Put16(0x0100, &question);  // recursion desired
  Put16(1, &question);
  question.append(6, '\0');
  std::string_view rest = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
  if (name.empty() || name.size() > kNameBytesMax) {
    return absl::InvalidArgumentError(base::StrCat("cannot look up \"", name, "\": no DNS name"));
  }
  while (!rest.empty()) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    if (label.empty() || label.size() > kNameLabelBytesMax) {
      return absl::InvalidArgumentError(base::StrCat("cannot look up \"", name, "\": no DNS name"));
    }
    question.push_back(static_cast<char>(label.size()));
    question += label;
    rest.remove_prefix(std::min(rest.size(), label.size() + 1));
  }
  question.push_back('\0');
  Put16(NumberOf(type), &question);
  Put16(kClassInternet, &question);
  return question;
}

absl::StatusOr<DnsAnswer> ReadDnsAnswer(std::string_view bytes, uint16_t id, DnsType type) {
  if (bytes.size() < kHeaderBytes) return Damaged(bytes.size());
  Reader reader(bytes);
  const uint16_t its_id = *reader.Read16();
  const uint16_t flags = *reader.Read16();
  const uint16_t questions = *reader.Read16();
  const uint16_t answers = *reader.Read16();
  reader.Seek(kHeaderBytes);
  if (its_id != id || (flags & 0x8000) == 0) {
    return absl::InvalidArgumentError("cannot read DNS answer: it is one to another question");
  }
  DnsAnswer answer;
  answer.truncated = (flags & 0x0200) != 0;
  answer.no_name = (flags & 0xf) == 3;
  if ((flags & 0xf) != 0 && !answer.no_name) {
    return absl::UnavailableError(
        base::StrCat("cannot look up: the DNS server answers with code ", flags & 0xf));
  }
  if (answer.truncated) return answer;
  for (uint16_t i = 0; i < questions; ++i) {
    if (!reader.ReadName() || !reader.Skip(4)) return Damaged(reader.at());
  }
  BARO_TRY(ReadRecords(answers, type, &reader, &answer));
  return answer;
}

ResolverConfig ReadResolverConfig(std::string_view resolv_conf) {
  ResolverConfig config;
  std::istringstream lines{std::string(resolv_conf)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string key;
    std::string word;
    words >> key;
    if (key == "nameserver" && words >> word) config.servers.push_back(word);
    if (key == "search" || key == "domain") {
      config.search.clear();
      while (words >> word) config.search.push_back(word);
    }
    while (key == "options" && words >> word) {
      if (word.starts_with("ndots:")) config.dots_min = std::atoi(word.c_str() + 6);
    }
  }
  if (config.servers.empty()) config.servers.emplace_back("127.0.0.1");
  return config;
}

std::vector<std::string> NamesToTry(const ResolverConfig& config, std::string_view name) {
  if (name.ends_with('.')) return {std::string(name)};
  std::vector<std::string> names;
  for (const std::string& domain : config.search) {
    names.push_back(base::StrCat(name, ".", domain, domain.ends_with('.') ? "" : "."));
  }
  const bool plain_first = std::count(name.begin(), name.end(), '.') >= config.dots_min;
  names.insert(plain_first ? names.begin() : names.end(), base::StrCat(name, "."));
  return names;
}

}  // namespace baro::discovery
