"""The lint: quiet on correct Metal, exact about where it is not, plain about what it did not check.

What it catches is measured in test_lint_slips.py.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

import refnet.metal.lint.clang as clang
from refnet.metal.lint import CLANG_RULES, RULES, TEXT_RULES, Finding, lint, report
from refnet.metal.lint.bindings import bindings
from refnet.metal.lint.language import calls, pointers, variables, words
from refnet.metal.lint.tokens import Function, outline, tokens
from tests.metal.slips import CLEAN

KERNELS = Path(clang.__file__).parents[1] / "kernels"


def no_clang() -> str:
    """Why there is none to be had; "" where there is one."""
    try:
        clang.find()
    except ValueError as problem:
        return str(problem)
    return ""


needs_clang = pytest.mark.skipif(bool(no_clang()), reason=no_clang())


def written(folder: Path, source: str) -> Path:
    path = folder / "one.metal"
    path.write_text(source)
    return path


def test_refnets_own_kernels_have_no_findings():
    said = report([KERNELS])
    assert len(said.paths) >= 5
    assert said.findings == ()


def test_correct_metal_has_no_findings():
    assert lint([CLEAN]) == []


# Correct, and near to what a rule looks for.
@pytest.mark.parametrize("source", [
    "inline float product(float a, float b) { return a * b; }",
    "inline uint masked(uint a, uint b) { return a & b && a; }",
    "inline float first(const device float *x) { return *x; }",
    "inline float first(float device const* x) { return *x; }",
    "struct Pair { float a, b; float sum() const { return a + b; } };",
    "struct Pair { float a; }; inline float a(constant struct Pair& p) { return p.a; }",
    "inline float last(thread float (&row)[4]) { return row[3]; }",
    "constant float row[2] = {1.0f, 2e-3f}; constant half h = 0x1p-3h, k = .5h;",
    "constexpr sampler outside(filter::nearest);",
    "constant bool wide [[function_constant(0)]];",
    "inline float f(float x); inline float f(float x) { return x; }",
    "inline float f(float2 x); inline float f(float3 x) { return f(x.xy); }",
    "inline float f(float a, float b) { return a + b; }\n"
    "inline float f(float a) { return f(a, a); }",
    "namespace own { inline float one() { return 1.0f; } }\nusing namespace own;",
    "/* double */ inline float f() { return 1.0f; } // new 0.5",
    "enum class Kind : ushort { a, b }; inline bool is(Kind k) { return k == Kind::a; }",
    "template <typename T> inline T twice(T x) { return x + x; }",
    "inline int at(const device int* x, int i) { return x[x[i]]; }",
    "#define EDGE 16\n#pragma once\ninline int edge() { return EDGE; }",
    "[[kernel]] void f(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]])\n"
    "{ x[i] = 0; }",
    "kernel void f(device float* x [[buffer(0)]], texture2d<float> t [[texture(0)]],\n"
    "  sampler s [[sampler(0)]], uint2 i [[thread_position_in_grid]], ushort lane\n"
    "  [[thread_index_in_simdgroup]]) { x[lane] = t.sample(s, float2(i)).x; }",
    "inline float3 mixed(float2 a, half h) { return float3(a, 1.0f) * float(h); }",
    "inline bool odd(float4 x) { return any(x < float4(0.0f)) || isnan(x.x); }",
    "inline int local(int global) { return global; }",
])  # fmt: skip
def test_what_is_correct_is_not_touched(tmp_path, source):
    head = "#include <metal_stdlib>\nusing namespace metal;\n"
    assert lint([written(tmp_path, head + source)]) == []


def test_a_finding_names_the_file_the_line_and_the_rule(tmp_path):
    path = written(tmp_path, "// one\n/* two\nthree */ constant float half_one =\n  0.5;\n")
    (finding,) = lint([path])
    message = "0.5 is double in C++, float in Metal: write 0.5f"
    assert finding == Finding(path, 4, "literal", message)
    assert str(finding) == f"{path}:4: literal: {message}"


@needs_clang
def test_an_error_within_a_header_is_named_where_the_source_led_to_it(tmp_path):
    head = "#include <metal_stdlib>\nusing namespace metal;\n"
    path = written(tmp_path, head + "\ninline int f(half x) { return as_type<int>(x); }\n")
    (finding,) = lint([path])
    assert (finding.line, finding.rule) == (4, "conversion")


@needs_clang
def test_findings_are_in_the_words_of_metal(tmp_path):
    head = "#include <metal_stdlib>\n"
    source = head + "inline float f(device float* x) { thread float* y = x; return *y; }"
    path = written(tmp_path, source)
    (finding,) = lint([path])
    assert finding.rule == "pointer"
    assert "'device float *'" in finding.message
    assert "__" not in finding.message


def test_files_and_folders_can_be_given_and_findings_come_sorted(tmp_path):
    for name in ("b.metal", "a.metal", "c.txt"):
        (tmp_path / name).write_text("constant float x = 0.5;\nconstant float y = 0.25;")
    found = [(finding.path.name, finding.line) for finding in lint([tmp_path])]
    assert found == [("a.metal", 1), ("a.metal", 2), ("b.metal", 1), ("b.metal", 2)]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"empty: no \.metal file in this folder"):
        lint([empty])
    with pytest.raises(ValueError, match=r"nowhere\.metal: no such file"):
        lint([tmp_path / "nowhere.metal"])
    (tmp_path / "d.metal").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"d\.metal: not text in UTF-8"):
        lint([tmp_path])


def test_without_a_clang_the_textual_rules_run_and_the_rest_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv(clang.VARIABLE, raising=False)
    monkeypatch.setattr(clang.shutil, "which", lambda name: None)
    monkeypatch.setattr(clang.importlib.util, "find_spec", lambda name: None)
    path = written(tmp_path, "double x = expf(1.0f);")
    said = report([path])
    assert [finding.rule for finding in said.findings] == ["global", "type"]
    assert said.skipped == tuple(CLANG_RULES)
    assert str(said).splitlines()[-1] == (
        f"not checked: {', '.join(CLANG_RULES)}: no clang found: install clang or "
        f"`pip install ziglang`, or set REFNET_CLANG"
    )


@pytest.mark.parametrize(("command", "said"), [
    ("/nowhere/clang", "clang: /nowhere/clang does not run: "),
    (f"{shlex.quote(sys.executable)} -c 1", "does not read C++ for OpenCL: no message"),
])  # fmt: skip
def test_a_clang_that_will_not_do_is_said_and_not_used(tmp_path, monkeypatch, command, said):
    monkeypatch.setenv(clang.VARIABLE, command)
    report_ = report([written(tmp_path, "constant int x = 1;")])
    assert report_.findings == ()
    assert said in report_.missing
    assert report_.skipped == tuple(CLANG_RULES)


@needs_clang
def test_with_a_clang_every_rule_runs():
    said = report([CLEAN])
    assert said.skipped == ()
    assert str(said) == (
        f"1 file: no findings under {len(TEXT_RULES)} textual rules "
        f"and {len(CLANG_RULES)} of clang's ({said.clang})"
    )


def test_a_rule_that_is_not_known_is_refused():
    assert not TEXT_RULES.keys() & CLANG_RULES.keys()
    with pytest.raises(ValueError, match="rule: 'taste', expected one of address-space, global"):
        Finding(Path("a.metal"), 1, "taste", "")
    assert len(RULES) == len(TEXT_RULES) + len(CLANG_RULES)


def test_the_outline_knows_functions_kernels_and_methods():
    run = tokens("""
        struct S { float m() const { return 1.0f; } };
        namespace n { inline float f(float x) { if (x > 0.0f) { return x; } return 0.0f; } }
        [[max_total_threads_per_threadgroup(64)]] kernel void k(uint i [[thread_position_in_grid]])
        { }
    """)
    found = [part for part in outline(run) if isinstance(part, Function)]
    assert [(f.name, f.is_kernel, len(f.parameters)) for f in found] == [
        ("m", False, 0), ("f", False, 1), ("k", True, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("rule", [words, pointers, variables, calls, bindings])
@pytest.mark.parametrize("source", [
    "", "{", "}", "((", "[[", "kernel void f(", "kernel void f() {", "struct", "static", "typedef",
    "float", "float *", "f(", "= [", "kernel void f([[]]) {}", "kernel void f(,) {}", "texture2d<",
])  # fmt: skip
def test_the_textual_rules_end_on_broken_sources(rule, source):
    for said in rule(tokens(source)):
        assert said[1] in TEXT_RULES
