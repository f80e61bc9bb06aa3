#include <metal_stdlib>
using namespace metal;

constant uint SIDE = 8;

// Every built-in that a kernel may ask for, by every thread.
kernel void positions(device uint* to [[buffer(0)]],
                      uint3 grid [[thread_position_in_grid]], uint3 total [[threads_per_grid]],
                      uint3 here [[thread_position_in_threadgroup]],
                      uint3 group [[threadgroup_position_in_grid]],
                      uint3 size [[threads_per_threadgroup]],
                      uint3 groups [[threadgroups_per_grid]],
                      uint index [[thread_index_in_threadgroup]],
                      uint lane [[thread_index_in_simdgroup]],
                      uint simd [[simdgroup_index_in_threadgroup]],
                      uint simds [[simdgroups_per_threadgroup]])
{
    device uint* mine = to + ((grid.z * total.y + grid.y) * total.x + grid.x) * 22;
    mine[0] = grid.x;  mine[1] = grid.y;  mine[2] = grid.z;
    mine[3] = total.x; mine[4] = total.y; mine[5] = total.z;
    mine[6] = here.x;  mine[7] = here.y;  mine[8] = here.z;
    mine[9] = group.x; mine[10] = group.y; mine[11] = group.z;
    mine[12] = size.x; mine[13] = size.y; mine[14] = size.z;
    mine[15] = groups.x; mine[16] = groups.y; mine[17] = groups.z;
    mine[18] = index; mine[19] = lane; mine[20] = simd; mine[21] = simds;
}

kernel void reverse(device float* x [[buffer(0)]], threadgroup float* copy [[threadgroup(0)]],
                    uint i [[thread_index_in_threadgroup]], uint n [[threads_per_threadgroup]])
{
    copy[i] = x[i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    x[i] = copy[n - 1 - i];
}

kernel void transpose(const device half* x [[buffer(0)]], device half* y [[buffer(1)]],
                      uint2 here [[thread_position_in_threadgroup]],
                      uint2 group [[threadgroup_position_in_grid]],
                      uint2 groups [[threadgroups_per_grid]])
{
    threadgroup half tile[SIDE][SIDE + 1], /* two at once */ corner;
    const uint width = groups.x * SIDE, height = groups.y * SIDE;
    tile[here.y][here.x] = x[(group.y * SIDE + here.y) * width + group.x * SIDE + here.x];
    if (here.x == 0 && here.y == 0) corner = 0.0h;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[(group.x * SIDE + here.y) * height + group.y * SIDE + here.x] = tile[here.x][here.y] + corner;
}

// Lacks its barrier: a thread reads what a later one, in some order, has not yet written.
kernel void no_barrier(device float* x [[buffer(0)]], uint i [[thread_index_in_threadgroup]])
{
    threadgroup float copy[64];
    copy[i] = x[i];
    if (i > 0) x[i] = copy[i - 1];
}

kernel void lanes(const device int* x [[buffer(0)]], device int* y [[buffer(1)]],
                  uint i [[thread_index_in_threadgroup]], uint n [[threads_per_threadgroup]],
                  uint lane [[thread_index_in_simdgroup]])
{
    const int v = x[i];
    y[i] = simd_sum(v);
    y[n + i] = simd_max(v);
    y[2 * n + i] = simd_min(v);
    y[3 * n + i] = simd_shuffle_xor(v, ushort(5));
    y[4 * n + i] = simd_broadcast(v, ushort(3));
    y[5 * n + i] = lane < 31 ? simd_shuffle_down(v, ushort(1)) : -1;
    int odd = 0;
    if (lane % 2 == 1) odd = simd_sum(v);     // only the lanes that are here take part
    else odd = -simd_sum(v);
    y[6 * n + i] = odd;
    int sum = 0;
    for (uint k = 0; k < 3; ++k) sum += simd_sum(int(k) * v + int(lane));
    y[7 * n + i] = sum;
}

// Two steps of a reduction, each by SIMD-groups, with threadgroup memory between them.
kernel void total(const device float4* x [[buffer(0)]], device float4* sum [[buffer(1)]],
                  uint i [[thread_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                  uint simd [[simdgroup_index_in_threadgroup]],
                  uint simds [[simdgroups_per_threadgroup]])
{
    threadgroup float4 part[32];
    float4 v = simd_sum(x[i]);
    if (lane == 0) part[simd] = v;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (simd == 0) {
        v = simd_sum(lane < simds ? part[lane] : float4(0.0f));
        if (lane == 0) sum[0] = v;
    }
}

static void fill(threadgroup float* row, uint n, float value)
{
    for (uint k = 0; k < n; ++k) row[k] = value + float(k);
}

// Threadgroup memory by pointers: a row of a variable, and an element's address.
kernel void by_pointers(device float* y [[buffer(0)]], constant int& beyond [[buffer(1)]])
{
    threadgroup float tile[3][4];
    fill(tile[1], 4, 10.0f);
    fill(&tile[2][0], 4, 20.0f);
    threadgroup float* row = tile[1];
    y[0] = row[3];
    y[1] = *(&tile[2][1]);
    y[2] = row[beyond];
}
