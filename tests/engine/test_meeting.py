"""Nobody leaves a meeting before all have come to it, and nobody waits for who has ended."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from refnet.engine import meeting as module
from refnet.engine.crew import best
from refnet.engine.meeting import LeftError, Meeting
from tests.engine.attending import nobody_leaves_before_all_have_come

pytestmark = pytest.mark.skipif(best() != "processes", reason="there are no such pipes here")


@pytest.fixture(params=[2, 3, 5])
def workers(request) -> Iterator[list[Meeting]]:
    """Seats at one meeting, as processes would take them; here they are for threads."""
    inboxes = [os.pipe() for _ in range(request.param)]
    seats = []
    for k, (inbox, _) in enumerate(inboxes):
        outboxes = [os.dup(to) for other, (_, to) in enumerate(inboxes) if other != k]
        seats.append(Meeting(inbox, outboxes, []))
    for _, to in inboxes:
        os.close(to)
    yield seats
    for seat in seats:
        seat.close()


@pytest.mark.parametrize("looks", [0, 1, module.LOOKS], ids=["asleep", "once", "awake"])
def test_nobody_leaves_before_all_have_come(workers, looks, monkeypatch):
    monkeypatch.setattr(module, "LOOKS", looks)
    nobody_leaves_before_all_have_come([seat.meet for seat in workers], 100, late=0.1)


def test_who_waits_for_one_that_has_left_is_told(workers):
    """By the others' pipes alone, where no lifeline broke."""
    first, *others = workers
    for other in others:
        other.close()
    with pytest.raises(LeftError):
        first.meet()


def test_a_lifeline_that_breaks_ends_a_wait(workers):
    inbox, to = os.pipe()
    ours, theirs = socket.socketpair()
    seat = Meeting(inbox, [to], [ours])
    threading.Timer(0.05, theirs.close).start()
    with pytest.raises(LeftError):
        seat.wait()
    seat.close()


def test_closing_twice_closes_nobody_elses_file(tmp_path):
    """A number that was closed is the next file's."""
    inbox, to = os.pipe()
    seat = Meeting(inbox, [to], [])
    seat.close()
    with open(tmp_path / "a", "w") as a, open(tmp_path / "b", "w") as b:
        assert {a.fileno(), b.fileno()} & {inbox, to}
        seat.close()
        a.write("whole")
        b.write("whole")
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "whole"
