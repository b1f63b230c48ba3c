// Compression of answers: which encoding the client accepts, and the two we speak.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baro::net {

enum class ContentCoding { kIdentity, kGzip, kZstd };

// The best coding that an Accept-Encoding header allows; zstd before gzip; q=0 refuses.
ContentCoding ChooseCoding(std::string_view accept_encoding);

// "gzip", "zstd"; empty for identity.
std::string_view CodingName(ContentCoding coding);

// One stream over all pieces, as one piece. Empty when the library fails (out of memory): the
// caller sends the pieces as they are.
std::string Compress(ContentCoding coding, const std::vector<std::string>& pieces);

}  // namespace baro::net
