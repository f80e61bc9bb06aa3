// A pointwise (1x1) convolution: at every pixel the channels are mixed, by one matrix.
//
// Nearly all of MobileNet's multiplications are here. Twice: as it is most easily read, and with
// four pixels a thread, which reads the matrix a quarter as often. Both add up in the same order,
// so both give the same bits.

#include <metal_stdlib>
using namespace metal;

struct PointwiseParams {
    uint inSlices;     // ceil(M / 4)
    float lowest;      // the activation: ReLU6 is 0 .. 6, ReLU 0 .. FLT_MAX, none -FLT_MAX .. FLT_MAX
    float highest;
};

// One thread computes four output channels of one pixel.
//
// weights: for each output slice, input slice and lane of that slice, the four weights from that
// input channel to the four output channels: a column of a 4x4 block of the matrix. So one input
// number times one half4 is a share of all four sums.
kernel void pointwise(texture2d_array<half, access::read> input [[texture(0)]],
                      texture2d_array<half, access::write> output [[texture(1)]],
                      constant PointwiseParams& params [[buffer(0)]],
                      const device half4* weights [[buffer(1)]],
                      const device float4* bias [[buffer(2)]],
                      ushort3 gid [[thread_position_in_grid]])
{
    // Whole threadgroups are launched, so some threads lie beyond the map.
    if (gid.x >= output.get_width() || gid.y >= output.get_height() ||
        gid.z >= output.get_array_size()) return;

    const device half4* w = weights + gid.z * params.inSlices * 4;
    float4 sum = bias[gid.z];
    for (uint slice = 0; slice < params.inSlices; ++slice) {
        const float4 x = float4(input.read(gid.xy, slice));
        sum += x.x * float4(w[0]);
        sum += x.y * float4(w[1]);
        sum += x.z * float4(w[2]);
        sum += x.w * float4(w[3]);
        w += 4;
    }
    output.write(half4(clamp(sum, params.lowest, params.highest)), gid.xy, gid.z);
}

// One thread computes four output channels of four pixels beside one another: gid.x counts fours.
kernel void pointwise4(texture2d_array<half, access::read> input [[texture(0)]],
                       texture2d_array<half, access::write> output [[texture(1)]],
                       constant PointwiseParams& params [[buffer(0)]],
                       const device half4* weights [[buffer(1)]],
                       const device float4* bias [[buffer(2)]],
                       ushort3 gid [[thread_position_in_grid]])
{
    const ushort width = output.get_width(), first = gid.x * 4;
    if (first >= width || gid.y >= output.get_height() || gid.z >= output.get_array_size()) return;

    // At the end of a row some of the four may lie beyond it. They repeat the last pixel, so that
    // nothing outside is read, and are not written.
    const ushort last = width - 1;
    const ushort2 p0 = ushort2(first, gid.y);
    const ushort2 p1 = ushort2(min(ushort(first + 1), last), gid.y);
    const ushort2 p2 = ushort2(min(ushort(first + 2), last), gid.y);
    const ushort2 p3 = ushort2(min(ushort(first + 3), last), gid.y);

    const device half4* w = weights + gid.z * params.inSlices * 4;
    float4 sum0 = bias[gid.z], sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (uint slice = 0; slice < params.inSlices; ++slice) {
        const float4 wx = float4(w[0]), wy = float4(w[1]), wz = float4(w[2]), ww = float4(w[3]);
        const float4 a = float4(input.read(p0, slice));
        const float4 b = float4(input.read(p1, slice));
        const float4 c = float4(input.read(p2, slice));
        const float4 d = float4(input.read(p3, slice));
        sum0 += a.x * wx;  sum1 += b.x * wx;  sum2 += c.x * wx;  sum3 += d.x * wx;
        sum0 += a.y * wy;  sum1 += b.y * wy;  sum2 += c.y * wy;  sum3 += d.y * wy;
        sum0 += a.z * wz;  sum1 += b.z * wz;  sum2 += c.z * wz;  sum3 += d.z * wz;
        sum0 += a.w * ww;  sum1 += b.w * ww;  sum2 += c.w * ww;  sum3 += d.w * ww;
        w += 4;
    }
    const float low = params.lowest, high = params.highest;
    output.write(half4(clamp(sum0, low, high)), p0, gid.z);
    if (first + 1 < width) output.write(half4(clamp(sum1, low, high)), p1, gid.z);
    if (first + 2 < width) output.write(half4(clamp(sum2, low, high)), p2, gid.z);
    if (first + 3 < width) output.write(half4(clamp(sum3, low, high)), p3, gid.z);
}
