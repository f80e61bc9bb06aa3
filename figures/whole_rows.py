"""How a depthwise layer goes along a row of its map: pixel by pixel, in one run, in two phases."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.shapes import grid, rectangle
from figures.style import BLUE, ORANGE, SAND, SKY, SMALL, canvas, fits, settings, write
from refnet import geometry
from refnet.engine.maps import Map
from refnet.engine.memory import Memory

ALT = (
    "A row of four pixels with two channels and a border pixel on each side, twelve numbers in "
    "memory. Pixel by pixel, each of three taps meets four runs of two numbers. Along the whole "
    "row each tap meets one run of eight, and the next tap begins two numbers later. With stride "
    "2 the row is stored as its even pixels and then its odd ones; there, too, each tap meets one "
    "run."
)
LEFT, CELL, RUN = 54.0, 24.0, 11.0


def data(W: int = 4, C: int = 2, D_K: int = 3) -> dict[str, Any]:
    """Which numbers of a stored row each tap meets, as runs (first, after the last) in memory.

    >>> numbers = data()
    >>> numbers["pixel by pixel"][1], numbers["whole row"][1]
    ([(2, 4), (4, 6), (6, 8), (8, 10)], [(2, 10)])
    >>> numbers["stored in phases"], numbers["two phases"]
    ([0, 2, 4, 1, 3, 5], [[(0, 4)], [(6, 10)], [(2, 6)]])
    """
    numbers: dict[str, Any] = {"W": W, "C": C, "D_K": D_K}
    for stride in (1, 2):
        _, columns = geometry.axes((D_K, W), (D_K, D_K), stride=stride, padding="same")
        rows, _ = geometry.axes((D_K, W), (D_K, D_K), stride=1, padding="valid")
        border = (0, 0, columns.before, columns.after)
        row = Map.made(Memory(), (D_K, W, C), border=border, phases=stride)
        (piece,) = row.pieces
        piece.array[...] = np.arange(piece.array[0].size).reshape(piece.array[0].shape)
        met = [row.runs((rows, columns), slice(0, 1), slice(0, C), tap)[0, 0, 0]
               for tap in range(D_K)]  # fmt: skip
        numbers["whole row" if stride == 1 else "two phases"] = [_runs(a.tolist()) for a in met]
        if stride == 1:
            numbers["stored"] = list(range(piece.array.shape[2]))
            windows = row.windows((rows, columns), slice(0, 1), slice(0, C))[0, :, 0]
            numbers["pixel by pixel"] = [
                [(int(pixel[0]), int(pixel[-1]) + 1) for pixel in windows[:, tap]]
                for tap in range(D_K)
            ]
        else:
            half = piece.array.shape[2]
            numbers["stored in phases"] = [2 * k + phase for phase in (0, 1) for k in range(half)]
    return numbers


def _runs(addresses: list[float]) -> list[tuple[int, int]]:
    """Addresses that follow one another as (first, after the last)."""
    found = []
    for _, group in groupby(enumerate(map(int, addresses)), lambda pair: pair[1] - pair[0]):
        members = [address for _, address in group]
        found.append((members[0], members[-1] + 1))
    return found


def draw(**parameters: Any) -> Figure:
    """The row in memory, and under it what each tap meets; then the same in two phases."""
    n = data(**parameters)
    fits(len(n["stored"]) * n["C"], 12, "numbers in a row")
    fits(len(n["stored in phases"]) * n["C"], 12, "numbers in phases")
    height = 24 + (RUN + 3) * n["D_K"]
    with settings():
        figure, axes = canvas(114 + 3 * height)
        y = _row(axes, 8, n["stored"], n, "a row in memory, by pixels, border included")
        y = _taps(axes, y, n["pixel by pixel"], n, "pixel by pixel")
        y = _taps(axes, y, n["whole row"], n, "whole row")
        y = _row(axes, y + 8, n["stored in phases"], n, "stride 2: even pixels, then odd ones")
        _taps(axes, y, n["two phases"], n, "whole row")
    return figure


def _row(axes: Axes, y: float, pixels: list[int], n: dict[str, Any], words: str) -> float:
    write(axes, 8, y + 8, words, bold=True, ha="left")
    for place, pixel in enumerate(pixels):
        fill = SAND if pixel % 2 else SKY
        left = LEFT + CELL * n["C"] * place
        grid(axes, left, y + 22, 1, n["C"], 20, fill, [[pixel] * n["C"]], width=CELL)
    return y + 52


def _taps(
    axes: Axes, y: float, runs: list[list[tuple[int, int]]], n: dict[str, Any], words: str
) -> float:
    counts = {len(each) for each in runs}
    lengths = {last - first for each in runs for first, last in each}
    run = "runs" if counts != {1} else "run"
    said = f"{words}: {_said(counts)} {run} of {_said(lengths)} numbers for each tap"
    write(axes, LEFT, y + 6, said, size=SMALL, ha="left")
    y += 18
    for tap, each in enumerate(runs):
        top = y + (RUN + 3) * tap
        write(axes, LEFT - 6, top + RUN / 2, f"tap {tap}", size=SMALL, ha="right")
        fill = (BLUE, ORANGE)[tap % 2]
        for first, last in each:
            rectangle(axes, LEFT + CELL * first + 1.5, top, CELL * (last - first) - 3, RUN, fill)
    return y + (RUN + 3) * n["D_K"] + 6


def _said(numbers: set[int]) -> str:
    """One number, or the range of several."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
