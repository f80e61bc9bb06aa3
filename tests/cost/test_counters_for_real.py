"""The tools themselves, run on torch modules: their figures are refnet's sums, to the unit."""

from __future__ import annotations

import contextlib
import io
import warnings

import pytest

from refnet import mobilenet_v1, mobilenet_v2
from refnet.cost.counters import as_tool

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
NETWORKS = {"V1": mobilenet_v1(), "V2": mobilenet_v2()}


def fvcore(module, x):
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, x)
    analysis.unsupported_ops_warnings(False)
    return {"fvcore": analysis.total()}


def thop(module, x):
    import thop

    return {"thop": thop.profile(module, inputs=(x,), verbose=False)[0]}


def ptflops(module, x):
    from ptflops import get_model_complexity_info as info

    said = {"as_strings": False, "print_per_layer_stat": False}
    shape = tuple(x.shape[1:])
    return {
        "ptflops": info(module, shape, backend="pytorch", **said)[0],
        "ptflops-aten": info(module, shape, backend="aten", **said)[0],
    }


def torchinfo(module, x):
    import torchinfo

    return {"torchinfo": torchinfo.summary(module, input_data=x, verbose=0).total_mult_adds}


def torch(module, x):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(x)
    return {"torch": counter.get_total_flops()}


def calflops(module, x):
    from calflops import calculate_flops

    flops, macs, _ = calculate_flops(
        module, tuple(x.shape), output_as_string=False, print_results=False, print_detailed=False
    )
    return {"calflops": flops, "calflops-macs": macs}


@pytest.mark.parametrize("counter", [fvcore, thop, ptflops, torchinfo, torch, calflops])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_tool_prints_what_the_ledger_says(name, counter):
    pytest.importorskip(
        counter.__name__, reason=f"{counter.__name__}: pip install 'refnet[counters]'"
    )
    if counter is calflops:
        pytest.importorskip("transformers", reason="calflops needs it, and does not say so")
    import torch as torch_

    from tests.cost import torch_models

    torch_.manual_seed(0)
    module = getattr(torch_models, name)().eval()
    with torch_.no_grad(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        printed = counter(module, torch_.zeros(1, 3, 224, 224))
    assert printed == {tool: as_tool(NETWORKS[name], tool) for tool in printed}


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_counts_what_the_ledger_says(name, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="keras: pip install 'refnet[backends]'")
    builder = {"V1": keras.applications.MobileNet, "V2": keras.applications.MobileNetV2}[name]
    assert builder(weights=None).count_params() == as_tool(NETWORKS[name], "keras")
