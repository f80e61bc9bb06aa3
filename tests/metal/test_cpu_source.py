"""Reading .metal files: signatures, rewriting, and what is refused instead of run unchecked."""

from __future__ import annotations

from pathlib import Path

import pytest

from refnet.metal.cpu.launcher import kernels_that_wait
from refnet.metal.cpu.rewriting import as_cpp
from refnet.metal.cpu.source import kernels_of, read
from refnet.metal.device import MetalError, Parameter

SIGNATURE = """
// kernel void not_this(device float* x [[buffer(0)]]) {}
/* kernel void nor_this() {} */
[[kernel]] void first(texture2d<half, access::read> a [[ texture( 2 ) ]],  // [[texture(3)]]
    device  const  half4 *w[[buffer(0)]],
    uint  i [[thread_position_in_grid]]) { }
kernel void second(constant Params & p [[buffer(1)]]) { }
"""


def test_a_signature_is_read_whatever_its_spaces_and_comments() -> None:
    kernels = kernels_of(SIGNATURE)
    assert list(kernels) == ["first", "second"]
    assert kernels["first"].parameters == (
        Parameter("texture2d<half, access::read>", "a", "texture", 2),
        Parameter("device const half4*", "w", "buffer", 0),
        Parameter("uint", "i", "thread_position_in_grid"),
    )
    assert kernels["second"].bindings("buffer") == {
        1: Parameter("constant Params&", "p", "buffer", 1)
    }


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            "device float* a [[buffer(0)]], device float* b [[buffer(0)]]",
            "[[buffer(0)]] is bound twice, as a and as b",
        ),
        (
            "texture2d<half> a [[texture(1)]], texture2d<half, access::write> b [[texture(1)]]",
            "[[texture(1)]] is bound twice, as a and as b",
        ),
        ("device float* a", "parameter 'device float* a' has no single [[...]] that is known here"),
        ("device float* a [[buffer(kWeights)]]", "a: [[buffer(kWeights)]] needs a plain number"),
        ("float* a [[buffer(0)]]", "buffer a: float*: expected device or constant memory"),
        (
            "device float a [[buffer(0)]]",
            "buffer a: device float: expected a pointer or a reference",
        ),
        (
            "device float* a [[threadgroup(0)]]",
            "threadgroup a: device float*: expected a pointer to threadgroup memory",
        ),
        (
            "texture3d<half> a [[texture(0)]]",
            "texture a: texture3d<half>: expected texture2d or texture2d_array of half or float",
        ),
        (
            "ulong i [[thread_position_in_grid]]",
            "i: [[thread_position_in_grid]] is ulong, expected ushort or uint, "
            "or two or three of them",
        ),
        (
            "int2 i [[thread_position_in_grid]]",
            "i: [[thread_position_in_grid]] is int2, expected ushort or uint, "
            "or two or three of them",
        ),
        (
            "uint2 i [[thread_index_in_simdgroup]]",
            "i: [[thread_index_in_simdgroup]] is uint2, expected ushort or uint",
        ),
        ("uint i [[vertex_id]]", "i: attribute [[vertex_id]] is not known here"),
    ],
)
def test_a_parameter_that_cannot_be_bound_is_named(parameters: str, said: str) -> None:
    with pytest.raises(MetalError) as fault:
        kernels_of(f"kernel void f({parameters}) {{}}")
    assert str(fault.value) == f"f: {said}"


def test_a_kernel_that_is_there_twice_is_refused() -> None:
    with pytest.raises(MetalError, match=r"^a.metal: kernel f is there twice$"):
        kernels_of("kernel void f() {} kernel void f() {}", "a.metal")


