#include "core/policy_loader.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "test_policies.hpp"

namespace sledge::test {
namespace {

const std::string plugins = SLEDGE_PLUGIN_BUILD_DIR;

PolicyInstance load(const std::string &path, sledge_policy_kind kind, PolicyError &error) {
  return load_policy(path, kind, {}, error);
}

TEST(PolicyLoader, LoadsABuiltInPolicyByItsPath) {
  PolicyError error;
  const auto policy = load(plugins + "/sched-fifo/sched-fifo.so", SLEDGE_SCHEDULER, error);
  ASSERT_TRUE(policy) << error.reason;
  EXPECT_EQ(error.code, SLEDGE_OK);
  EXPECT_STREQ(policy.table()->name, "sched-fifo");
}

TEST(PolicyLoader, RefusesAFileThatDoesNotExistWithItsName) {
  PolicyError error;
  EXPECT_FALSE(load("/nowhere/policy.so", SLEDGE_SCHEDULER, error));
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_POLICY_LOAD);
  EXPECT_NE(error.reason.find("/nowhere/policy.so"), std::string::npos);
}

TEST(PolicyLoader, RefusesAFileThatIsNoSharedObject) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("sledge-not-a-policy-" + std::to_string(getpid()) + ".so");
  std::ofstream(path) << "not ELF";
  PolicyError error;
  EXPECT_FALSE(load(path, SLEDGE_SCHEDULER, error));
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_POLICY_LOAD);
  std::filesystem::remove(path);
}

TEST(PolicyLoader, RefusesALibraryWithoutTheSymbol) {
  PolicyError error;
  EXPECT_FALSE(load("libm.so.6", SLEDGE_SCHEDULER, error));
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_POLICY_LOAD);
  EXPECT_NE(error.reason.find("sledge_policy"), std::string::npos);
}

TEST(PolicyLoader, RefusesAPolicyOfTheOtherKind) {
  PolicyError error;
  EXPECT_FALSE(load(plugins + "/sched-fifo/sched-fifo.so", SLEDGE_DISPATCHER, error));
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_POLICY_LOAD);
  EXPECT_EQ(error.reason, "it is not a policy of kind dispatcher");
}

class FlawedTable : public testing::Test {
 protected:
  FlawedTable() : table(*policy.table()) {}
  void expect_refused(const std::string &part_of_reason) {
    PolicyError error;
    EXPECT_FALSE(create_policy(&table, SLEDGE_SCHEDULER, {}, error));
    EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_POLICY_LOAD);
    EXPECT_NE(error.reason.find(part_of_reason), std::string::npos) << error.reason;
  }
  PolicyInstance policy = plugin("sched-fifo", SLEDGE_SCHEDULER);
  sledge_policy_table table;
};

TEST_F(FlawedTable, OfAnotherApiVersionIsRefusedWithBothVersions) {
  table.api_version = 99;
  expect_refused("policy API 99; this is 2, which takes those from 1 on");
}

TEST_F(FlawedTable, OfTheFirstVersionIsTakenAndWhatItCouldNotHaveIsNotCalled) {
  struct FirstOps {
    decltype(sledge_scheduler_ops::rank) rank;
    decltype(sledge_scheduler_ops::preempts) preempts;
    uintptr_t behind[5];
  };
  const FirstOps first{table.scheduler->rank, nullptr, {1, 1, 1, 1, 1}};
  table.api_version = 1;
  table.scheduler = reinterpret_cast<const sledge_scheduler_ops *>(&first);
  PolicyError error;
  auto engine = make_engine(small_config(1), plugin("dispatch-rr", SLEDGE_DISPATCHER),
                            create_policy(&table, SLEDGE_SCHEDULER, {}, error));
  Request *request = arrive(*engine, 0);
  EXPECT_EQ(engine->next(0, 0), request);
  engine->release(engine->finish(0, 10));
}

TEST_F(FlawedTable, OfAnotherSizeIsRefused) {
  table.struct_bytes = 8;
  expect_refused("8 bytes");
}

TEST_F(FlawedTable, WithoutRankIsRefused) {
  const sledge_scheduler_ops empty{};
  table.scheduler = &empty;
  expect_refused("no rank");
}

TEST_F(FlawedTable, WithoutDestroyIsRefused) {
  table.destroy = nullptr;
  expect_refused("destroy");
}

TEST(PolicyLoader, PassesOnWhyAPolicyRefusedItsOptions) {
  const PolicyInstance fifo_plugin = plugin("sched-fifo", SLEDGE_SCHEDULER);
  sledge_policy_table table = *fifo_plugin.table();
  table.create = [](const sledge_policy_config *config, char *error, size_t bytes) -> void * {
    std::snprintf(error, bytes, "%s cannot be %s", config->options[0].name,
                  config->options[0].text);
    return nullptr;
  };
  PolicyConfig config;
  config.options.push_back({"order", 0, "sideways", true});
  PolicyError error;
  EXPECT_FALSE(create_policy(&table, SLEDGE_SCHEDULER, config, error));
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_POLICY_CREATE);
  EXPECT_EQ(error.reason, "order cannot be sideways");
}

TEST(PolicyLoader, AnEngineRefusesPoliciesThatAreNotOfTheirKind) {
  PolicyError error;
  EXPECT_EQ(Engine::make({}, plugin("sched-fifo", SLEDGE_SCHEDULER), {}, error), nullptr);
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_ARGUMENT);
  EXPECT_EQ(error.reason, "the dispatcher is not one");
  EngineConfig none;
  none.worker_count = 0;
  EXPECT_EQ(Engine::make(none, plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                         plugin("sched-fifo", SLEDGE_SCHEDULER), error),
            nullptr);
  EXPECT_NE(error.reason.find("workers"), std::string::npos);
}

} // namespace
} // namespace sledge::test
