"""The intervals of half: their ends where the last rounding may go either way."""

import numpy as np

from refnet.backend import Arithmetic
from refnet.layer import Layer, PointwiseAttrs
from refnet.network import Network
from refnet.oracle.halves import judge_halves

ANY = Arithmetic(rounding="any")


def products():
    """One channel times one weight: what is exact in float64, with its network."""
    layer = Layer("y", "pointwise_conv2d", ("x",), PointwiseAttrs(), {"weight": (1, 1, 1, 1)})
    network = Network("products", (layer,), {"x": (32, 32, 1)}, ("y",))
    x = np.random.default_rng(0).uniform(-4, 4, (1, 32, 32, 1)).astype(np.float16)
    w = np.full((1, 1, 1, 1), 1.2, np.float16)
    exact = x.astype(np.float64) * w.astype(np.float64)
    return network, {"y.weight": w}, x, exact


def truncated(exact):
    """The half next to zero, as a conversion that cuts off gives it."""
    half = exact.astype(np.float16)
    over = abs(half.astype(np.float64)) > abs(exact)
    return np.where(over, np.nextafter(half, np.float16(0)), half)


def outside(answer, arithmetic=None):
    network, tensors, x, _ = products()
    (verdict,) = judge_halves(network, tensors, {"x": x}, {"y": answer}, arithmetic)
    return verdict.outside


def test_a_conversion_that_cuts_off_is_right_only_where_that_is_allowed():
    exact = products()[-1]
    cut = truncated(exact)
    assert outside(exact.astype(np.float16)) == outside(exact.astype(np.float16), ANY) == 0
    assert outside(cut, ANY) == 0
    assert outside(cut) > exact.size // 4  # about half of all products lie nearer the other one


def test_two_halves_off_is_wrong_for_both():
    cut = truncated(products()[-1])
    far = np.nextafter(np.nextafter(cut, np.float16(0)), np.float16(0))
    moved = int(np.count_nonzero(far != cut))
    assert outside(far) == outside(far, ANY) == moved > 1000
