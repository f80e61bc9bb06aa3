#include <metal_stdlib>
using namespace metal;

struct Pair { float first, second; };

kernel void read_at(const device half4* from [[buffer(0)]], device half4* to [[buffer(1)]],
                    constant int& at [[buffer(2)]])
{
    to[0] = from[at];
}

kernel void write_at(device float* to [[buffer(4)]], constant int& at [[buffer(2)]],
                     uint i [[thread_position_in_grid]])
{
    if (i == 5) to[at] = 1.0f;
}

kernel void constant_at(constant float* from [[buffer(0)]], device float* to [[buffer(1)]],
                        constant int& at [[buffer(2)]])
{
    constant float* p = from + at;
    to[0] = *p;
}

kernel void pair_second(constant Pair& pair [[buffer(0)]], device float* to [[buffer(1)]])
{
    to[0] = pair.second;
}

kernel void parameter_memory(threadgroup float* memory [[threadgroup(1)]],
                             device float* to [[buffer(0)]], constant int& at [[buffer(1)]])
{
    memory[at] = 1.0f;
    to[0] = memory[0];
}

kernel void variable_memory(device float* to [[buffer(0)]], constant int2& at [[buffer(1)]])
{
    threadgroup float tile[4][5];
    tile[at.x][at.y] = 1.0f;
    to[0] = tile[0][0];
}

kernel void unwritten_memory(device float* to [[buffer(0)]])
{
    threadgroup float never[4];
    to[0] = never[1];
}

kernel void too_much(device float* to [[buffer(0)]])
{
    threadgroup float a[5000];
    threadgroup float b[5000];
    a[0] = 1.0f;
    b[0] = 2.0f;
    to[0] = a[0] + b[0];
}

kernel void some_wait(device float* to [[buffer(0)]], uint i [[thread_index_in_threadgroup]])
{
    if (i < 7) threadgroup_barrier(mem_flags::mem_threadgroup);
    to[i] = 1.0f;
}

kernel void wait_apart(device float* to [[buffer(0)]], uint i [[thread_index_in_threadgroup]])
{
    if (i < 7) {
        threadgroup_barrier(mem_flags::mem_threadgroup);
    } else {
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    to[i] = 1.0f;
}

kernel void one_waits_twice(device float* to [[buffer(0)]], uint i [[thread_index_in_threadgroup]])
{
    for (uint k = 0; k < 1 + uint(i == 3); ++k) threadgroup_barrier(mem_flags::mem_threadgroup);
    to[i] = 1.0f;
}
