"""The engines that `refnet bench` times, once each; no test asserts a time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from refnet.apps.bench import peers, rounds
from refnet.apps.bench.engines import gemm_floor
from refnet.apps.bench.files import Job
from refnet.backend import Arithmetic
from refnet.cli import main
from refnet.oracle.adapters.border import to_nchw, to_nhwc
from refnet.oracle.check import check
from tests.apps.bench.test_bench import small, unpinned

__all__ = ["small", "unpinned"]  # fixtures


@pytest.fixture(autouse=True)
def one_call(monkeypatch):
    monkeypatch.setattr(rounds, "SECONDS", 0.0)
    monkeypatch.setattr(rounds, "ITERATIONS", 1)


def engines(capsys, *words: str) -> dict:
    assert main(["bench", *words, "--rounds", "1", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    return run | {"engines": {engine["name"]: engine for engine in run["engines"]}}


def test_refnet_and_ops_are_timed_and_right(capsys, small):
    run = engines(capsys, small, "--threads", "1", "--against", "ops")
    assert list(run["engines"]) == ["refnet", "ops", "GEMM floor"]
    assert set(run["split"]) == {"product", "depthwise", "elementwise", "rest"}
    assert run["floor FLOP/s"] > 0
    assert run["engines"]["refnet"]["best"] == run["engines"]["ops"]["best"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["v1", "v2"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_every_peer_that_is_installed_names_the_oracle_s_best_five(capsys, model, threads):
    """The oracle's order is the independent value; who is refused makes the status 2."""
    absent = peers.absent(peers.PEERS)
    run = engines(capsys, model, "--threads", threads)
    rows = {
        entry.name
        for name, peer in peers.PEERS.items()
        if name not in absent
        for entry in peer.entries
    }
    assert set(run["engines"]) == {"refnet", *rows, "GEMM floor"}
    assert all(engine["refused"] is None for engine in run["engines"].values())


@pytest.mark.slow
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_pytorch_that_is_timed_is_right_on_every_operation(channels_last):
    """Judged as a backend: bit equality on whole numbers, the proven bound on others."""
    torch = pytest.importorskip("torch", reason="it is what is timed")
    from refnet.apps.bench.torch import forward_of

    class Timed:
        arithmetic = Arithmetic()

        def prepare(self, network, tensors, batch=1):
            numbers = {name: a.astype(np.float32) for name, a in tensors.items()}
            forward = forward_of(network, numbers, channels_last=channels_last)
            (output,) = network.outputs

            def run(inputs):
                given = {name: to_nchw(a.astype(np.float32)) for name, a in inputs.items()}
                (said,) = forward({name: torch.from_numpy(a) for name, a in given.items()})
                return {output: to_nhwc(said.numpy())}

            return run

    report = check(Timed(), "ops")
    assert report.holds, report.first_bad
    left = {result.id for result in report.results if result.cannot}
    averages = {"average-3", "average-3-padding-counted"}  # windows that overhang on one side
    asymmetric = {"resize-2-asymmetric", "resize-2-asymmetric-exact", "resize-6-asymmetric"}
    assert left == averages | asymmetric | {"batch-norm-0.001", "batch-norm-1e-05"}


def test_the_floor_multiplies_what_it_is_told_and_nothing_else(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(np, "matmul", lambda a, b, out: calls.append((a.shape, b.shape, out.shape)))
    products = [(1, 1, 4, 3, 2), (1, 1, 1, 7, 5), (3, 2, 4, 5, 6)]
    gemm_floor(Job(tmp_path, 1, {"products": products})).run()
    assert calls == [
        ((4, 3), (3, 2), (4, 2)),
        ((1, 7), (7, 5), (1, 5)),
        ((3, 1, 4, 5), (2, 5, 6), (3, 2, 4, 6)),
    ]
