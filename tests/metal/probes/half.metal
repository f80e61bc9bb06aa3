#include <metal_stdlib>
using namespace metal;

// Every operation of half by itself: what a chain of them would round away stays in sight.
kernel void operations(const device half* a [[buffer(0)]], const device half* b [[buffer(1)]],
                       device half4* made [[buffer(2)]], device half4* changed [[buffer(3)]],
                       constant uint& n [[buffer(4)]], uint i [[thread_position_in_grid]])
{
    if (i >= n) return;
    made[i] = half4(a[i] + b[i], a[i] - b[i], a[i] * b[i], a[i] / b[i]);
    half p = a[i], q = a[i], r = a[i], s = a[i];
    p += b[i]; q -= b[i]; r *= b[i]; s /= b[i];
    changed[i] = half4(p, q, r, s);
}

kernel void rounded(const device float* x [[buffer(0)]], device half* one [[buffer(1)]],
                    device half4* four [[buffer(2)]], constant uint& n [[buffer(3)]],
                    uint i [[thread_position_in_grid]])
{
    if (i >= n) return;
    one[i] = half(x[i]);
    four[i] = half4(float4(x[i], -x[i], x[i], x[i]));
}

kernel void widened(const device half4* x [[buffer(0)]], device float4* y [[buffer(1)]],
                    device float* first [[buffer(2)]], uint i [[thread_position_in_grid]])
{
    y[i] = float4(x[i]);
    first[i] = float(x[i].x);
}

// half with a whole number is half, with a float it is float; each vector lane as a scalar.
kernel void mixed(const device half* x [[buffer(0)]], device float4* y [[buffer(1)]],
                  device half4* z [[buffer(2)]], uint i [[thread_position_in_grid]])
{
    const half h = x[i];
    y[i] = float4(h * 3, h * 3.0f, h * 0.1h, h * 0.1);
    z[i] = half4(h) * half4(3.0h, 0.1h, 7.0h, -1.0h) + half4(h, h, 0.0h, -0.0h);
}
