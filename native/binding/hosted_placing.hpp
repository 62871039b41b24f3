// hosted_placing.hpp - the placements of a simulated cluster, which are JavaScript.
#pragma once
#include <napi.h>

#include <span>
#include <string>

#include "lab/cluster.hpp"

namespace sledge::binding {

/// A HostedPlacement of core/src/placement/hosted-placement.ts, on the thread that made it.
class HostedPlacing final : public lab::Placing {
 public:
  /// `table_size`: numbers of the memory that both see.
  HostedPlacing(const Napi::Object &hosted, size_t table_size);
  int64_t place(const lab::Question &question) override;
  void outcome(const lab::Feedback &feedback) override;

  std::span<double> table() { return {table_.Data(), table_.ElementLength()}; }
  /// Empty, or what one threw. After that all are run where they came.
  const std::string &failure() const { return failure_; }

 private:
  bool has_failed(const char *doing);

  Napi::Env env_;
  Napi::Object hosted_;
  Napi::Function place_;
  Napi::Function outcome_;
  Napi::Float64Array asked_;
  Napi::Float64Array table_;
  std::string failure_;
};

/// `cluster` of a NativeSimulation.
lab::ClusterSpec cluster_of(const Napi::Object &given, uint32_t node_count);
/// A NativeClusterResult.
Napi::Object cluster_result(Napi::Env env, const lab::Cluster &cluster);

} // namespace sledge::binding
