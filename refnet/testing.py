"""One line for other people's tests: is this what the operation gives, by proof?

>>> import numpy as np
>>> x = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)
>>> w = np.ones((3, 3, 2, 1), np.float32)
>>> y = np.full((1, 1, 1, 1), 153, np.float32)
>>> assert_matches(y, "conv2d", x, w, padding="valid")
>>> assert_matches(y + 1, "conv2d", x, w, padding="valid")
Traceback (most recent call last):
    ...
AssertionError: conv2d: 1 of 1 wrong, worst at (0, 0, 0, 0): 154, expected 153 (bit equality...)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refnet import ops
from refnet.backend import Arithmetic, Case
from refnet.bounds.formats import float_format
from refnet.layer import ATTRS, SIGNATURES, Attrs, Layer
from refnet.network import Network
from refnet.oracle.exact import largest_sum
from refnet.oracle.judge import judge
from refnet.run import check_tensors, run

Array = np.ndarray[Any, Any]


def assert_matches(
    actual: Array,
    operation: str,
    *arrays: Array | None,
    arithmetic: Arithmetic | str | None = None,
    **keywords: Any,
) -> None:
    """AssertionError unless `actual` is what the operation gives, within the proven bound.

    operation: the name of a function of `refnet.ops`, arrays and keywords its arguments, in
    refnet's layouts (NHWC; kernels D_K, D_K, M, N). arithmetic: what computed `actual`,
    float32 unless said otherwise, as an Arithmetic or as "storage=float16,...".
    On whole numbers small enough to be exact, bit equality is asked for.
    Raises ValueError where the arguments do not fit one another.
    """
    if operation not in ops.__all__ or operation == "separable_conv2d":
        known = ", ".join(name for name in ops.__all__ if name != "separable_conv2d")
        raise ValueError(f"operation: {operation!r}, expected one of {known}")
    _, names = SIGNATURES[operation]
    given = [None if a is None else np.asarray(a) for a in arrays]
    feeds = given[:1] if names else given
    inputs = {f"x{n}": a for n, a in enumerate(feeds) if a is not None}
    if len(given) - 1 > len(names) and names:
        raise ValueError(f"{operation}: {len(given)} arrays, expected at most {1 + len(names)}")
    params = {name: a for name, a in zip(names, given[1:], strict=False) if a is not None}
    attrs: Attrs | None = _attrs(operation, keywords)
    shapes = {name: a.shape for name, a in params.items()}
    layer = Layer("y", operation, tuple(inputs), attrs, shapes)
    network = Network(operation, (layer,), {n: a.shape[1:] for n, a in inputs.items()}, ("y",))
    tensors = {f"y.{name}": a for name, a in params.items()}
    _assert_holds(actual, network, tensors, inputs, _arithmetic(arithmetic), operation)


def assert_network_matches(
    actual: Mapping[str, Array],
    network: Network,
    tensors: Mapping[str, Array],
    inputs: Array | Mapping[str, Array],
    *,
    arithmetic: Arithmetic | str | None = None,
) -> None:
    """The same for every layer of a network that `actual` holds, each on its own actual input.

    actual: outputs by layer name, as many as can be shown. A layer whose inputs are all in
    `actual` (or are the network's) is judged alone; a run of layers between two that are shown
    is judged as one unit. The first that is wrong is named.
    """
    if not isinstance(inputs, Mapping):
        inputs = dict.fromkeys(network.inputs, inputs)
    if not isinstance(actual, Mapping):
        raise ValueError(f"actual: a {type(actual).__name__}, expected {{layer name: array}}")
    check_tensors(network, tensors)
    shown = [layer.name for layer in network.layers if layer.name in actual]
    strange = set(actual) - set(shown) - set(network.inputs)
    if strange or not shown:
        names = sorted(strange) or "nothing"
        raise ValueError(f"actual: {names} is no layer of {network.name}")
    known: dict[str, Array] = {name: np.asarray(a) for name, a in inputs.items()}
    for name in shown:
        unit = network.cut([name], inputs=_feeds(network, name, set(known)))
        fed = {feed: known[feed] for feed in unit.inputs}
        _assert_holds(actual[name], unit, tensors, fed, _arithmetic(arithmetic), name)
        known[name] = np.asarray(actual[name])


def _assert_holds(
    actual: Array,
    network: Network,
    tensors: Mapping[str, Array],
    inputs: Mapping[str, Array],
    arithmetic: Arithmetic,
    what: str,
) -> None:
    wide = {name: a.astype(np.float64) for name, a in inputs.items()}
    numbers = {name: tensors[name].astype(np.float64) for name in network.params()}
    expected = run(network, numbers, wide)
    below = _exact_below(network, numbers, wide, arithmetic)
    case = Case(what, network, numbers, wide, expected, below)
    output = network.outputs[0]
    verdict = judge(case, {output: np.asarray(actual)}, arithmetic)[output]
    if not verdict.holds:
        raise AssertionError(f"{what}: {verdict}")


def _exact_below(
    network: Network,
    tensors: Mapping[str, Array],
    inputs: Mapping[str, Array],
    arithmetic: Arithmetic,
) -> int | None:
    """The power of two that proves exactness, where all numbers are whole and small enough."""
    arrays = (*tensors.values(), *inputs.values())
    if not all(np.isfinite(a).all() and np.array_equal(a, np.round(a)) for a in arrays):
        return None
    try:
        most = largest_sum(network, tensors, inputs)
    except ValueError:
        return None
    limit = 2 ** float_format(arithmetic.accumulate).bits
    return limit if most < limit else None


def _feeds(network: Network, name: str, known: set[str]) -> list[str]:
    """The nearest known tensors that a layer's value follows from."""
    feeds: list[str] = []
    waiting = list(network[name].inputs)
    while waiting:
        need = waiting.pop(0)
        if need in known:
            feeds.append(need)
        else:
            waiting += network[need].inputs
    return list(dict.fromkeys(feeds))


def _attrs(operation: str, keywords: dict[str, Any]) -> Any:
    try:
        return ATTRS[operation](**keywords) if operation in ATTRS else _none(keywords)
    except TypeError as problem:
        said = str(problem).replace(".__init__()", "")
        raise ValueError(f"{operation}: {said}") from None


def _none(keywords: dict[str, Any]) -> None:
    if keywords:
        raise TypeError(f"takes no keyword {next(iter(keywords))!r}")


def _arithmetic(said: Arithmetic | str | None) -> Arithmetic:
    if said is None:
        return Arithmetic()
    if isinstance(said, Arithmetic):
        return said
    if not isinstance(said, str):
        raise ValueError(f"arithmetic: {said!r}, expected an Arithmetic or text such as "
                         f"'storage=float16'")  # fmt: skip
    return Arithmetic.parse(said)
