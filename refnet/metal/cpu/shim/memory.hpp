// Pointers into buffers, threadgroup memory and a file's constants that know how far they may reach.
//
// rewriting.py turns `device T*`, `constant T*` and `threadgroup T*` into bounded<T>. Every element
// read or written through one is checked; pointers to a thread's own variables stay plain.
#pragma once
#include "faults.hpp"

namespace metal {
namespace cpu {

// The memory of the threadgroup that runs now: handed out as its threads ask for it.
struct group_memory {
    static constexpr size_t MOST = 32768;  // what every Apple GPU since the A11 has
    alignas(64) unsigned char bytes[2 * MOST];
    size_t used, kept;  // kept: what the kernel's own [[threadgroup(n)]] parameters take
    void* variable[64];
    // Fresh memory is full of NaNs, as on a GPU it is full of anything.
    void* take(size_t size) {
        const size_t at = used;
        used = (used + size + 15) / 16 * 16;
        if (used > MOST) {
            report(TOO_MUCH_THREADGROUP_MEMORY, -1, (long long)used, (long long)MOST);
            used = at;
            return bytes + MOST;
        }
        __builtin_memset(bytes + at, 0xff, size);
        return bytes + at;
    }
    void next_group() {  // its memory is as good as never written
        used = kept;
        __builtin_memset(bytes, 0xff, kept);
        __builtin_memset(variable, 0, sizeof variable);
    }
};
inline group_memory& shared_memory() {
    static thread_local group_memory memory;
    return memory;
}

// Where a faulting access goes, so that the launch can end in good order.
template <class T> T& nowhere() {
    static_assert(sizeof(T) <= 4096, "an element is at most 4096 bytes");
    alignas(64) static thread_local unsigned char place[4096];
    return *reinterpret_cast<T*>(place);
}

// `constant float table[9] = ...;` outside a function: each enters itself when the library is
// loaded, so that a pointer into it can be told how far it may reach.
struct program_constant {
    const char *name, *first;
    size_t bytes;
    const program_constant* next;
    static const program_constant*& list() {
        static const program_constant* last;
        return last;
    }
    template <class T> program_constant(const char* called, const T& value)
        : name(called), first(reinterpret_cast<const char*>(&value)), bytes(sizeof(T)), next(list()) {
        list() = this;
    }
};

#define REFNET_CONSTANT(name) \
    static const metal::cpu::program_constant refnet_constant_##name(#name, name);

template <class T> __attribute__((noinline, cold))
T& outside(const T* at, const char* first, size_t bytes) {
    const launch_state& s = state();
    const char* p = reinterpret_cast<const char*>(at);
    const bool askew = reinterpret_cast<uintptr_t>(p) % alignof(T) != 0;
    const long long a = askew ? p - first : (p - first) / (long long)sizeof(T);
    const long long b = askew ? alignof(T) : bytes / sizeof(T), c = askew ? 0 : sizeof(T);
    int about = -1;
    for (int i = 0; i < s.parameters && about < 0; ++i)
        if (s.bindings[i].data == first && s.bindings[i].bytes == bytes) about = i;
    const char* name = nullptr;
    for (const program_constant* k = program_constant::list(); k && about < 0; k = k->next)
        if (first >= k->first && first < k->first + k->bytes) name = k->name;
    const bool known = about >= 0 || name;
    report(askew ? MISALIGNED : known ? BUFFER : THREADGROUP_MEMORY, about, a, b, c, 0, 0, name);
    return nowhere<T>();
}

template <class T> class bounded {
    T* at_ = nullptr;
    const char* first_ = nullptr;
    size_t bytes_ = 0, starts_ = 0;  // an element may start at the first starts_ bytes
    template <class U> friend class bounded;
    T& check(T* q) const {
        if (__builtin_expect(size_t(reinterpret_cast<const char*>(q) - first_) >= starts_, 0))
            return const_cast<T&>(outside<typename unconst<T>::type>(
                const_cast<typename unconst<T>::type*>(q), first_, bytes_));
        return *q;
    }
    void reach(const char* first, size_t bytes) {
        first_ = first;
        bytes_ = bytes;
        starts_ = bytes < sizeof(T) ? 0 : bytes - sizeof(T) + 1;
    }
    // Of another type's address: where T may not lie, every access is a fault. It is asked once,
    // since a pointer moves by whole elements.
    void settle() {
        if (reinterpret_cast<uintptr_t>(at_) % alignof(T)) starts_ = 0;
    }
    void find() {
        const launch_state& s = state();
        const char* p = reinterpret_cast<const char*>(at_);
        for (int i = 0; i < s.parameters; ++i) {
            const char* first = static_cast<const char*>(s.bindings[i].data);
            if (!first || p < first || p > first + s.bindings[i].bytes) continue;
            reach(first, s.bindings[i].bytes);
            return;
        }
        const program_constant* ends = nullptr;  // unless another begins where this one ends
        for (const program_constant* k = program_constant::list(); k; k = k->next) {
            if (p >= k->first && p < k->first + k->bytes) return reach(k->first, k->bytes);
            if (p == k->first + k->bytes) ends = k;
        }
        if (ends) return reach(ends->first, ends->bytes);
        const group_memory& m = shared_memory();
        const char* first = reinterpret_cast<const char*>(m.bytes);
        if (p < first || p > first + m.used) report(NOT_OF_A_BUFFER, -1);
        else reach(first, m.used);
    }

  public:
    bounded() = default;
    bounded(T* at, const char* first, size_t bytes) : at_(at) { reach(first, bytes); }
    // A pointer to const from one that is not, and, when asked for, to another type.
    template <class U, class = enable_t<is_same<const U, T>>>
    bounded(const bounded<U>& o)
        : at_(o.at_), first_(o.first_), bytes_(o.bytes_), starts_(o.starts_) {}
    template <class U, class = enable_t<!is_same<const U, T> && !is_same<U, T>>, class = void>
    explicit bounded(const bounded<U>& o) : at_(reinterpret_cast<T*>(o.at_)) {
        reach(o.first_, o.bytes_);
        settle();
    }
    template <size_t N> bounded(T (&table)[N]) : at_(table) { reach((const char*)table, sizeof table); }
    // &buffer[i] is a plain pointer: which binding or constant it lies in tells how far it may
    // reach; of a threadgroup variable, all of the threadgroup's memory. By reference, so that an
    // array is not taken for a pointer.
    template <class P, class = enable_t<is_one_of<P, T*, typename unconst<T>::type*>>>
    bounded(const P& raw) : at_(raw) { find(); }
    bounded(decltype(nullptr)) {}
    template <class U, class = enable_t<!is_same<const U, T> && !is_same<U, T>>>
    explicit bounded(U* const& raw) : at_(reinterpret_cast<T*>(raw)) {
        find();
        settle();
    }

    T& operator*() const { return check(at_); }
    T* operator->() const { return &check(at_); }
    template <class I> T& operator[](I i) const { return check(at_ + i); }
    bounded& operator+=(ptrdiff_t n) { at_ += n; return *this; }
    bounded& operator-=(ptrdiff_t n) { at_ -= n; return *this; }
    bounded& operator++() { ++at_; return *this; }
    bounded& operator--() { --at_; return *this; }
    bounded operator++(int) { bounded old = *this; ++at_; return old; }
    bounded operator--(int) { bounded old = *this; --at_; return old; }
    template <class I> friend bounded operator+(bounded p, I n) { p.at_ += n; return p; }
    template <class I> friend bounded operator-(bounded p, I n) { p.at_ -= n; return p; }
    friend ptrdiff_t operator-(const bounded& a, const bounded& b) { return a.at_ - b.at_; }
    friend bool operator==(const bounded& a, const bounded& b) { return a.at_ == b.at_; }
    friend bool operator!=(const bounded& a, const bounded& b) { return a.at_ != b.at_; }
    friend bool operator<(const bounded& a, const bounded& b) { return a.at_ < b.at_; }
};

// `threadgroup T name[N][M]` as a type: the index of every dimension is checked by itself.
template <int Id, class T, int... Sizes> struct shared { using type = T; };
template <int Id, class T, int N, class Row> struct shared_rows {
    Row row[N];
    template <class I> Row& operator[](I i) {
        if (__builtin_expect(size_t(i) >= size_t(N), 0)) {
            report(THREADGROUP_MEMORY, Id, (long long)i, N);
            return row[0];
        }
        return row[size_t(i)];
    }
    operator bounded<Row>() { return {row, (const char*)row, sizeof row}; }
    friend bounded<Row> operator+(shared_rows& a, ptrdiff_t n) { return bounded<Row>(a) + n; }
    Row& operator*() { return row[0]; }
};
template <int Id, class T, int N, int... Rest> struct shared<Id, T, N, Rest...> {
    using type = shared_rows<Id, T, N, typename shared<Id, T, Rest...>::type>;
};

template <int Id, class T, int... Sizes> typename shared<Id, T, Sizes...>::type& shared_variable() {
    using V = typename shared<Id, T, Sizes...>::type;
    static_assert(sizeof(V) <= group_memory::MOST, "threadgroup memory: at most 32768 bytes");
    group_memory& memory = shared_memory();
    if (!memory.variable[Id]) memory.variable[Id] = memory.take(sizeof(V));
    return *static_cast<V*>(memory.variable[Id]);
}

}  // namespace cpu

template <class To, class From> To pointer_cast(const From& from) { return To(from); }

}  // namespace metal
