"""Meetings of several workers, to which each comes late now and then; here they are threads."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence

from tests.engine.programs import LONG


def nobody_leaves_before_all_have_come(
    meets: Sequence[Callable[[], None]], meetings: int, late: float
) -> None:
    """Each calls its own function that many times; late: how often it comes two ms later."""
    came, early = [0] * len(meets), []

    def attend(me: int, meet: Callable[[], None]) -> None:
        chance = random.Random(me)
        for number in range(1, meetings + 1):
            if chance.random() < late:
                time.sleep(0.002)
            came[me] = number
            meet()
            early.extend(other for other in came if other < number)

    threads = [threading.Thread(target=attend, args=each) for each in enumerate(meets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads)
    assert early == []
    assert came == [meetings] * len(meets)
