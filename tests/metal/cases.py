"""What the tests of the kernels share: the CPU device, edited kernels, layers by themselves.

Without a C++ compiler there is no CPU device, and what needs it is skipped with that reason.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from refnet import load
from refnet.metal import Runner, kernels, program_of
from refnet.metal.cpu import CpuLibrary
from refnet.metal.cpu.compiler import find_compiler
from refnet.metal.device import MetalError
from refnet.models import build
from refnet.network import CONVENTIONS, Network
from refnet.oracle.halves import HalfVerdict, judge_halves, unit_ends

Array = np.ndarray[Any, Any]


def need_compiler() -> None:
    try:
        find_compiler()
    except MetalError as problem:
        pytest.skip(f"the kernels are compiled for the CPU: {problem}")


@functools.cache
def library() -> CpuLibrary:
    need_compiler()
    return CpuLibrary(*kernels())


def edited(file: str, *edits: tuple[str, str], order: Any = "forward") -> CpuLibrary:
    """The kernels with one file's text changed; each edit must change something."""
    need_compiler()
    with TemporaryDirectory() as folder:
        paths = []
        for path in kernels():
            text = path.read_text(encoding="utf-8")
            for old, new in edits if path.name == file else ():
                assert old in text, f"{file}: {old!r} is not there"
                text = text.replace(old, new)
            paths.append(Path(folder, path.name))
            paths[-1].write_text(text, encoding="utf-8")
        return CpuLibrary(*paths, order=order)


def drawn(network: Network, seed: int = 0) -> dict[str, Array]:
    """Weights whose outputs keep the size of their inputs, norms near the identity."""
    rng, tensors = np.random.default_rng(seed), {}
    for layer in network.layers:
        for name, (parameter, shape) in zip(
            layer.tensor_names(), layer.params.items(), strict=True
        ):
            if parameter == "weight":
                taps = np.prod(shape[:2] if layer.op == "depthwise_conv2d" else shape[:-1])
                tensors[name] = rng.normal(0, np.sqrt(2 / taps), shape)
            elif parameter in ("gamma", "variance"):
                tensors[name] = rng.uniform(0.5, 1.5, shape)
            else:
                tensors[name] = rng.normal(0, 0.3, shape)
    return tensors


def verdicts(
    network: Network, tensors: Mapping[str, Array], x: Array, device: Any = None
) -> list[HalfVerdict]:
    """Every layer of one image's run, judged on its own input."""
    run = Runner(program_of(network, tensors), device or library())
    x = x.astype(np.float16)
    answers = run(x, taps=unit_ends(network))
    return judge_halves(network, tensors, dict.fromkeys(network.inputs, x), answers)


def small(model: str, padding: str = "tensorflow", **options: Any) -> tuple[Network, Any, Array]:
    """A drawn network, its tensors and an image."""
    network = build(model, conventions=CONVENTIONS[padding], **options)
    x = np.random.default_rng(1).uniform(-1, 1, (1, *network.input_shape))
    return network, drawn(network), x


@functools.cache
def cropped(model: str, rows: int, columns: int) -> tuple[Network, Any, Array]:
    """The shipped checkpoint on the middle of a real photo."""
    from tests.oracle.photo import photo

    checkpoint, case = load(model), photo(model).case
    network = build(
        model, resolution=(rows, columns), conventions=checkpoint.network.conventions,
        batch_norm="stem.norm.gamma" in checkpoint.tensors,
    )  # fmt: skip
    top, left = (96 - rows) // 2, (96 - columns) // 2
    x = case.inputs["image"][:, top : top + rows, left : left + columns]
    return network, checkpoint.tensors, x
