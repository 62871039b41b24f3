// Payloads inside eRPC messages: what is read and written, byte by byte.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "transport/rpc_format.hpp"

namespace sledge::transport {

namespace {

using Bytes = std::vector<uint8_t>;

Bytes bytes(const std::string &text) {
  return {text.begin(), text.end()};
}

std::string text(std::span<const uint8_t> from) {
  return {from.begin(), from.end()};
}

Bytes request(uint16_t header_bytes, uint16_t argc, uint64_t deadline_us,
              const std::string &arguments, const std::string &input) {
  Bytes made = bytes("SLq1");
  const auto put = [&made](uint64_t value, int count) {
    for (int at = 0; at < count; at++) {
      made.push_back(static_cast<uint8_t>(value >> (8 * at)));
    }
  };
  put(header_bytes, 2);
  put(argc, 2);
  put(deadline_us, 8);
  put(arguments.size(), 4);
  put(0, 4);
  made.resize(std::max<size_t>(made.size(), header_bytes));
  made.insert(made.end(), arguments.begin(), arguments.end());
  made.insert(made.end(), input.begin(), input.end());
  return made;
}

std::string answer(RpcFormat format, const RpcEnd &end) {
  rpc::Buffer buffer;
  EXPECT_TRUE(write_answer(format, end, buffer));
  return text(buffer.view());
}

} // namespace

TEST(RpcFormat, ASledgeRequestHasDeadlineArgumentsAndInput) {
  const Bytes message = request(24, 2, 1500, std::string("10\0\0", 4), "body");
  const auto call = parse_call(RpcFormat::sledge, message);
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->deadline_us, 1500u);
  EXPECT_EQ(call->argument_count, 2u);
  EXPECT_EQ(text(call->arguments), std::string("10\0\0", 4));
  EXPECT_EQ(text(call->input), "body");
}

TEST(RpcFormat, ALongerHeaderOfALaterVersionIsSkipped) {
  const Bytes message = request(40, 0, 0, "", "body");
  const auto call = parse_call(RpcFormat::sledge, message);
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(text(call->input), "body");
}

TEST(RpcFormat, WhatIsMalformedIsRefusedAtEveryLength) {
  const Bytes whole = request(24, 1, 0, std::string("10\0", 3), "");
  for (size_t length = 0; length < whole.size(); length++) {
    EXPECT_FALSE(parse_call(RpcFormat::sledge, {whole.data(), length}).has_value()) << length;
  }
  EXPECT_FALSE(parse_call(RpcFormat::sledge, request(24, 2, 0, std::string("10\0", 3), "")));
  EXPECT_FALSE(parse_call(RpcFormat::sledge, request(24, 1, 0, "10", "")));
  EXPECT_FALSE(parse_call(RpcFormat::sledge, request(8, 0, 0, "", "")));
  Bytes other = request(24, 0, 0, "", "");
  other[3] = '2';
  EXPECT_FALSE(parse_call(RpcFormat::sledge, other));
}

TEST(RpcFormat, OtherFormatsTakeTheWholeMessageAsInput) {
  const Bytes message = bytes("SLq1 anything");
  for (const RpcFormat format : {RpcFormat::raw, RpcFormat::sledgescale}) {
    const auto call = parse_call(format, message);
    ASSERT_TRUE(call.has_value());
    EXPECT_EQ(call->input.size(), message.size());
    EXPECT_EQ(call->argument_count, 0u);
  }
}

TEST(RpcFormat, ASledgeAnswerHasStatusTimesAndOutput) {
  const Bytes output = bytes("55");
  RpcEnd end{SLEDGE_OK, 0, 0x0102, 0x0304, 0x0506, -7, output};
  const std::string made = answer(RpcFormat::sledge, end);
  const std::string wanted("SLr1\x30\0\0\0\0\0\0\0\0\0\0\0"
                           "\x02\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0\x06\x05\0\0\0\0\0\0"
                           "\xf9\xff\xff\xff\xff\xff\xff\xff"
                           "55",
                           50);
  EXPECT_EQ(made, wanted);
}

TEST(RpcFormat, AFailureHasItsNumberAndWhatTheFunctionSaidOrElseItsName) {
  RpcEnd end;
  end.error = SLEDGE_ERR_INVOKE_TIME_LIMIT;
  std::string made = answer(RpcFormat::sledge, end);
  EXPECT_EQ(made.substr(response_header_bytes), "SLEDGE_ERR_INVOKE_TIME_LIMIT");
  EXPECT_EQ(made[6], 4); // DEADLINE_EXCEEDED
  const Bytes output = bytes("out of cheese");
  end = {SLEDGE_ERR_INVOKE_EXITED, 3, 0, 0, 0, 0, output};
  made = answer(RpcFormat::sledge, end);
  EXPECT_EQ(made.substr(response_header_bytes), "out of cheese");
  EXPECT_EQ(made[12], 3);
}

TEST(RpcFormat, SledgescaleAnswersAreWhatItsClientsRead) {
  const Bytes output = bytes(std::string("said\0more", 9));
  RpcEnd end{SLEDGE_OK, 0, 0, 1'234'567, 0, 0, output};
  EXPECT_EQ(answer(RpcFormat::sledgescale, end), "0 1234");
  end.error = SLEDGE_ERR_INVOKE_TRAPPED;
  EXPECT_EQ(answer(RpcFormat::sledgescale, end), "1 said");
  end = {};
  end.error = SLEDGE_ERR_INVOKE_NOT_ADMITTED;
  EXPECT_EQ(answer(RpcFormat::sledgescale, end), "1 Work is not admitted");
  end.error = SLEDGE_ERR_RPC_NO_FUNCTION;
  EXPECT_EQ(answer(RpcFormat::sledgescale, end), "1 Did not match any routes");
}

TEST(RpcFormat, RawAnswersAreTheOutputAloneOrNothing) {
  const Bytes output = bytes("55");
  RpcEnd end;
  end.output = output;
  EXPECT_EQ(answer(RpcFormat::raw, end), "55");
  end.error = SLEDGE_ERR_INVOKE_TRAPPED;
  EXPECT_EQ(answer(RpcFormat::raw, end), "");
}

TEST(RpcFormat, AnAnswerLongerThanAMessageIsRefused) {
  const Bytes output(7'903'368);
  RpcEnd end;
  end.output = output;
  rpc::Buffer buffer;
  EXPECT_TRUE(write_answer(RpcFormat::raw, end, buffer));
  EXPECT_FALSE(write_answer(RpcFormat::sledge, end, buffer));
}

TEST(RpcFormat, FormatsAreKnownByName) {
  EXPECT_EQ(format_of("sledge"), RpcFormat::sledge);
  EXPECT_EQ(format_of("sledgescale"), RpcFormat::sledgescale);
  EXPECT_EQ(format_of("raw"), RpcFormat::raw);
  EXPECT_FALSE(format_of("grpc").has_value());
}

} // namespace sledge::transport
