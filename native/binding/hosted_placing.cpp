#include "hosted_placing.hpp"

#include <algorithm>

#include "simulate.hpp"
#include "values.hpp"

namespace sledge::binding {

/// Numbers of a question and of what came of it, as core/src/placement/hosted-placement.ts reads
/// them.
static constexpr size_t asked_numbers = 9;

HostedPlacing::HostedPlacing(const Napi::Object &hosted, size_t table_size)
    : env_(hosted.Env()), hosted_(hosted), place_(hosted.Get("place").As<Napi::Function>()),
      outcome_(hosted.Get("outcome").As<Napi::Function>()),
      asked_(Napi::Float64Array::New(env_, asked_numbers)),
      table_(Napi::Float64Array::New(env_, table_size)) {
  hosted.Get("bind").As<Napi::Function>().Call(hosted, {asked_, table_});
  has_failed("bind");
}

bool HostedPlacing::has_failed(const char *doing) {
  if (env_.IsExceptionPending())
    failure_ = std::string(doing) + " threw: " + env_.GetAndClearPendingException().Message();
  return !failure_.empty();
}

int64_t HostedPlacing::place(const lab::Question &question) {
  if (!failure_.empty())
    return local;
  const Napi::HandleScope scope(env_);
  double *asked = asked_.Data();
  asked[0] = question.node;
  asked[1] = question.type;
  asked[2] = question.hops;
  asked[3] = question.left_ns;
  asked[4] = question.estimate_ns;
  asked[5] = static_cast<double>(question.now_ns);
  asked[6] = question.wait_ns;
  asked[7] = question.in_system;
  asked[8] = question.row;
  const Napi::Value answer = place_.Call(hosted_, std::initializer_list<napi_value>{});
  if (has_failed("place") || !answer.IsNumber())
    return local;
  return answer.As<Napi::Number>().Int64Value();
}

void HostedPlacing::outcome(const lab::Feedback &feedback) {
  if (!failure_.empty())
    return;
  const Napi::HandleScope scope(env_);
  double *asked = asked_.Data();
  asked[0] = feedback.node;
  asked[1] = feedback.peer;
  asked[2] = static_cast<double>(feedback.result);
  asked[3] = feedback.round_trip_ns;
  asked[4] = feedback.inside_ns;
  outcome_.Call(hosted_, std::initializer_list<napi_value>{});
  has_failed("outcome");
}

lab::ClusterSpec cluster_of(const Napi::Object &given, uint32_t node_count) {
  lab::ClusterSpec spec;
  spec.node_count = node_count;
  spec.shares = numbers_of(given, "shares");
  spec.network = distribution_of(given.Get("network").As<Napi::Object>());
  spec.report_ns = whole_of(given, "reportNs");
  spec.notice_ns = whole_of(given, "noticeNs");
  spec.hops_max = uint_of(given, "maxHops");
  const std::vector<double> losses = numbers_of(given, "losses"); // node, from, to
  for (size_t at = 0; at + 2 < losses.size(); at += 3) {
    lab::NodeLoss loss;
    loss.node = static_cast<uint32_t>(std::clamp(losses[at], 0.0, 1e9));
    loss.from_ns = static_cast<uint64_t>(std::max(losses[at + 1], 0.0));
    if (losses[at + 2] >= 0)
      loss.to_ns = static_cast<uint64_t>(losses[at + 2]);
    spec.losses.push_back(loss);
  }
  return spec;
}

static Napi::Object node_result(Napi::Env env, const lab::NodeResult &node) {
  const std::pair<const char *, double> numbers[] = {
      {"arrived", static_cast<double>(node.arrived)},
      {"finished", static_cast<double>(node.finished)},
      {"refused", static_cast<double>(node.refused)},
      {"dropped", static_cast<double>(node.dropped)},
      {"lost", static_cast<double>(node.lost)},
      {"unreached", static_cast<double>(node.unreached)},
      {"withDeadline", static_cast<double>(node.with_deadline)},
      {"missed", static_cast<double>(node.missed)},
      {"forwarded", static_cast<double>(node.forwarded)},
      {"returned", static_cast<double>(node.returned)},
      {"received", static_cast<double>(node.received)},
      {"served", static_cast<double>(node.served)},
      {"wasted", static_cast<double>(node.wasted)},
      {"busyNs", node.busy_ns},
      {"sojournNs", node.sojourn_ns},
  };
  Napi::Object object = Napi::Object::New(env);
  for (const auto &[name, value] : numbers)
    object.Set(name, Napi::Number::New(env, value));
  return object;
}

Napi::Object cluster_result(Napi::Env env, const lab::Cluster &cluster) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array nodes = Napi::Array::New(env);
  for (const lab::NodeResult &node : cluster.nodes())
    nodes.Set(nodes.Length(), node_result(env, node));
  object.Set("nodes", nodes);
  const auto set_count = [&](const char *name, uint64_t count) {
    object.Set(name, Napi::Number::New(env, static_cast<double>(count)));
  };
  set_count("arrived", cluster.measured());
  set_count("decisions", cluster.totals().decisions);
  set_count("badDecisions", cluster.totals().bad_decisions);
  set_count("reports", cluster.totals().reports);
  const std::vector<double> shares = cluster.occupancy();
  Napi::Float64Array occupancy = Napi::Float64Array::New(env, shares.size());
  std::copy(shares.begin(), shares.end(), occupancy.Data());
  object.Set("occupancy", occupancy);
  return object;
}

} // namespace sledge::binding
