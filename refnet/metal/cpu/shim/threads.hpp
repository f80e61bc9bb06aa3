// Threads of a threadgroup: barriers and SIMD-group functions, with one fiber for each thread.
//
// A fiber runs until it waits; when all of them wait at one barrier, all go on. Who waits where is
// told apart by the line of the call, which the default arguments bring along.
#pragma once
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "memory.hpp"

namespace metal {
namespace cpu {

constexpr uint LANES = 32;  // of a SIMD-group, as on every Apple GPU

class fibers {
    enum status : unsigned char { READY, AT_SIMD, AT_BARRIER, DONE };
    struct fiber {
        ucontext_t context;
        status at;
        int line;
        uint active;                 // the lanes that met at the last SIMD function
        // What this lane brought, and what it brings next: a lane may be at the next function
        // before the others have read what it brought to the last.
        alignas(16) unsigned char value[2][32];
        int slot;
    };
    // Of each stack's pages only those that are touched take memory. No frame is as large as the
    // gap below a stack, whose touch ends the process, so that none reaches the stack beneath it.
    static constexpr size_t GAP = REFNET_FRAME, STACK = GAP + (1 << 20);
    // A gap takes two entries in the system's table of a process's memory, which has 65530.
    static constexpr int GAPS_AT_MOST = 16384;
    static int& gaps() {
        static int of_all_workers;
        return of_all_workers;
    }
    fiber* all_;
    char* stacks_;
    ucontext_t home_;
    int gaps_ = 0;
    uint count_, now_ = 0;
    void (*body_)(void*, uint);
    void* with_;

    static fibers*& current() {
        static thread_local fibers* running;
        return running;
    }
    static void enter() {
        fibers& me = *current();
        me.body_(me.with_, me.now_);
        me.all_[me.now_].at = DONE;
    }
    void resume(uint i) {
        now_ = i;
        state().thread = i;
        swapcontext(&home_, &all_[i].context);
    }
    static void leave() {
        fibers& me = *current();
        me.all_[me.now_].at = DONE;
        setcontext(&me.home_);
    }
    void wait(status at, int line) {
        fiber& me = all_[now_];
        me.at = at;
        me.line = line;
        swapcontext(&me.context, &home_);
    }
    // In each SIMD-group the lanes that wait at the earliest line go on together: those behind in
    // the text catch up, and branches meet again after them, as a GPU's lanes do.
    bool release_simd() {
        bool any = false;
        for (uint base = 0; base < count_; base += LANES) {
            const uint end = count_ < base + LANES ? count_ : base + LANES;
            uint active = 0;
            int line = -1;
            for (uint i = base; i < end; ++i)
                if (all_[i].at == AT_SIMD && (line < 0 || all_[i].line < line)) line = all_[i].line;
            for (uint i = base; i < end; ++i)
                if (all_[i].at == AT_SIMD && all_[i].line == line) active |= 1u << (i - base);
            for (uint i = base; i < end; ++i) {
                if (!(active >> (i - base) & 1)) continue;
                all_[i].active = active;
                all_[i].slot ^= 1;
                all_[i].at = READY;
                any = true;
            }
        }
        return any;
    }
    // Every thread, at one line; else the fault, and false.
    bool release_barrier(uint done) {
        int line = -1;
        for (uint i = 0; i < count_; ++i) {
            if (all_[i].at != AT_BARRIER) continue;
            if (line < 0) line = all_[i].line;
            state().thread = i;
            if (done) return report(BARRIER, -1, count_ - done, count_, line), false;
            if (all_[i].line != line) return report(BARRIERS, -1, line, all_[i].line), false;
        }
        for (uint i = 0; i < count_; ++i) all_[i].at = READY;
        return true;
    }

  public:
    explicit fibers(uint count)
        : all_(static_cast<fiber*>(malloc(count * sizeof(fiber)))),
          count_(count) {
        const int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void* given = mmap(nullptr, count * STACK, PROT_READ | PROT_WRITE, how, -1, 0);
        stacks_ = given == MAP_FAILED ? nullptr : static_cast<char*>(given);
        const int others = __atomic_fetch_add(&gaps(), int(count), __ATOMIC_RELAXED);
        if (others + int(count) <= GAPS_AT_MOST) gaps_ = int(count);
        else __atomic_fetch_sub(&gaps(), int(count), __ATOMIC_RELAXED);
        for (int i = 0; i < gaps_ && stacks_; ++i) mprotect(stacks_ + STACK * i, GAP, PROT_NONE);
    }
    fibers(const fibers&) = delete;
    ~fibers() {
        free(all_);
        if (stacks_) munmap(stacks_, count_ * STACK);
        __atomic_fetch_sub(&gaps(), gaps_, __ATOMIC_RELAXED);
    }
    static fibers& here() { return *current(); }
    bool ready() const { return all_ && stacks_; }

