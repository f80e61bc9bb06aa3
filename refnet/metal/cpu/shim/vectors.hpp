// Vectors of two, three and four lanes, with Metal's sizes, constructors and swizzles.
#pragma once
#include "half.hpp"

namespace metal {

template <class T, int N> struct vec;

namespace cpu {

// v.zyx: a view of lanes I... of the N lanes it shares its storage with.
template <class T, int N, int... I> struct swizzle {
    T lane[N];
    using V = vec<T, sizeof...(I)>;
    operator V() const { return V{lane[I]...}; }
    swizzle& operator=(const V& from) {
        const V copy = from;  // v.xy = v.yx reads before it writes
        int k = 0;
        ((lane[I] = copy.e[k++]), ...);
        return *this;
    }
    swizzle& operator=(const swizzle& from) { return *this = V(from); }
    template <class B> swizzle& operator+=(const B& b) { return *this = V(*this) + V(b); }
    template <class B> swizzle& operator-=(const B& b) { return *this = V(*this) - V(b); }
    template <class B> swizzle& operator*=(const B& b) { return *this = V(*this) * V(b); }
    template <class B> swizzle& operator/=(const B& b) { return *this = V(*this) / V(b); }
};

// A swizzle as the vector it stands for; anything else as it is.
template <class T> const T& plain(const T& x) { return x; }
template <class T, int N, int... I> vec<T, sizeof...(I)> plain(const swizzle<T, N, I...>& s) {
    return s;
}
template <class T> inline constexpr bool is_swizzle = false;
template <class T, int N, int... I> inline constexpr bool is_swizzle<swizzle<T, N, I...>> = true;

// Four floats or integers add as one instruction when the compiler sees a vector type.
template <class T, int N> struct simd_storage {
    static constexpr bool native = false;
    using type = T;
};
#define REFNET_NATIVE(T, N)                                     \
    template <> struct simd_storage<T, N> {                     \
        static constexpr bool native = true;                    \
        typedef T type __attribute__((vector_size(16)));        \
    };
REFNET_NATIVE(float, 3)
REFNET_NATIVE(float, 4)
REFNET_NATIVE(int, 4)
REFNET_NATIVE(uint, 4)
#undef REFNET_NATIVE

}  // namespace cpu

// Every swizzle of the letters x y z w, or r g b a, of two, three and four places.
#define SW2(a, A, b, B) cpu::swizzle<T, LANES, A, B> a##b;
#define SW3(a, A, b, B, c, C) cpu::swizzle<T, LANES, A, B, C> a##b##c;
#define SW4(a, A, b, B, c, C, d, D) cpu::swizzle<T, LANES, A, B, C, D> a##b##c##d;
#define TWO2(p, q, a, A) SW2(a, A, p, 0) SW2(a, A, q, 1)
#define TWO3(p, q, r, a, A) TWO2(p, q, a, A) SW2(a, A, r, 2)
#define TWO4(p, q, r, s, a, A) TWO3(p, q, r, a, A) SW2(a, A, s, 3)
#define THREE2(p, q, a, A, b, B) SW3(a, A, b, B, p, 0) SW3(a, A, b, B, q, 1)
#define THREE3(p, q, r, a, A, b, B) THREE2(p, q, a, A, b, B) SW3(a, A, b, B, r, 2)
#define THREE4(p, q, r, s, a, A, b, B) THREE3(p, q, r, a, A, b, B) SW3(a, A, b, B, s, 3)
#define FOUR2(p, q, a, A, b, B, c, C) SW4(a, A, b, B, c, C, p, 0) SW4(a, A, b, B, c, C, q, 1)
#define FOUR3(p, q, r, a, A, b, B, c, C) FOUR2(p, q, a, A, b, B, c, C) SW4(a, A, b, B, c, C, r, 2)
#define FOUR4(p, q, r, s, a, A, b, B, c, C) \
    FOUR3(p, q, r, a, A, b, B, c, C) SW4(a, A, b, B, c, C, s, 3)
#define FOURS2(p, q, a, A, b, B) FOUR2(p, q, a, A, b, B, p, 0) FOUR2(p, q, a, A, b, B, q, 1)
#define FOURS3(p, q, r, a, A, b, B)                                        \
    FOUR3(p, q, r, a, A, b, B, p, 0) FOUR3(p, q, r, a, A, b, B, q, 1)      \
    FOUR3(p, q, r, a, A, b, B, r, 2)
#define FOURS4(p, q, r, s, a, A, b, B)                                         \
    FOUR4(p, q, r, s, a, A, b, B, p, 0) FOUR4(p, q, r, s, a, A, b, B, q, 1)    \
    FOUR4(p, q, r, s, a, A, b, B, r, 2) FOUR4(p, q, r, s, a, A, b, B, s, 3)
#define FROM2(p, q, a, A)                                                          \
    TWO2(p, q, a, A) THREE2(p, q, a, A, p, 0) THREE2(p, q, a, A, q, 1)             \
    FOURS2(p, q, a, A, p, 0) FOURS2(p, q, a, A, q, 1)
#define FROM3(p, q, r, a, A)                                                           \
    TWO3(p, q, r, a, A) THREE3(p, q, r, a, A, p, 0) THREE3(p, q, r, a, A, q, 1)        \
    THREE3(p, q, r, a, A, r, 2) FOURS3(p, q, r, a, A, p, 0)                            \
    FOURS3(p, q, r, a, A, q, 1) FOURS3(p, q, r, a, A, r, 2)
#define FROM4(p, q, r, s, a, A)                                                        \
    TWO4(p, q, r, s, a, A) THREE4(p, q, r, s, a, A, p, 0) THREE4(p, q, r, s, a, A, q, 1) \
    THREE4(p, q, r, s, a, A, r, 2) THREE4(p, q, r, s, a, A, s, 3)                      \
    FOURS4(p, q, r, s, a, A, p, 0) FOURS4(p, q, r, s, a, A, q, 1)                      \
    FOURS4(p, q, r, s, a, A, r, 2) FOURS4(p, q, r, s, a, A, s, 3)
#define SWIZZLES2(p, q) FROM2(p, q, p, 0) FROM2(p, q, q, 1)
#define SWIZZLES3(p, q, r) FROM3(p, q, r, p, 0) FROM3(p, q, r, q, 1) FROM3(p, q, r, r, 2)
#define SWIZZLES4(p, q, r, s) \
    FROM4(p, q, r, s, p, 0) FROM4(p, q, r, s, q, 1) FROM4(p, q, r, s, r, 2) FROM4(p, q, r, s, s, 3)

#define EACH_LANE(expression)                                        \
    vec result;                                                      \
    for (int i = 0; i < LANES; ++i) result.e[i] = T(expression);     \
    return result;
#define ARITHMETIC(op, at_once)                                                         \
    friend vec operator op(const vec& a, const vec& b) {                                \
        if constexpr (storage::native && (at_once)) {                                   \
            vec result;                                                                 \
            result.q = a.q op b.q;                                                      \
            return result;                                                              \
        } else {                                                                        \
            EACH_LANE(a.e[i] op b.e[i])                                                 \
        }                                                                               \
    }                                                                                   \
    vec& operator op##=(const vec& b) { return *this = *this op b; }
#define INTEGER(op)                                                                     \
    friend vec operator op(const vec& a, const vec& b) { EACH_LANE(a.e[i] op b.e[i]) }  \
    vec& operator op##=(const vec& b) { return *this = *this op b; }
#define COMPARISON(op)                                                                  \
    friend vec<bool, LANES> operator op(const vec& a, const vec& b) {                   \
        vec<bool, LANES> result;                                                        \
        for (int i = 0; i < LANES; ++i) result.e[i] = a.e[i] op b.e[i];                 \
        return result;                                                                  \
    }
// A scalar converts to a vector by itself; another vector type only when asked for, as in Metal.
#define VECTOR_BODY                                                                            \
    using storage = cpu::simd_storage<T, LANES>;                                               \
    vec() = default;                                                                           \
    vec(const vec& from) { copy(from); }                                                       \
    vec& operator=(const vec& from) { copy(from); return *this; }                              \
    vec(T s) { for (int i = 0; i < LANES; ++i) e[i] = s; }                                     \
    template <class U, class = cpu::enable_t<cpu::is_scalar<U> && !cpu::is_same<U, T>>>        \
    vec(U s) : vec(static_cast<T>(s)) {}                                                       \
    template <class U, class = cpu::enable_t<!cpu::is_same<U, T>>>                             \
    explicit vec(const vec<U, LANES>& from) { convert(from); }                                 \
    template <class U, int M, int... I,                                                        \
              class = cpu::enable_t<sizeof...(I) == LANES && !cpu::is_same<U, T>>>             \
    explicit vec(const cpu::swizzle<U, M, I...>& s) : vec(cpu::plain(s)) {}                    \
    T& operator[](int i) { return e[i]; }                                                      \
    const T& operator[](int i) const { return e[i]; }                                          \
    vec operator-() const { EACH_LANE(-e[i]) }                                                 \
    vec operator~() const { EACH_LANE(~e[i]) }                                                 \
    vec operator!() const { EACH_LANE(!e[i]) }                                                 \
    ARITHMETIC(+, true) ARITHMETIC(-, true) ARITHMETIC(*, true)                                \
    ARITHMETIC(/, !cpu::is_integer<T>)  /* by lanes, whose division by zero is noticed */      \
    INTEGER(%) INTEGER(&) INTEGER(|) INTEGER(^) INTEGER(<<) INTEGER(>>)                        \
    COMPARISON(<) COMPARISON(<=) COMPARISON(>) COMPARISON(>=) COMPARISON(==) COMPARISON(!=)    \
  private:                                                                                     \
    void copy(const vec& from) {                                                               \
        if constexpr (storage::native) q = from.q;                                             \
        else __builtin_memcpy(e, from.e, sizeof e);  /* halves as one word */                  \
    }                                                                                          \
    template <class U> void convert(const vec<U, LANES>& from) {                               \
        using cpu::is_same;                                                                    \
        constexpr bool four = cpu::four_at_once && LANES == 4;                                 \
        if constexpr (four && is_same<T, float> && is_same<U, half>) cpu::widen(&from, this);  \
        else if constexpr (four && is_same<T, half> && is_same<U, float>)                      \
            cpu::narrow(&from, this);                                                          \
        else for (int i = 0; i < LANES; ++i) e[i] = static_cast<T>(from.e[i]);                 \
    }

template <class T> struct alignas(2 * sizeof(T)) vec<T, 2> {
    static constexpr int LANES = 2;
    union {
        T e[2];
        typename cpu::simd_storage<T, 2>::type q;
        struct { T x, y; };
        struct { T r, g; };
        SWIZZLES2(x, y) SWIZZLES2(r, g)
    };
    vec(T a, T b) : e{a, b} {}
    VECTOR_BODY
};
template <class T> struct alignas(4 * sizeof(T)) vec<T, 3> {
    static constexpr int LANES = 3;
    union {
        T e[3];
        typename cpu::simd_storage<T, 3>::type q;
        struct { T x, y, z; };
        struct { T r, g, b; };
        SWIZZLES3(x, y, z) SWIZZLES3(r, g, b)
    };
    vec(T a, T b, T c) : e{a, b, c} {}
    vec(const vec<T, 2>& a, T b) : e{a.e[0], a.e[1], b} {}
    vec(T a, const vec<T, 2>& b) : e{a, b.e[0], b.e[1]} {}
    VECTOR_BODY
};
template <class T> struct alignas(4 * sizeof(T)) vec<T, 4> {
    static constexpr int LANES = 4;
    union {
        T e[4];
        typename cpu::simd_storage<T, 4>::type q;
        struct { T x, y, z, w; };
        struct { T r, g, b, a; };
        SWIZZLES4(x, y, z, w) SWIZZLES4(r, g, b, a)
    };
    vec(T a, T b, T c, T d) : e{a, b, c, d} {}
    vec(const vec<T, 3>& a, T b) : e{a.e[0], a.e[1], a.e[2], b} {}
    vec(T a, const vec<T, 3>& b) : e{a, b.e[0], b.e[1], b.e[2]} {}
    vec(const vec<T, 2>& a, const vec<T, 2>& b) : e{a.e[0], a.e[1], b.e[0], b.e[1]} {}
    vec(const vec<T, 2>& a, T b, T c) : e{a.e[0], a.e[1], b, c} {}
    vec(T a, const vec<T, 2>& b, T c) : e{a, b.e[0], b.e[1], c} {}
    vec(T a, T b, const vec<T, 2>& c) : e{a, b, c.e[0], c.e[1]} {}
    VECTOR_BODY
};

// Operators with a swizzle on either side work on the vectors it stands for.
#define SWIZZLE_OPERATOR(op)                                                                     \
    template <class A, class B, class = cpu::enable_t<cpu::is_swizzle<A> || cpu::is_swizzle<B>>> \
    inline auto operator op(const A& a, const B& b) -> decltype(cpu::plain(a) op cpu::plain(b)) { \
        return cpu::plain(a) op cpu::plain(b);                                                   \
    }
namespace cpu {  // found through the swizzles' own namespace
SWIZZLE_OPERATOR(+) SWIZZLE_OPERATOR(-) SWIZZLE_OPERATOR(*) SWIZZLE_OPERATOR(/) SWIZZLE_OPERATOR(%)
SWIZZLE_OPERATOR(<) SWIZZLE_OPERATOR(<=) SWIZZLE_OPERATOR(>) SWIZZLE_OPERATOR(>=)
SWIZZLE_OPERATOR(==) SWIZZLE_OPERATOR(!=)
template <class T, int N, int... I>
inline vec<T, sizeof...(I)> operator-(const swizzle<T, N, I...>& s) { return -plain(s); }
}  // namespace cpu

#define VECTORS(T) using T##2 = vec<T, 2>; using T##3 = vec<T, 3>; using T##4 = vec<T, 4>;
VECTORS(half) VECTORS(float) VECTORS(bool) VECTORS(char) VECTORS(uchar) VECTORS(short)
VECTORS(ushort) VECTORS(int) VECTORS(uint) VECTORS(long) VECTORS(ulong)
static_assert(sizeof(half4) == 8 && alignof(half4) == 8 && sizeof(float3) == 16, "Metal's sizes");
static_assert(sizeof(float2) == 8 && alignof(float2) == 8 && sizeof(float4) == 16, "Metal's sizes");

}  // namespace metal

#undef SW2
#undef SW3
#undef SW4
#undef TWO2
#undef TWO3
#undef TWO4
#undef THREE2
#undef THREE3
#undef THREE4
#undef FOUR2
#undef FOUR3
#undef FOUR4
#undef FOURS2
#undef FOURS3
#undef FOURS4
#undef FROM2
#undef FROM3
#undef FROM4
#undef SWIZZLES2
#undef SWIZZLES3
#undef SWIZZLES4
#undef EACH_LANE
#undef ARITHMETIC
#undef INTEGER
#undef COMPARISON
#undef VECTOR_BODY
#undef SWIZZLE_OPERATOR
#undef VECTORS
