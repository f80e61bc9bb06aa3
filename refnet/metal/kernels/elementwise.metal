// What looks at one pixel and one channel at a time: the residual sum of MobileNet V2's blocks, and
// an activation that stands alone. Activations of convolutions are applied by their own kernels,
// while the sum is still in a register.

#include <metal_stdlib>
using namespace metal;

struct ElementwiseParams {
    float lowest;      // the activation: ReLU6 is 0 .. 6, ReLU 0 .. FLT_MAX, none -FLT_MAX .. FLT_MAX
    float highest;
};

// One thread adds four channels of one pixel. The sum of two halves is formed in float and rounded
// once, which is what an addition in half would give too.
kernel void residual_add(texture2d_array<half, access::read> first [[texture(0)]],
                         texture2d_array<half, access::read> second [[texture(1)]],
                         texture2d_array<half, access::write> output [[texture(2)]],
                         constant ElementwiseParams& params [[buffer(0)]],
                         ushort3 gid [[thread_position_in_grid]])
{
    if (gid.x >= output.get_width() || gid.y >= output.get_height() ||
        gid.z >= output.get_array_size()) return;
    const float4 sum = float4(first.read(gid.xy, gid.z)) + float4(second.read(gid.xy, gid.z));
    output.write(half4(clamp(sum, params.lowest, params.highest)), gid.xy, gid.z);
}

// One thread clips four channels of one pixel; nothing is rounded.
kernel void activation(texture2d_array<half, access::read> input [[texture(0)]],
                       texture2d_array<half, access::write> output [[texture(1)]],
                       constant ElementwiseParams& params [[buffer(0)]],
                       ushort3 gid [[thread_position_in_grid]])
{
    if (gid.x >= output.get_width() || gid.y >= output.get_height() ||
        gid.z >= output.get_array_size()) return;
    const float4 x = float4(input.read(gid.xy, gid.z));
    output.write(half4(clamp(x, params.lowest, params.highest)), gid.xy, gid.z);
}
