// data_plane_options.hpp - a data plane from the options that JavaScript gives.
#pragma once
#include <memory>

#include "plane_holder.hpp"
#include "sandbox/descriptors.hpp"

namespace sledge::binding {

/// Loads the policies, reserves the arena and starts the threads. False with an exception pending.
bool build_plane(Napi::Env env, const Napi::Object &options, PlaneHolder &holder);

/// The options of a `NativePolicySpec`.
std::vector<PolicyOption> policy_options(const Napi::Object &policy);

/// Of an entry of `tenants`.
dataplane::TenantLimits tenant_limits(const Napi::Object &limits);
sledge_tenant_terms tenant_terms(const Napi::Object &limits);

/// The directories of a `NativeFunctionSpec`. Null: it has none, or `error` says why they cannot be
/// opened.
std::shared_ptr<const Preopens> open_preopens(const Napi::Object &spec, std::string &error);

/// A function of `NativeFunctionSpec`, without its preopens.
dataplane::FunctionSpec function_spec(const Napi::Object &spec);
/// Loads its module once, to see that it can be, and keeps what is known of it. False with the
/// reason.
bool check_module(dataplane::FunctionSpec &spec, ModuleLoadError &error);

} // namespace sledge::binding
