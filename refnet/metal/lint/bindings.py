"""Rules on what a kernel's parameters are bound to: which C++ never looks at.

An attribute that C++ does not know is ignored, so a misspelt one, one on a wrong type or a number
given twice compiles for the CPU as if it were right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from refnet.metal.lint.language import Said
from refnet.metal.lint.tokens import Function, Token, closing, outline

# How many of each a compute function can take; MSL specification, section 5.2.1.
PLACES = {"buffer": 31, "texture": 128, "sampler": 16, "threadgroup": 31}
VECTORS = {
    "thread_position_in_grid",
    "thread_position_in_threadgroup",
    "threadgroup_position_in_grid",
    "threads_per_grid",
    "threads_per_threadgroup",
    "threadgroups_per_grid",
    "dispatch_threads_per_threadgroup",
    "grid_origin",
    "grid_size",
}
SCALARS = {
    "thread_index_in_threadgroup",
    "thread_index_in_simdgroup",
    "thread_index_in_quadgroup",
    "simdgroup_index_in_threadgroup",
    "quadgroup_index_in_threadgroup",
    "simdgroups_per_threadgroup",
    "quadgroups_per_threadgroup",
    "dispatch_simdgroups_per_threadgroup",
    "dispatch_quadgroups_per_threadgroup",
    "threads_per_simdgroup",
    "thread_execution_width",
}
OTHERS = {"function_constant", "raster_order_group", "id"}  # bind nothing by themselves


def bindings(run: Sequence[Token]) -> Iterator[Said]:
    """What is wrong with the parameters of the kernels of a file.

    >>> from refnet.metal.lint.tokens import tokens
    >>> source = "kernel void f(device float* a [[buffer(0)]], device float* b [[buffer(0)]]) {}"
    >>> list(bindings(tokens(source)))
    [(1, 'binding', 'f: b: buffer(0) is bound twice')]
    """
    for part in outline(run):
        if isinstance(part, Function) and part.is_kernel:
            for line, rule, message in _kernel(part):
                yield line, rule, f"{part.name}: {message}"


def _kernel(function: Function) -> Iterator[Said]:
    taken: set[tuple[str, str]] = set()
    sizes: set[str] = set()
    for parameter in function.parameters:
        declared, attributes = _parted(parameter)
        name = next((t.text for t in reversed(declared) if t.kind == "word"), "?")
        line = parameter[0].line
        bound = [(said, number) for said, number in attributes if said not in OTHERS]
        if not bound:
            yield line, "binding", f"{name}: no attribute says what it is bound to"
        for said, number in bound:
            if said in PLACES:
                if (said, number) in taken:
                    yield line, "binding", f"{name}: {said}({number}) is bound twice"
                taken.add((said, number))
                for fault in _place(declared, said, number):
                    yield line, "binding", f"{name}: {fault}"
            elif said in VECTORS | SCALARS:
                kind = " ".join(token.text for token in declared[:-1])
                allowed = "ushort|uint" if said in SCALARS else "(ushort|uint)([23]?)"
                if not re.fullmatch(rf"(const )?({allowed})", kind):
                    shown = "ushort or uint" + ("" if said in SCALARS else ", alone or 2 or 3")
                    yield line, "position", f"{name}: {said} as {kind}, expected {shown}"
                elif said in VECTORS and kind[-1].isdigit():
                    sizes.add(kind[-1])
            else:
                yield line, "binding", f"{name}: Metal knows no attribute {said}"
    if len(sizes) > 1:
        shown = " and ".join(sorted(sizes))
        yield function.line, "position", f"positions with {shown} components in one kernel"


def _parted(parameter: Sequence[Token]) -> tuple[list[Token], list[tuple[str, str]]]:
    """A parameter's declaration, and its attributes with what stands in their brackets."""
    declared: list[Token] = []
    attributes = []
    place = 0
    while place < len(parameter):
        if parameter[place].text == "[[":
            end = closing(parameter, place)
            said = [token.text for token in parameter[place + 1 : end]]
            attributes.append((said[0] if said else "", "".join(said[2:-1])))
            place = end
        else:
            declared.append(parameter[place])
        place += 1
    return declared, attributes


def _place(declared: Sequence[Token], said: str, number: str) -> Iterator[str]:
    """What does not fit between a parameter's type and the numbered place it is bound to."""
    words = {token.text for token in declared}
    points = bool(words & {"*", "&"})
    if number.isdigit() and int(number) >= PLACES[said]:
        yield f"{said}({number}), but the last is {PLACES[said] - 1}"
    is_texture = any(word.startswith(("texture", "depth")) for word in words)
    fits = {
        "buffer": points and bool(words & {"device", "constant"}),
        "texture": is_texture,
        "sampler": "sampler" in words,
        "threadgroup": points and "threadgroup" in words,
    }
    wanted = {
        "buffer": "a pointer or reference to device or constant",
        "texture": "a texture",
        "sampler": "a sampler",
        "threadgroup": "a pointer to threadgroup",
    }
    if not fits[said]:
        yield f"{said}({number}) takes {wanted[said]}"
