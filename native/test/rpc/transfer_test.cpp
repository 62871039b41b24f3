#include "sim.hpp"
