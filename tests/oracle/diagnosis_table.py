"""Which mistakes were planted, and what the judge and the diagnosis said of them, as a table.

`python -m tests.oracle.diagnosis_table > tests/oracle/diagnosis_table.md` remakes it.
"""

from __future__ import annotations

import functools
from pathlib import Path

from refnet.oracle.diagnose import Diagnosis
from refnet.oracle.units import units_of
from tests.oracle.pairs_and_strangers import PAIRS, PLACE, strangers
from tests.oracle.planting import Found, Plant, found, question
from tests.oracle.plants import plants

TABLE = Path(__file__).with_suffix(".md")
HEAD = """\
Made by `python -m tests.oracle.diagnosis_table > tests/oracle/diagnosis_table.md`, and compared \
with a fresh one by tests/oracle/test_diagnosis.py.

# Mistakes planted, and what was said of them

Each was planted in a graph that ONNX Runtime then ran; every layer was shown. What cannot be told
apart on that input stands together, with "or", the most telling first.
"""
COLUMNS = "| planted mistake | where | caught | first bad layer | named as |\n|---|---|---|---|---|"


@functools.cache
def known() -> list[tuple[Plant, Found]]:
    return [(plant, found(plant.where, plant.edit)) for plant in plants()]


@functools.cache
def unknown() -> list[tuple[Plant, Found]]:
    return [(plant, found(plant.where, plant.edit)) for plant in strangers()]


@functools.cache
def pairs() -> list[tuple[tuple[Plant, Plant], Found]]:
    return [(pair, found(PLACE, *(plant.edit for plant in pair))) for pair in PAIRS]


def section_of_known() -> str:
    return _section("The library's mistakes", [
        (f"{plant.mistake}: {plant.said}" if plant.said else plant.mistake, plant.where, answer)
        for plant, answer in known()
    ])  # fmt: skip


def section_of_unknown() -> str:
    rows = [(plant.mistake, plant.where, answer) for plant, answer in unknown()]
    return _section("Mistakes that are not in the library", rows)


def section_of_pairs() -> str:
    """Fused: convolution, batch norm and activation are one unit, in which several meet."""
    rows = [(" and ".join(plant.mistake for plant in pair), PLACE, answer)
            for pair, answer in pairs()]  # fmt: skip
    return _section("A dozen, two at a time, with whole units shown", rows, mode=-1)


def _section(title: str, rows: list[tuple[str, str, Found]], mode: int = 0) -> str:
    lines = [
        f"| {planted} | {_place(where)} | {'yes' if answer.caught else 'NO'} "
        f"| {answer.layers[mode]} | {named(answer.diagnoses[mode])} |"
        for planted, where, answer in rows
    ]
    return "\n".join([f"## {title}", "", COLUMNS, *lines, ""])


def _place(where: str) -> str:
    first, _, rest = where.partition(" ")
    if first not in ("v1", "v2"):
        return where
    if rest == "exact":
        return f"{first.upper()} on whole numbers"
    size = 32 if rest.startswith("small") else 96
    return f"{first.upper()}, photo of {size}" + (", whole" if rest == "whole" else "")


def named(diagnosis: Diagnosis | None) -> str:
    """All that fits, best first."""
    if diagnosis is None:
        return "not looked at"
    if not diagnosis.findings:
        return "none of the known ones"
    return "; or ".join(diagnosis.said_of(names) for names in diagnosis.names)


def unit_with(where: str, layer: str) -> str:
    """The output of the fused unit that holds a layer."""
    units = units_of(question(where).case.network)
    return next(u.outputs[0] for u in units if layer in {own.name for own in u.layers})


if __name__ == "__main__":
    print("\n".join([HEAD, section_of_known(), section_of_unknown(), section_of_pairs()]), end="")
