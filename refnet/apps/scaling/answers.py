"""Is time proportional to multiply-accumulates? What the measured figures say, in figures.

No conclusion stands here in words: every line is made of what was measured, and beside it what the
sources say, by the names under which `refnet claims` recomputes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from refnet.apps.claims.table import find
from refnet.apps.scaling.fits import Fit, Knee, exponent, fit, knee
from refnet.apps.scaling.roofline import Roofs, Spot, by_kind
from refnet.apps.scaling.rounds import Point
from refnet.apps.scaling.sizes import FACTORS, Cost, Size, along, grid

# What time may be a sum of, and the sums that are tried, each with one term more.
TERMS: Mapping[str, Callable[[Cost], float]] = {
    "fixed": lambda cost: 1,
    "macs": lambda cost: cost.macs,
    "activations": lambda cost: cost.activations,
    "parameters": lambda cost: cost.parameters,
}
WORDS = dict(zip(TERMS, ("fixed part", "MACs", "activation bytes", "parameter bytes"), strict=True))
FORMS: tuple[tuple[str, ...], ...] = (
    ("macs",),
    ("fixed", "macs"),
    ("fixed", "macs", "activations"),
    ("fixed", "macs", "activations", "parameters"),
)


@dataclass(frozen=True)
class Scaling:
    """Every size that was measured, and what follows from them."""

    models: Sequence[str]
    points: Sequence[Point]

    @cached_property
    def fits(self) -> dict[tuple[str, ...], dict[tuple[str, ...], Fit]]:
        """(models) -> (terms) -> the fit over their sizes at batch 1; of all together as well."""
        groups: list[tuple[str, ...]] = [(model,) for model in self.models]
        groups += [tuple(self.models)] if len(self.models) > 1 else []
        return {group: self._fits(grid(self.points, *group)) for group in groups}

    def _fits(self, points: Sequence[Point]) -> dict[tuple[str, ...], Fit]:
        seconds = [point.quietest for point in points]
        found: dict[tuple[str, ...], Fit] = {}
        for terms in FORMS:
            costs = {term: [TERMS[term](point.cost) for point in points] for term in terms}
            if (made := fit(costs, seconds)) is not None:
                found[terms] = made
        return found

    def exponent(self, model: str, factor: str) -> float | None:
        """k of time ~ MACs^k along a factor."""
        return exponent(*self._costs(model, factor))

    def knee(self, model: str, factor: str) -> Knee:
        """Where time for each MAC leaves its least along a factor."""
        return knee(*self._costs(model, factor))

    def _costs(self, model: str, factor: str) -> tuple[list[int], list[float]]:
        points = along(self.points, model, factor)
        return [point.cost.macs for point in points], [point.quietest for point in points]

    def at(self, size: Size) -> Point | None:
        """What was measured of a size, if it was."""
        return next((point for point in self.points if point.size == size), None)


def answers(found: Scaling, roofs: Roofs, spots: Sequence[Spot]) -> list[str]:
    """The lines, each a sentence or two."""
    lines = []
    for model in found.models:
        lines += [_range(found, model), _exponents(found, model), _knees(found, model)]
        lines += _errors(found, (model,)) + _shares(found, model, roofs)
    if len(found.models) > 1:
        lines += _errors(found, tuple(found.models))
    lines += _half(found) + _versions(found)
    return lines + [_layers(model, roofs, by_kind(spots, model)) for model in found.models]


def _range(found: Scaling, model: str) -> str:
    """The least and the most that a multiply-accumulate takes, beside the claim."""
    points = sorted(grid(found.points, model), key=lambda point: point.unit)
    least, most = points[0], points[-1]
    (claim,) = find(["speed-as-macs"])
    return (
        f"{model}: {claim.source} has speed proportional to MACs ({claim.id}). A million takes "
        f"{1e12 * least.unit:.1f} us at {least.size} and {1e12 * most.unit:.1f} us at {most.size}: "
        f"{most.unit / least.unit:.2f} times as long."
    )


def _exponents(found: Scaling, model: str) -> str:
    told = [
        f"MACs^{k:.2f} along {factor}"
        for factor in FACTORS
        if (k := found.exponent(model, factor)) is not None
    ]
    return f"{model}: time goes as {', '.join(told)}; in proportion it would be MACs^1."


def _knees(found: Scaling, model: str) -> str:
    told = [f"along {factor} {_knee(found.knee(model, factor))}" for factor in FACTORS]
    return f"{model}: a MAC takes more than twice its least {'; '.join(told)}."


def _knee(bend: Knee) -> str:
    """Where it is, in words.

    >>> _knee(knee([1_000_000, 2_000_000], [3.0, 2.0]))
    'up to 1.0 MMAC, no more from 2.0 on'
    """
    if bend.beyond is None:
        return f"nowhere (at most {bend.range:.2f} times)"
    after = "" if bend.from_ is None else f", no more from {bend.from_ / 1e6:.1f} on"
    return f"up to {bend.beyond / 1e6:.1f} MMAC{after}"


def _errors(found: Scaling, models: tuple[str, ...]) -> list[str]:
    fits = found.fits[models]
    if not fits:
        return []
    told = ", ".join(f"{_named(terms)} {made.rms:.0%}" for terms, made in fits.items())
    sizes = len(grid(found.points, *models))
    return [f"{' and '.join(models)}: RMS error of a fit to {sizes} sizes: {told}."]


def _named(terms: Sequence[str]) -> str:
    """What a fit is called, by the term that it has more than the one before.

    >>> [_named(terms) for terms in FORMS]
    ['by MACs alone', '+ a fixed part', '+ activation bytes', '+ parameter bytes']
    """
    if len(terms) == 1:
        return f"by {WORDS[terms[0]]} alone"
    return "+ a fixed part" if len(terms) == 2 else f"+ {WORDS[terms[-1]]}"


def _shares(found: Scaling, model: str, roofs: Roofs) -> list[str]:
    """What each term of the fullest fit is of the time at full size; bytes beside the memory's."""
    point, fits = found.at(Size(model)), found.fits[(model,)]
    if point is None or FORMS[-1] not in fits:
        return []
    fitted = fits[FORMS[-1]].coefficients
    parts = {term: fitted[term] * TERMS[term](point.cost) for term in fitted}
    whole = sum(parts.values())
    told = ", ".join(f"{WORDS[term]} {part / whole:.0%}" for term, part in parts.items())
    return [
        f"{model}: by the last of these fits the time of {point.size} is: {told}. A megabyte of "
        f"activations takes {1e12 * fitted['activations']:.1f} us by it; memory would move it in "
        f"{1e12 / roofs.bandwidth:.1f} us."
    ]


