"""The Mac host on the stand-in for Metal: what it binds, asks for and refuses."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refnet.errors import MissingPackageError
from refnet.metal import Program, Runner, kernels, open_library, program_of
from refnet.metal.cpu import CpuLibrary
from refnet.metal.device import Library, MetalError
from refnet.metal.mac import MacLibrary
from refnet.metal.mac import bridge as bridges
from refnet.metal.mac.selftest import SOURCE, selftest
from refnet.models import mobilenet_v1, mobilenet_v2
from refnet.network import Network
from tests.metal.fake_metal import FakeMetal
from tests.metal.host_exam import PROBE, examine, shift


def probe(**given: Any) -> MacLibrary:
    return MacLibrary(PROBE, bridge=FakeMetal(**given).bridge)


def test_host_passes_its_examination() -> None:
    examine(MacLibrary, selftest, SOURCE)


def test_mac_library_is_a_library() -> None:
    library = probe()
    assert isinstance(library, Library)
    assert list(library.kernels) == ["probe_shift", "probe_reverse", "probe_picture"]


@pytest.mark.parametrize("network", [mobilenet_v1, mobilenet_v2])
def test_network_gives_the_same_bits_on_both_devices(network: Any) -> None:
    """The CPU device is the judge: it takes the arrays directly, and knows nothing of Metal."""
    small: Network = network(alpha=0.35 if network is mobilenet_v2 else 0.25, resolution=32)
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in small.params().items():
        spread = 0.1 if name.endswith(("variance", "gamma")) else 1 / np.sqrt(max(shape[-1], 9))
        tensors[name] = rng.normal(name.endswith(("variance", "gamma")), spread, shape)
    program: Program = program_of(small, tensors)
    x = rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    names = [one.name for one in program.textures]
    on_mac = Runner(program, MacLibrary(*kernels(), bridge=FakeMetal().bridge))(x, names)
    on_cpu = Runner(program, open_library("cpu"))(x, names)
    assert len(on_mac) > 25
    for name, answer in on_cpu.items():
        assert answer.tobytes() == on_mac[name].tobytes(), name


def test_headers_are_inlined_for_a_compiler_without_a_search_path() -> None:
    assert '#include "mac_probe.h"' in PROBE.read_text()
    shift(probe())  # the stand-in refuses a text with an #include "..."


def test_compilers_errors_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.metal"
    path.write_text("kernel void f(device float* x [[buffer(0)]]) { x[0] = nothing; }\n")
    with pytest.raises(MetalError) as found:
        MacLibrary(path, bridge=FakeMetal().bridge)
    said = str(found.value)
    assert "\n" not in said
    assert said.startswith("metal: ")
    assert "nothing" in said


def test_file_given_twice_and_no_file_are_refused(tmp_path: Path) -> None:
    bridge = FakeMetal().bridge
    with pytest.raises(MetalError, match=r"paths: .* is there twice"):
        MacLibrary(PROBE, PROBE, bridge=bridge)
    with pytest.raises(MetalError, match=r"paths: no \.metal file"):
        MacLibrary(bridge=bridge)
    with pytest.raises(MetalError, match=r"none\.metal: No such file"):
        MacLibrary(tmp_path / "none.metal", bridge=bridge)


@pytest.mark.parametrize("math", ["fast", "relaxed"])
def test_other_math_is_had_only_by_asking(math: str) -> None:
    fake = FakeMetal()
    library = MacLibrary(SOURCE, bridge=fake.bridge, math=math)
    assert fake.compiled[0].math == {"relaxed": 1, "fast": 2}[math]
    assert library.math_told.startswith(math)
    with pytest.raises(MetalError, match="math: 'quick', expected one of safe, relaxed, fast"):
        MacLibrary(SOURCE, bridge=fake.bridge, math="quick")


def test_selftest_finds_fast_math_by_its_bits() -> None:
    """Not by asking what was set: a system may set what it likes."""
    library = MacLibrary(SOURCE, bridge=FakeMetal().bridge, math="fast")
    wrong = [one.name for one in selftest(library) if not one.holds]
    assert wrong == ["rounding", "exp"]


def test_device_is_found_in_the_list_where_there_is_no_default() -> None:
    shift(probe(default=False))


def test_machine_without_a_fit_gpu_is_refused_in_one_line() -> None:
    with pytest.raises(MetalError, match="this Mac offers no Metal device"):
        probe(devices=0)
    with pytest.raises(MetalError, match="Fake GPU is no Apple GPU"):
        probe(apple=False)


def test_other_systems_and_missing_pyobjc_are_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    with pytest.raises(MetalError, match="metal: this is no Mac but Linux"):
        MacLibrary(SOURCE)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")

    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(bridges, "import_module", absent)
    with pytest.raises(MissingPackageError, match="pip install pyobjc-framework-Metal"):
        MacLibrary(SOURCE)


HALF, FLOAT = np.zeros((3, 5, 7, 4), np.float16), np.zeros(105, np.float32)
RIGHT: dict[str, Any] = {
    "textures": {0: HALF.copy(), 2: HALF},
    "buffers": {0: np.zeros(12, np.float16), 1: FLOAT.copy(), 3: np.zeros(8, np.uint8)},
}
READ_ONLY = np.zeros((3, 5, 7, 4), np.float16)
READ_ONLY.flags.writeable = False
# What is bound instead, and what is said.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "probe"}, "probe: no such kernel; there are probe_picture, probe_reverse, "),
    ({"textures": {0: HALF}}, r"probe_shift: texture 2 \(in\) is missing"),
    ({"textures": {0: HALF, 1: HALF, 2: HALF}}, "probe_shift: texture 1 is given, but"),
    ({"buffers": {}}, r"probe_shift: buffer 3 \(shift\) is missing"),
    ({"threadgroup_bytes": {0: 16}}, "probe_shift: threadgroup 0 is given, but"),
    ({"textures": {0: HALF.astype(np.float64), 2: HALF}}, r"texture 0 \(out\): float64"),
    ({"textures": {0: HALF[:0], 2: HALF}}, r"shape \(0, 5, 7, 4\)"),
    ({"textures": {0: READ_ONLY, 2: HALF}}, "a read-only array, but the kernel writes to it"),
    ({"textures": {0: np.zeros((1, 1, 16385, 4), np.uint8), 2: HALF}}, "Metal takes at most 2048"),
    ({"buffers": {**RIGHT["buffers"], 0: HALF.ravel()[:0]}}, r"buffer 0 \(bias\): no bytes"),
    ({"grid": (7, 0, 3)}, r"probe_shift: grid: \(7, 0, 3\), expected three whole numbers"),
    ({"threadgroup": (32, 32, 2)}, "probe_shift: threadgroup: 2048 threads"),
]


@pytest.mark.parametrize(("wrong", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_wrong_dispatch_is_refused_in_one_line(wrong: dict[str, Any], said: str) -> None:
    given = {"name": "probe_shift", "grid": (7, 5, 3), "threadgroup": (4, 4, 1), **RIGHT}
    library = probe()
    library.dispatch(**given)
    with pytest.raises(ValueError, match=said) as found:
        library.dispatch(**{**given, **wrong})
    assert "\n" not in str(found.value)


def test_threadgroup_memory_is_a_multiple_of_16_bytes() -> None:
    x, y = np.zeros(8, np.float32), np.zeros(8, np.float32)
    with pytest.raises(
        MetalError, match=r"threadgroup 1 \(ahead\): 20 bytes, expected a multiple of"
    ):
        probe().dispatch("probe_reverse", (8, 1, 1), (8, 1, 1), {}, {1: x, 0: y}, {0: 32, 1: 20})


def test_cpu_device_agrees_on_the_probes() -> None:
    """So that the examination, made for the host, is not passed thanks to the stand-in."""
    shift_only = CpuLibrary(PROBE)
    for dtype in (np.float16, np.float32):
        shift(shift_only, dtype)
