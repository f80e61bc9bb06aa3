"""What `refnet scaling` prints: tables by factor, fits, answers, layers by kind; and as JSON."""

from __future__ import annotations

import json
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from refnet.apps.cost_picture import KINDS
from refnet.apps.scaling.answers import FORMS, Scaling, answers
from refnet.apps.scaling.fits import Fit
from refnet.apps.scaling.roofline import Roofs, Spot, by_kind
from refnet.apps.scaling.rounds import ITERATIONS, SECONDS, Point
from refnet.apps.scaling.sizes import FACTORS, along, grid
from refnet.tables import Row, align, flush_right

FORMAT = 1
WIDTH = 100


@dataclass(frozen=True)
class Report:
    """All that was measured, and what it was measured with.

    blas: what multiplied, and with which kernels. pinned: the environment's variables that pin it.
    """

    scaling: Scaling
    roofs: Roofs
    spots: Sequence[Spot]
    environment: Mapping[str, str]
    blas: str
    rounds: int
    pinned: Mapping[str, str] = field(default_factory=dict)


def heading(environment: Mapping[str, str], blas: str, rounds: int) -> str:
    """What all the tables have in common."""
    lines = [
        f"{environment['processor']}, {environment['cores']} cores; {environment['platform']}; "
        f"Python {environment['Python']}; NumPy {environment['NumPy']}",
        f"BLAS: {blas}",
        "refnet's engine on one thread, float32, batch norm folded; random weights from a seed: "
        "what they are costs nothing.",
        f"ms: the median call of the quietest of {rounds} round(s); spread: how much longer the "
        "loudest round's was.",
        "us/MMAC: microseconds for a million multiply-accumulates.",
        "plan MB: weights and maps that a plan holds. RSS MB: the peak of a process that runs this "
        "size alone, and in brackets before it made the plan.",
    ]
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in lines)


def text(report: Report) -> str:
    """Everything below the heading."""
    found = report.scaling
    parts = []
    for model in found.models:
        parts += [_factor(found.points, model, factor) for factor in FACTORS]
        parts.append(_grid(found.points, model))
    parts += [_fits(found), _roofs(report.roofs)]
    parts += [_kinds(report, model) for model in found.models]
    lines = answers(found, report.roofs, report.spots)
    parts.append("\n".join(textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in lines))
    return "\n\n".join(part for part in parts if part)


def _factor(points: Sequence[Point], model: str, factor: str) -> str:
    """A line for each value of one factor."""
    head = (factor, "MMAC", "ms", "spread", "us/MMAC", "plan MB", "RSS MB")
    rows = [
        (
            f"{getattr(point.size, factor):g}",
            f"{point.cost.macs / 1e6:.1f}",
            f"{1e3 * point.quietest:.2f}",
            f"+{100 * point.spread:.0f} %",
            f"{1e12 * point.unit:.1f}",
            f"{point.held / 1e6:.1f}",
            f"{point.peak.after / 1e6:.0f} ({point.peak.before / 1e6:.0f})" if point.peak else "-",
        )
        for point in along(points, model, factor)
    ]
    how = " (a plan runs the images of a call one after the other)" if factor == "batch" else ""
    return f"{model} along {factor}{how}\n{align(flush_right([head, *rows], 1))}"


def _grid(points: Sequence[Point], model: str) -> str:
    """us/MMAC, a row for each width and a column for each resolution."""
    units = {(p.size.alpha, p.size.resolution): 1e12 * p.unit for p in grid(points, model)}
    alphas, sides = (sorted({key[n] for key in units}) for n in (0, 1))
    rows = [
        (f"{alpha:g}", *(f"{units[alpha, int(side)]:.1f}" for side in sides)) for alpha in alphas
    ]
    head = ("alpha", *(f"{side:g}" for side in sides))
    return f"{model}: us/MMAC by alpha and resolution\n{align(flush_right([head, *rows], 1))}"


def _fits(found: Scaling) -> str:
    """A line for each fit: its coefficients, and how far it is off."""
    head = ("fit", "fixed ms", "us/MMAC", "us/MB act.", "us/MB par.", "RMS", "worst", "at")
    rows: list[Row] = []
    for models, fits in found.fits.items():
        points = grid(found.points, *models)
        for made in fits.values():
            worst = f"{made.errors[made.worst]:+.0%}"
            where = str(points[made.worst].size)
            named = " + ".join(models)
            rows.append((named, *_coefficients(made), f"{made.rms:.1%}", worst, where))
    if not rows:
        return ""
    said = (
        "time of one image as a sum, relative errors of least squares; a term that would be "
        "negative is 0"
    )
    return f"{said}\n{align([(*row[:7], last[7]) for row, last in _right(head, rows)])}"


