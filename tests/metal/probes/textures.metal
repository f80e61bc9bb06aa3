#include <metal_stdlib>
using namespace metal;

kernel void copy(texture2d_array<half, access::read> from [[texture(0)]],
                 texture2d_array<half, access::write> to [[texture(1)]],
                 ushort3 gid [[thread_position_in_grid]])
{
    if (gid.x >= to.get_width() || gid.y >= to.get_height() || gid.z >= to.get_array_size()) return;
    to.write(from.read(gid.xy, gid.z), gid.xy, gid.z);
}

kernel void copy_floats(texture2d<float, access::read> from [[texture(0)]],
                        texture2d<float, access::write> to [[texture(1)]],
                        uint2 gid [[thread_position_in_grid]])
{
    if (gid.x >= to.get_width() || gid.y >= to.get_height()) return;
    to.write(from.read(gid), gid);
}

// The output is the input with `margin` more pixels on every side, as the address mode makes them.
kernel void zero(texture2d_array<float, access::sample> from [[texture(0)]],
                 texture2d_array<float, access::write> to [[texture(1)]],
                 constant int& margin [[buffer(0)]], uint3 gid [[thread_position_in_grid]])
{
    if (gid.x >= to.get_width() || gid.y >= to.get_height()) return;
    constexpr sampler s(coord::pixel, filter::nearest, address::clamp_to_zero);
    const float2 at = float2(int2(gid.xy) - margin) + 0.5f;
    to.write(from.sample(s, at, gid.z), gid.xy, gid.z);
}

kernel void edge(texture2d_array<float, access::sample> from [[texture(0)]],
                 texture2d_array<float, access::write> to [[texture(1)]],
                 constant int& margin [[buffer(0)]], uint3 gid [[thread_position_in_grid]])
{
    if (gid.x >= to.get_width() || gid.y >= to.get_height()) return;
    constexpr sampler s(coord::pixel, filter::nearest, address::clamp_to_edge);
    const float2 at = float2(int2(gid.xy) - margin) + 0.5f;
    to.write(from.sample(s, at, gid.z), gid.xy, gid.z);
}

kernel void wrap(texture2d_array<float, access::sample> from [[texture(0)]],
                 texture2d_array<float, access::write> to [[texture(1)]],
                 constant int& margin [[buffer(0)]], uint3 gid [[thread_position_in_grid]])
{
    if (gid.x >= to.get_width() || gid.y >= to.get_height()) return;
    constexpr sampler s(coord::normalized, filter::nearest, address::repeat);
    const float2 size = float2(from.get_width(), from.get_height());
    const float2 at = float2(int2(gid.xy) - margin) + 0.5f;
    to.write(from.sample(s, at / size, gid.z), gid.xy, gid.z);
}

kernel void symmetric(texture2d_array<float, access::sample> from [[texture(0)]],
                      texture2d_array<float, access::write> to [[texture(1)]],
                      constant int& margin [[buffer(0)]], uint3 gid [[thread_position_in_grid]])
{
    if (gid.x >= to.get_width() || gid.y >= to.get_height()) return;
    constexpr sampler s(coord::normalized, filter::nearest, address::mirrored_repeat);
    const float2 size = float2(from.get_width(), from.get_height());
    const float2 at = float2(int2(gid.xy) - margin) + 0.5f;
    to.write(from.sample(s, at / size, gid.z), gid.xy, gid.z);
}

// One sample wherever the host says, with each sampler that does not run.
kernel void sample_at(texture2d<half, access::sample> from [[texture(0)]],
                      device half4* to [[buffer(0)]], constant float2& at [[buffer(1)]])
{
    constexpr sampler s(coord::pixel, filter::nearest, address::clamp_to_zero);
    to[0] = from.sample(s, at);
}

kernel void sample_linear(texture2d<half, access::sample> from [[texture(0)]],
                          device half4* to [[buffer(0)]])
{
    constexpr sampler s(coord::pixel, filter::linear, address::clamp_to_zero);
    to[0] = from.sample(s, float2(1.0f, 1.0f));
}

kernel void sample_repeat(texture2d<half, access::sample> from [[texture(0)]],
                          device half4* to [[buffer(0)]])
{
    constexpr sampler s(coord::pixel, address::repeat);
    to[0] = from.sample(s, float2(0.5f, 0.5f));
}

kernel void read_at(texture2d_array<half, access::read> from [[texture(3)]],
                    device half4* to [[buffer(0)]], constant uint3& at [[buffer(1)]])
{
    to[0] = from.read(at.xy, at.z);
}

kernel void write_at(texture2d_array<half, access::write> to [[texture(1)]],
                     constant uint3& at [[buffer(1)]])
{
    to.write(half4(1.0h), at.xy, at.z);
}
