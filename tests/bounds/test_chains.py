"""Errors passed from layer to layer; batch norm folded by the backend, on V2's real weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refnet.backend import Arithmetic
from refnet.bounds import Value, propagate, step
from refnet.folding import fold
from refnet.network import BatchNormAttrs, ConvAttrs, Layer, Network, PointwiseAttrs
from refnet.run import apply, run
from tests.bounds.data import ARITHMETICS, DATA, ratio
from tests.bounds.real import folded, pairs, tensors
from tests.bounds.simulated import NORMS, ORDERS, Simulated

FOLDING = {
    "float32 throughout": Arithmetic(folds_in="float32"),
    "float64 before float32": Arithmetic(folds_in="float64"),
    "float32, truncating": Arithmetic(folds_in="float32", rounding="any"),
    "float32 before float16": Arithmetic("float16", folds_in="float32"),
    "float16 throughout": Arithmetic("float16", accumulate="float16", folds_in="float16"),
    "float32 before TF32": Arithmetic(inputs="tf32", folds_in="float32"),
}


def norm(name: str, feed: str, M: int) -> Layer:
    params = dict.fromkeys(("gamma", "beta", "mean", "variance"), (M,))
    return Layer(name, "batch_norm", (feed,), BatchNormAttrs(1e-5), params)


def residual_block(biased: bool) -> Network:
    """Expansion, norm, ReLU6, projection, norm, the sum with the input; then a pool."""
    bias = {"bias": (8,)} if biased else {}
    layers = (
        Layer("e", "conv2d", ("x",), ConvAttrs("same"), {"weight": (3, 3, 4, 8)} | bias),
        norm("e.norm", "e", 8),
        Layer("e.activation", "relu6", ("e.norm",), None, {}),
        Layer("p", "pointwise_conv2d", ("e.activation",), PointwiseAttrs(),
              {"weight": (1, 1, 8, 4)}),
        norm("p.norm", "p", 4),
        Layer("sum", "add", ("x", "p.norm"), None, {}),
        Layer("pool", "global_average_pool", ("sum",), None, {}),
        Layer("softmax", "softmax", ("pool",), None, {}),
    )  # fmt: skip
    return Network("block", layers, {"x": (5, 6, 4)}, tuple(layer.name for layer in layers))


def numbers(network: Network, data: str, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    made = {n: DATA[data](rng, s).astype(np.float32) for n, s in network.params().items()}
    for name in made:
        if name.endswith("variance"):
            made[name] = rng.uniform(0.01, 4, made[name].shape).astype(np.float32)
    return DATA[data](rng, (2, *network.inputs["x"])).astype(np.float32), made


@pytest.mark.parametrize("keeps", [True, False], ids=["stored between", "fused"])
@pytest.mark.parametrize("name", ARITHMETICS)
def test_no_chain_of_layers_leaves_its_bounds(name, keeps):
    """Fused, numbers stay as they are accumulated, and only the inputs come from storage."""
    for seed, data in enumerate(("cancelling", "positive", "half_wide")):
        for biased in (False, True):
            network = residual_block(biased)
            x, made = numbers(network, data, seed)
            known = propagate(network, made, {"x": x}, ARITHMETICS[name])
            for order, way in zip(ORDERS[:4], NORMS, strict=True):
                simulated = Simulated(ARITHMETICS[name], order, keeps=keeps, norm=way)
                given = simulated.weights(x)
                with np.errstate(all="ignore"):
                    answer = run(network, made, {"x": given}, using=simulated)  # type: ignore[arg-type]
                for layer, value in known.items():
                    if layer != "x":
                        assert ratio(answer[layer], value.exact, value.error) <= 1, (data, layer)


@pytest.mark.parametrize("arithmetic", FOLDING.values(), ids=FOLDING)
def test_a_backend_that_folds_v2_s_norms_is_within_the_bound_of_folding(arithmetic):
    shares = []
    for pair in pairs():
        feed, name = pair.convolution.inputs[0], pair.norm.name
        value = propagate(pair.unit, tensors(), {feed: pair.x}, arithmetic)[name]
        simulated = Simulated(arithmetic, ORDERS[len(shares) % len(ORDERS)])
        made = folded(pair, simulated)
        shapes = {n.rpartition(".")[2]: a.shape for n, a in made.items()}
        convolution = replace(pair.convolution, params=shapes)
        answer = apply(convolution, [pair.x], made, using=simulated)  # type: ignore[arg-type]
        shares.append(ratio(answer, value.exact, value.error))
    print(f"largest err/bound {max(shares):.2f}")
    assert max(shares) <= 1
    assert max(shares) > 0.01


def test_without_the_roundings_of_folding_correct_backends_would_be_called_wrong():
    """beta - mean s cancels in some of V2's channels: its rounding is on the scale of what it is
    the difference of, and the folded convolution's own bound knows nothing of that."""
    over = []
    for pair in pairs():
        network, exactly = fold(pair.unit, tensors())
        convolution = network[pair.convolution.name]
        single = Arithmetic(storage="float64", accumulate="float32")
        value = step(convolution, [Value.given(pair.x)], exactly, single)
        simulated = Simulated(FOLDING["float32 throughout"])
        answer = apply(convolution, [pair.x], folded(pair, simulated), using=simulated)  # type: ignore[arg-type]
        over.append(ratio(answer, value.exact, value.error))
    print(f"{sum(r > 1 for r in over)} of {len(over)} layers, by up to {max(over):.3g}")
    assert max(over) > 1.2