    void run(void (*body)(void*, uint), void* with, bool backward) {
        current() = this;
        state().leave = leave;
        body_ = body;
        with_ = with;
        for (uint i = 0; i < count_; ++i) {
            ucontext_t& c = all_[i].context;
            getcontext(&c);
            c.uc_stack.ss_sp = stacks_ + STACK * i + GAP;
            c.uc_stack.ss_size = STACK - GAP;
            c.uc_link = &home_;
            makecontext(&c, enter, 0);
            all_[i].at = READY;
            all_[i].slot = 0;
        }
        for (;;) {
            for (uint k = 0; k < count_; ++k) {
                const uint i = backward ? count_ - 1 - k : k;
                if (all_[i].at == READY) resume(i);
            }
            uint done = 0;
            for (uint i = 0; i < count_; ++i) done += all_[i].at == DONE;
            if (done == count_ || state().fault.code != NONE) return;
            if (!release_simd() && !release_barrier(done)) return;
        }
    }
    void barrier(int line) { wait(AT_BARRIER, line); }
    uint lane() const { return now_ % LANES; }
    // Brings this lane's value to the SIMD-group; returns the mask of the lanes that came.
    template <class T> uint meet(const T& mine, T (&lanes)[LANES], int line) {
        static_assert(sizeof(T) <= sizeof(fiber::value[0]), "a SIMD function takes at most 32 bytes");
        __builtin_memcpy(all_[now_].value[all_[now_].slot ^ 1], &mine, sizeof(T));
        wait(AT_SIMD, line);
        const uint base = now_ / LANES * LANES, active = all_[now_].active;
        __builtin_memset(static_cast<void*>(lanes), 0xff, sizeof lanes);  // a lane that is away
        for (uint i = 0; i < LANES; ++i) {
            if (!(active >> i & 1)) continue;
            const fiber& other = all_[base + i];
            __builtin_memcpy(static_cast<void*>(&lanes[i]), other.value[other.slot], sizeof(T));
        }
        return active;
    }
};

}  // namespace cpu

enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4 };
inline mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }

inline void threadgroup_barrier(mem_flags, int line = __builtin_LINE()) {
    cpu::fibers::here().barrier(line);
}
inline void simdgroup_barrier(mem_flags, int line = __builtin_LINE()) {
    bool lanes[cpu::LANES];
    cpu::fibers::here().meet(true, lanes, line);
}

#define REDUCTION(name, combine)                                                      \
    template <class V> inline auto name(const V& given, int line = __builtin_LINE()) { \
        auto mine = cpu::plain(given);                                                \
        decltype(mine) lanes[cpu::LANES], r = mine;                                   \
        const uint active = cpu::fibers::here().meet(mine, lanes, line);              \
        bool first = true;                                                            \
        for (uint i = 0; i < cpu::LANES; ++i) {                                       \
            if (!(active >> i & 1)) continue;                                         \
            const auto v = lanes[i];                                                  \
            r = first ? v : decltype(mine)(combine);                                  \
            first = false;                                                            \
        }                                                                             \
        return r;                                                                     \
    }
REDUCTION(simd_sum, r + v)
REDUCTION(simd_product, r * v)
REDUCTION(simd_max, max(r, v))
REDUCTION(simd_min, min(r, v))
#undef REDUCTION

// What another lane brought; from a lane that is away, or that is none, it is not a number.
#define SHUFFLE(name, other)                                                          \
    template <class V>                                                                \
    inline auto name(const V& given, ushort n, int line = __builtin_LINE()) {         \
        auto mine = cpu::plain(given);                                                \
        decltype(mine) lanes[cpu::LANES];                                             \
        cpu::fibers& all = cpu::fibers::here();                                       \
        all.meet(mine, lanes, line);                                                  \
        const uint lane = all.lane();                                                 \
        (void)lane;                                                                   \
        const uint from = other;                                                      \
        if (from >= cpu::LANES) __builtin_memset(static_cast<void*>(lanes), 0xff, sizeof lanes); \
        return lanes[from % cpu::LANES];                                              \
    }
SHUFFLE(simd_shuffle, n)
SHUFFLE(simd_broadcast, n)
SHUFFLE(simd_shuffle_xor, lane ^ n)
SHUFFLE(simd_shuffle_up, lane - n)
SHUFFLE(simd_shuffle_down, lane + n)
#undef SHUFFLE

inline bool simd_any(bool x, int line = __builtin_LINE()) {
    return simd_max(int(x), line) != 0;
}
inline bool simd_all(bool x, int line = __builtin_LINE()) {
    return simd_min(int(x), line) != 0;
}

}  // namespace metal
