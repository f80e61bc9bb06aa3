// What the host binds, and the first fault that a launch meets.
#pragma once
#include "vectors.hpp"

namespace metal {
namespace cpu {

// One parameter of a kernel as the host fills it; ctypes mirrors it in cpu_library.py.
struct binding {
    void* data;
    size_t bytes;
    int format;  // of a texture: 2 for half, 4 for float, 1 for normalised bytes
    uint width, height, slices;
};

enum fault_code : int {
    NONE, TEXTURE_READ, TEXTURE_WRITE, BUFFER, THREADGROUP_MEMORY, BARRIER, BARRIERS, SAMPLER,
    SAMPLE_EDGE, SAMPLE_NOWHERE, TOO_MUCH_THREADGROUP_MEMORY, NOT_OF_A_BUFFER, MISALIGNED,
    DIVISION_BY_ZERO, NO_STACKS
};

// code, the parameter or the threadgroup variable it is about, numbers that say more, and who.
struct fault_report {
    int code, about;
    long long a, b, c;
    double x, y;
    uint group, thread;
    const char* name;  // of a constant of the file, or of the file itself; else null
};

struct launch_state {
    fault_report fault;
    const binding* bindings;
    int parameters;
    uint group, thread;  // the ones that run now, as linear indices
    int borders;         // whether a sample on the border of two pixels is let pass
    void (*leave)();     // ends the thread that runs now, and does not return
};
inline launch_state& state() {
    static thread_local launch_state now;
    return now;
}

__attribute__((noinline, cold)) inline void report(
    int code, int about, long long a = 0, long long b = 0, long long c = 0, double x = 0,
    double y = 0, const char* name = nullptr) {
    launch_state& s = state();
    if (s.fault.code == NONE) s.fault = {code, about, a, b, c, x, y, s.group, s.thread, name};
}

// For a fault after which nothing can go on, not even with a wrong number.
[[noreturn]] __attribute__((noinline, cold)) inline void no_quotient(const char* file, uint line) {
    report(DIVISION_BY_ZERO, -1, line, 0, 0, 0, 0, file);
    state().leave();
    __builtin_unreachable();
}

}  // namespace cpu
}  // namespace metal
