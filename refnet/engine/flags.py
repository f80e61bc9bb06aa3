"""Where workers wait for one another in the midst of a run: a byte of shared memory for each.

At a pipe each meeting costs a call of the system or two (`refnet.engine.meeting`), and a run of
V2 has thirty. Here a worker writes into its own byte how often it has come, and looks at the
others' until they have come as often. Who sees that byte must also see all that was written before
it. x86 processors let the others see what one writes in the order in which it was written; ARM's
do not, unless told by an instruction that Python has not. So there, and wherever a wait may be
long, at a run's start and end, workers meet at their pipes.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import numpy as np

from refnet.engine.meeting import Meeting
from refnet.engine.memory import LINE

Array = np.ndarray[Any, Any]
FLOATS = LINE // 4  # of memory for each worker: a cache line, that no other one writes
LOOKS = 20_000  # before it rests: one to two milliseconds


def in_order() -> bool:
    """Whether this processor's cores see one another's writes in the order of writing.

    Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, section 9.2.2.
    """
    return platform.machine().lower() in ("x86_64", "amd64", "i686", "i386")


def meet_within(room: Array | None, me: int, meeting: Meeting) -> Callable[[], None]:
    """How a worker meets the others in the midst of a run: by flags, where there are some."""
    return meeting.meet if room is None else Flags(room, me, meeting).meet


class Flags:
    """One worker's view of all their bytes.

    room: (workers * FLOATS,) of shared memory, zeros when the workers start; me: which it is;
    meeting: where it hears that another has ended.

    >>> room = np.zeros(2 * FLOATS, np.float32)
    >>> room.view(np.uint8)[LINE] = 1                       # the other one has come already
    >>> Flags(room, 0, None).meet()
    """

    def __init__(self, room: Array, me: int, meeting: Meeting) -> None:
        self._bytes = room.view(np.uint8).data
        self._mine, self._meeting, self._count = me * LINE, meeting, 0
        self._others = [at for at in range(0, len(self._bytes), LINE) if at != self._mine]

    def meet(self) -> None:
        """Say that this worker is here, and wait until all the others are.

        Raises LeftError where one of them has ended.
        """
        flags, before = self._bytes, self._count
        self._count = (before + 1) % 256
        flags[self._mine] = self._count
        for other in self._others:
            looks = 0
            # It has come as often as this one, once more, or not yet.
            while flags[other] == before:
                looks += 1
                if looks > LOOKS:
                    self._meeting.rest()
