// What the host could bind wrongly and a network's kernels would not show: bindings declared in
// another order than their indices, one buffer read and written, a texture sampled beyond its edge.
#include <metal_stdlib>
#include "mac_probe.h"
using namespace metal;

kernel void probe_shift(constant Shift& shift [[buffer(3)]],
                        const device half4* bias [[buffer(0)]],
                        device float* counts [[buffer(1)]],
                        texture2d_array<half, access::write> out [[texture(0)]],
                        texture2d_array<half, access::sample> in [[texture(2)]],
                        uint3 gid [[thread_position_in_grid]])
{
    if (gid.x >= out.get_width() || gid.y >= out.get_height() ||
        gid.z >= out.get_array_size()) return;
    constexpr sampler s(coord::pixel, filter::nearest, address::clamp_to_zero);
    const float2 at = float2(gid.xy) + float2(shift.right, shift.down) + 0.5f;
    const half4 v = in.sample(s, at, gid.z);
    out.write(half4(float4(v) + float4(bias[gid.z])), gid.xy, gid.z);
    const uint texel = (gid.z * out.get_height() + gid.y) * out.get_width() + gid.x;
    counts[texel] = counts[texel] + 1.0f;
}

// y[i] = x[n - 1 - i] within each threadgroup, through two pieces of threadgroup memory.
kernel void probe_reverse(const device float* x [[buffer(1)]],
                          device float* y [[buffer(0)]],
                          threadgroup float* ahead [[threadgroup(1)]],
                          threadgroup float* back [[threadgroup(0)]],
                          uint gid [[thread_position_in_grid]],
                          uint t [[thread_index_in_threadgroup]],
                          uint wide [[threads_per_threadgroup]])
{
    ahead[t] = x[gid];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    back[t] = ahead[wide - 1 - t];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[gid] = back[t];
}

kernel void probe_picture(texture2d<float, access::read> picture [[texture(0)]],
                          texture2d_array<float, access::write> out [[texture(1)]],
                          uint2 gid [[thread_position_in_grid]])
{
    if (gid.x >= out.get_width() || gid.y >= out.get_height()) return;
    out.write(picture.read(gid) * 255.0f, gid, 0);
}
