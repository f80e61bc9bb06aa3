// From the last map to probabilities: the mean of each channel, a fully connected layer, softmax.
//
// What flows here is a vector of a thousand numbers, not a map, so it lies in buffers and in
// float: it costs nothing, and keeps logits apart that are equal in half.

#include <metal_stdlib>
using namespace metal;

// One thread adds up the whole map of four channels. With 7 x 7 pixels that is soon done, and
// there are as many threads as slices: 256 in MobileNet V1.
kernel void global_average_pool(texture2d_array<half, access::read> input [[texture(0)]],
                                device float4* means [[buffer(0)]],
                                uint gid [[thread_position_in_grid]])
{
    if (gid >= input.get_array_size()) return;
    const uint width = input.get_width(), height = input.get_height();
    float4 sum = float4(0.0f);
    for (uint y = 0; y < height; ++y)
        for (uint x = 0; x < width; ++x)
            sum += float4(input.read(uint2(x, y), gid));
    means[gid] = sum / float(width * height);
}

struct FullyConnectedParams {
    uint inSlices;     // ceil(M / 4)
    uint outputs;      // N
};

// One thread computes one output.
//
// weights: for each four inputs the half4 of output 0, of output 1, and so on: at each step of the
// loop threads beside one another read what lies beside one another.
kernel void fully_connected(const device float4* input [[buffer(0)]],
                            device float* output [[buffer(1)]],
                            constant FullyConnectedParams& params [[buffer(2)]],
                            const device half4* weights [[buffer(3)]],
                            const device float* bias [[buffer(4)]],
                            uint gid [[thread_position_in_grid]])
{
    if (gid >= params.outputs) return;
    float sum = bias[gid];
    for (uint slice = 0; slice < params.inSlices; ++slice)
        sum += dot(input[slice], float4(weights[slice * params.outputs + gid]));
    output[gid] = sum;
}

struct SoftmaxParams {
    uint count;
};

// exp(x - max) / sum of these, by one threadgroup of any shape.
//
// Each thread goes through every `threads`-th number, then all of them halve what is left, in
// scratch, until one is. A barrier stands wherever one thread reads what another has written, and
// before it is written again. All threads must reach it, so none returns early.
kernel void softmax(const device float* input [[buffer(0)]],
                    device float* output [[buffer(1)]],
                    constant SoftmaxParams& params [[buffer(2)]],
                    threadgroup float* scratch [[threadgroup(0)]],
                    uint me [[thread_index_in_threadgroup]],
                    uint3 shape [[threads_per_threadgroup]])
{
    const uint threads = shape.x * shape.y * shape.z, count = params.count;

    float largest = -FLT_MAX;
    for (uint i = me; i < count; i += threads) largest = max(largest, input[i]);
    scratch[me] = largest;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint left = threads; left > 1; left = (left + 1) / 2) {
        const uint other = me + (left + 1) / 2;
        if (other < left) scratch[me] = max(scratch[me], scratch[other]);
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    largest = scratch[0];
    threadgroup_barrier(mem_flags::mem_threadgroup);

    // exp of x - largest is at most 1: no sum can overflow.
    float sum = 0.0f;
    for (uint i = me; i < count; i += threads) sum += exp(input[i] - largest);
    scratch[me] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint left = threads; left > 1; left = (left + 1) / 2) {
        const uint other = me + (left + 1) / 2;
        if (other < left) scratch[me] += scratch[other];
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    sum = scratch[0];
    for (uint i = me; i < count; i += threads) output[i] = exp(input[i] - largest) / sum;
}
