// A standard 3x3 convolution: MobileNet's first layer, where 3 channels become 32.
//
// A map of M channels is a texture array of ceil(M / 4) slices, four channels a texel. Channels
// that only fill up the last slice are 0 and stay 0, for their weights and biases are 0.

#include <metal_stdlib>
using namespace metal;

struct Conv3x3Params {
    ushort stride;
    ushort padTop;     // rows of padding above the map; what is below follows from the output's size
    ushort padLeft;
    ushort inSlices;
    float lowest;      // the activation: ReLU6 is 0 .. 6, ReLU 0 .. FLT_MAX, none -FLT_MAX .. FLT_MAX
    float highest;
};

// One thread computes four output channels of one pixel.
//
// weights: for each output slice, tap (row by row), input slice and lane of that slice, the four
// weights from that input channel to the four output channels. So one input number times one
// half4 is a share of all four sums, and each thread reads its weights from front to back.
kernel void conv3x3(texture2d_array<half, access::sample> input [[texture(0)]],
                    texture2d_array<half, access::write> output [[texture(1)]],
                    constant Conv3x3Params& params [[buffer(0)]],
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

    const device half4* w = weights + uint(gid.z) * 9 * params.inSlices * 4;
    float4 sum = bias[gid.z];  // in float: 27 terms added up in half would lose three bits
    for (short tap = 0; tap < 9; ++tap) {
        // The middle of a pixel is half a pixel in. On the edge between two, either may be read.
        const float2 at = float2(corner + int2(tap % 3, tap / 3)) + 0.5f;
        for (ushort slice = 0; slice < params.inSlices; ++slice) {
            const float4 x = float4(input.sample(zeroOutside, at, slice));
            sum += x.x * float4(w[0]);
            sum += x.y * float4(w[1]);
            sum += x.z * float4(w[2]);
            sum += x.w * float4(w[3]);
            w += 4;
        }
    }
    output.write(half4(clamp(sum, params.lowest, params.highest)), gid.xy, gid.z);
}
