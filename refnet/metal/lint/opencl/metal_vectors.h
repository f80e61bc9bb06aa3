// Vectors and their constructors. A constructor takes one scalar, one vector of the same size
// (whatever its elements), or parts whose sizes add up and whose elements are the vector's own.
#pragma once

#define METAL_VECTORS(T)                                \
  typedef T T##2 __attribute__((ext_vector_type(2)));   \
  typedef T T##3 __attribute__((ext_vector_type(3)));   \
  typedef T T##4 __attribute__((ext_vector_type(4)));   \
  struct packed_##T##2 { T x, y; operator T##2() const; };       \
  struct packed_##T##3 { T x, y, z; operator T##3() const; };    \
  struct packed_##T##4 { T x, y, z, w; operator T##4() const; };
METAL_VECTORS(half) METAL_VECTORS(float)
METAL_VECTORS(char) METAL_VECTORS(uchar) METAL_VECTORS(short) METAL_VECTORS(ushort)
METAL_VECTORS(int) METAL_VECTORS(uint) METAL_VECTORS(long) METAL_VECTORS(ulong)
#undef METAL_VECTORS
// OpenCL has no vectors of bool: a comparison of float4 is an int4 here, and stands for bool4.
typedef int2 bool2;
typedef int3 bool3;
typedef int4 bool4;

namespace metal_made {
template <class A> struct parts { typedef A element; enum { count = 1 }; };
template <class E> struct parts<E __attribute__((ext_vector_type(2)))> { typedef E element; enum { count = 2 }; };
template <class E> struct parts<E __attribute__((ext_vector_type(3)))> { typedef E element; enum { count = 3 }; };
template <class E> struct parts<E __attribute__((ext_vector_type(4)))> { typedef E element; enum { count = 4 }; };
template <class A, class B> struct same { enum { value = 0 }; };
template <class A> struct same<A, A> { enum { value = 1 }; };
template <bool yes> struct only_if {};
template <> struct only_if<true> { typedef int type; };

template <class V, class A> struct fits_alone {
  enum { value = int(parts<A>::count) == 1 || int(parts<A>::count) == int(parts<V>::count) };
};
template <class V, class A> struct fits_among {
  enum { value = int(parts<A>::count) == 1 ||
                 same<typename parts<A>::element, typename parts<V>::element>::value };
};
template <class V, class A, typename only_if<fits_alone<V, A>::value>::type = 0>
constexpr V make(A) { return V(0); }
template <class V, class A, class B, class... Rest,
          typename only_if<int(parts<A>::count) + int(parts<B>::count) + (0 + ... + int(parts<Rest>::count)) == int(parts<V>::count)>::type = 0,
          typename only_if<bool(fits_among<V, A>::value) && bool(fits_among<V, B>::value) && (true && ... && bool(fits_among<V, Rest>::value))>::type = 0>
constexpr V make(A, B, Rest...) { return V(0); }
}

#define half2(...) metal_made::make<half2>(__VA_ARGS__)
#define half3(...) metal_made::make<half3>(__VA_ARGS__)
#define half4(...) metal_made::make<half4>(__VA_ARGS__)
#define float2(...) metal_made::make<float2>(__VA_ARGS__)
#define float3(...) metal_made::make<float3>(__VA_ARGS__)
#define float4(...) metal_made::make<float4>(__VA_ARGS__)
#define char2(...) metal_made::make<char2>(__VA_ARGS__)
#define char4(...) metal_made::make<char4>(__VA_ARGS__)
#define uchar2(...) metal_made::make<uchar2>(__VA_ARGS__)
#define uchar3(...) metal_made::make<uchar3>(__VA_ARGS__)
#define uchar4(...) metal_made::make<uchar4>(__VA_ARGS__)
#define short2(...) metal_made::make<short2>(__VA_ARGS__)
#define short3(...) metal_made::make<short3>(__VA_ARGS__)
#define short4(...) metal_made::make<short4>(__VA_ARGS__)
#define ushort2(...) metal_made::make<ushort2>(__VA_ARGS__)
#define ushort3(...) metal_made::make<ushort3>(__VA_ARGS__)
#define ushort4(...) metal_made::make<ushort4>(__VA_ARGS__)
#define int2(...) metal_made::make<int2>(__VA_ARGS__)
#define int3(...) metal_made::make<int3>(__VA_ARGS__)
#define int4(...) metal_made::make<int4>(__VA_ARGS__)
#define uint2(...) metal_made::make<uint2>(__VA_ARGS__)
#define uint3(...) metal_made::make<uint3>(__VA_ARGS__)
#define uint4(...) metal_made::make<uint4>(__VA_ARGS__)
#define bool2(...) metal_made::make<bool2>(__VA_ARGS__)
#define bool3(...) metal_made::make<bool3>(__VA_ARGS__)
#define bool4(...) metal_made::make<bool4>(__VA_ARGS__)

namespace metal {
template <class T, int N> struct vec_of;
template <class T> struct vec_of<T, 2> { typedef T type __attribute__((ext_vector_type(2))); };
template <class T> struct vec_of<T, 3> { typedef T type __attribute__((ext_vector_type(3))); };
template <class T> struct vec_of<T, 4> { typedef T type __attribute__((ext_vector_type(4))); };
template <class T, int N> using vec = typename vec_of<T, N>::type;
}
template <class To, class From> To as_type(From) {
  static_assert(sizeof(To) == sizeof(From), "as_type keeps the size");
  return To();
}
