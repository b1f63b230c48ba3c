// TlsIdentity: a self-signed certificate for 127.0.0.1 and its key, for servers of tests.
#pragma once

#include <string>

namespace baro::kubernetes::testing {

struct TlsIdentity {
  std::string cert;  // PEM; also the authority that clients need
  std::string key;   // PEM
};

TlsIdentity MakeTlsIdentity();

}  // namespace baro::kubernetes::testing
