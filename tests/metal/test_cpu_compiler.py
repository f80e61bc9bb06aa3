"""The CPU device's compiler: which one, what it says of a fault, and the cache of its builds."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refnet.metal.cpu import CpuLibrary, cache, compiler
from refnet.metal.device import Library, MetalError
from tests.metal.devices import PROBES, needs_compiler, number

ONE = (1, 1, 1)
TWICE = """#include <metal_stdlib>
using namespace metal;
kernel void twice(device float* x [[buffer(0)]]) { x[0] *= 2.0f; }
"""


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    return tmp_path


def written(folder: Path, text: str, name: str = "twice.metal") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def commands() -> dict[str, str]:
    found = {name: path for name in ("g++", "clang++") if (path := shutil.which(name))}
    if importlib.util.find_spec("ziglang"):
        found["ziglang"] = f"{shlex.quote(sys.executable)} -m ziglang c++"
    return found


@pytest.mark.parametrize("name", ["g++", "clang++", "ziglang"])
def test_every_compiler_gives_the_same_bits(
    name: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in commands():
        pytest.skip(f"{name} is not on this machine")
    monkeypatch.setenv("REFNET_CXX", commands()[name])
    library = CpuLibrary(PROBES / "half.metal", PROBES / "threads.metal", workers=2)
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 1 << 16, 4096).astype(np.uint16).view(np.float16) for _ in range(2))
    made, changed = np.zeros((4096, 4), np.float16), np.zeros((4096, 4), np.float16)
    library.dispatch(
        "operations",
        (4096, 1, 1),
        (64, 1, 1),
        buffers={0: a, 1: b, 2: made, 3: changed, 4: number(4096)},
    )
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(made, np.stack([a + b, a - b, a * b, a / b], axis=1))
    x = np.arange(64, dtype=np.float32)
    library.dispatch("reverse", (64, 1, 1), (64, 1, 1), {}, {0: x}, {0: 256})
    assert x.tolist() == list(range(64))[::-1]


def test_no_compiler_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFNET_CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MetalError, match=r"^no C\+\+ compiler: install g\+\+ or clang\+\+, or `pip"
    ):
        compiler.find_compiler()


def test_the_one_that_is_named_is_taken_or_said_not_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFNET_CXX", "no-such-compiler --fast")
    with pytest.raises(MetalError, match=r"^REFNET_CXX: 'no-such-compiler --fast' does not run"):
        compiler.find_compiler()
    monkeypatch.setenv("REFNET_CXX", "'unclosed")
    with pytest.raises(MetalError, match=r"^REFNET_CXX: "):
        compiler.find_compiler()


def test_ziglang_is_found_last_and_never_builds_a_cpp_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REFNET_CXX", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "ziglang")
    monkeypatch.setattr(compiler, "version_of", lambda command: "clang")
    found = compiler.find_compiler()
    assert found.command == (sys.executable, "-m", "ziglang", "c++")
    assert "-nostdlib++" in found.flags


def test_no_compiler_is_given_leave_to_change_the_arithmetic() -> None:
    for command in (("g++",), ("clang++",), ("python", "-m", "ziglang", "c++")):
        flags = compiler.Compiler(command, "").flags
        assert "-ffp-contract=off" in flags
        assert not {"-ffast-math", "-Ofast", "-funsafe-math-optimizations"} & set(flags)


@needs_compiler
def test_a_second_library_of_the_same_text_compiles_nothing(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(own_cache, TWICE)
    CpuLibrary(path)
    builds = list((own_cache / "cache" / "metal-cpu").iterdir())
    assert [one.suffix for one in builds] == [".so"]  # and nothing half-written beside it

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(subprocess, "run", refuse)
    x = np.ones(1, np.float32)
    CpuLibrary(path).dispatch("twice", ONE, ONE, buffers={0: x})
    assert x[0] == 2
    written(own_cache, TWICE.replace("2.0f", "3.0f"))
    with pytest.raises(AssertionError, match="compiled again"):
        CpuLibrary(path)


@needs_compiler
def test_the_cache_keeps_the_builds_used_last(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own_cache / "cache" / "metal-cpu"
    folder.mkdir(parents=True)
    for i in range(5):
        (folder / f"{i}.so").write_bytes(b"")
        os.utime(folder / f"{i}.so", (i, i))
    monkeypatch.setattr(cache, "_BUILDS_KEPT", 3)
    CpuLibrary(written(own_cache, TWICE))
    assert {"3.so", "4.so"} < {one.name for one in folder.iterdir()}
    assert len(list(folder.iterdir())) == 3


@needs_compiler
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x[0] = y;", r"^twice.metal:4:\d+: error: .*y"),
        ("x[0] = 1.0f", r"^twice.metal:\d+:\d+: error: expected"),
        ("half4 h = float4(1.0f);", r"^twice.metal:4:\d+: error: "),
        ("device float* p = x, *q = x;", r"^twice.metal:4:"),
    ],
)
def test_what_does_not_compile_is_told_with_its_file_and_line(
    line: str, said: str, own_cache: Path
) -> None:
    text = TWICE.replace(" x[0] *= 2.0f;", f"\n{line}\n")
    with pytest.raises(MetalError, match=said) as fault:
        CpuLibrary(written(own_cache, text))
    assert "\n" not in str(fault.value)
    assert not list((own_cache).glob("cache/metal-cpu/*"))


@needs_compiler
def test_a_texture_is_only_used_as_its_access_says(own_cache: Path) -> None:
    for access, call in (
        ("read", "t.write(half4(0), i)"),
        ("write", "t.read(i)"),
        ("read", "t.read(int2(i))"),
    ):
        text = f"""#include <metal_stdlib>
using namespace metal;
kernel void f(texture2d<half, access::{access}> t [[texture(0)]],
              uint2 i [[thread_position_in_grid]])
{{ {call}; }}
"""
        with pytest.raises(MetalError, match=r"^twice.metal:5: error: "):
            CpuLibrary(written(own_cache, text))


@needs_compiler
def test_libraries_of_several_files_have_all_kernels_once(own_cache: Path) -> None:
    path = written(own_cache, TWICE)
    thrice = written(own_cache, TWICE.replace("twice", "thrice"), "thrice.metal")
    library = CpuLibrary(path, thrice)
    assert isinstance(library, Library)
    assert sorted(library.kernels) == ["thrice", "twice"]
    with pytest.raises(MetalError, match=r"^again.metal: kernel twice is in another file too$"):
        CpuLibrary(path, written(own_cache, TWICE, "again.metal"))
    with pytest.raises(MetalError, match=r"^four: no such kernel; there are thrice, twice$"):
        library.dispatch("four", ONE, ONE)
    with pytest.raises(MetalError, match=r"^empty.metal: no kernel in it$"):
        CpuLibrary(written(own_cache, "\n", "empty.metal"))
    with pytest.raises(MetalError, match=r"^paths: none"):
        CpuLibrary()


@needs_compiler
def test_an_array_that_starts_between_elements_is_refused(own_cache: Path) -> None:
    library = CpuLibrary(written(own_cache, TWICE))
    odd = np.zeros(12, np.uint8)[1:9]
    with pytest.raises(
        MetalError, match=r"^twice: buffer 0 \(x\): does not start at a multiple of 4"
    ):
        library.dispatch("twice", ONE, ONE, buffers={0: odd})
