"""A build is kept for the next time; one that is spoilt is built again, and none need be kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from refnet.metal.cpu import CpuLibrary
from refnet.metal.device import MetalError
from tests.metal.devices import needs_compiler

pytestmark = needs_compiler
TWICE = """#include <metal_stdlib>
kernel void twice(device float* x [[buffer(0)]]) { x[0] *= 2.0f; }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    (tmp_path / "twice.metal").write_text(TWICE)
    return tmp_path


def doubled(folder: Path) -> float:
    x = np.ones(1, np.float32)
    CpuLibrary(folder / "twice.metal").dispatch("twice", (1, 1, 1), (1, 1, 1), buffers={0: x})
    return float(x[0])


def builds(folder: Path) -> list[Path]:
    return list((folder / "cache" / "metal-cpu").iterdir())


@pytest.mark.parametrize("spoilt", ["empty", "junk", "half", "one bit"])
def test_a_spoilt_build_is_built_again(spoilt: str, folder: Path) -> None:
    # A process of its own, which makes the build and has it no longer open when it is spoilt.
    code = "import sys; from refnet.metal.cpu import CpuLibrary; CpuLibrary(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder / "twice.metal")], check=True)
    (build,) = builds(folder)
    whole = build.read_bytes()
    last = bytes([whole[-1] ^ 1])
    build.write_bytes(
        {
            "empty": b"",
            "junk": b"no library",
            "half": whole[: len(whole) // 2],
            "one bit": whole[:-1] + last,
        }[spoilt]
    )
    assert doubled(folder) == 2
    (build,) = builds(folder)
    assert len(build.read_bytes()) == len(whole)


def test_where_nothing_can_be_kept_it_is_built_each_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file in the folder's place: even an administrator's process cannot write into it.
    (folder / "cache").write_text("")
    own = folder / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    assert doubled(folder) == 2
    assert doubled(folder) == 2
    assert not list(own.iterdir())
    shutil.rmtree(own)
    with pytest.raises(MetalError, match=r"^twice\.metal: no folder to build in: .*: No such file"):
        doubled(folder)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="an administrator may write anywhere"
)
def test_a_folder_that_may_not_be_written_is_no_hindrance(folder: Path) -> None:
    kept = folder / "cache" / "metal-cpu"
    kept.mkdir(parents=True)
    kept.chmod(0o500)
    assert doubled(folder) == 2
    assert not builds(folder)
