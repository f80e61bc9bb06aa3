"""A launcher for every kernel: from the bindings that the host fills to the kernel's arguments.

>>> from refnet.metal.cpu.source import kernels_of
>>> text = "kernel void f(constant uint2& n [[buffer(0)]], uint i [[thread_position_in_grid]]) {}"
>>> print(launcher(kernels_of(text)["f"], waits=False))
namespace call_f {
struct kernel_call {
    static void call(const metal::cpu::binding* A, const metal::cpu::place& p) {
        (void)A, (void)p;
        f(*static_cast<const uint2*>(A[0].data),
          uint(p.thread_position_in_grid[0]));
    }
};
}
REFNET_LAUNCHER(f, call_f::kernel_call, false, sizeof(uint2), alignof(uint2), 0, 0)
"""

from __future__ import annotations

import re

from refnet.metal.cpu.rewriting import as_cpp, cpp_type
from refnet.metal.cpu.source import Source, blank, closing
from refnet.metal.device import Kernel, Parameter

_WAITS = re.compile(
    r"\b(?:threadgroup_barrier|simdgroup_barrier"
    r"|simd_(?:sum|product|max|min|any|all|broadcast|shuffle\w*))\s*\("
)
_BODY = re.compile(r"(?:\bkernel|\[\[\s*kernel\s*\]\])\s+void\s+(\w+)\s*\(")

# Where the text of the launchers begins, for a compiler's message about them.
LAUNCHERS = '#line 1 "launchers"\n'

_HEAD = """#include "launch.hpp"
#include <metal_stdlib>
#line 1 "{file}"
{code}
#line 1 "launchers"
#undef kernel
#undef thread
using namespace metal;
#define REFNET_VISIBLE extern "C" __attribute__((visibility("default")))
#define REFNET_LAUNCHER(name, kernel, waits, ...)                                    \\
    REFNET_VISIBLE void launch_##name(const metal::cpu::order* o, metal::cpu::fault_report* f) {{ \\
        metal::cpu::launch<kernel, waits>(*o, f);                                    \\
    }}                                                                                \\
    REFNET_VISIBLE const unsigned long long sizes_##name[] = {{__VA_ARGS__}};
"""


def translation_unit(source: Source) -> tuple[str, tuple[str, ...]]:
    """The whole C++ text of a .metal file, and the names of its threadgroup variables."""
    code, variables = as_cpp(source.text, source.path.name)
    waiting = kernels_that_wait(source)
    launchers = [launcher(one, name in waiting) for name, one in source.kernels.items()]
    return _HEAD.format(file=source.path.name, code=code) + "\n".join(launchers) + "\n", variables


def kernels_that_wait(source: Source) -> set[str]:
    """The kernels whose threads wait for one another, and so need a fiber each.

    A helper function that waits makes all kernels of the file wait: that is slower, never wrong.
    """
    code = blank(source.text)
    waiting, outside = set(), code
    for match in _BODY.finditer(code):
        start = code.find("{", closing(code, match.end())) + 1
        body = code[start : closing(code, start)]
        outside = outside[:start] + " " * len(body) + outside[start + len(body) :]
        if _WAITS.search(body):
            waiting.add(match[1])
    return set(source.kernels) if _WAITS.search(outside) else waiting


def launcher(kernel: Kernel, waits: bool) -> str:
    """One kernel's launcher, and the size and alignment of what each parameter points to."""
    arguments = ",\n          ".join(argument(k, one) for k, one in enumerate(kernel.parameters))
    sizes = ", ".join(["0", *(size(one) for one in kernel.parameters)][1:]) or "0"
    return f"""namespace call_{kernel.name} {{
struct kernel_call {{
    static void call(const metal::cpu::binding* A, const metal::cpu::place& p) {{
        (void)A, (void)p;
        {kernel.name}({arguments});
    }}
}};
}}
REFNET_LAUNCHER({kernel.name}, call_{kernel.name}::kernel_call, {str(waits).lower()}, {sizes})"""


def element(one: Parameter) -> str:
    """What a buffer's parameter points or refers to: "half4" of "const device half4*"."""
    return re.sub(r"\b(?:device|constant|threadgroup|const)\b|[*&]", "", one.type).strip()


def size(one: Parameter) -> str:
    """The size and alignment of a buffer's element; 0, 0 for what has none."""
    if one.attribute not in ("buffer", "threadgroup"):
        return "0, 0"
    return f"sizeof({element(one)}), alignof({element(one)})"


def argument(k: int, one: Parameter) -> str:
    """The C++ expression for parameter number k."""
    if one.attribute == "texture":
        return f"{one.type}(A[{k}], {k})"
    if one.attribute in ("buffer", "threadgroup"):
        type_ = cpp_type(one.type)
        if type_.endswith("&"):
            return f"*static_cast<{type_[:-1]}*>(A[{k}].data)"
        return f"metal::cpu::pointer_to(static_cast<{type_}*>(nullptr), A[{k}])"
    type_ = one.type.removeprefix("const ")
    lanes = int(type_[-1]) if type_[-1].isdigit() else 1
    values = ", ".join(f"p.{one.attribute}[{i}]" for i in range(lanes))
    return f"{type_}({values})"
