// Four small kernels whose right answers are known without a network: is what the host binds where
// the kernel looks for it, and is the arithmetic the one that was asked for?
#include <metal_stdlib>
using namespace metal;

// Every texel of every slice tells where it lies, so no swapped axis, slice or lane goes unseen.
kernel void selftest_map(texture2d<float, access::read> image [[texture(0)]],
                         texture2d_array<half, access::read> map [[texture(1)]],
                         texture2d_array<half, access::write> out [[texture(2)]],
                         constant float& scale [[buffer(0)]],
                         uint3 gid [[thread_position_in_grid]])
{
    if (gid.x >= out.get_width() || gid.y >= out.get_height() ||
        gid.z >= out.get_array_size()) return;
    const float4 here = float4(map.read(gid.xy, gid.z));
    out.write(half4(here + image.read(gid.xy) * scale), gid.xy, gid.z);
}

// Whole numbers, so that the order of the sum does not matter; threadgroup memory and barriers.
kernel void selftest_sum(const device float* x [[buffer(0)]],
                         device float* sums [[buffer(1)]],
                         constant uint& n [[buffer(2)]],
                         threadgroup float* part [[threadgroup(0)]],
                         uint gid [[thread_position_in_grid]],
                         uint t [[thread_index_in_threadgroup]],
                         uint wide [[threads_per_threadgroup]],
                         uint group [[threadgroup_position_in_grid]])
{
    part[t] = gid < n ? x[gid] : 0.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint step = wide / 2; step > 0; step /= 2) {
        if (t < step) part[t] += part[t + step];
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    if (t == 0) sums[group] = part[0];
}

// 2^23 has no bits for a fraction: x + 2^23 - 2^23 is x rounded. A compiler that may reorder
// sums takes the two constants together and returns x itself; one that assumes that there are no
// NaNs finds that x always equals x.
kernel void selftest_rounding(const device float* x [[buffer(0)]],
                              device float* rounded [[buffer(1)]],
                              device float* is_number [[buffer(2)]],
                              constant uint& n [[buffer(3)]],
                              uint gid [[thread_position_in_grid]])
{
    if (gid >= n) return;
    rounded[gid] = (x[gid] + 8388608.0f) - 8388608.0f;
    is_number[gid] = x[gid] == x[gid] ? 1.0f : 0.0f;
}

kernel void selftest_exp(const device float* x [[buffer(0)]],
                         device float* y [[buffer(1)]],
                         constant uint& n [[buffer(2)]],
                         uint gid [[thread_position_in_grid]])
{
    if (gid >= n) return;
    y[gid] = exp(x[gid]);
}
