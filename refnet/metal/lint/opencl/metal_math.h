// Functions on numbers. Overloads, not templates: which calls are ambiguous is part of the check.
#pragma once
namespace metal {
#define METAL_EACH_FLOATING(M) M(half) M(half2) M(half3) M(half4) M(float) M(float2) M(float3) M(float4)
#define METAL_EACH_SIZE(M, T) M(T) M(T##2) M(T##3) M(T##4)
#define METAL_EACH_WHOLE(M)                                                            \
  METAL_EACH_SIZE(M, char) METAL_EACH_SIZE(M, uchar) METAL_EACH_SIZE(M, short)         \
  METAL_EACH_SIZE(M, ushort) METAL_EACH_SIZE(M, int) METAL_EACH_SIZE(M, uint)          \
  METAL_EACH_SIZE(M, long) METAL_EACH_SIZE(M, ulong)

#define METAL_FLOATING(T)                                                              \
  T acos(T); T asin(T); T atan(T); T atan2(T, T); T ceil(T); T cos(T); T cosh(T);      \
  T exp(T); T exp2(T); T exp10(T); T fabs(T); T abs(T); T floor(T); T fma(T, T, T);    \
  T fmax(T, T); T fmin(T, T); T fmod(T, T); T fract(T); T log(T); T log2(T);           \
  T log10(T); T max(T, T); T min(T, T); T clamp(T, T, T); T mix(T, T, T);              \
  T pow(T, T); T powr(T, T); T rint(T); T round(T); T rsqrt(T); T saturate(T);         \
  T sign(T); T sin(T); T sinh(T); T sqrt(T); T step(T, T); T smoothstep(T, T, T);      \
  T tan(T); T tanh(T); T trunc(T); T copysign(T, T);
METAL_EACH_FLOATING(METAL_FLOATING)
#undef METAL_FLOATING

#define METAL_WHOLE(T)                                                                 \
  T abs(T); T max(T, T); T min(T, T); T clamp(T, T, T); T popcount(T); T clz(T);       \
  T ctz(T); T mulhi(T, T); T rotate(T, T); T madhi(T, T, T);
METAL_EACH_WHOLE(METAL_WHOLE)
#undef METAL_WHOLE

#define METAL_GEOMETRIC(T, V)                                                          \
  T dot(V, V); T length(V); T length_squared(V); T distance(V, V); V normalize(V);
METAL_GEOMETRIC(half, half2) METAL_GEOMETRIC(half, half3) METAL_GEOMETRIC(half, half4)
METAL_GEOMETRIC(float, float2) METAL_GEOMETRIC(float, float3) METAL_GEOMETRIC(float, float4)
#undef METAL_GEOMETRIC

bool isnan(half); bool isnan(float); bool isinf(half); bool isinf(float);
bool isfinite(half); bool isfinite(float);
template <class V> bool any(V); template <class V> bool all(V);
half select(half, half, bool); float select(float, float, bool);
int select(int, int, bool); uint select(uint, uint, bool);
template <class V, class W> V select(V, V, W);

#define METAL_MATRICES(T)                                                              \
  struct T##2x2 { T##2 columns[2]; }; struct T##3x3 { T##3 columns[3]; };              \
  struct T##4x4 { T##4 columns[4]; __private T##4 &operator[](int); };                 \
  T##4 operator*(T##4x4, T##4); T##4 operator*(T##4, T##4x4);
METAL_MATRICES(half) METAL_MATRICES(float)
#undef METAL_MATRICES

template <class T> struct numeric_limits;
template <> struct numeric_limits<float> { static constexpr float max() { return 0; } static constexpr float lowest() { return 0; } static constexpr float min() { return 0; } static constexpr float infinity() { return 0; } static constexpr float epsilon() { return 0; } };
template <> struct numeric_limits<half> { static constexpr half max() { return 0; } static constexpr half lowest() { return 0; } static constexpr half min() { return 0; } static constexpr half infinity() { return 0; } static constexpr half epsilon() { return 0; } };
// metal::precise and metal::fast hold the same functions, computed another way.
namespace precise { using namespace metal; }
namespace fast { using namespace metal; }
}
