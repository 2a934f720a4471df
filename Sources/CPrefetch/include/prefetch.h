#pragma once

#include "match.h"

/// Asks the processor to fetch the cache line at `address` for writing; Swift has no intrinsic for it.
static inline __attribute__((always_inline)) void beryl_prefetch(const void *_Nonnull address) {
  __builtin_prefetch(address, 1, 3);
}
