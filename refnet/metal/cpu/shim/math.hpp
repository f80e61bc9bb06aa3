// Metal's common, integer, relational and math functions, lane by lane.
//
// float exp, log, pow and the like are the C library's; Metal promises a few units in the last
// place for them, so no bit of theirs is owed. half ones are computed in float and rounded.
#pragma once
#include "vectors.hpp"

#define INFINITY __builtin_inff()
#define HUGE_VALF __builtin_inff()
#define NAN __builtin_nanf("")
#define FLT_MAX __FLT_MAX__
#define FLT_MIN __FLT_MIN__
#define FLT_EPSILON __FLT_EPSILON__
#define HALF_MAX half(65504.0f)
#define M_PI_F 3.14159265358979323846f

namespace metal {
namespace cpu {
namespace of {  // the functions themselves, on scalars and on whole vectors

// A function of float: in float for half too; each lane for itself.
#define OF_ONE(name, expression)                                                             \
    inline float name(float x) { return expression; }                                        \
    inline half name(half h) { const float x = h; return half(expression); }                 \
    template <class T, int N> inline vec<T, N> name(const vec<T, N>& v) {                    \
        vec<T, N> r;                                                                         \
        for (int i = 0; i < N; ++i) r.e[i] = name(v.e[i]);                                   \
        return r;                                                                            \
    }
OF_ONE(exp, __builtin_expf(x)) OF_ONE(exp2, __builtin_exp2f(x)) OF_ONE(log, __builtin_logf(x))
OF_ONE(log2, __builtin_log2f(x)) OF_ONE(sqrt, __builtin_sqrtf(x))
OF_ONE(rsqrt, 1.0f / __builtin_sqrtf(x)) OF_ONE(tanh, __builtin_tanhf(x))
OF_ONE(sin, __builtin_sinf(x)) OF_ONE(cos, __builtin_cosf(x)) OF_ONE(fabs, __builtin_fabsf(x))
OF_ONE(floor, __builtin_floorf(x)) OF_ONE(ceil, __builtin_ceilf(x))
OF_ONE(trunc, __builtin_truncf(x)) OF_ONE(rint, __builtin_rintf(x))
OF_ONE(round, __builtin_roundf(x)) OF_ONE(fract, x - __builtin_floorf(x))
OF_ONE(saturate, x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f)
OF_ONE(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x == 0.0f ? x : 0.0f)
#undef OF_ONE

// A function of two of one type; a scalar beside a vector stands in every lane.
#define LANES_OF_TWO(name)                                                                   \
    template <class T, int N> inline vec<T, N> name(const vec<T, N>& a, const vec<T, N>& b) { \
        vec<T, N> r;                                                                         \
        for (int i = 0; i < N; ++i) r.e[i] = name(a.e[i], b.e[i]);                           \
        return r;                                                                            \
    }                                                                                        \
    template <class T, int N> inline vec<T, N> name(const vec<T, N>& a, exactly<T> b) {      \
        return name(a, vec<T, N>(b));                                                        \
    }                                                                                        \
    template <class T, int N> inline vec<T, N> name(exactly<T> a, const vec<T, N>& b) {      \
        return name(vec<T, N>(a), b);                                                        \
    }
#define OF_TWO(name, expression)                                                             \
    template <class T, class = enable_t<is_scalar<T>>> inline T name(T a, T b) {             \
        return T(expression);                                                                \
    }                                                                                        \
    LANES_OF_TWO(name)
// One argument that is no number gives the other, as the specification says of fmax and fmin.
OF_TWO(max, a < b || a != a ? b : a) OF_TWO(fmax, a < b || a != a ? b : a)
OF_TWO(min, b < a || a != a ? b : a) OF_TWO(fmin, b < a || a != a ? b : a)
OF_TWO(step, b < a ? 0 : 1)
OF_TWO(pow, __builtin_powf(float(a), float(b)))
OF_TWO(powr, __builtin_powf(float(a), float(b)))
OF_TWO(fmod, __builtin_fmodf(float(a), float(b)))
#undef OF_TWO
#undef LANES_OF_TWO

template <class T, class = enable_t<is_scalar<T>>> inline T abs(T x) { return x < T(0) ? T(-x) : x; }
inline float abs(float x) { return fabs(x); }
inline half abs(half x) { return fabs(x); }
template <class T, int N> inline vec<T, N> abs(const vec<T, N>& v) {
    vec<T, N> r;
    for (int i = 0; i < N; ++i) r.e[i] = abs(v.e[i]);
    return r;
}

template <class T, class = enable_t<is_scalar<T>>>
inline T clamp(T x, exactly<T> low, exactly<T> high) { return min(max(x, low), high); }
template <class T, int N, class L, class H>
inline vec<T, N> clamp(const vec<T, N>& x, const L& low, const H& high) {
    return min(max(x, vec<T, N>(low)), vec<T, N>(high));
}
template <class A, class B, class C> inline A mix(const A& a, const B& b, const C& t) {
    return a + (A(b) - a) * A(t);
}

inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
// Rounded to float and then to half: where the first falls on a tie, one last bit from a true fma.
inline half fma(half a, half b, half c) { return half(__builtin_fmaf(a, b, c)); }
template <class T, int N>
inline vec<T, N> fma(const vec<T, N>& a, const vec<T, N>& b, const vec<T, N>& c) {
    vec<T, N> r;
    for (int i = 0; i < N; ++i) r.e[i] = fma(a.e[i], b.e[i], c.e[i]);
    return r;
}

template <class T, int N> inline T dot(const vec<T, N>& a, const vec<T, N>& b) {
    const vec<T, N> p = a * b;  // Metal leaves the order of the sum open
    if constexpr (N == 2) return p.e[0] + p.e[1];
    else if constexpr (N == 3) return p.e[0] + p.e[1] + p.e[2];
    else return (p.e[0] + p.e[1]) + (p.e[2] + p.e[3]);
}
template <class T, int N> inline T length(const vec<T, N>& v) { return sqrt(dot(v, v)); }

#define CLASSIFY(name, expression)                                                  \
    template <class T, class = enable_t<is_scalar<T>>> inline bool name(T s) {      \
        const float x = float(s);                                                   \
        return expression;                                                          \
    }                                                                               \
    template <class T, int N> inline vec<bool, N> name(const vec<T, N>& v) {        \
        vec<bool, N> r;                                                             \
        for (int i = 0; i < N; ++i) r.e[i] = name(v.e[i]);                          \
        return r;                                                                   \
    }
CLASSIFY(isnan, __builtin_isnan(x)) CLASSIFY(isinf, __builtin_isinf(x))
CLASSIFY(isfinite, __builtin_isfinite(x))
#undef CLASSIFY

template <int N> inline bool any(const vec<bool, N>& v) {
    bool r = false;
    for (int i = 0; i < N; ++i) r = r || v.e[i];
    return r;
}
template <int N> inline bool all(const vec<bool, N>& v) {
    bool r = true;
    for (int i = 0; i < N; ++i) r = r && v.e[i];
    return r;
}
template <class T, class = enable_t<is_scalar<T>>> inline T select(T no, T yes, bool which) {
    return which ? yes : no;
}
template <class T, int N>
inline vec<T, N> select(const vec<T, N>& no, const vec<T, N>& yes, const vec<bool, N>& which) {
    vec<T, N> r;
    for (int i = 0; i < N; ++i) r.e[i] = which.e[i] ? yes.e[i] : no.e[i];
    return r;
}

}  // namespace of
}  // namespace cpu

// What a kernel calls: swizzles become the vectors they stand for first.
#define FUNCTION(name)                                                                         \
    template <class... A>                                                                      \
    inline auto name(const A&... a) -> decltype(cpu::of::name(cpu::plain(a)...)) {             \
        return cpu::of::name(cpu::plain(a)...);                                                \
    }
FUNCTION(exp) FUNCTION(exp2) FUNCTION(log) FUNCTION(log2) FUNCTION(sqrt) FUNCTION(rsqrt)
FUNCTION(tanh) FUNCTION(sin) FUNCTION(cos) FUNCTION(fabs) FUNCTION(floor) FUNCTION(ceil)
FUNCTION(trunc) FUNCTION(rint) FUNCTION(round) FUNCTION(fract) FUNCTION(saturate) FUNCTION(sign)
FUNCTION(max) FUNCTION(fmax) FUNCTION(min) FUNCTION(fmin) FUNCTION(step) FUNCTION(pow)
FUNCTION(powr) FUNCTION(fmod) FUNCTION(abs) FUNCTION(clamp) FUNCTION(mix) FUNCTION(fma)
FUNCTION(dot) FUNCTION(length) FUNCTION(isnan) FUNCTION(isinf) FUNCTION(isfinite) FUNCTION(any)
FUNCTION(all) FUNCTION(select)
#undef FUNCTION

template <class To, class From> inline To as_type(const From& from) {
    static_assert(sizeof(To) == sizeof(From), "as_type keeps the size");
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

}  // namespace metal
