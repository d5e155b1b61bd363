// Philox4x32-10 (Salmon et al. 2011), the same as src/base/random.ts.
#pragma once
#include "vec.h"

namespace hone {
namespace HONE_ISA {

/** Replaces the four words of the counter by the four of the draw. */
HONE_INLINE void philox(const uint32_t key[2], uint32_t (&c)[4]) {
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xd2511f53u * c[0], p1 = (uint64_t)0xcd9e8d57u * c[2];
    const uint32_t next0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, next2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[0] = next0;
    c[1] = (uint32_t)p1;
    c[2] = next2;
    c[3] = (uint32_t)p0;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
}

}  // namespace HONE_ISA
}  // namespace hone
