"""Both networks with their real weights, against engines that share nothing with refnet.

The expected numbers were computed by LiteRT (V1, from the .tflite) and PyTorch (V2, from the
.pth): the header of each data file names version, file and command.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from refnet import definition, load, run
from refnet.cost import macs
from refnet.models import build
from refnet.run import apply

DATA = Path(__file__).parent / "data"
PHOTOS = ("grace_hopper", "chelsea", "coffee")


def answers(model: str) -> dict[str, np.ndarray]:
    with safe_open(DATA / f"engine_answers_{model}.safetensors", framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize("model", ["v1", "v2"])
@pytest.mark.parametrize("photo", PHOTOS)
def test_logits_agree_with_the_engine_to_1e_4(model, photo):
    """The engines compute in float32 and are the less exact side; logits reach 22."""
    checkpoint, expected = load(model).fold(), answers(model)
    x = expected[f"{photo}.input"].astype(np.float64)
    found = run(checkpoint.network, checkpoint.tensors, x, taps=["classifier"])["classifier"]
    assert abs(found - expected[f"{photo}.logits"]).max() < 1e-4


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_the_data_says_what_made_it_and_from_which_file(model):
    with safe_open(DATA / f"engine_answers_{model}.safetensors", framework="numpy") as file:
        about = json.loads(file.metadata()["about"])
    assert about["ran"]["sha256"] == load(model).provenance.sha256
    assert (DATA / about["made_by"].split("/")[-1]).is_file()


@pytest.mark.parametrize(("model", "change"), [("v1", "symmetric"), ("v2", "same")])
def test_the_other_padding_is_another_network(model, change):
    """What findings of a hundred ports come down to: 1e-4 is not passed by accident."""
    checkpoint, expected = load(model).fold(), answers(model)
    conventions = replace(checkpoint.network.conventions, padding=change)
    network = build(model, conventions=conventions, batch_norm=False)
    x = expected["grace_hopper.input"].astype(np.float64)
    found = run(network, checkpoint.tensors, x, taps=["classifier"])["classifier"]
    assert abs(found - expected["grace_hopper.logits"]).max() > 0.5


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_loops_and_numpy_agree_layer_by_layer_on_real_weights_at_32(model):
    """Each layer of `ops` is given what the loops gave theirs, so that each verdict stands alone.

    Sums of K products and a bias: both sides within gamma_{K+1} of the exact value (see
    test_twins); gamma_{2 (K+1)} makes up for the rounding of the sum of magnitudes itself.
    Activations and residual sums round nothing, or the same once: they are equal.
    """
    checkpoint = load(model).fold()
    network = build(
        model, resolution=32, conventions=checkpoint.network.conventions, batch_norm=False
    )
    x = answers(model)["chelsea.input"].astype(np.float64)[:, 96:128, 96:128]
    tally = definition.Tally()
    names = ["image", *(layer.name for layer in network.layers)]
    loops = run(network, checkpoint.tensors, x, using=definition, taps=names, tally=tally)
    sizes = {name: abs(tensor) for name, tensor in checkpoint.tensors.items()}
    for layer in network.layers[:-1]:
        inputs = [loops[name] for name in layer.inputs]
        difference = abs(apply(layer, inputs, checkpoint.tensors) - loops[layer.name])
        if layer.op in ("relu6", "add"):
            assert not difference.any()
            continue
        terms = inputs[0][0, ..., 0].size  # of a mean over the map
        if layer.params:
            weight = layer.params["weight"]
            terms = math.prod(weight[:2] if layer.op.startswith("depthwise") else weight[:-1])
        n = 2 * (terms + 1)
        gamma = n * 2.0**-53 / (1 - n * 2.0**-53)
        size = apply(layer, [abs(values) for values in inputs], sizes)
        assert (difference <= 2 * gamma * size).all()
    # The last operation: test_softmax_is_its_definition derives the same allowance.
    numpy = apply(network.layers[-1], [loops["classifier"]], {})
    assert np.allclose(numpy, loops["softmax"], rtol=2 * (1007 + 745) * 2.0**-53, atol=1e-300)
    assert 0 < tally.macs < macs(network)  # padding is not executed
