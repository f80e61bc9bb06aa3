"""What a backend does to the arrays it is given, and to those it gives, is its own affair: it makes
a wrong answer no better and a right one no worse, and nonsense is reported and not raised.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refnet import run
from refnet.backend import Arithmetic
from refnet.folding import fold
from refnet.oracle import report
from refnet.oracle.adapters.ops import Ops
from refnet.oracle.check import ask
from refnet.run import apply
from tests.oracle.photo import Float32, photo


class HalvesTheCallersWeights(Ops):
    def prepare(self, network, tensors, batch=1):
        for a in tensors.values():
            a[...] = a.astype(np.float16)
        return super().prepare(network, tensors, batch)


class DoublesTheCallersInput(Ops):
    def prepare(self, network, tensors, batch=1):
        runner = super().prepare(network, tensors, batch)

        def doubled(inputs):
            for a in inputs.values():
                a *= 2
            return runner(inputs)

        return doubled


class ReturnsItsOwnInput(Float32):
    def prepare(self, network, tensors, batch=1):
        runner = super().prepare(network, tensors, batch)

        def zeroed(inputs):
            nothing = {name: np.zeros_like(a) for name, a in inputs.items()}
            return {**runner(nothing), **nothing}

        return zeroed


class ClobbersAfterwards(Float32):
    def prepare(self, network, tensors, batch=1):
        runner = super().prepare(network, tensors, batch)
        for a in tensors.values():
            a[...] = 0

        def clobbering(inputs):
            answers = runner(inputs)
            for a in inputs.values():
                a[...] = 7
            return {**answers, "image": "of another type altogether"}

        return clobbering


class OneBuffer(Float32):
    """Shows its last output only, always in the same memory."""

    def prepare(self, network, tensors, batch=1):
        if len(network.outputs) > 1:
            raise NotImplementedError("one output at a time")
        runner, arena = super().prepare(network, tensors, batch), np.zeros(10**7, np.float32)

        def into_arena(inputs):
            (name,) = network.outputs
            y = runner(inputs)[name]
            arena[: y.size] = y.ravel()
            return {name: arena[: y.size].reshape(y.shape)}

        return into_arena


class FoldsItself(Ops):
    """Computes a norm's output from the convolution's input, and shows the convolution's too."""

    arithmetic = Arithmetic(folds_in="float32")

    def prepare(self, network, tensors, batch=1):
        whole = replace(network, outputs=(network.layers[-1].name,))
        folded, numbers = fold(whole, tensors, np.float32)
        names = [layer.name for layer in folded.layers]
        norms = {la.inputs[0]: la.name for la in network.layers if la.op == "batch_norm"}
        narrow = {name: a.astype(np.float32) for name, a in tensors.items()}

        def runner(inputs):
            found = {**inputs, **run(folded, numbers, inputs, taps=names)}
            shown = dict(found)
            for convolution, norm in norms.items():  # the folded one is the norm's output
                shown[norm] = found[convolution]
                layer = network[convolution]
                fed = [shown[norms.get(name, name)] for name in layer.inputs]
                shown[convolution] = apply(layer, fed, narrow)
            return {name: shown[name] for name in network.outputs}

        return runner


WRONG = [HalvesTheCallersWeights, DoublesTheCallersInput, ReturnsItsOwnInput]
RIGHT = [ClobbersAfterwards, OneBuffer, FoldsItself]


@pytest.mark.parametrize("kind", WRONG, ids=lambda kind: kind.__name__)
def test_a_wrong_backend_cannot_make_itself_right(kind):
    for model in ("v1", "v2"):
        for result in ask(kind(), photo(model), kind.arithmetic):
            assert not result.holds


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_a_right_backend_cannot_make_itself_wrong(kind):
    for model in ("v1", "v2"):
        for result in ask(kind(), photo(model), kind.arithmetic):
            assert result.holds, report.layer_table(result)


def test_a_network_answered_in_nonsense_is_reported_layer_by_layer():
    def lists(inputs, network, right):
        return {name: a.tolist() for name, a in right(inputs).items()}

    def short(inputs, network, right):
        return {name: a[:, :-1] if a.ndim == 4 else a for name, a in right(inputs).items()}

    def leaves(inputs, network, right):
        raise SystemExit(0)

    for change, words in (
        (lists, "stem: answer of type list, expected an array"),
        (short, "stem: shape (1, 47, 48, 32), expected (1, 48, 48, 32)"),
        (leaves, "the whole network: raised SystemExit: 0"),
    ):

        class Odd(Float32):
            def prepare(self, network, tensors, batch=1, change=change):
                right = super().prepare(network, tensors, batch)
                return lambda inputs: change(inputs, network, right)

        found = ask(Odd(), photo("v1"), Arithmetic())
        (result, *_) = found
        assert not result.holds
        assert f"{result.first_bad.layer}: {result.first_bad.verdict}".startswith(words)
