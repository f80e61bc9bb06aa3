"""Tests of the tests: the real source with one thing made wrong must be found out.

Each mutant is refnet/cost's own text with a line changed, executed as a module of its own, and put
through the checks below, whose truths come from counting: the loops' tally, a walk over pixels,
shapes multiplied out by hand.
"""

from __future__ import annotations

import importlib
import math
import sys
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import refnet.cost
from refnet import definition, mobilenet_v2
from refnet.models import build
from refnet.network import Network

HERE = Path(refnet.cost.__file__).parent


def mutated(module: str, old: str, new: str) -> types.ModuleType:
    """refnet/cost/MODULE.py with `old` replaced by `new`."""
    source = (HERE / f"{module}.py").read_text("utf-8")
    assert source.count(old) >= 1, f"{old!r} is not in {module}.py"
    made = types.ModuleType(f"mutant_of_{module}")
    sys.modules[made.__name__] = made  # dataclasses look their module up
    exec(compile(source.replace(old, new, 1), f"{module}.py", "exec"), made.__dict__)
    return made


def tallied(op: str, x: tuple[int, ...], *weights: tuple[int, ...], **keywords) -> int:
    """Multiplications that the loops execute."""
    tally = definition.Tally()
    arrays = (np.ones(shape, int) for shape in (x, *weights))
    getattr(definition, op)(*arrays, tally=tally, **keywords)
    return tally.macs


def check_formulas(f) -> None:
    """Counts of layers by the loops: without padding both ways of counting are theirs."""
    at = {"stride": (2, 1), "padding": "valid", "dilation": (1, 2)}
    x = (1, 9, 8, 4)
    assert f.standard_macs((3, 2), 4, 6, (9, 8), **at, groups=2) == tallied(
        "conv2d", x, (3, 2, 2, 6), groups=2, **at
    )
    assert f.depthwise_macs((3, 2), 4, (9, 8), **at, multiplier=3) == tallied(
        "depthwise_conv2d", x, (3, 2, 4, 3), **at
    )
    assert f.separable_macs((3, 2), 4, 5, (9, 8), **at, multiplier=3) == tallied(
        "separable_conv2d", x, (3, 2, 4, 3), (1, 1, 12, 5), **at
    )
    same = {"stride": 2, "padding": "same"}
    assert f.standard_macs(3, 4, 5, (9, 8), **same, counting="executed") == tallied(
        "conv2d", x, (3, 3, 4, 5), **same
    )
    assert f.standard_macs(3, 4, 5, (9, 8), **same) == 9 * 4 * 5 * 5 * 4
    assert f.pointwise_macs(4, 5, (9, 8), stride=2) == tallied(
        "pointwise_conv2d", x, (1, 1, 4, 5), stride=2
    )
    assert f.standard_weights((3, 2), 4, 6, groups=2) == math.prod((3, 2, 2, 6))
    assert f.depthwise_weights((3, 2), 4, multiplier=3) == math.prod((3, 2, 4, 3))
    assert f.separable_weights((3, 2), 4, 5, multiplier=3) == 3 * 2 * 4 * 3 + 4 * 3 * 5
    assert f.separable_ratio((3, 5), 4) == Fraction(1, 4) + Fraction(1, 15)
    assert f.parameters(10, 3, bias=True, batch_norm=4) == 10 + 3 + 12
    assert f.separable_macs(3, 4, 8, 6, alpha=Fraction(1, 2), rho=Fraction(1, 2)) == (
        f.separable_macs(3, 2, 4, 3)
    )


def elements(network: Network, *ops: str) -> int:
    shapes = network.shapes()
    return sum(math.prod(shapes[la.name]) for la in network.layers if la.op in ops)


def check_ledger(module) -> None:
    """Rows counted over: activations of both kinds, windows pixel by pixel, sums of elements."""
    squeeze = build("squeezenet", resolution=64)
    book = module.ledger(squeeze)
    assert book.total("activations") == elements(squeeze, "relu", "relu6") > 0
    shapes, pooled = squeeze.shapes(), 0
    for layer in squeeze.layers:
        if layer.op == "max_pool":
            _, H, W, M = shapes[layer.inputs[0]]
            tally = tallied(
                "depthwise_conv2d", (1, H, W, 1), (3, 3, 1, 1),
                stride=layer.attrs.stride, padding=layer.attrs.padding,
            )  # fmt: skip
            pooled += tally * M
        elif layer.op == "global_average_pool":
            pooled += math.prod(shapes[layer.inputs[0]])
    assert book.total("pooled") == pooled
    v2 = mobilenet_v2(0.35, 32)
    book = module.ledger(v2, batch=3)
    assert book.total("residual additions") == 3 * elements(v2, "add")
    assert book.total("batch norm") == 3 * elements(v2, "batch_norm")
    assert book.total("bias additions") == 3 * 1000
    assert book.total("weights") == sum(
        math.prod(shape) for name, shape in v2.params().items() if name.endswith("weight")
    )


