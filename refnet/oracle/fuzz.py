"""Operations drawn at random, and the smallest one on which a backend fails.

Hypothesis draws shapes and settings and, once one fails, shrinks it: what comes back is the
smallest map, kernel, stride and padding that still go wrong, which usually names the mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from refnet.backend import Arithmetic, Backend, Case
from refnet.layer import Attrs, ConvAttrs, DepthwiseAttrs, Layer, PointwiseAttrs
from refnet.network import Network
from refnet.oracle.check import ask
from refnet.oracle.exact import exact_case
from refnet.oracle.judge import Verdict
from refnet.oracle.suites import Question

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Failure:
    """The smallest failing case, and what was wrong with the answer."""

    case: Case
    verdict: Verdict

    @property
    def size(self) -> int:
        """How many numbers it is made of: the smaller of two failures says more."""
        return sum(a.size for a in (*self.case.inputs.values(), *self.case.tensors.values()))

    def __str__(self) -> str:
        (layer,) = self.case.network.layers
        said = ", ".join(f"{key}={value!r}" for key, value in layer.keywords().items())
        shapes = [f"x {a.shape}" for a in self.case.inputs.values()]
        shapes += [f"{name.split('.')[1]} {a.shape}" for name, a in self.case.tensors.items()]
        return f"{layer.op}({', '.join(shapes)}, {said}): {self.verdict}"


def smallest_failure(
    backend: Backend,
    examples: int = 200,
    *,
    arithmetic: Arithmetic | None = None,
    seed: int | None = None,
) -> Failure | None:
    """The smallest drawn operation that a backend gets wrong; None if it gets all right.

    >>> from refnet.oracle.adapters.ops import Ops
    >>> smallest_failure(Ops(), examples=20) is None        # right, as far as 20 draws tell
    True

    Whole numbers throughout: a direct backend owes bit equality, another its bound. The draws
    are the same every time, others for each seed. What the backend cannot do (NotImplementedError)
    is passed over.
    Raises ValueError where Hypothesis is not installed.
    """
    try:
        from hypothesis import HealthCheck, find, settings
        from hypothesis.errors import NoSuchExample
    except ImportError:
        raise ValueError("--fuzz needs hypothesis: pip install 'refnet[test]'") from None
    declared = arithmetic or backend.arithmetic
    failures: list[Failure] = []

    def fails(network: Any) -> bool:
        case = exact_case(network, "fuzz")
        (result,) = ask(backend, Question("fuzz", "exact", case), declared)
        if not result.holds:
            failures.append(Failure(case, result.layers[0].verdict))
        return not result.holds

    quiet = settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        source = None if seed is None else Random(seed)
        smallest = find(networks(), fails, settings=quiet, random=source)
    except NoSuchExample:
        return None
    fails(smallest)
    return failures[-1]


def networks() -> SearchStrategy[Any]:
    """Networks of one convolution, of every kind, on small maps."""
    from hypothesis import strategies as st

    sides, small = st.integers(1, 9), st.integers(1, 5)
    common = st.sampled_from([(1, 1), (2, 2), (3, 3)])
    pairs = st.one_of(common, st.tuples(st.integers(1, 5), st.integers(1, 5)))
    paddings = st.one_of(st.sampled_from(["same", "valid"]), st.tuples(*[st.integers(0, 3)] * 4))

    @st.composite
    def draw(choose: Any) -> Network | None:
        H, W, M = choose(sides), choose(sides), choose(small)
        op = choose(st.sampled_from(["conv2d", "depthwise_conv2d", "pointwise_conv2d"]))
        stride, kernel = choose(pairs), choose(pairs)
        padding, dilation = (
            choose(paddings),
            choose(st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 2)])),
        )
        attrs: Attrs
        if op == "conv2d":
            groups = choose(st.sampled_from([g for g in (1, 2, 3) if M % g == 0]))
            N = groups * choose(small)
            weight = (*kernel, M // groups, N)
            attrs = ConvAttrs(padding, stride, dilation, groups)
        elif op == "depthwise_conv2d":
            multiplier = choose(st.integers(1, 3))
            weight, N = (*kernel, M, multiplier), M * multiplier
            attrs = DepthwiseAttrs(padding, stride, dilation)
        else:
            N = choose(small)
            weight, attrs = (1, 1, M, N), PointwiseAttrs(stride)
        params = {"weight": weight} | ({"bias": (N,)} if choose(st.booleans()) else {})
        try:
            layer = Layer("y", op, ("x",), attrs, params)
            return Network("drawn", (layer,), {"x": (H, W, M)}, ("y",))
        except ValueError:  # the kernel does not fit its map
            return None

    return draw().filter(lambda network: network is not None)
