"""`refnet metal check`: what it is asked at odd sizes, and the faults that show nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refnet.apps.metal import judging
from refnet.checkpoints import Checkpoint, Provenance, save
from refnet.cli import main
from refnet.metal import program_of
from refnet.metal.device import MetalError
from refnet.models import build
from refnet.network import CONVENTIONS
from refnet.oracle.suites import random_case
from tests.metal.cases import edited, library, need_compiler

PAD = "int2(params.padLeft, params.padTop)"
TURNED = "int2(params.padTop, params.padLeft)"
COLUMNS, ROWS = "gid.x >= output.get_width() ||", "gid.y >= output.get_height() ||"


def made(folder: Path, resolution: tuple[int, int]) -> str:
    """A small drawn V2 as a checkpoint file."""
    options = {"alpha": 0.35, "resolution": resolution}
    network = build("v2", conventions=CONVENTIONS["pytorch"], **options)
    tensors = random_case(network, "small", batch=1).tensors
    tensors = {name: a.astype(np.float32) for name, a in tensors.items()}
    source = Provenance("drawn", "0" * 64, "none", "a test")
    path = folder / "small.safetensors"
    save(Checkpoint("v2", options, network, tensors, "torchvision", "", source), path)
    return str(path)


def test_odd_sizes_hold_and_say_what_is_not_asked():
    part = judging.odd(library())
    assert part.holds, part
    assert [line.split(":")[0] for line in part.lines] == [
        "pointwise", "pointwise4", "not asked here",
    ]  # fmt: skip


def test_odd_sizes_pad_rows_unlike_columns_and_leave_threads_on_every_side():
    network = judging.odd_case().network
    program = program_of(network, judging.odd_case().tensors)
    unlike, left = 0, set()
    for one in program.dispatches:
        for bound in one.buffers.values():
            said = {f.name: f.value for f in getattr(bound, "fields", ())}
            unlike += said.get("padTop") != said.get("padLeft")
        left |= {
            (one.kernel, axis)
            for axis, n, wide in zip("xyz", one.grid, one.threadgroup, strict=True)
            if n % wide
        }
    assert unlike == 4  # the first layer, and three of the four strided depthwise ones
    kernels = ("depthwise3x3", "pointwise4", "residual_add")
    assert {(kernel, axis) for kernel in kernels for axis in "xyz"} <= left
    assert {("conv3x3", "x"), ("conv3x3", "y")} <= left


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("depthwise3x3.metal", PAD, TURNED),
        pytest.param("conv3x3.metal", PAD, TURNED, marks=pytest.mark.slow),
        *(
            pytest.param(f"{file}.metal", guard, "", marks=pytest.mark.slow)
            for file in ("conv3x3", "depthwise3x3", "elementwise", "pointwise")
            for guard in (COLUMNS, ROWS)
            if (file, guard) != ("pointwise", COLUMNS)
        ),
    ],
)
def test_odd_sizes_find_what_the_networks_own_sizes_hide(file, old, new):
    device = edited(file, (old, new))
    if new:
        assert judging.odd(device).holds is False
    else:
        with pytest.raises(MetalError):
            judging.odd(device)


def test_a_checkpoint_that_takes_no_squares_is_refused_in_one_line(capsys, tmp_path):
    need_compiler()
    assert main(["metal", "check", made(tmp_path, (96, 160))]) == 2
    said = capsys.readouterr().err
    assert said == "refnet: model: takes 96 x 160 pixels, but recipes make squares only\n"


def test_a_small_checkpoint_is_checked_to_the_end(capsys, tmp_path):
    need_compiler()
    assert main(["metal", "check", made(tmp_path, (32, 32)), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("all inside their bounds") == 4  # two photos, two pointwise kernels
