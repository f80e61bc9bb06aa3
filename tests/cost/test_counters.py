"""Other tools' figures: what they printed, and, in the slow tests, what they print here."""

from __future__ import annotations

import re

import pytest

from refnet import mobilenet_v1, mobilenet_v2
from refnet.cost.counters import TOOLS, as_tool, explain, terms

# Printed by the tools themselves at 224 x 224, batch 1, on the modules of torch_models.py.
PRINTED = {
    "papers": (568_740_352, 300_774_272),
    "executed": (567_875_744, 299_676_304),
    "fvcore": (578_875_904, 314_193_216),
    "thop": (588_962_304, 327_486_720),
    "ptflops": (583_969_768, 320_300_008),
    "ptflops-aten": (568_741_352, 300_775_272),
    "torchinfo": (568_763_240, 300_809_384),
    "torch": (1_137_480_704, 601_548_544),
    "calflops-macs": (568_740_352, 300_774_272),
    "calflops": (1_147_616_256, 614_967_488),
    "keras": (4_253_864, 3_538_984),
}


def test_every_tool_has_its_figures_here():
    assert set(PRINTED) == set(TOOLS)


@pytest.mark.parametrize("tool", PRINTED)
def test_a_tools_figure_is_a_sum_of_ledger_rows(tool):
    for network, printed in zip((mobilenet_v1(), mobilenet_v2()), PRINTED[tool], strict=True):
        assert as_tool(network, tool) == printed
        assert sum(count for _, count in terms(network, tool)) == printed
        assert explain(network, tool).startswith(f"{tool}: {printed:,} ")


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if len(TOOLS[tool].terms) > 1])
def test_no_term_of_a_figure_could_be_left_out(tool):
    for term, count in terms(mobilenet_v1(), tool):
        assert count > 0, term


def test_an_unknown_tool_is_refused():
    with pytest.raises(ValueError, match=re.escape("tool: 'abacus', expected one of papers, ")):
        as_tool(mobilenet_v1(), "abacus")
