// Verifier: reads all there is of a store and tells what is not as it was written.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/tsdb/store_admin.h"
#include "database.h"
#include "dictionary.h"
#include "keys.h"
#include "part.h"

namespace baro::tsdb {

// Thread-compatible; reads beside everything else. Damage goes into the report; the Check functions
// go on behind it.
class Verifier {
 public:
  Verifier(const Database& database, VerifyReport* report) : database_(database), report_(report) {}

  // Every table file: all its blocks against their checksums.
  void CheckFiles();
  // Every record of the index. A dictionary and the parts are filled when they are given.
  void CheckIndex(Dictionary* dictionary, std::vector<std::shared_ptr<const Part>>* parts);
  // Every value of a part is decoded, and held against the part's record.
  void CheckPart(const Part& part, const Dictionary& dictionary);
  void CheckJournal(uint64_t epoch);

  void Add(std::string place, std::string_view what);

 private:
  // What has been found of one target and layout of a part.
  struct Found {
    uint32_t value_blocks = 0;
    uint64_t rows = 0;   // of the value blocks
    uint64_t times = 0;  // of the times
  };
  using FoundByRun = absl::flat_hash_map<uint64_t, Found>;  // target and layout

  absl::Status CheckIndexRecord(std::string_view key, std::string_view value,
                                Dictionary* dictionary,
                                std::vector<std::shared_ptr<const Part>>* parts);
  absl::Status CheckValue(const Part& part, const SlotKey& key, std::string_view value,
                          FoundByRun* found);
  void CheckWhole(const Part& part, const Dictionary& dictionary, const FoundByRun& found);

  const Database& database_;
  VerifyReport* const report_;
};

}  // namespace baro::tsdb
