"""What other tools print for the same network, each figure as a sum of ledger rows.

One network, figures from 299.7 M to 615 M: hardly a tool miscounts (one sees a pool twice), each
counts something else. Here is what. The sums hold for V1 and V2, on which the tools were run.

>>> from refnet.models import mobilenet_v2
>>> print(explain(mobilenet_v2(), "fvcore"))
fvcore: 314,193,216 FLOPs of mobilenet_v2_1.0_224
    300,774,272  1 x macs: a multiply-accumulate is one FLOP
     13,356,224  2 x batch norm: a scale and a shift an element
         62,720  1 x pooled: an addition for each element read
"""

from __future__ import annotations

from dataclasses import dataclass

from refnet.cost.ledger import PARAMETERS, Ledger, ledger
from refnet.network import Network
from refnet.tables import Row, align


@dataclass(frozen=True)
class Term:
    """`factor` times the ledger's total of a kind, and why the tool counts it so.

    >>> [(term.factor, term.kind) for term in TOOLS["fvcore"].terms]
    [(1, 'macs'), (2, 'batch norm'), (1, 'pooled')]

    modules_only: the tool hooks torch modules, and misses what a network calls as a function.
    """

    kind: str
    factor: int
    why: str
    modules_only: bool = False


@dataclass(frozen=True)
class Tool:
    """A counter: what it calls its figure, and the terms that the figure is made of.

    >>> TOOLS["torch"].prints, TOOLS["thop"].prints, TOOLS["keras"].prints
    ('FLOPs', 'MACs', 'parameters')
    """

    name: str
    prints: str
    terms: tuple[Term, ...]


_MACS = Term("macs", 1, "all taps, padding included")
_MAC_IS_FLOP = Term("macs", 1, "a multiply-accumulate is one FLOP")
_MAC_IS_TWO = Term("macs", 2, "a multiplication and an addition")
_SCALE_SHIFT = Term("batch norm", 2, "a scale and a shift an element")
_POOL_READS = Term("pooled", 1, "an addition for each element read")
_BIAS = Term("bias additions", 1, "the classifier's bias")

TOOLS = {
    tool.name: tool
    for tool in (
        Tool("papers", "Mult-Adds", (_MACS,)),
        Tool("executed", "MACs", (Term("executed macs", 1, "what a loop really multiplies"),)),
        Tool("fvcore", "FLOPs", (_MAC_IS_FLOP, _SCALE_SHIFT, _POOL_READS)),
        Tool(
            "thop",
            "MACs",
            (
                _MACS,
                Term("batch norm", 4, "two for mean and variance, two for gamma and beta"),
                Term("pooled", 1, "an addition for each element read", modules_only=True),
                Term("pooling outputs", 1, "a division for each mean", modules_only=True),
            ),
        ),
        Tool(
            "ptflops",
            "MACs",
            (
                _MACS,
                _SCALE_SHIFT,
                Term("activations", 1, "a comparison an element"),
                _POOL_READS,
                Term("pooled", 1, "again: the module and the function in it are both seen", True),
                _BIAS,
            ),
        ),
        Tool("ptflops-aten", "MACs", (_MACS, _BIAS)),
        Tool(
            "torchinfo",
            "mult-adds",
            (
                _MACS,
                Term("gamma", 1, "batch norm's parameters, once, whatever the map"),
                Term("beta", 1, "batch norm's parameters, once, whatever the map"),
                _BIAS,
            ),
        ),
        Tool("torch", "FLOPs", (_MAC_IS_TWO,)),
        Tool("calflops-macs", "MACs", (_MACS,)),
        Tool("calflops", "FLOPs", (_MAC_IS_TWO, _SCALE_SHIFT, _POOL_READS)),
        Tool(
            "keras",
            "parameters",
            tuple(
                Term(kind, 1, "the statistics too" if kind in ("mean", "variance") else "learned")
                for kind in PARAMETERS
            ),
        ),
    )
}

# torchvision's MobileNetV2 pools with a function, not with a module. No one V1 is as well known
# in torch; the figures here are for one that is written in modules throughout.
FUNCTIONAL_POOL = ("mobilenet_v2",)


def as_tool(network: Network, tool: str) -> int:
    """The figure that a tool prints for a network with its batch norms, one image.

    >>> from refnet.models import mobilenet_v1
    >>> as_tool(mobilenet_v1(), "thop"), as_tool(mobilenet_v1(), "torch")
    (588962304, 1137480704)
    """
    return sum(count for _, count in terms(network, tool))


def terms(network: Network, tool: str) -> list[tuple[Term, int]]:
    """The terms of that figure with what each of them adds.

    >>> from refnet.models import mobilenet_v1
    >>> [(term.factor, term.kind, count) for term, count in terms(mobilenet_v1(), "torch")]
    [(2, 'macs', 1137480704)]
    """
    if tool not in TOOLS:
        raise ValueError(f"tool: {tool!r}, expected one of {', '.join(TOOLS)}")
    if not network.name.startswith(("mobilenet_v1_", "mobilenet_v2_")):
        raise ValueError(f"tool: what {tool} prints is known for v1 and v2, not for {network.name}")
    book = ledger(network)
    functional = network.name.startswith(FUNCTIONAL_POOL)
    return [(term, term.factor * _total(book, term, functional)) for term in TOOLS[tool].terms]


def explain(network: Network, tool: str) -> str:
    """The figure, and the rows that add up to it.

    >>> from refnet.models import mobilenet_v1
    >>> print(explain(mobilenet_v1(), "torch"))
    torch: 1,137,480,704 FLOPs of mobilenet_v1_1.0_224
      1,137,480,704  2 x macs: a multiplication and an addition
    """
    found = terms(network, tool)
    lines = [f"{tool}: {sum(n for _, n in found):,} {TOOLS[tool].prints} of {network.name}"]
    for term, count in found:
        why = term.why
        if term.modules_only and not count:
            why += "; a function here, so not seen"
        lines.append(f"{count:>15,}  {term.factor} x {term.kind}: {why}")
    return "\n".join(lines)


def beside(network: Network) -> str:
    """What every tool prints, one line each, from the least to the most.

    >>> from refnet.models import mobilenet_v2
    >>> print("\\n".join(beside(mobilenet_v2()).splitlines()[:4]))
    mobilenet_v2_1.0_224
    executed         299,676,304 MACs       executed macs
    papers           300,774,272 Mult-Adds  macs
    calflops-macs    300,774,272 MACs       macs
    """
    rows: list[Row] = []
    counted = [tool for tool in TOOLS.values() if tool.prints != "parameters"]
    for tool in sorted(counted, key=lambda tool: as_tool(network, tool.name)):
        found = [(term, count) for term, count in terms(network, tool.name) if count]
        what = " + ".join(f"{t.factor} {t.kind}" if t.factor > 1 else t.kind for t, _ in found)
        rows.append((tool.name, f"{sum(n for _, n in found):>13,} {tool.prints}", what))
    return f"{network.name}\n{align(rows)}"


def _total(book: Ledger, term: Term, functional: bool) -> int:
    if term.modules_only and functional:
        return 0
    return book.total(term.kind)
