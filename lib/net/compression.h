// Compression of answers: which encoding the client accepts, and the three we speak.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baro::net {

enum class ContentCoding { kIdentity, kGzip, kZstd, kDeflate };

// The coding that an Accept-Encoding header likes best by its q-values; of equals zstd before gzip
// before deflate. q=0 refuses; a weight that cannot be read counts as 1.
ContentCoding ChooseCoding(std::string_view accept_encoding);

// "gzip", "zstd", "deflate"; empty for identity.
std::string_view CodingName(ContentCoding coding);

// One stream over all pieces, as one piece. Empty when the library fails (out of memory): the
// caller sends the pieces as they are.
std::string Compress(ContentCoding coding, const std::vector<std::string>& pieces);

}  // namespace baro::net