def _right(head: Row, rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Rows set flush right, beside themselves as they were."""
    whole = [head, *rows]
    return list(zip(flush_right(whole, 1), whole, strict=True))


def _coefficients(made: Fit) -> Row:
    scales = dict(zip(FORMS[-1], (1e3, 1e12, 1e12, 1e12), strict=True))
    digits = {"fixed": 3}
    return tuple(
        f"{scale * made.coefficients[term]:.{digits.get(term, 1)}f}"
        if term in made.coefficients
        else "-"
        for term, scale in scales.items()
    )


def _roofs(roofs: Roofs) -> str:
    return (
        f"roofs of one thread: {roofs.gemm / 1e9:.1f} GMAC/s (np.matmul of {roofs.side} x "
        f"{roofs.side}), {roofs.bandwidth / 1e9:.1f} GB/s (arrays of {roofs.array >> 20} MiB);\n"
        f"they meet at {roofs.ridge:.1f} MAC/byte. Below them: {roofs.einsum / 1e9:.1f} GMAC/s "
        "(np.einsum over nine taps, from the cache)"
    )


def _kinds(report: Report, model: str) -> str:
    """Where time goes by kind of layer, beside where multiply-accumulates do."""
    roofs, kinds = report.roofs, by_kind(report.spots, model)
    spots = [spot for kind in kinds.values() for spot in kind]
    macs, seconds = sum(s.macs for s in spots), sum(s.seconds for s in spots)
    head = ("layers", "", "MACs", "time", "ms", "GMAC/s", "GB/s", "MAC/byte", "of roof")
    rows: list[Row] = [head]
    for op, kind in kinds.items():
        took, made = sum(s.seconds for s in kind), sum(s.macs for s in kind)
        moved, least = sum(s.moved for s in kind), sum(s.least(roofs) for s in kind)
        rows.append(
            (
                KINDS[op][0] if op in KINDS else op.replace("_", " "),
                str(len(kind)),
                f"{made / macs:.1%}",
                f"{took / seconds:.1%}",
                f"{1e3 * took:.2f}",
                f"{made / took / 1e9:.1f}",
                f"{moved / took / 1e9:.1f}",
                f"{statistics.median(s.intensity for s in kind):.1f}",
                f"{least / took:.0%}",
            )
        )
    least = sum(spot.least(roofs) for spot in spots)
    return (
        f"{model}: layers by kind (MAC/byte: the median layer's; of roof: the roofs' time over "
        f"the time taken)\n{align(flush_right(rows, 1))}\n"
        f"all layers: {1e3 * seconds:.2f} ms, where the roofs allow {1e3 * least:.2f}"
    )


def to_json(report: Report) -> str:
    """Seconds, bytes and multiply-accumulates throughout; null where something was not measured."""
    found = report.scaling
    said = {
        "format": FORMAT,
        "environment": dict(report.environment),
        "blas": report.blas,
        "pinned": dict(report.pinned),
        "rounds": report.rounds,
        "seconds of a round": SECONDS,
        "calls of a round": ITERATIONS,
        "sizes": [_point(point) for point in found.points],
        "fits": [
            {
                "models": list(models),
                "coefficients": dict(made.coefficients),
                "rms": made.rms,
                "errors": {
                    str(point.size): error
                    for point, error in zip(grid(found.points, *models), made.errors, strict=True)
                },
            }
            for models, fits in found.fits.items()
            for made in fits.values()
        ],
        "along": [
            {
                "model": model,
                "factor": factor,
                "exponent": found.exponent(model, factor),
                "knee": asdict(found.knee(model, factor)),
            }
            for model in found.models
            for factor in FACTORS
        ],
        "answers": answers(found, report.roofs, report.spots),
        "roofs": asdict(report.roofs) | {"ridge": report.roofs.ridge},
        "layers": [
            asdict(spot) | {"intensity": spot.intensity, "least": spot.least(report.roofs)}
            for spot in report.spots
        ],
    }
    return json.dumps(said, indent=1, allow_nan=False)


def _point(point: Point) -> dict[str, Any]:
    return {
        **asdict(point.size),
        "network": point.size.network().name,
        **asdict(point.cost),
        "held": point.held,
        "peak": asdict(point.peak) if point.peak else None,
        "quietest": point.quietest,
        "loudest": max(point.seconds),
        "rounds": list(point.seconds),
    }
