// Scalars: the few type traits needed, and half as a class that rounds every operation.
//
// The traits are written out so that no C++ library is needed: building one takes ziglang half a
// minute. <cmath> is left out because its names (exp, floor, ...) would clash with metal's own.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace metal {

using uchar = ::uint8_t;
using ushort = ::uint16_t;
using uint = ::uint32_t;
using ulong = ::uint64_t;
using ::size_t;

namespace cpu {

template <bool B, class T = void> struct enable {};
template <class T> struct enable<true, T> { using type = T; };
template <bool B, class T = void> using enable_t = typename enable<B, T>::type;
template <bool B, class T, class F> struct choose { using type = T; };
template <class T, class F> struct choose<false, T, F> { using type = F; };
template <class T> struct same_type { using type = T; };
template <class T> using exactly = typename same_type<T>::type;  // not deduced: converts as given
template <class A, class B> inline constexpr bool is_same = false;
template <class A> inline constexpr bool is_same<A, A> = true;
template <class T> struct unconst { using type = T; };
template <class T> struct unconst<const T> { using type = T; };

template <class T, class... Ts> inline constexpr bool is_one_of = (is_same<T, Ts> || ...);
template <class T>
inline constexpr bool is_integer =
    is_one_of<T, bool, char, signed char, unsigned char, short, unsigned short, int, unsigned, long,
              unsigned long, long long, unsigned long long>;
template <class T> inline constexpr bool is_number = is_integer<T> || is_one_of<T, float, double>;

#if defined(__has_builtin) && defined(__F16C__) && !defined(REFNET_HALF_BY_HAND)
#if __has_builtin(__builtin_ia32_vcvtph2ps) && __has_builtin(__builtin_ia32_vcvtps2ph)
#define REFNET_HALF_BY_F16C  // x86's instructions for four at a time; newer clangs hide their names
#endif
#endif

typedef float four_floats __attribute__((vector_size(16)));
#if defined(REFNET_HALF_BY_F16C)
typedef short eight_shorts __attribute__((vector_size(16)));
typedef long long two_longs __attribute__((vector_size(16)));
inline ushort to_half(float x) {
    return ushort(eight_shorts(__builtin_ia32_vcvtps2ph(four_floats{x, 0, 0, 0}, 0))[0]);
}
inline float from_half(ushort h) {
    return __builtin_ia32_vcvtph2ps(eight_shorts{short(h), 0, 0, 0, 0, 0, 0, 0})[0];
}
inline constexpr bool four_at_once = true;
inline void widen(const void* halves, void* floats) {
    long long four;
    __builtin_memcpy(&four, halves, 8);
    const four_floats x = __builtin_ia32_vcvtph2ps((eight_shorts)two_longs{four, 0});
    __builtin_memcpy(floats, &x, 16);
}
inline void narrow(const void* floats, void* halves) {
    four_floats x;
    __builtin_memcpy(&x, floats, 16);
    const eight_shorts h = (eight_shorts)__builtin_ia32_vcvtps2ph(x, 0);
    __builtin_memcpy(halves, &h, 8);
}
#elif defined(__FLT16_MANT_DIG__) && !defined(REFNET_HALF_BY_HAND)
inline ushort to_half(float x) {
    const _Float16 rounded = static_cast<_Float16>(x);
    ushort h;
    __builtin_memcpy(&h, &rounded, 2);
    return h;
}
inline float from_half(ushort h) {
    _Float16 x;
    __builtin_memcpy(&x, &h, 2);
    return static_cast<float>(x);
}
#if defined(__clang__)
#define REFNET_HALF_VECTORS
inline constexpr bool four_at_once = true;
typedef _Float16 four_halves __attribute__((vector_size(8)));
inline void widen(const void* halves, void* floats) {
    four_halves h;
    __builtin_memcpy(&h, halves, 8);
    const four_floats x = __builtin_convertvector(h, four_floats);
    __builtin_memcpy(floats, &x, 16);
}
inline void narrow(const void* floats, void* halves) {
    four_floats x;
    __builtin_memcpy(&x, floats, 16);
    const four_halves h = __builtin_convertvector(x, four_halves);
    __builtin_memcpy(halves, &h, 8);
}
#endif
#else  // binary16 from the bits, rounding to nearest, ties to even
inline ushort to_half(float x) {
    uint u;
    __builtin_memcpy(&u, &x, 4);
    const uint sign = u >> 16 & 0x8000, size = u & 0x7fffffff;
    if (size > 0x7f800000) return ushort(sign | 0x7e00);   // not a number
    if (size >= 0x477ff000) return ushort(sign | 0x7c00);  // 65520 and more: infinity
    if (size < 0x38800000) {  // below 2^-14: adding 1/2 leaves multiples of 2^-24, rounded
        float sum;
        __builtin_memcpy(&sum, &size, 4);
        sum += 0.5f;
        __builtin_memcpy(&u, &sum, 4);
        return ushort(sign | (u - 0x3f000000));
    }
    return ushort(sign | ((size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13));
}
inline float from_half(ushort h) {
    const uint sign = uint(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    const float subnormal = float(fraction) * 0x1p-24f;
    uint u;
    __builtin_memcpy(&u, &subnormal, 4);
    if (exponent) u = (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | fraction << 13;
    u |= sign;
    float x;
    __builtin_memcpy(&x, &u, 4);
    return x;
}
#endif
#if !defined(REFNET_HALF_BY_F16C) && !defined(REFNET_HALF_VECTORS)
inline constexpr bool four_at_once = false;
inline void widen(const void*, void*) {}
inline void narrow(const void*, void*) {}
#endif

}  // namespace cpu

// Operations go through float: its 24 bits are more than 2 * 11 + 2, so that rounding the float
// result of + - * / or sqrt is rounding the exact one (Figueroa, "When is double rounding
// innocuous?", 1995).
struct half {
    ushort bits;
    half() = default;
    template <class T, class = cpu::enable_t<cpu::is_number<T>>>
    half(T x) : bits(cpu::to_half(static_cast<float>(x))) {}
    operator float() const { return cpu::from_half(bits); }
    half& operator+=(float b) { return *this = half(float(*this) + b); }
    half& operator-=(float b) { return *this = half(float(*this) - b); }
    half& operator*=(float b) { return *this = half(float(*this) * b); }
    half& operator/=(float b) { return *this = half(float(*this) / b); }
};
static_assert(sizeof(half) == 2, "half is two bytes");

// half with half or a whole number is half; half with float is float.
namespace cpu {
template <class T> inline constexpr bool is_scalar = is_number<T> || is_same<T, half>;
template <class U> using with_half = typename choose<is_integer<U>, half, U>::type;
}  // namespace cpu
#define REFNET_HALF_OPERATOR(op)                                                                \
    inline half operator op(half a, half b) { return half(float(a) op float(b)); }              \
    template <class U, class = cpu::enable_t<cpu::is_number<U>>>                                \
    inline cpu::with_half<U> operator op(half a, U b) {                                         \
        return cpu::with_half<U>(float(a) op float(cpu::with_half<U>(b)));                      \
    }                                                                                           \
    template <class U, class = cpu::enable_t<cpu::is_number<U>>>                                \
    inline cpu::with_half<U> operator op(U a, half b) {                                         \
        return cpu::with_half<U>(float(cpu::with_half<U>(a)) op float(b));                      \
    }
REFNET_HALF_OPERATOR(+)
REFNET_HALF_OPERATOR(-)
REFNET_HALF_OPERATOR(*)
REFNET_HALF_OPERATOR(/)
#undef REFNET_HALF_OPERATOR
inline half operator-(half a) {
    half r;
    r.bits = ushort(a.bits ^ 0x8000);
    return r;
}

}  // namespace metal
