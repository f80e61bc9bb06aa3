"""Reports to write down, one that holds, one that does not, one that means harm; pages to read."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from refnet.backend import Arithmetic
from refnet.oracle.adapters.ops import Ops
from refnet.oracle.check import ask, check
from refnet.oracle.judge import Verdict, unanswered
from refnet.oracle.results import LayerResult, Report, Result
from refnet.oracle.suites import questions

NAN = math.nan
# What a layer, a question or a backend's message may be called by someone who means harm, or by
# a broken engine: markup, quotes, an end of a style sheet, control characters, half a surrogate.
HOSTILE = '</style><script>alert("1")</script>&amp;\'\x00\x1b[31m\ud800 https://example.org ]]>'


def layer(name: str, ratio: float, free: float = NAN, exact: bool = False) -> LayerResult:
    """A layer so near to its bound; wrong from 1 on."""
    wrong = int(ratio > 1)
    verdict = Verdict(ratio, wrong, 8, (0, 1, 2, 3), 2.5, 2.0, 0.25, 0.5, exact=exact)
    return LayerResult(name, "conv2d", verdict, free, 1.5, 0.25)


def network(*layers: LayerResult, name: str = "net", mode: str = "shown") -> Result:
    return Result("v2", "random", name, mode, layers)


def report(*results: Result, backend: str = "mine") -> Report:
    return Report(backend, Arithmetic(), results)


class Missing(Ops):
    """Shrugs at softmax, and adds 1 to every depthwise convolution."""

    def prepare(self, network, tensors, batch=1):
        if network.layers[-1].op == "softmax":
            raise NotImplementedError("no <softmax> & co")
        inner = super().prepare(network, tensors, batch)
        ops = {la.name: la.op for la in network.layers}
        return lambda inputs: {
            name: a + np.float32(ops[name] == "depthwise_conv2d")
            for name, a in inner(inputs).items()
        }


@functools.cache
def right() -> Report:
    """Every operation, and a network under both kinds, right."""
    asked = [q for q in questions("v2") if q.case.id.endswith("pytorch")]
    results = [result for q in asked for result in ask(Ops(), q, Ops.arithmetic)]
    single = check(Ops(), "ops", name="ops")
    return replace(single, results=(*single.results, *results))


@functools.cache
def wrong() -> Report:
    """The same of a backend with two faults."""
    asked = [q for q in questions("v2") if q.case.id.endswith("pytorch")]
    results = [result for q in asked for result in ask(Missing(), q, Ops.arithmetic)]
    single = check(Missing(), "ops", name="my_port:Missing")
    return replace(single, results=(*single.results, *results))


def hostile() -> Report:
    """Names and messages of the worst kind, everywhere that a backend or a network has a say."""
    raised = LayerResult(HOSTILE, HOSTILE, unanswered(8, f"raised {HOSTILE}"), NAN, NAN, NAN)
    return report(
        network(layer(HOSTILE, 0.5, 0.0), layer(HOSTILE, math.inf, math.inf), name=HOSTILE),
        network(raised, mode="fused", name=HOSTILE),
        Result(HOSTILE, HOSTILE, HOSTILE, "whole", (raised,)),
        Result("ops", "exact", HOSTILE, "whole", (), HOSTILE),
        backend=HOSTILE,
    )


def silent() -> Report:
    """A backend that answers nothing."""
    return report(Result("ops", "exact", "add", "whole", (), "not today"))


VOID = {"meta"}  # the only element without an end that the page uses


class Page(HTMLParser):
    """A page taken apart: (name, attributes, text inside) of every element, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[dict] = []
        self.elements: list[dict] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        made = {"tag": tag, "attrs": dict(attrs), "text": "", "within": [*self.open]}
        self.elements.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]

    def marks(self, kind):
        return [e for e in self.elements if e["attrs"].get("class") == kind and e["within"]]