def _half(found: Scaling) -> list[str]:
    """Half the width: what the lecture has it cut, and what it cuts here."""
    lines = []
    for model in found.models:
        whole, half = found.at(Size(model)), found.at(Size(model, 0.5))
        if whole is None or half is None:
            continue
        (claim,) = find(["alpha-half"])
        lines.append(
            f"{model}: {claim.source} has half the width cut computations by {claim.printed[0]} "
            f"({claim.id}). It cuts MACs by {whole.cost.macs / half.cost.macs:.2f} x, "
            f"time by {whole.quietest / half.quietest:.2f} x."
        )
    return lines


def _versions(found: Scaling) -> list[str]:
    """V2 beside V1 at full size."""
    v1, v2 = found.at(Size("v1")), found.at(Size("v2"))
    if v1 is None or v2 is None:
        return []
    (claim,) = find(["v2-twice-as-fast"])
    return [
        f"v2 beside v1: {claim.source} has V2 almost twice as fast by MACs alone ({claim.id}), but "
        f"counts memory as well, and V2's fewer parameters. V2 has "
        f"{v2.cost.macs / v1.cost.macs:.2f} of V1's MACs, "
        f"{v2.cost.parameters / v1.cost.parameters:.2f} of its parameters and "
        f"{v2.cost.activations / v1.cost.activations:.2f} of its activation bytes, and takes "
        f"{v2.quietest / v1.quietest:.2f} of its time: it is "
        f"{v1.quietest / v2.quietest:.2f} times as fast."
    ]


def _layers(model: str, roofs: Roofs, kinds: Mapping[str, Sequence[Spot]]) -> str:
    """Depthwise layers: their share of both, and what they could be waiting for."""
    every = [spot for kind in kinds.values() for spot in kind]
    depthwise, pointwise = kinds["depthwise_conv2d"], kinds["pointwise_conv2d"]
    macs, seconds = _macs(depthwise), _seconds(depthwise)
    moved = sum(spot.moved for spot in depthwise)
    return (
        f"{model}: depthwise layers hold {macs / _macs(every):.1%} of the MACs and take "
        f"{seconds / _seconds(every):.0%} of the time, {1e3 * seconds:.2f} ms. Memory would move "
        f"their bytes in {1e3 * moved / roofs.bandwidth:.2f} ms; np.einsum, from the cache, would "
        f"take their sums in {1e3 * macs / roofs.einsum:.2f} ms. Pointwise layers take "
        f"{1e3 * _seconds(pointwise):.2f} ms; at the matrix product's roof it would be "
        f"{1e3 * _macs(pointwise) / roofs.gemm:.2f} ms."
    )


def _macs(spots: Sequence[Spot]) -> int:
    return sum(spot.macs for spot in spots)


def _seconds(spots: Sequence[Spot]) -> float:
    return sum(spot.seconds for spot in spots)
