// In place of Metal's standard library, for a C++17 compiler that checks the types of naga's MSL: declarations of what our kernels use of it, with
// the types that the Metal Shading Language Specification (2.4, sections 2, 5 and 6) gives them. Nothing is ever executed. Conversions that Metal makes
// implicitly and naga always spells out are errors here. Address spaces are not told apart.
#pragma once

#define kernel
#define device
#define threadgroup
#define thread
#define constant const

namespace metal {

using uint = unsigned;

template <class A, class B> constexpr bool is_same = false;
template <class A> constexpr bool is_same<A, A> = true;
// A type that its function's other arguments decide.
template <class T> struct Decided { using type = T; };
template <class T> using decided = typename Decided<T>::type;

template <class T, int N> struct components;
template <class T> struct components<T, 2> { T x, y; };
template <class T> struct components<T, 3> { T x, y, z, padding; };
template <class T> struct components<T, 4> { T x, y, z, w; };

template <class T, int N> struct vec : components<T, N> {
    vec() = default;
    template <class... Parts> explicit vec(Parts... parts) : components<T, N>{} {
        constexpr int count = (counted(static_cast<Parts *>(nullptr)) + ...);
        static_assert(count == N || (count == 1 && sizeof...(Parts) == 1), "as many components as the vector has, or one for all");
        (void)(sizeof(parts) + ...);
    }
    T &operator[](uint i) { return (&this->x)[i]; }
    T operator[](uint i) const { return (&this->x)[i]; }
    template <int... I> auto swizzle() const { return vec<T, sizeof...(I)>((*this)[I]...); }

  private:
    static constexpr int counted(float *) { return 1; }
    static constexpr int counted(int *) { return 1; }
    static constexpr int counted(uint *) { return 1; }
    static constexpr int counted(bool *) { return 1; }
    template <int M> static constexpr int counted(vec<T, M> *) { return M; }
    // Conversions of whole vectors: as many components of another type.
    template <class U> static constexpr int counted(vec<U, N> *) { return N; }
};

// A square matrix, as its columns.
template <int N> struct matrix {
    matrix() = default;
    template <class... Columns> explicit matrix(Columns... columns) {
        static_assert(sizeof...(Columns) == N && (is_same<Columns, vec<float, N>> && ...), "as many columns as the matrix has");
        (void)(sizeof(columns) + ...);
    }
    vec<float, N> columns[N];
    vec<float, N> &operator[](uint i) { return columns[i]; }
    vec<float, N> operator[](uint i) const { return columns[i]; }
};
template <int N> vec<float, N> operator*(matrix<N>, vec<float, N>) { return {}; }
template <int N> matrix<N> operator*(matrix<N>, matrix<N>) { return {}; }
template <int N> matrix<N> transpose(matrix<N>) { return {}; }

using float3x3 = matrix<3>;
using float2 = vec<float, 2>;
using float3 = vec<float, 3>;
using float4 = vec<float, 4>;
using int2 = vec<int, 2>;
using int3 = vec<int, 3>;
using int4 = vec<int, 4>;
using uint2 = vec<uint, 2>;
using uint3 = vec<uint, 3>;
using uint4 = vec<uint, 4>;
using bool2 = vec<bool, 2>;
using bool3 = vec<bool, 3>;
using bool4 = vec<bool, 4>;

// A vector in a structure whose next member begins where it ends.
struct packed_float3 {
    packed_float3() = default;
    packed_float3(float3 v) : x(v.x), y(v.y), z(v.z) {}
    operator float3() const { return float3(x, y, z); }
    float &operator[](uint i) { return (&x)[i]; }
    float operator[](uint i) const { return (&x)[i]; }
    float x, y, z;
};

// The scalar of a type, and the same shape of another scalar.
template <class T> struct Shape {
    using scalar = T;
    template <class U> using of = U;
};
template <class T, int N> struct Shape<vec<T, N>> {
    using scalar = T;
    template <class U> using of = vec<U, N>;
};
template <class T> constexpr bool is_float = is_same<typename Shape<T>::scalar, float>;
template <class T> constexpr bool is_bool = is_same<typename Shape<T>::scalar, bool>;
template <class T> constexpr bool is_whole = is_same<typename Shape<T>::scalar, int> || is_same<typename Shape<T>::scalar, uint>;

#define OPERATOR(op, kind, result)                                                                                                                             \
    template <class T, int N> vec<result, N> operator op(vec<T, N>, vec<T, N>) {                                                                               \
        static_assert(kind<T>);                                                                                                                                \
        return {};                                                                                                                                             \
    }                                                                                                                                                          \
    template <class T, int N> vec<result, N> operator op(vec<T, N>, decided<T>) {                                                                              \
        static_assert(kind<T>);                                                                                                                                \
        return {};                                                                                                                                             \
    }                                                                                                                                                          \
    template <class T, int N> vec<result, N> operator op(decided<T>, vec<T, N>) {                                                                              \
        static_assert(kind<T>);                                                                                                                                \
        return {};                                                                                                                                             \
    }
template <class T> constexpr bool is_number = is_float<T> || is_whole<T>;
template <class T> constexpr bool is_bits = is_whole<T> || is_bool<T>;
template <class T> constexpr bool is_any = is_number<T> || is_bool<T>;
OPERATOR(+, is_number, T)
OPERATOR(-, is_number, T)
OPERATOR(*, is_number, T)
OPERATOR(/, is_number, T)
OPERATOR(%, is_whole, T)
OPERATOR(<<, is_whole, T)
OPERATOR(>>, is_whole, T)
OPERATOR(&, is_bits, T)
OPERATOR(|, is_bits, T)
OPERATOR(^, is_bits, T)
OPERATOR(<, is_number, bool)
OPERATOR(<=, is_number, bool)
OPERATOR(>, is_number, bool)
OPERATOR(>=, is_number, bool)
OPERATOR(==, is_any, bool)
OPERATOR(!=, is_any, bool)
OPERATOR(&&, is_bool, bool)
OPERATOR(||, is_bool, bool)
#undef OPERATOR
template <class T, int N> vec<T, N> operator-(vec<T, N>) { return {}; }
template <class T, int N> vec<T, N> operator~(vec<T, N>) { return {}; }
template <int N> vec<bool, N> operator!(vec<bool, N>) { return {}; }

#define OF_ONE(name, kind)                                                                                                                                     \
    template <class T> T name(T) {                                                                                                                             \
        static_assert(kind<T>);                                                                                                                                \
        return {};                                                                                                                                             \
    }
#define OF_TWO(name, kind)                                                                                                                                     \
    template <class T> T name(T, T) {                                                                                                                          \
        static_assert(kind<T>);                                                                                                                                \
        return {};                                                                                                                                             \
    }
#define OF_THREE(name, kind)                                                                                                                                   \
    template <class T> T name(T, T, T) {                                                                                                                       \
        static_assert(kind<T>);                                                                                                                                \
        return {};                                                                                                                                             \
    }
OF_ONE(abs, is_number)
OF_ONE(clz, is_whole)
OF_ONE(cos, is_float)
OF_ONE(ctz, is_whole)
OF_ONE(exp, is_float)
OF_ONE(floor, is_float)
OF_ONE(fract, is_float)
OF_ONE(log, is_float)
OF_ONE(popcount, is_whole)
OF_ONE(rint, is_float)
OF_ONE(sign, is_float)
OF_ONE(sin, is_float)
OF_ONE(sqrt, is_float)
OF_TWO(fmod, is_float)
OF_TWO(max, is_number)
OF_TWO(min, is_number)
OF_THREE(clamp, is_number)
OF_THREE(mix, is_float)
OF_THREE(smoothstep, is_float)
template <int N> vec<float, N> normalize(vec<float, N>) { return {}; }
inline vec<float, 3> cross(vec<float, 3>, vec<float, 3>) { return {}; }
// A scalar stands for a vector of it.
template <int N> vec<float, N> clamp(vec<float, N>, float, float) { return {}; }
template <int N> vec<float, N> mix(vec<float, N>, vec<float, N>, float) { return {}; }
#undef OF_ONE
#undef OF_TWO
#undef OF_THREE
template <int N> float dot(vec<float, N>, vec<float, N>) { return 0; }
template <int N> float distance(vec<float, N>, vec<float, N>) { return 0; }
template <int N> float length(vec<float, N>) { return 0; }
template <int N> bool all(vec<bool, N>) { return false; }
template <int N> bool any(vec<bool, N>) { return false; }
template <class T> T select(T, T, typename Shape<T>::template of<bool>) { return {}; }

// Of a SIMD group.
template <class T> T simd_broadcast(T, uint) { return {}; }
inline bool simd_any(bool) { return false; }
template <class T> T simd_sum(T) {
    static_assert(is_number<T>);
    return {};
}
template <class T> T simd_or(T) {
    static_assert(is_whole<T>);
    return {};
}

enum class mem_flags { mem_device, mem_threadgroup };
inline void threadgroup_barrier(mem_flags) {}

enum memory_order { memory_order_relaxed };
class atomic_uint {
    uint value;
};
inline uint atomic_load_explicit(const atomic_uint *, memory_order) { return 0; }
inline void atomic_store_explicit(atomic_uint *, uint, memory_order) {}
inline uint atomic_fetch_min_explicit(atomic_uint *, uint, memory_order) { return 0; }
inline uint atomic_fetch_or_explicit(atomic_uint *, uint, memory_order) { return 0; }

} // namespace metal

template <class T, class U> T as_type(U) {
    static_assert(sizeof(T) == sizeof(U), "as_type keeps the size");
    return {};
}
