// submit.hpp - the one hot call from JavaScript: raw Node-API, no objects.
#pragma once
#include <memory>

#include "plane_holder.hpp"

namespace sledge::binding {

/// The `submit` of one data plane, bound to it.
Napi::Value make_submit(Napi::Env env, const std::shared_ptr<PlaneHolder> &holder);

} // namespace sledge::binding
