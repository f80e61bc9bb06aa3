// What threads of a group do together: barriers, reductions over a SIMD group, atomics.
#pragma once
namespace metal {
enum class mem_flags { mem_none, mem_device, mem_threadgroup, mem_texture };
void threadgroup_barrier(mem_flags);
void simdgroup_barrier(mem_flags);

#define METAL_SIMD(T)                                                                  \
  T simd_sum(T); T simd_product(T); T simd_max(T); T simd_min(T);                      \
  T simd_prefix_inclusive_sum(T); T simd_prefix_exclusive_sum(T);                      \
  T simd_broadcast(T, ushort); T simd_broadcast_first(T); T simd_shuffle(T, ushort);   \
  T simd_shuffle_xor(T, ushort); T simd_shuffle_up(T, ushort); T simd_shuffle_down(T, ushort);
METAL_SIMD(half) METAL_SIMD(half2) METAL_SIMD(half4)
METAL_SIMD(float) METAL_SIMD(float2) METAL_SIMD(float4)
METAL_SIMD(int) METAL_SIMD(uint) METAL_SIMD(short) METAL_SIMD(ushort)
#undef METAL_SIMD
bool simd_all(bool);
bool simd_any(bool);
bool simd_is_first();

enum memory_order { memory_order_relaxed };
struct atomic_int { int held; };
struct atomic_uint { uint held; };
#define METAL_ATOMIC(A, T, SPACE)                                                      \
  T atomic_load_explicit(const volatile SPACE A *, memory_order);                      \
  void atomic_store_explicit(volatile SPACE A *, T, memory_order);                     \
  T atomic_fetch_add_explicit(volatile SPACE A *, T, memory_order);                    \
  T atomic_fetch_max_explicit(volatile SPACE A *, T, memory_order);                    \
  T atomic_fetch_min_explicit(volatile SPACE A *, T, memory_order);
METAL_ATOMIC(atomic_int, int, __global) METAL_ATOMIC(atomic_int, int, __local)
METAL_ATOMIC(atomic_uint, uint, __global) METAL_ATOMIC(atomic_uint, uint, __local)
#undef METAL_ATOMIC
}
