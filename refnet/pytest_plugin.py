"""The oracle's questions as pytest's tests: `pytest --refnet-backend=my_port:Mine`.

    $ pytest --refnet-backend=my_port:Mine --refnet-suite=ops -k depthwise -x
    FAILED refnet::ops::depthwise-2-exact - AssertionError: depthwise_conv2d: 12 of 140 wrong, ...

Every question is a test of its own, with an id such as refnet::ops::conv2d-0-exact that can be
given back as an argument. It fails with the verdict and, where there is one, the diagnosis; what
the backend says it cannot do is skipped. The options are in `pytest_refnet`, which brings this in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from refnet.backend import Arithmetic, Backend
from refnet.bounds.formats import float_format
from refnet.errors import one_line
from refnet.oracle.adapters import find
from refnet.oracle.check import ANYTHING, all_questions, ask
from refnet.oracle.diagnose import explain
from refnet.oracle.junit import told
from refnet.oracle.results import Result
from refnet.oracle.suites import ALL, SUITES, Question

ROOT = "refnet"  # the first part of every id


def pytest_configure(config: pytest.Config) -> None:
    """Find the backend, or say in one line why not."""
    name, suite = config.getoption("refnet_backend"), config.getoption("refnet_suite")
    said = config.getoption("refnet_arithmetic")
    if suite not in SUITES:
        known = ", ".join(SUITES)
        raise pytest.UsageError(f"--refnet-suite: {suite!r}, expected one of {known}")
    try:
        backend = find(name)
        declared = backend.arithmetic if said is None else Arithmetic.parse(said)
    except ANYTHING as problem:  # its author's module may raise anything
        raise pytest.UsageError(f"--refnet-backend: {one_line(problem)}") from None
    config.pluginmanager.register(_Plugin(backend, suite, declared), "refnet questions")


class _Plugin:
    """The hooks that need the backend. chosen: ids that were given as arguments; none, all."""

    def __init__(self, backend: Backend, suite: str, arithmetic: Arithmetic) -> None:
        self.backend, self.suite, self.arithmetic = backend, suite, arithmetic
        self.chosen: list[str] = []

    def pytest_report_header(self, config: pytest.Config) -> str:
        """What is judged, and by what."""
        name = config.getoption("refnet_backend")
        return f"refnet: {name} ({self.arithmetic}), suite {self.suite}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Keep ids of questions from being taken for the names of files."""
        args = session.config.args
        self.chosen = [arg for arg in args if arg.startswith(f"{ROOT}::")]
        args[:] = [arg for arg in args if arg not in self.chosen]

    @pytest.hookimpl(tryfirst=True)  # -k and its like choose among what is there by then
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Add the questions to whatever tests there are."""
        root = Questions.from_parent(session, name=ROOT, nodeid=ROOT, plugin=self)
        found = list(session.genitems(root))
        for one in self.chosen:
            if not any(_within(item.nodeid, one) for item in found):
                raise pytest.UsageError(f"{one}: no such question in suite {self.suite!r}")
        items += found

    def wants(self, nodeid: str) -> bool:
        """Whether it, or something in it, is asked for."""
        return not self.chosen or any(
            _within(nodeid, one) or _within(one, nodeid) for one in self.chosen
        )


def _within(nodeid: str, outer: str) -> bool:
    return f"{nodeid}::".startswith(f"{outer}::")


class Questions(pytest.Collector):
    """All suites that were asked for."""

    def __init__(self, plugin: _Plugin, **given: Any) -> None:
        super().__init__(path=given["parent"].path, **given)
        self.plugin = plugin

    def collect(self) -> Iterator[Suite]:
        """A collector for each suite."""
        for name in SUITES:
            asked = name in ALL if self.plugin.suite == "all" else name == self.plugin.suite
            if asked and self.plugin.wants(f"{ROOT}::{name}"):
                yield Suite.from_parent(self, name=name, plugin=self.plugin)


class Suite(pytest.Collector):
    """The questions of one suite."""

    def __init__(self, plugin: _Plugin, **given: Any) -> None:
        super().__init__(path=given["parent"].path, nodeid=f"{ROOT}::{given['name']}", **given)
        self.plugin = plugin

    def collect(self) -> Iterator[QuestionItem]:
        """A test for each question."""
        formats = (self.plugin.arithmetic.storage, self.plugin.arithmetic.inputs)
        bits = min(24, *(float_format(name).bits for name in formats))
        for question in all_questions(self.name, bits):
            name = question.case.id
            if self.plugin.wants(f"{self.nodeid}::{name}"):
                yield QuestionItem.from_parent(
                    self, name=name, plugin=self.plugin, question=question
                )


class QuestionItem(pytest.Item):
    """One question; a network's is asked in every way that the backend allows."""

    def __init__(self, plugin: _Plugin, question: Question, **given: Any) -> None:
        super().__init__(path=given["parent"].path, **given)
        self.plugin, self.question = plugin, question

    def runtest(self) -> None:
        """Ask it, and fail with the verdict and the diagnosis."""
        results = ask(self.plugin.backend, self.question, self.plugin.arithmetic)
        if all(result.cannot for result in results):
            pytest.skip(results[0].cannot)
        wrong = [self._told(result) for result in results if not result.holds]
        if wrong:
            raise AssertionError("\n".join(wrong))

    def _told(self, result: Result) -> str:
        mode = "" if result.mode == "whole" else f"{result.mode}: "
        later = sum(not layer.verdict.holds for layer in result.layers) - 1
        more = f" (and {later} later)" if later else ""
        plugin = self.plugin
        diagnosis = explain(plugin.backend, result, self.question, plugin.arithmetic)
        return f"{mode}{told(result)}{more}\n{diagnosis}".rstrip()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A wrong answer as its verdict alone: refnet's own lines say nothing about it."""
        if isinstance(excinfo.value, AssertionError) and style is None:
            return excinfo.getrepr(style="value", chain=False)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where it is: in no file. The title has no form that pytest takes for a dotted name."""
        return self.path, None, f"{self.question.suite} {self.name}"