def test_the_pair_s_bound_holds_for_a_backend_that_folds_and_for_one_that_does_not():
    declared = FOLDING["float32 throughout"]
    for pair in pairs()[:6]:
        feed, name = pair.convolution.inputs[0], pair.norm.name
        value = propagate(pair.unit, tensors(), {feed: pair.x}, declared)[name]
        answer = run(pair.unit, tensors(), {feed: pair.x}, using=Simulated(declared))[name]  # type: ignore[arg-type]
        assert ratio(answer, value.exact, value.error) <= 1
        assert np.array_equal(value.exact, run(
            pair.unit, {k: v.astype(np.float64) for k, v in tensors().items()},
            {feed: pair.x.astype(np.float64)})[name])  # fmt: skip


def test_a_norm_with_no_convolution_before_it_is_not_folded():
    layers = (Layer("r", "relu", ("x",), None, {}), norm("n", "r", 4))
    network = Network("n", layers, {"x": (2, 2, 4)}, ("n",))
    x, made = numbers(network, "normal", 0)
    plain, folding = (
        propagate(network, made, {"x": x}, Arithmetic(folds_in=f))["n"] for f in (None, "float32")
    )
    assert np.array_equal(plain.error, folding.error)


@pytest.mark.parametrize("op", ["depthwise_conv2d", "dense"])
@pytest.mark.parametrize("biased", [False, True])
def test_every_kind_of_convolution_folds_within_its_bound(op, biased):
    """Arranged the longest way, on statistics that are far from kind."""
    from refnet.network import DepthwiseAttrs

    rng = np.random.default_rng(0)
    w, N = ((3, 3, 4, 2), 8) if op == "depthwise_conv2d" else ((4, 8), 8)
    attrs = DepthwiseAttrs("same", stride=2) if op == "depthwise_conv2d" else None
    params = {"weight": w} | ({"bias": (N,)} if biased else {})
    layers = (Layer("c", op, ("x",), attrs, params), norm("n", "c", N))
    network = Network("n", layers, {"x": (5, 5, 4) if attrs else (4,)}, ("n",))
    for arithmetic in FOLDING.values():
        for seed, data in enumerate(("normal", "cancelling", "positive")):
            x, made = numbers(network, data, seed)
            made["n.variance"] = (10.0 ** rng.uniform(-7, 3, N)).astype(np.float32)
            value = propagate(network, made, {"x": x}, arithmetic)["n"]
            s = Simulated(arithmetic)
            q = {n: s.fit(s.weights(a), arithmetic.folds_in) for n, a in made.items()}

            def f(a, s=s, to=arithmetic.folds_in):
                return s.fit(a, to)

            with np.errstate(all="ignore"):
                root = f(np.sqrt(f(q["n.variance"] + f(np.array(1e-5)))))
                scale = f(q["n.gamma"] * f(1 / root))
                weight = f(q["c.weight"] * scale.reshape(w[2:] if attrs else (-1,)))
                own = f(q["c.bias"] - q["n.mean"]) if biased else -q["n.mean"]
                bias = f(f(own * scale) + q["n.beta"])
                conv = replace(layers[0], params={"weight": w, "bias": (N,)})
                answer = apply(conv, [x], {"c.weight": weight, "c.bias": bias}, using=s)  # type: ignore[arg-type]
            assert ratio(answer, value.exact, value.error) <= 1
