#include "recorder.hpp"
#include "rpc/capture.hpp"

namespace sledge::rpc::test {
namespace {

std::string capture_path(const char *name) {
  return std::string(SLEDGE_RPC_CAPTURES) + "/" + name;
}

TEST(Capture, EveryFrameOfAnExchangeIsDescribed) {
  std::string error;
  const auto frames = read_pcap(capture_path("erpc-exchange.pcap"), error);
  ASSERT_TRUE(frames.has_value()) << error;
  ASSERT_EQ(frames->size(), 16u);
  EXPECT_EQ(describe_frame((*frames)[2].bytes),
            "1.2.77.10:10006 > 1.1.77.10:10000 REQ  type=3 size=16 session=0 packet=0 request=8 "
            "data=16");
  EXPECT_EQ(describe_frame((*frames)[10].bytes),
            "1.2.77.10:10006 > 1.1.77.10:10000 RFR  type=1 size=0 session=0 packet=3 request=16 "
            "data=8");
  const std::string connect = describe_frame((*frames)[0].bytes);
  EXPECT_NE(connect.find("SM ConnectReq NoError token=34fcdb3693f78f90"), std::string::npos);
  EXPECT_NE(connect.find("client 10.77.0.2:31850 rpc=0 session=0"), std::string::npos);
  EXPECT_NE(connect.find("server 10.77.0.1:31850 rpc=0 session=none"), std::string::npos);
  EXPECT_EQ((*frames)[0].time_ns, 0u);
  EXPECT_EQ((*frames)[1].time_ns / 1000, 13491u);
}

TEST(Capture, OtherFilesAreRefusedAndCutOnesGiveWhatTheyHold) {
  std::string error;
  EXPECT_FALSE(read_pcap("/nonexistent.pcap", error).has_value());
  EXPECT_FALSE(parse_pcap(std::vector<uint8_t>(10), error).has_value());
  EXPECT_FALSE(parse_pcap(std::vector<uint8_t>(100), error).has_value());
  std::vector<uint8_t> file = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
                               0,    0,    0,    0,    0, 4, 0, 0, 1, 0, 0, 0};
  EXPECT_EQ(parse_pcap(file, error)->size(), 0u);
  file.resize(file.size() + 16);
  file[24 + 8] = 4;
  file.insert(file.end(), {1, 2, 3});
  EXPECT_EQ(parse_pcap(file, error)->size(), 0u);
  file.push_back(4);
  ASSERT_EQ(parse_pcap(file, error)->size(), 1u);
  EXPECT_EQ(parse_pcap(file, error)->front().bytes, (std::vector<uint8_t>{1, 2, 3, 4}));
  EXPECT_EQ(describe_frame(file), "");
}

} // namespace
} // namespace sledge::rpc::test
