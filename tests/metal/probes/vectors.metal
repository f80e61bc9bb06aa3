#include <metal_stdlib>
using namespace metal;

constant float table[3] = {0.5, 1.5, 2.5};   // literals without a suffix are float

struct Params { ushort2 size; short stride; float4 scale; };

kernel void swizzles(const device float4* x [[buffer(0)]], device float4* y [[buffer(1)]])
{
    const float4 v = x[0];
    y[0] = v.wzyx;
    y[1] = float4(v.bgr, v.a);
    y[2] = v.xxyy + v.zwzw;
    float4 m = v;
    m.xy = m.yx;
    m.zw += float2(10.0f, 20.0f);
    y[3] = m;
    m.wx = v.xy * 2.0f;
    y[4] = m;
    y[5] = float4(v.x, v.yz, v.w) - 1.0f;
    y[6] = float4(dot(v.xyz, v.zyx), max(v.xy, v.yx), length(float2(3.0f, 4.0f)));
    y[7] = -v.wxyz;
    m = v;
    m.wzyx = m;
    y[8] = m;
}

kernel void integers(device int4* y [[buffer(0)]], constant Params& params [[buffer(1)]],
                     ushort2 gid [[thread_position_in_grid]])
{
    if (gid.x > 0 || gid.y > 0) return;
    const short2 at = short2(gid) * params.stride - short2(params.size);
    y[0] = int4(at.x, at.y, params.size.x, sizeof(Params));
    y[1] = int4(7, -7, 9, 10) / int4(2, 2, 3, 4);
    y[2] = int4(7, 6, 5, 4) % 3;
    y[3] = (int4(1, 2, 3, 4) << 2) | int4(1);
    const uchar4 wrapped = uchar4(250, 251, 252, 253) + uchar4(10);
    y[4] = int4(wrapped);
    y[5] = int4(select(int4(1), int4(2), int4(1, 5, 3, 7) > int4(2)));
}

kernel void functions(const device float* x [[buffer(0)]], device float4* y [[buffer(1)]],
                      device half4* h [[buffer(2)]], uint i [[thread_position_in_grid]])
{
    const float v = x[i];
    y[3 * i] = float4(max(v, 0.0f), min(v, 0.0f), clamp(v, 0.0f, 6.0f), abs(v));
    y[3 * i + 1] = float4(floor(v), ceil(v), trunc(v), rint(v));
    y[3 * i + 2] = clamp(float4(v) + float4(table[0], table[1], table[2], 0), -1.0f, 1.0f);
    h[i] = half4(sqrt(half(abs(v))), max(half(v), 0.0h), floor(half(v)), -half(v));
}

kernel void pointers(const device half* x [[buffer(0)]], device half* y [[buffer(1)]])
{
    const device half* p = x + 1;
    device half* q = y;
    *q++ = *p;
    *q++ = p[1];
    p += 2;
    *q++ = *p--;
    *q++ = p[0] + half(p - x);
    const device half4* four = (const device half4*)x;
    *q++ = four[1].y;
    const device half* back = reinterpret_cast<const device half*>(four + 1);
    *q++ = *(back - 1);
    device half* last = &y[7];
    last[-1] = 42.0h;
    *last = 43.0h;
}
