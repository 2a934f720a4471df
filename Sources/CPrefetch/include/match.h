#pragma once

#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Buckets of hash tables, looked through without a branch for each entry: which entry it is that a
// key meets is as good as random, and a branch that guesses wrong costs more than the whole bucket.

/// Which of 16 words equal `value` in the bits of `mask`: bit i for word i.
static inline __attribute__((always_inline)) uint32_t beryl_equal16(
    const uint32_t *_Nonnull words, uint32_t mask, uint32_t value) {
#if defined(__SSE2__)
  const __m128i masks = _mm_set1_epi32((int)mask);
  const __m128i values = _mm_set1_epi32((int)value);
  const __m128i *lines = (const __m128i *)words;
  const __m128i a = _mm_cmpeq_epi32(_mm_and_si128(_mm_loadu_si128(lines), masks), values);
  const __m128i b = _mm_cmpeq_epi32(_mm_and_si128(_mm_loadu_si128(lines + 1), masks), values);
  const __m128i c = _mm_cmpeq_epi32(_mm_and_si128(_mm_loadu_si128(lines + 2), masks), values);
  const __m128i d = _mm_cmpeq_epi32(_mm_and_si128(_mm_loadu_si128(lines + 3), masks), values);
  return (uint32_t)_mm_movemask_epi8(
      _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
#else
  uint32_t found = 0;
  for (uint32_t i = 0; i < 16; i++) found |= (uint32_t)((words[i] & mask) == value) << i;
  return found;
#endif
}

/// Which of 8 entries have `mark` in their upper half: bit i for entry i.
static inline __attribute__((always_inline)) uint32_t beryl_marked8(
    const uint64_t *_Nonnull entries, uint32_t mark) {
#if defined(__SSE2__)
  const __m128i marks = _mm_set1_epi32((int)mark);
  const __m128 *lines = (const __m128 *)entries;
  const __m128 a = _mm_loadu_ps((const float *)lines);
  const __m128 b = _mm_loadu_ps((const float *)(lines + 1));
  const __m128 c = _mm_loadu_ps((const float *)(lines + 2));
  const __m128 d = _mm_loadu_ps((const float *)(lines + 3));
  const __m128i low = _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
  const __m128i high = _mm_castps_si128(_mm_shuffle_ps(c, d, _MM_SHUFFLE(3, 1, 3, 1)));
  const __m128i found =
      _mm_packs_epi32(_mm_cmpeq_epi32(low, marks), _mm_cmpeq_epi32(high, marks));
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(found, _mm_setzero_si128()));
#else
  uint32_t found = 0;
  for (uint32_t i = 0; i < 8; i++) found |= (uint32_t)((uint32_t)(entries[i] >> 32) == mark) << i;
  return found;
#endif
}
