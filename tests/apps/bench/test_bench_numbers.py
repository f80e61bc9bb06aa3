"""What `refnet bench` makes of times and of answers, on numbers made up for the purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refnet.apps.bench.judging import judged
from refnet.apps.bench.results import Line, Round, Run
from refnet.apps.bench.worker import timed


def test_the_order_of_the_best_five_decides_and_the_difference_is_told():
    expected = np.array([0.0, 5.0, 4.0, 3.0, 2.0, 1.0, -1.0])
    beyond = expected + np.array([-1.5, 0, 0, 0, 0, 0, 0.25])  # the sixth and seventh change
    assert judged(beyond, expected).wrong == ""
    assert judged(beyond, expected).difference == 1.5
    assert judged(beyond, expected).best == (1, 2, 3, 4, 5)
    swapped = expected[[0, 1, 2, 4, 3, 5, 6]]
    assert judged(swapped, expected).wrong.startswith("its best classes are 1, 2, 4, 3, 5")


def test_the_quietest_round_counts_whatever_the_others_say():
    """Medians of 8, 2 and 3 seconds: 2 counts, and the loudest took 3 times as much again."""
    loud = Line("a", rounds=(Round(8, 1, 9), Round(2, 2, 9), Round(3, 1, 9)))
    still = Line("b", rounds=(Round(4, 4, 9),) * 3)
    assert (loud.quietest, loud.loudest, loud.spread) == (2, 8, 3)
    both = Run("v1", "net", "x", 1, (loud, still, Line("c", refused="is wrong")))
    assert (both.ratio(still, "a"), both.ratio(loud, "b")) == (2, 0.5)
    assert both.ratio(both.lines[2], "a") is both.ratio(loud, "c") is both.ratio(loud, "d") is None
    half = replace(loud, refused="its process ended")
    assert replace(both, lines=(half,)).line("a") is None


def test_a_batch_goes_on_until_it_is_long_enough_in_both_ways():
    """A clock that gains a second at each look: every call takes one, and one lies between two."""

    def batch(seconds: float, iterations: int) -> int:
        ticks = iter(range(1000))
        return len(timed(lambda: None, seconds, iterations, clock=lambda: float(next(ticks))))

    assert batch(0, 1) == 1
    assert batch(0, 7) == 7
    assert batch(9, 1) == 5  # 5 calls and the 4 gaps between them
    assert batch(9, 7) == 7


def test_warm_up_calls_are_made_and_not_timed():
    calls, ticks = [], iter(range(100))
    timed(lambda: calls.append(next(ticks)), 0, 3, clock=lambda: float(next(ticks)))
    assert calls[:2] == [0, 1]
    assert len(calls) == 5