@pytest.mark.parametrize(
    ("metal", "cpp"),
    [
        (
            "const device half4* w = weights + 1;",
            "metal::cpu::bounded<const half4> w = weights + 1;",
        ),
        ("device half4 const * w;", "metal::cpu::bounded<const half4> w;"),
        ("constant float* t = x;", "metal::cpu::bounded<const float> t = x;"),
        ("threadgroup float* s;", "metal::cpu::bounded<float> s;"),
        ("(device uint*)p", "(metal::cpu::bounded<uint>)p"),
        ("constant Params& p", "const Params& p"),
        ("thread float* t;", "thread float* t;"),
        ("constant float pi = 3.25;", "static const float pi = 3.25f; REFNET_CONSTANT(pi)"),
        (
            "threadgroup_barrier(mem_flags::mem_device);",
            "threadgroup_barrier(mem_flags::mem_device);",
        ),
        ("x = a * 0.5 + 1e-3 + .5 + 2.;", "x = a * 0.5f + 1e-3f + .5f + 2.f;"),
        (
            "x = 1.5h + 2h - 0x1p-3f + 3 + a.y2;",
            "x = half(1.5f) + half(2.0f) - 0x1p-3f + 3 + a.y2;",
        ),
    ],
)
def test_rewriting_changes_address_spaces_and_literals_only(metal: str, cpp: str) -> None:
    assert as_cpp(metal)[0] == cpp


def test_rewriting_keeps_every_line_where_it_was() -> None:
    text = "f() {\nconst device\n  half4\n* w; /* a\nb */ threadgroup\nfloat t[4]\n[5], u;\n}\nEND"
    code, names = as_cpp(text)
    assert code.count("\n") == text.count("\n")
    assert code.split("\n").index("END") == text.split("\n").index("END")
    assert names == ("t", "u")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nthreadgroup float t[4];", "a.metal:2: a threadgroup variable outside a kernel"),
        (
            "f() {\n\nthreadgroup float t[4] = {};}",
            "a.metal:3: threadgroup declaration not understood",
        ),
        (
            "f() { threadgroup struct { int a; } t; }",
            "a.metal:1: threadgroup declaration not understood",
        ),
        ("f(threadgroup float (&t)[4]) {}", "a.metal:1: threadgroup declaration not understood"),
        ("f() { device auto x = y; }", "a.metal:1: device declaration not understood"),
    ],
)
def test_an_address_space_that_was_not_rewritten_is_refused(text: str, said: str) -> None:
    with pytest.raises(MetalError) as fault:
        as_cpp(text, "a.metal")
    assert str(fault.value).startswith(said)


def test_includes_are_put_in_once_and_a_missing_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "common.h").write_text("#pragma once\nstruct P { float x; };\n")
    both = '#include "common.h"\n#include "common.h"\nkernel void f(constant P& p [[buffer(0)]]) {}'
    (tmp_path / "a.metal").write_text(both)
    source = read(tmp_path / "a.metal")
    assert source.text.count("struct P") == 2  # each behind the guard that #pragma once stands for
    assert source.text.count("#ifndef REFNET_ONCE_") == 2
    assert '#line 3 "a.metal"' in source.text
    assert source.kernels["f"].bindings("buffer")[0].type == "constant P&"
    (tmp_path / "b.metal").write_text('\n#include "gone.h"\n')
    with pytest.raises(MetalError, match=r"^b.metal:2: includes gone.h, which is not there$"):
        read(tmp_path / "b.metal")
    (tmp_path / "c.metal").write_text('#include "c.metal"\n')
    with pytest.raises(MetalError, match="includes itself"):
        read(tmp_path / "c.metal")
    with pytest.raises(MetalError, match=r"nowhere\.metal: No such file"):
        read(tmp_path / "nowhere.metal")


def test_only_kernels_that_may_wait_get_fibers(tmp_path: Path) -> None:
    waits = "{ threadgroup_barrier(mem_flags::mem_none); }"
    path = tmp_path / "a.metal"
    path.write_text(f"kernel void simd_sum_of() {{}} kernel void b() {waits}")
    assert kernels_that_wait(read(path)) == {"b"}
    path.write_text(f"void helper() {waits} kernel void a() {{}} kernel void b() {{ helper(); }}")
    assert kernels_that_wait(read(path)) == {"a", "b"}
