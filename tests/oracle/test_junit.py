"""JUnit XML: what the readers of continuous integration take, counted by another parser."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace

import pytest

from refnet.cli import main
from refnet.oracle.junit import to_junit
from refnet.oracle.suites import questions
from tests.oracle import reports

KINDS = ("right", "wrong", "hostile", "silent")
# What the schemas of Ant and of Maven's Surefire allow, as far as it is used here.
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"failure", "skipped"},
}
NEEDED = {
    "testsuites": {"tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "skipped": {"message"},
    "property": {"name", "value"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_the_readers_structure_and_its_counts_are_true(kind):
    report = getattr(reports, kind)()
    root = ElementTree.fromstring(to_junit(report).encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert NEEDED.get(element.tag, set()) <= set(element.attrib)
    for counted in (root, *root.iter("testsuite")):
        cases = list(counted.iter("testcase"))
        assert counted.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("skipped", "skipped")):
            assert counted.get(name) == str(sum(case.find(tag) is not None for case in cases))
    assert int(root.get("tests", "")) == len(report.results)
    assert int(root.get("failures", "")) == sum(not r.holds for r in report.results)


@pytest.mark.parametrize("kind", KINDS)
def test_no_attribute_is_a_nan_or_an_infinity(kind):
    for element in ElementTree.fromstring(to_junit(getattr(reports, kind)()).encode()).iter():
        for value in element.attrib.values():
            try:
                assert math.isfinite(float(value))
            except ValueError:
                continue


def test_each_question_is_one_testcase_and_each_way_of_asking_a_network():
    report = reports.wrong()
    root = ElementTree.fromstring(to_junit(report))
    named = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert max(Counter(named).values()) == 1
    assert set(named) == {
        (f"refnet.{r.suite}.{r.kind}", r.id if r.mode == "whole" else f"{r.id}, {r.mode}")
        for r in report.results
    }
    assert [s.get("name") for s in root] == sorted({s for s, _ in named}, key=[*dict(named)].index)


def test_a_failure_is_the_first_bad_layer_and_a_skip_its_reason():
    layers = [reports.layer("a", 0.5), reports.layer("b", 3.0), reports.layer("c", math.inf)]
    root = ElementTree.fromstring(to_junit(reports.report(reports.network(*layers))))
    (failure,) = root.iter("failure")
    said = "1 of 8 wrong, worst at (0, 1, 2, 3): 2.5, expected 2 (bound 0.25)"
    assert failure.get("message") == f"first bad layer b (conv2d): {said}"
    assert f"b (conv2d): {said}\nc (conv2d): {said}" in failure.text
    skipped = ElementTree.fromstring(to_junit(reports.wrong())).iter("skipped")
    assert {element.get("message") for element in skipped} == {"no <softmax> & co"}


def test_many_wrong_layers_are_counted_and_not_all_told():
    layers = [reports.layer(f"n{n}", 2.0) for n in range(30)]
    root = ElementTree.fromstring(to_junit(reports.report(reports.network(*layers))))
    (failure,) = root.iter("failure")
    assert failure.text.endswith("and 10 more")


def test_a_failure_tells_its_diagnosis():
    result = replace(reports.network(reports.layer("b", 3.0)), diagnosis="b: kernel <flipped>")
    root = ElementTree.fromstring(to_junit(reports.report(result)))
    (failure,) = root.iter("failure")
    assert failure.text.endswith("\n\nb: kernel <flipped>")


def test_hostile_names_come_back_as_they_were_but_for_what_xml_cannot_say():
    """XML 1.0, section 2.2: neither control characters nor halves of surrogate pairs."""
    legible = reports.HOSTILE.translate({0: 0xFFFD, 0x1B: 0xFFFD, 0xD800: 0xFFFD})
    root = ElementTree.fromstring(to_junit(reports.hostile(), {"by": reports.HOSTILE}).encode())
    assert root.get("name") == f"refnet: {legible}"
    assert legible in {case.get("name") for case in root.iter("testcase")}
    assert {element.get("message") for element in root.iter("skipped")} == {legible}
    about = {element.get("name"): element.get("value") for element in root.iter("property")}
    assert about["by"] == about["backend"] == legible


def test_the_command_writes_it(tmp_path, capsys):
    path = tmp_path / "junit.xml"
    assert main(["check", "ops", "--suite", "ops", "--junit", str(path)]) == 0
    root = ElementTree.parse(path).getroot()
    asked = sum(1 for _ in questions("ops"))
    assert (root.get("tests"), root.get("failures")) == (str(asked), "0")
    assert {e.get("name") for e in root.iter("property")} >= {"backend", "arithmetic", "Python"}
    assert f"refnet: wrote {path}" in capsys.readouterr().err
