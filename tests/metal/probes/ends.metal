#include <metal_stdlib>
using namespace metal;

kernel void large_array(device float* to [[buffer(0)]], uint i [[thread_position_in_grid]])
{
    float a[16500];
    for (uint k = 0; k < 16500; ++k) a[k] = float(k + i);
    threadgroup_barrier(mem_flags::mem_none);
    to[i] = a[16499 - i];
}

// In each x[i] divides: thread 2's is the zero.
kernel void quotient(device int* x [[buffer(0)]], constant int& n [[buffer(1)]],
                     uint i [[thread_position_in_grid]])
{
    x[i] = n / x[i];
}

kernel void remainder_of(device int* x [[buffer(0)]], constant int& n [[buffer(1)]],
                         uint i [[thread_position_in_grid]])
{
    x[i] = int(uint(n) % uint(x[i]));
}

kernel void waiting_quotient(device int* x [[buffer(0)]], constant int& n [[buffer(1)]],
                             uint i [[thread_position_in_grid]])
{
    threadgroup_barrier(mem_flags::mem_none);
    x[i] = n / x[i];
    threadgroup_barrier(mem_flags::mem_none);
}

kernel void vector_quotient(device int* x [[buffer(0)]], constant int& n [[buffer(1)]],
                            uint i [[thread_position_in_grid]])
{
    x[i] = (int4(n) / int4(1, 1, x[i], 1)).z;
}

kernel void vector_remainder(device int* x [[buffer(0)]], constant int& n [[buffer(1)]],
                             uint i [[thread_position_in_grid]])
{
    ushort2 r = ushort2(ushort(n));
    r %= ushort2(1, ushort(x[i]));
    x[i] = int(r.y);
}

kernel void cast_pointer(device float* x [[buffer(0)]], constant int& at [[buffer(1)]])
{
    device float4* v = (device float4*)(x + at);
    v[0] = float4(1.0f);
}

kernel void cast_address(device float* x [[buffer(0)]], constant int& at [[buffer(1)]])
{
    device float4* v = reinterpret_cast<device float4*>(&x[at]);
    *v = float4(1.0f);
}

constant float table[3] = {1, 2, 3};
constant float rows[2][2] = {{4, 5}, {6, 7}}, eight = 8;

float element(constant float* from, int at)
{
    return from[at];
}

kernel void constants(device float* to [[buffer(0)]], constant int* which [[buffer(1)]])
{
    const int at = which[1];
    constant float* p = table;
    switch (which[0]) {
    case 0: to[0] = p[at]; break;
    case 1: to[0] = element(table, at); break;
    case 2: to[0] = element(&table[1], at); break;
    case 3: to[0] = element(rows[1], at); break;
    default: to[0] = element(&eight, at);
    }
}
