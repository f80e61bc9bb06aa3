"""Ctrl-C anywhere in the engine: nobody is left behind, and the next call is right.

Python looks for a signal when a function begins, when a call has returned and when a loop goes
round, and nowhere else. Here SIGINT comes at each of these moments that a call, the making of a
plan and `close` come by, one after the other, which no signal sent from outside would reach: at
the first and at the last visit.
"""

from __future__ import annotations

import dis
import gc
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from refnet import engine
from refnet.engine import Plan, plan
from refnet.engine.crew import best
from tests.engine.orders import crews, in_turn, threads
from tests.engine.programs import LONG, children
from tests.engine.settings import Array, small

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(best() != "processes", reason="workers are threads here"),
]
FILES = {
    str(Path(engine.__file__).parent / f"{name}.py")
    for name in ("running", "crew", "processes", "meeting", "blas", "memory")
}
Place = tuple[CodeType, int]


@cache
def moments(code: CodeType) -> set[int]:
    """Where in a function's instructions Python looks for a signal, but for its beginning."""
    found, called = set(), False
    for step in dis.get_instructions(code):
        if called or step.opname.startswith("JUMP_BACKWARD"):
            found.add(step.offset)
        called = step.opname.startswith("CALL")
    return found


def at_each_moment(call: Callable[[], Any], visit: Callable[[Place], None]) -> Any:
    """Make the call; the trace is on for these files alone."""

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "call" or (event == "opcode" and frame.f_lasti in moments(frame.f_code)):
            visit((frame.f_code, -1 if event == "call" else frame.f_lasti))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call()
    finally:
        sys.settrace(before)


def visits(call: Callable[[], Any]) -> list[int]:
    """The first and the last visit of every moment, counted over all visits."""
    seen: list[Place] = []
    at_each_moment(call, seen.append)
    first = {place: k for k, place in reversed(list(enumerate(seen)))}
    return sorted({*first.values(), *{place: k for k, place in enumerate(seen)}.values()})


def interrupted(call: Callable[[], Any], at: int) -> bool:
    """Whether the call came so far as to be interrupted there."""
    left = [at]

    def visit(_: Place) -> None:
        left[0] -= 1
        if left[0] == -1:
            signal.raise_signal(signal.SIGINT)

    try:
        at_each_moment(call, visit)
    except KeyboardInterrupt:
        return True
    return False


NETWORK = small().network.cut(["block1.project"])
X = small().x


def make() -> Plan:
    return plan(NETWORK, small().tensors, threads=2)


@pytest.fixture(scope="module")
def right() -> Array:
    with crews(in_turn("forwards")):
        return make()(X)["block1.project"]


def answer(made: Plan) -> Array:
    return made(X)["block1.project"]


def counts() -> set[int]:
    """The BLAS's threads."""
    return {n["num_threads"] for n in threadpool_info() if n["user_api"] == "blas"}


def test_in_a_call(right):
    """Nor is the BLAS left with fewer threads than it had."""
    with threadpool_limits(2, user_api="blas"), make() as made:
        before = counts()
        assert np.array_equal(answer(made), right)
        points = visits(lambda: made(X))
        assert len(points) > 30
        for at in points:
            interrupted(lambda: made(X), at)
            assert np.array_equal(answer(made), right), at
            assert len(children()) == 1
            assert counts() == before, at
    assert children() == []


def test_twice_in_a_call(right):
    """The second Ctrl-C comes while the workers are being ended: the next call ends them first."""

    def press() -> None:
        raise KeyboardInterrupt

    with make() as made:

        def pressed() -> None:
            calls = made._crew._calls
            call, calls[3] = calls[3], press
            try:
                made(X)
            finally:
                calls[3] = call

        def held() -> None:
            with pytest.raises(KeyboardInterrupt):
                pressed()

        assert np.array_equal(answer(made), right)
        points = visits(held)
        assert np.array_equal(answer(made), right)
        assert len(points) > 30
        for at in points:
            interrupted(pressed, at)
            assert np.array_equal(answer(made), right), at
            assert len(children()) == 1, at
            assert np.array_equal(answer(made), right), at
    assert children() == []


def test_in_a_call_of_one_worker():
    """Alone, in this thread: the plan is fit for the next call, and the BLAS as it was."""
    with threadpool_limits(2, user_api="blas"):
        made, before = plan(NETWORK, small().tensors), counts()
        first = answer(made)
        for at in visits(lambda: made(X)):
            interrupted(lambda: made(X), at)
            assert np.array_equal(answer(made), first), at
            assert counts() == before, at


def test_in_the_first_call_of_threads(right):
    """Which starts them: a thread that never came must not be waited for."""
    with crews(threads):
        for at in visits(lambda: answer(make())):
            made = make()
            interrupted(lambda made=made: answer(made), at)
            found: list[Array] = []
            second = threading.Thread(target=lambda: found.append(answer(made)), daemon=True)  # noqa: B023
            second.start()
            second.join(LONG)
            assert not second.is_alive(), f"{at}: it hangs"
            assert np.array_equal(found[0], right), at
            made.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_in_the_making_of_a_plan(right):
    """A socket may be told of as unclosed; what counts is that no process is left."""
    points = visits(lambda: make().close())
    assert len(points) > 50
    for at in points:
        interrupted(make, at)
        gc.collect()
        assert children() == [], at
    with make() as made:
        assert np.array_equal(answer(made), right)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_in_close_and_then_closed_again(right):
    points = visits(make().close)
    assert len(points) > 10
    for at in points:
        made = make()
        assert np.array_equal(answer(made), right)
        interrupted(made.close, at)
        made.close()
        left = [(child.pid, child.status()) for child in children()]
        for child in children():
            child.kill()
            child.wait()
        assert left == [], at
