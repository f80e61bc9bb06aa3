"""The lint's score on a fixed list of slips: what it catches, what it misses, each by name."""

from __future__ import annotations

import subprocess

import pytest

from refnet.metal.cpu.compiler import FRAME_AT_MOST, SHIM, find_compiler
from refnet.metal.cpu.rewriting import as_cpp
from refnet.metal.device import MetalError
from refnet.metal.lint import TEXT_RULES, Finding, report
from tests.metal.slips import SLIPS
from tests.metal.test_lint import needs_clang

MISSED = {
    "recursion between overloads",
    "more threadgroup memory than 32 KiB",
    "a function that is nowhere defined",
    "a comparison as int4",
}
# Needs types or overloads: without a clang these go unseen.
NEED_CLANG = {slip.name for slip in SLIPS if slip.rules and not TEXT_RULES.keys() & {*slip.rules}}


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, list[Finding]]:
    """The findings on each slip."""
    folder = tmp_path_factory.mktemp("slips")
    paths = {slip.name: folder / f"{number:02}.metal" for number, slip in enumerate(SLIPS)}
    for slip in SLIPS:
        paths[slip.name].write_text(slip.source())
    findings = report(list(paths.values())).findings
    return {name: [f for f in findings if f.path == path] for name, path in paths.items()}


def test_the_list_is_long_enough_and_says_what_is_missed():
    assert len({slip.name for slip in SLIPS}) == len(SLIPS) >= 20
    assert {slip.name for slip in SLIPS if not slip.rules} == MISSED


@needs_clang
@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_a_slip_is_named_by_its_rule_at_its_line_or_known_to_be_missed(found, slip):
    if slip.rules:
        named = {(finding.rule, finding.line) for finding in found[slip.name]}
        assert named & {(rule, slip.line) for rule in slip.rules}
    else:
        assert found[slip.name] == []


@needs_clang
def test_the_score_with_a_clang(found):
    caught = [name for name, findings in found.items() if findings]
    assert (len(caught), len(SLIPS)) == (64, 68)


def test_the_score_of_the_textual_rules_alone(found):
    textual = {
        name for name, findings in found.items() if any(f.rule in TEXT_RULES for f in findings)
    }
    assert textual == {slip.name for slip in SLIPS} - MISSED - NEED_CLANG
    assert (len(textual), len(SLIPS)) == (38, 68)


@pytest.mark.slow
@needs_clang
def test_what_cpp_lets_pass_the_lint_alone_can_catch(found):
    """The CPU device's C++ refuses some of the slips by itself; at least 20 only the lint sees."""
    try:
        compiler = find_compiler()
    except MetalError as problem:
        pytest.skip(str(problem))
    frame = f"-DREFNET_FRAME={FRAME_AT_MOST}"
    flags = ("-std=c++17", "-w", "-fsyntax-only", "-x", "c++", frame, "-I", str(SHIM), "-")
    passed = {slip.name for slip in SLIPS if is_cpp(slip.source(), compiler.command + flags)}
    assert len(passed - MISSED) >= 20
    # Both let these pass: a compiler for Metal alone would see them.
    assert passed & MISSED == {
        "recursion between overloads",
        "a function that is nowhere defined",
    }


def is_cpp(source: str, command: tuple[str, ...]) -> bool:
    """Whether the C++ that the CPU device makes of a source compiles."""
    try:
        code, _ = as_cpp(source)
    except MetalError:
        return False
    return subprocess.run(command, input=code.encode(), capture_output=True).returncode == 0
