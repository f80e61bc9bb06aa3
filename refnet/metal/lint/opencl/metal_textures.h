// Textures: what a texture can do depends on its access, and coordinates are unsigned.
#pragma once
namespace metal {
enum class access { sample, read, write, read_write };
enum class coord { normalized, pixel };
enum class filter { nearest, linear };
enum class mag_filter { nearest, linear };
enum class min_filter { nearest, linear };
enum class mip_filter { none, nearest, linear };
enum class address { clamp_to_zero, clamp_to_edge, repeat, mirrored_repeat, clamp_to_border };
enum class s_address { clamp_to_zero, clamp_to_edge, repeat, mirrored_repeat };
enum class t_address { clamp_to_zero, clamp_to_edge, repeat, mirrored_repeat };

class sampler {
 public:
  template <class... A> constexpr explicit sampler(A...) {}
  template <class... A> constexpr explicit sampler(A...) __constant {}
};

template <class T> struct texel;
template <> struct texel<half> { typedef half4 type; };
template <> struct texel<float> { typedef float4 type; };
template <> struct texel<short> { typedef short4 type; };
template <> struct texel<ushort> { typedef ushort4 type; };
template <> struct texel<int> { typedef int4 type; };
template <> struct texel<uint> { typedef uint4 type; };

struct sized {
  uint get_width(uint = 0) const;
  uint get_height(uint = 0) const;
};
struct sized_array : sized {
  uint get_array_size() const;
};

template <class T, access A = access::sample> struct texture2d;
template <class T, access A = access::sample> struct texture2d_array;

#define METAL_P typedef typename texel<T>::type P;
#define METAL_READ P read(uint2, uint = 0) const; P read(ushort2, ushort = 0) const;
#define METAL_WRITE void write(P, uint2, uint = 0); void write(P, ushort2, ushort = 0);
// A sampler is a local constexpr, a parameter, or a constant of the file.
#define METAL_SAMPLE                                                                   \
  template <class S> P sample(const __private S &, float2) const;                      \
  template <class S> P sample(const __constant S &, float2) const;
template <class T> struct texture2d<T, access::sample> : sized { METAL_P METAL_READ METAL_SAMPLE };
template <class T> struct texture2d<T, access::read> : sized { METAL_P METAL_READ };
template <class T> struct texture2d<T, access::write> : sized { METAL_P METAL_WRITE };
template <class T> struct texture2d<T, access::read_write> : sized { METAL_P METAL_READ METAL_WRITE void fence(); };
#undef METAL_READ
#undef METAL_WRITE
#undef METAL_SAMPLE
#define METAL_READ P read(uint2, uint, uint = 0) const; P read(ushort2, ushort, ushort = 0) const;
#define METAL_WRITE void write(P, uint2, uint, uint = 0); void write(P, ushort2, ushort, ushort = 0);
#define METAL_SAMPLE                                                                   \
  template <class S> P sample(const __private S &, float2, uint) const;                \
  template <class S> P sample(const __constant S &, float2, uint) const;
template <class T> struct texture2d_array<T, access::sample> : sized_array { METAL_P METAL_READ METAL_SAMPLE };
template <class T> struct texture2d_array<T, access::read> : sized_array { METAL_P METAL_READ };
template <class T> struct texture2d_array<T, access::write> : sized_array { METAL_P METAL_WRITE };
template <class T> struct texture2d_array<T, access::read_write> : sized_array { METAL_P METAL_READ METAL_WRITE void fence(); };
#undef METAL_READ
#undef METAL_WRITE
#undef METAL_SAMPLE
#undef METAL_P
}
