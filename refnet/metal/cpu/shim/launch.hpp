// Runs some of a grid's threadgroups, one after the other: a worker thread's share of a dispatch.
#pragma once
#include <setjmp.h>
#include "textures.hpp"
#include "threads.hpp"

namespace metal {
namespace cpu {

constexpr int OF_THREADGROUP = -1;  // a binding's format: memory that the threadgroup has to itself

// What the host asks for; ctypes mirrors it in cpu_library.py.
struct order {
    const binding* bindings;
    int parameters;
    uint threads[3], groups[3];  // threads of a threadgroup, threadgroups of the grid
    uint first, last;            // these threadgroups, by their linear index
    int backward, borders;
};

// Where a thread stands, for the built-in attributes.
struct place {
    uint thread_position_in_grid[3], thread_position_in_threadgroup[3];
    uint threadgroup_position_in_grid[3], threads_per_threadgroup[3];
    uint threads_per_grid[3], threadgroups_per_grid[3];
    uint thread_index_in_threadgroup[1], thread_index_in_simdgroup[1];
    uint simdgroup_index_in_threadgroup[1], threads_per_simdgroup[1], simdgroups_per_threadgroup[1];

    explicit place(const order& o) {
        for (int i = 0; i < 3; ++i) {
            threads_per_threadgroup[i] = o.threads[i];
            threadgroups_per_grid[i] = o.groups[i];
            threads_per_grid[i] = o.threads[i] * o.groups[i];
        }
        threads_per_simdgroup[0] = LANES;
        simdgroups_per_threadgroup[0] =
            (o.threads[0] * o.threads[1] * o.threads[2] + LANES - 1) / LANES;
    }
    void group(uint b) {
        const uint* n = threadgroups_per_grid;
        threadgroup_position_in_grid[0] = b % n[0];
        threadgroup_position_in_grid[1] = b / n[0] % n[1];
        threadgroup_position_in_grid[2] = b / n[0] / n[1];
    }
    void thread(uint t) {
        const uint* n = threads_per_threadgroup;
        thread_position_in_threadgroup[0] = t % n[0];
        thread_position_in_threadgroup[1] = t / n[0] % n[1];
        thread_position_in_threadgroup[2] = t / n[0] / n[1];
        for (int i = 0; i < 3; ++i)
            thread_position_in_grid[i] =
                threadgroup_position_in_grid[i] * n[i] + thread_position_in_threadgroup[i];
        thread_index_in_threadgroup[0] = t;
        thread_index_in_simdgroup[0] = t % LANES;
        simdgroup_index_in_threadgroup[0] = t / LANES;
    }
};

template <class T> bounded<T> pointer_to(bounded<T>*, const binding& b) {
    const char* first = static_cast<const char*>(b.data);
    return {reinterpret_cast<T*>(static_cast<char*>(b.data)), first, b.bytes};
}

// Kernel::call(bindings, place) is one thread. Threads that wait for others need fibers; the rest
// run as a plain loop, which the compiler sees through.
template <class Kernel, bool Waits> struct running {
    const order& o;
    const binding* bindings;
    place now;

    static void one(void* self, uint thread) {
        running& me = *static_cast<running*>(self);
        place mine = me.now;  // a fiber's own, since others run before it ends
        mine.thread(thread);
        Kernel::call(me.bindings, mine);
    }
    void group(uint b, fibers* all) {
        state().group = b;
        now.group(b);
        const uint count = o.threads[0] * o.threads[1] * o.threads[2];
        if constexpr (Waits) {
            all->run(one, this, o.backward);
        } else {
            for (uint k = 0; k < count; ++k) {
                const uint t = o.backward ? count - 1 - k : k;
                state().thread = t;
                now.thread(t);
                Kernel::call(bindings, now);
            }
        }
    }
};

// A kernel that runs as a plain loop leaves it at a fault that nothing can go on after.
inline jmp_buf*& way_out() {
    static thread_local jmp_buf* way;
    return way;
}
inline void jump_out() { longjmp(*way_out(), 1); }

// Apart from setjmp, beside which a compiler keeps nothing in registers.
template <class Kernel, bool Waits> __attribute__((noinline))
void run_groups(const order& o, const binding* own, fibers* all) {
    launch_state& s = state();
    running<Kernel, Waits> kernel{o, own, place(o)};
    for (uint k = o.first; k < o.last && s.fault.code == NONE; ++k) {
        shared_memory().next_group();
        kernel.group(o.backward ? o.last - 1 - (k - o.first) : k, all);
    }
}

template <class Kernel, bool Waits> void launch(const order& o, fault_report* fault) {
    binding own[64];
    launch_state& s = state();
    s = launch_state{{}, own, o.parameters, 0, 0, o.borders, jump_out};
    group_memory& memory = shared_memory();
    memory.used = memory.kept = 0;
    for (int i = 0; i < o.parameters; ++i) {
        own[i] = o.bindings[i];
        if (own[i].format == OF_THREADGROUP) own[i].data = memory.take(own[i].bytes);
    }
    memory.kept = memory.used;
    if constexpr (Waits) {
        fibers all(o.threads[0] * o.threads[1] * o.threads[2]);
        if (all.ready()) run_groups<Kernel, Waits>(o, own, &all);
        else report(NO_STACKS, -1, o.threads[0] * o.threads[1] * o.threads[2]);
    } else {
        jmp_buf way;
        way_out() = &way;
        if (!_setjmp(way)) run_groups<Kernel, Waits>(o, own, nullptr);
    }
    *fault = s.fault;
}

}  // namespace cpu
}  // namespace metal

// What -fsanitize=integer-divide-by-zero calls in place of a division by zero, which on some
// processors ends the process. The first argument begins with the place: file, line, column.
struct refnet_place_in_source {
    const char* file;
    unsigned line, column;
};
extern "C" __attribute__((noreturn, used, visibility("hidden")))
void __ubsan_handle_divrem_overflow_abort(void* about, void*, void*) {
    const refnet_place_in_source& at = *static_cast<const refnet_place_in_source*>(about);
    metal::cpu::no_quotient(at.file, at.line);
}