def alive(network: Network, batch: int) -> int:
    """The peak of activations by keeping house: what is made, what is still needed, in place."""
    shapes = network.shapes(batch)
    needed = [name for layer in network.layers for name in layer.inputs] + list(network.outputs)
    held, most = {name: math.prod(shapes[name]) for name in network.inputs}, 0
    for layer in network.layers:
        own = math.prod(shapes[layer.name])
        over = layer.op in ("batch_norm", "relu", "relu6", "softmax")
        over = over and needed.count(layer.inputs[0]) == 1
        most = max(most, sum(held.values()) + (0 if over else own))
        for name in layer.inputs:
            needed.remove(name)
        held = {name: size for name, size in held.items() if name in needed} | {layer.name: own}
    return most


def check_memory(module) -> None:
    v2 = mobilenet_v2(0.35, 32)
    shapes = v2.shapes(2)
    moved = {t.layer: t for t in module.traffic(v2, batch=2, itemsize=2)}
    add = v2["block3.add"]
    assert moved["block3.add"].read == 2 * sum(math.prod(shapes[name]) for name in add.inputs)
    assert moved["block3.add"].written == 2 * math.prod(shapes["block3.add"])
    assert moved["stem"].macs == 2 * 9 * 3 * math.prod(shapes["stem"][1:])
    assert moved["stem"].parameters == 2 * math.prod(v2.params()["stem.weight"])
    assert moved["stem.norm"].moved == 2 * 4 * 16  # its parameters alone
    for network in (v2, v2.cut(["stem", "stem.norm"]), build("squeezenet", resolution=64)):
        assert module.peak_bytes(network, batch=2, itemsize=2) == 2 * alive(network, 2)


CHECKS: dict[str, Callable] = {
    "formulas": check_formulas,
    "ledger": check_ledger,
    "memory": check_memory,
}
MUTANTS: list[tuple[str, str, str]] = [
    ("formulas", "axis.kernel * axis.output", "axis.kernel * (axis.output - 1)"),
    ("formulas", "return window * (M // groups) * N", "return window * M * N"),
    ("formulas", "return window * M * multiplier", "return window * M"),
    ("formulas", "first = max(0, -(offset // axis.stride))", "first = 0"),
    ("formulas", "(axis.size - 1 - offset) // axis.stride", "axis.size // axis.stride"),
    ("formulas", "pointwise_macs(M * multiplier, N,", "pointwise_macs(M, N,"),
    ("formulas", "Fraction(1, rows * columns)", "Fraction(1, rows * rows)"),
    ("formulas", "(int(bias) + batch_norm)", "(int(bias) or batch_norm)"),
    ("formulas", "D_K, M, N, check_pair(D_K, \"D_K\"), groups=groups, padding",
     "D_K, M, N, check_pair(D_K, \"D_K\"), padding"),
    ("formulas", "first = depthwise_weights(D_K, M, multiplier=multiplier)",
     "first = depthwise_weights(D_K, M)"),
    ("formulas", "standard_weights(1, M * multiplier, N)", "standard_weights(1, M, N)"),
    ("formulas", "padding=padding, dilation=dilation\n    )\n    return filtering",
     "padding=padding\n    )\n    return filtering"),
    ("formulas", "standard_macs(1, M, N, D_F, stride=stride, padding",
     "standard_macs(1, M, N, D_F, padding"),
    ("formulas", "scaled(N, alpha, \"alpha\")", "N"),
    ("formulas", "scaled(side, rho, \"rho\")", "side"),
    ("ledger", "(\"relu\", \"relu6\")", "(\"relu6\",)"),
    ("ledger", "counting=\"executed\",\n    )\n    return",
     "counting=\"all taps\",\n    )\n    return"),
    ("ledger", "stride=said[\"stride\"],", ""),
    ("ledger", "yield \"residual additions\", elements",
     "yield \"residual additions\", 2 * elements"),
    ("ledger", "yield \"batch norm\", elements", "yield \"batch norm\", 2 * elements"),
    ("ledger", "if \"bias\" in layer.params:", "if \"weight\" in layer.params:"),
    ("memory", "for name in layer.inputs)\n        written",
     "for name in layer.inputs[:1])\n        written"),
    ("memory", "macs = batch * layer_macs", "macs = layer_macs"),
    ("memory", "readers[layer.inputs[0]] == 1", "True"),
    ("memory", "for name in network.outputs:\n        readers[name] += 1", ""),
    ("memory", "itemsize * numbers", "4 * numbers"),
]  # fmt: skip


@pytest.fixture
def clean_modules() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith("mutant_of_")]:
        del sys.modules[name]


@pytest.mark.parametrize("module", CHECKS)
def test_the_checks_pass_on_the_real_source(module):
    CHECKS[module](importlib.import_module(f"refnet.cost.{module}"))


@pytest.mark.usefixtures("clean_modules")
@pytest.mark.parametrize(("module", "old", "new"), MUTANTS)
def test_a_wrong_line_is_found_out(module, old, new):
    with pytest.raises((AssertionError, ValueError, KeyError)):
        CHECKS[module](mutated(module, old, new))
