// Whatever bytes come as a URL, form body or address: decoded or refused, and an encoded text comes
// back as it was.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "baro/base/check.h"
#include "baro/net/form.h"
#include "baro/net/http_router.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace baro::net;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto form = DecodeForm(text);
  if (form.ok()) BARO_CHECK_LE(form->size(), kFormPairsMax);
  const auto back = DecodePercent(EncodePercent(text), true);
  BARO_CHECK(back.ok() && *back == text);
  static const HttpRouter* const router = [] {
    auto* made = new HttpRouter;
    const auto answer = [](const ServerRequest&) { return ServerResponse(); };
    made->Handle({"GET"}, "/api/v1/label/{name}/values", HttpLane::kInline, answer);
    made->Handle({"GET"}, "/files/{rest...}", HttpLane::kInline, answer);
    return made;
  }();
  (void)router->Find("GET", text);
  (void)ParseHostPort(text);
  (void)DecodeMultipart("multipart/form-data; boundary=b", text);
  (void)DecodeMultipart(text, text);
  return 0;
}
