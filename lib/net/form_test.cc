// Forms and addresses are read as Go's net/url reads them.

#include "baro/net/form.h"

#include "gtest/gtest.h"

namespace baro::net {
namespace {

TEST(Form, DecodesFormsInOrder) {
  const auto form = DecodeForm("match[]=up&match%5B%5D=a+b%2Bc&empty=&alone&&x=%E2%82%AC");
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_EQ(*form, (FormPairs{{"match[]", "up"},
                              {"match[]", "a b+c"},
                              {"empty", ""},
                              {"alone", ""},
                              {"x", "\xE2\x82\xAC"}}));
}

TEST(Form, NamesTheBadEscapeAndItsPlace) {
  EXPECT_EQ(DecodePercent("ab%zzc", false).status().message(),
            "invalid URL escape \"%zz\" at byte 2");
  EXPECT_EQ(DecodePercent("ab%4", false).status().message(), "invalid URL escape \"%4\" at byte 2");
  EXPECT_FALSE(DecodeForm("a=%").ok());
}

TEST(Form, RefusesSemicolonsAndFloods) {
  EXPECT_EQ(DecodeForm("a=1;b=2").status().message(), "invalid semicolon separator in query");
  std::string flood;
  for (size_t i = 0; i <= kFormPairsMax; ++i) flood += "a&";
  EXPECT_FALSE(DecodeForm(flood).ok());
}

TEST(Form, KeepsThePlusOutsideForms) { EXPECT_EQ(*DecodePercent("a+b%20c", false), "a+b c"); }

TEST(Form, EncodesWhatDecodesBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(*DecodePercent(EncodePercent(all), true), all);
  EXPECT_EQ(EncodePercent("a b/é"), "a%20b%2F%C3%A9");
}

TEST(Form, ReadsMultipartForms) {
  const std::string type = "multipart/form-data; boundary=\"b\"";
  const std::string field = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n";
  const std::string file =
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nbytes\r\n";
  const auto form = DecodeMultipart(type, field + "a+b\r\n" + file + field + "\r\n--b--\r\n");
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_EQ(*form, (FormPairs{{"query", "a+b"}, {"query", ""}}));
  const std::string whole = field + "a\r\n--b--";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(DecodeMultipart(type, whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeMultipart("multipart/form-data", whole).ok());
}

TEST(Form, SplitsAddresses) {
  EXPECT_EQ(ParseHostPort("127.0.0.1:9490")->port, 9490);
  EXPECT_EQ(ParseHostPort("[::1]:80")->host, "::1");
  EXPECT_EQ(ParseHostPort(":0")->host, "");
  for (const char* bad : {"localhost", "a:b", "a:65536", "::1:80", "a:", "a:-1"}) {
    EXPECT_FALSE(ParseHostPort(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace baro::net
