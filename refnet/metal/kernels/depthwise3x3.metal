// A depthwise 3x3 convolution: one filter a channel, and no channel sees another.
//
// Channels do not mix, so four of them go through one thread as the four lanes of a texel: nine
// reads and nine multiply-adds of four numbers each give four outputs.

#include <metal_stdlib>
using namespace metal;

struct Depthwise3x3Params {
    ushort stride;
    ushort padTop;     // TensorFlow's SAME at stride 2 on an even map has 0 here, PyTorch's pad 1 has 1
    ushort padLeft;
    float lowest;      // the activation: ReLU6 is 0 .. 6, ReLU 0 .. FLT_MAX, none -FLT_MAX .. FLT_MAX
    float highest;
};

// One thread computes four channels of one pixel.
//
// weights: for each tap, row by row, one half4 a slice. Threads of one slice all read the same
// nine, so they come from the cache; what this kernel costs is the reading of its input.
kernel void depthwise3x3(texture2d_array<half, access::sample> input [[texture(0)]],
                         texture2d_array<half, access::write> output [[texture(1)]],
                         constant Depthwise3x3Params& params [[buffer(0)]],
                         const device half4* weights [[buffer(1)]],
                         const device float4* bias [[buffer(2)]],
                         ushort3 gid [[thread_position_in_grid]])
{
    // Whole threadgroups are launched, so some threads lie beyond the map.
    if (gid.x >= output.get_width() || gid.y >= output.get_height() ||
        gid.z >= output.get_array_size()) return;

    // Outside the map this sampler gives 0: that is the padding, and it costs no branch.
    constexpr sampler zeroOutside(coord::pixel, filter::nearest, address::clamp_to_zero);
    const int2 corner = int2(gid.xy) * int(params.stride) - int2(params.padLeft, params.padTop);

    const uint slices = output.get_array_size();
    float4 sum = bias[gid.z];
    for (short tap = 0; tap < 9; ++tap) {
        // The middle of a pixel is half a pixel in. On the edge between two, either may be read.
        const float2 at = float2(corner + int2(tap % 3, tap / 3)) + 0.5f;
        const float4 x = float4(input.sample(zeroOutside, at, gid.z));
        sum += x * float4(weights[tap * slices + gid.z]);
    }
    output.write(half4(clamp(sum, params.lowest, params.highest)), gid.xy, gid.z);
}
