// Correct Metal on which the slips of slips.py are made: one kernel over textures, one over buffers.
#include <metal_stdlib>
using namespace metal;

struct Params {
    ushort slices;
    short stride;
    float lowest;
    float highest;
};

constant float mean[3] = {123.68f, 116.78f, 103.94f};

enum class Neuron : ushort { none, relu };

inline float4 clipped(float4 x, constant Params& params) {
    return clamp(x, params.lowest, params.highest);
}

inline float4 clipped(float4 x, float highest) {
    return min(max(x, 0.0f), highest);
}

inline float total(const device float* from, uint count) {
    float sum = 0.0f;
    for (uint i = 0; i < count; ++i) sum += from[i];
    return sum;
}

kernel void tap(texture2d_array<half, access::sample> input [[texture(0)]],
                texture2d_array<half, access::read> other [[texture(1)]],
                texture2d_array<half, access::write> output [[texture(2)]],
                constant Params& params [[buffer(0)]],
                const device half4* weights [[buffer(1)]],
                const device float4* bias [[buffer(2)]],
                ushort3 gid [[thread_position_in_grid]])
{
    if (gid.x >= output.get_width() || gid.y >= output.get_height()) return;
    constexpr sampler zeroOutside(coord::pixel, filter::nearest, address::clamp_to_zero);
    const float2 at = float2(short2(gid.xy) * params.stride) + 0.5f;
    const device half4* w = weights + gid.z * params.slices;
    float4 sum = bias[gid.z];
    for (ushort slice = 0; slice < params.slices; ++slice) {
        const float4 x = float4(input.sample(zeroOutside, at, slice));
        sum += x * float4(w[slice]) - float4(mean[0], mean[1], mean[2], 0.0f);
    }
    sum += float4(other.read(gid.xy, gid.z));
    output.write(half4(clipped(sum, params)), gid.xy, gid.z);
}

kernel void normalised(const device float* from [[buffer(0)]],
                       device float* to [[buffer(1)]],
                       constant uint& count [[buffer(2)]],
                       threadgroup float* scratch [[threadgroup(0)]],
                       uint me [[thread_index_in_threadgroup]],
                       uint2 shape [[threads_per_threadgroup]])
{
    threadgroup float tile[16][17];
    const uint threads = shape.x * shape.y;
    tile[me % 16][0] = me < count ? from[me] : 0.0f;
    scratch[me] = me < count ? exp(from[me]) : 0.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float sum = 0.0f;
    for (uint i = 0; i < min(threads, count); ++i) sum += scratch[i];
    const float mine = simd_sum(float(me < count)) > 0.0f ? tile[me % 16][0] : 0.0f;
    if (me < count) to[me] = exp(mine) / sum + total(from, 0);
}
