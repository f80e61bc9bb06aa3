"""Nobody passes a flag before all have come to it, nor waits for who has ended."""

from __future__ import annotations

import platform
import time

import numpy as np
import pytest

from refnet.engine import Tricks, flags, plan
from refnet.engine.flags import FLOATS, Flags
from refnet.engine.meeting import LeftError
from tests.engine.attending import nobody_leaves_before_all_have_come
from tests.engine.orders import crews, processes
from tests.engine.settings import small


class Resting:
    """A meeting at which nothing is ever heard but, in the end, that another one has left."""

    def __init__(self, rests: int) -> None:
        self.left = rests

    def rest(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise LeftError
        time.sleep(0.0001)


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("looks", [0, flags.LOOKS], ids=["resting", "awake"])
def test_nobody_leaves_before_all_have_come(workers, looks, monkeypatch):
    """Also when there were more meetings than a byte can count."""
    monkeypatch.setattr(flags, "LOOKS", looks)
    room = np.zeros(workers * FLOATS, np.float32)
    meets = [Flags(room, me, Resting(10**9)).meet for me in range(workers)]
    nobody_leaves_before_all_have_come(meets, 600, late=0.02)


def test_who_waits_for_one_that_has_left_is_told(monkeypatch):
    monkeypatch.setattr(flags, "LOOKS", 10)
    seat = Flags(np.zeros(2 * FLOATS, np.float32), 1, Resting(3))
    with pytest.raises(LeftError):
        seat.meet()


@pytest.mark.parametrize(
    ("machine", "said"), [("x86_64", True), ("AMD64", True), ("arm64", False), ("aarch64", False)]
)
def test_flags_are_for_processors_that_write_in_order(machine, said, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert flags.in_order() is said


@pytest.mark.parametrize("ordered", [True, False], ids=["flags", "pipes"])
def test_a_plan_meets_at_flags_or_at_pipes_and_answers_the_same(ordered, monkeypatch):
    if ordered and not flags.in_order():
        pytest.skip(f"{platform.machine()} does not let others see writes in their order")
    monkeypatch.setattr(flags, "in_order", lambda: ordered)
    s = small()
    with crews(processes), plan(s.network, s.tensors, threads=3) as made:
        assert (made._layout.flags is not None) is ordered
        answers = [made(s.x)["softmax"] for _ in range(20)]
        with plan(s.network, s.tensors, threads=3, tricks=Tricks.without("shared_flags")) as other:
            assert other._layout.flags is None
            expected = other(s.x)["softmax"]
    assert all(np.array_equal(answer, expected) for answer in answers)
