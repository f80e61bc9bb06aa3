// texture2d and texture2d_array over an array (slices, H, W, 4), and the samplers.
//
// Reads and writes outside are faults, though a GPU returns zeros or drops them: a kernel that
// means it says so with a sampler's address mode.
#pragma once
#include "math.hpp"
#include "memory.hpp"

namespace metal {

enum class access { sample, read, write, read_write };
enum class coord { normalized, pixel };
enum class filter { nearest, linear };
enum class address { clamp_to_zero, clamp_to_edge, repeat, mirrored_repeat };

struct sampler {
    coord c = coord::normalized;
    filter f = filter::nearest;
    address a = address::clamp_to_edge;
    template <class... A> constexpr explicit sampler(A... given) { (set(given), ...); }
    constexpr void set(coord v) { c = v; }
    constexpr void set(filter v) { f = v; }
    constexpr void set(address v) { a = v; }
};

namespace cpu {

enum format : int { BYTES = 1, HALVES = 2, FLOATS = 4 };
enum unsampled : int { LINEAR = 1, REPEAT_OF_PIXELS = 2 };

template <class T> inline vec<T, 4> load(const binding& t, size_t i) {
    if (__builtin_expect(t.format == HALVES, 1)) {
        vec<half, 4> h;
        __builtin_memcpy(h.e, static_cast<const half*>(t.data) + i, 8);
        if constexpr (is_same<T, half>) return h;
        else return vec<T, 4>(h);
    }
    vec<float, 4> v;
    if (t.format == FLOATS) __builtin_memcpy(v.e, static_cast<const float*>(t.data) + i, 16);
    else for (int k = 0; k < 4; ++k) v.e[k] = float(static_cast<const uchar*>(t.data)[i + k]) / 255.0f;
    if constexpr (is_same<T, float>) return v;
    else return vec<T, 4>(v);
}

template <class T> inline void store(const binding& t, size_t i, const vec<T, 4>& v) {
    if (__builtin_expect(t.format == HALVES, 1)) {
        vec<half, 4> h;
        if constexpr (is_same<T, half>) h = v;
        else h = vec<half, 4>(v);
        __builtin_memcpy(static_cast<half*>(t.data) + i, h.e, 8);
        return;
    }
    for (int k = 0; k < 4; ++k) {
        const float x = float(v.e[k]);
        if (t.format == FLOATS) static_cast<float*>(t.data)[i + k] = x;
        else static_cast<uchar*>(t.data)[i + k] = uchar(__builtin_rintf(of::saturate(x) * 255.0f));
    }
}

// Which pixel an address mode makes of position i in a row of n; -1 for none, which reads zero.
inline long placed(long i, long n, address a) {
    if (i >= 0 && i < n) return i;
    switch (a) {
    case address::clamp_to_zero: return -1;
    case address::clamp_to_edge: return i < 0 ? 0 : n - 1;
    case address::repeat: return (i % n + n) % n;
    default: {
        const long k = (i % (2 * n) + 2 * n) % (2 * n);
        return k < n ? k : 2 * n - 1 - k;
    }
    }
}

template <class T, access A> class texture {
    binding t_;  // a copy, which stays in registers
    int about_;
    size_t at(size_t x, size_t y, size_t s) const { return ((s * t_.height + y) * t_.width + x) * 4; }
    // Nearest is the pixel that holds the position: certain only away from the pixels' borders,
    // because a GPU rounds positions to steps of 1/256.
    bool border(float u) const {
        const float part = u - __builtin_floorf(u);
        return part < 1.0f / 256 || part > 255.0f / 256;
    }

  protected:
    texture(const binding& t, int about) : t_(t), about_(about) {}
    uint slices() const { return t_.slices; }
    template <class C> vec<T, 4> read_at(const vec<C, 2>& p, size_t s) const {
        static_assert(A != access::write, "read() of a texture that is only written");
        static_assert(is_one_of<C, ushort, uint>, "read() takes ushort2 or uint2");
        if (__builtin_expect(p.x >= t_.width || p.y >= t_.height || s >= t_.slices, 0)) {
            report(TEXTURE_READ, about_, p.x, p.y, (long long)s);
            return vec<T, 4>(T(0));
        }
        return load<T>(t_, at(p.x, p.y, s));
    }
    template <class C> void write_at(const vec<T, 4>& v, const vec<C, 2>& p, size_t s) const {
        static_assert(A == access::write || A == access::read_write,
                      "write() to a texture that is only read");
        static_assert(is_one_of<C, ushort, uint>, "write() takes ushort2 or uint2");
        if (__builtin_expect(p.x >= t_.width || p.y >= t_.height || s >= t_.slices, 0))
            return report(TEXTURE_WRITE, about_, p.x, p.y, (long long)s);
        store<T>(t_, at(p.x, p.y, s), v);
    }
    vec<T, 4> sample_at(const sampler& how, const vec<float, 2>& p, size_t s) const {
        static_assert(A == access::sample, "sample() needs access::sample");
        const bool pixels = how.c == coord::pixel;
        const float u = pixels ? p.x : p.x * float(t_.width);
        const float v = pixels ? p.y : p.y * float(t_.height);
        const bool repeats = how.a == address::repeat || how.a == address::mirrored_repeat;
        if (how.f != filter::nearest) return none(SAMPLER, LINEAR, p, s);
        if (pixels && repeats) return none(SAMPLER, REPEAT_OF_PIXELS, p, s);
        if (!(of::fabs(u) < 1e9f && of::fabs(v) < 1e9f)) return none(SAMPLE_NOWHERE, 0, p, s);
        if (__builtin_expect(s >= t_.slices, 0)) return none(TEXTURE_READ, s, p, s);
        if (__builtin_expect((border(u) || border(v)) && !state().borders, 0))
            return none(SAMPLE_EDGE, 0, p, s);
        const long x = placed(long(__builtin_floorf(u)), t_.width, how.a);
        const long y = placed(long(__builtin_floorf(v)), t_.height, how.a);
        if (x < 0 || y < 0) return vec<T, 4>(T(0));
        return load<T>(t_, at(x, y, s));
    }
    vec<T, 4> none(int code, long long a, const vec<float, 2>& p, size_t s) const {
        if (code == TEXTURE_READ) report(code, about_, (long long)p.x, (long long)p.y, (long long)s);
        else report(code, about_, a, 0, (long long)s, p.x, p.y);
        return vec<T, 4>(T(0));
    }

  public:
    uint get_width(uint = 0) const { return t_.width; }
    uint get_height(uint = 0) const { return t_.height; }
};

}  // namespace cpu

template <class T, access A = access::sample> struct texture2d : cpu::texture<T, A> {
    texture2d(const cpu::binding& t, int about) : cpu::texture<T, A>(t, about) {}
    template <class P> vec<T, 4> read(const P& p) const { return this->read_at(cpu::plain(p), 0); }
    template <class P> void write(const vec<T, 4>& v, const P& p) const {
        this->write_at(v, cpu::plain(p), 0);
    }
    vec<T, 4> sample(const sampler& how, const vec<float, 2>& p) const {
        return this->sample_at(how, p, 0);
    }
};

template <class T, access A = access::sample> struct texture2d_array : cpu::texture<T, A> {
    texture2d_array(const cpu::binding& t, int about) : cpu::texture<T, A>(t, about) {}
    uint get_array_size() const { return this->slices(); }
    template <class P> vec<T, 4> read(const P& p, uint slice) const {
        return this->read_at(cpu::plain(p), slice);
    }
    template <class P> void write(const vec<T, 4>& v, const P& p, uint slice) const {
        this->write_at(v, cpu::plain(p), slice);
    }
    vec<T, 4> sample(const sampler& how, const vec<float, 2>& p, uint slice) const {
        return this->sample_at(how, p, slice);
    }
};

}  // namespace metal
