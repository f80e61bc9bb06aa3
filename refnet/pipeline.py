"""Two stages at the same time: one makes the next thing while the other uses this one.

>>> for word, length in overlapped(len, ["one", "three"]):
...     print(word, length)
one 3
three 5

With one buffer the stages take turns: while a photo is decoded no network runs, and while the
network runs nothing is decoded. *Double buffering* has two: one in use, and one that is filled
meanwhile. A photo then takes as long as the slower stage, no longer the sum of both. But a stage
that is done early still waits for the other each time, so where the times vary, each late photo
costs what it is late. *Triple buffering* has a third, which stands filled while the other two are
at work, and a stage that is late once finds the time made up before. More buffers even out more of
this; none makes the slower stage faster.

The lecture on MobileNet (WikiDocs) tells of a CPU that prepares requests and a GPU that answers
them: two buffers were enough for V1 there, and V2, which takes less time, gained by a third. Here
both stages are threads of one Python, which can overlap because NumPy and Pillow let go of the
interpreter's lock while they compute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from refnet.arguments import check_count

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapped(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 2
) -> Generator[tuple[Item, Result | Exception], None, None]:
    """Each item with what `function` makes of it, made in a thread while the last one is in use.

    >>> from itertools import count, islice
    >>> list(islice(overlapped(lambda n: 6 // n, count()), 3))
    [(0, ZeroDivisionError('integer division or modulo by zero')), (1, 6), (2, 3)]

    items: in their order, and without an end if need be. The thread asks for them, so that a source
        that is slow to name the next one does not keep the results waiting that are there.
    ahead: how many results, finished or begun, there are beyond the one that the caller has. That
        makes ahead + 1 buffers: 1 is double buffering, 2 triple buffering, and 0 is one buffer and
        no thread. No more than these are in memory, however many items there are.

    An Exception that `function` raises stands in the place of its result. What `items` raises ends
    the iteration, after the results before it, and so does anything graver than an Exception.

    The thread ends with the iteration: after the last item, and when the caller leaves a `for`
    early, raises or is interrupted; then it finishes the item that it is at, no other, and is
    waited for. Whoever keeps the iterator in a variable calls its `close` for that.
    Raises ValueError where `ahead` is not a count.
    """
    check_count(ahead, "ahead", least=0)
    made = _made(function, items)
    return _fetched(made, ahead) if ahead else made


def _made(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[tuple[Item, Result | Exception], None, None]:
    for item in items:
        yield item, _attempt(function, item)  # a name for it would keep one more in memory


def _attempt(function: Callable[[Item], Result], item: Item) -> Result | Exception:
    try:
        return function(item)
    except Exception as problem:
        return problem


def _fetched(
    made: Generator[tuple[Item, Result | Exception], None, None], ahead: int
) -> Generator[tuple[Item, Result | Exception], None, None]:
    """The same from a thread that is `ahead` of whoever asks."""

    def step() -> tuple[Item, Result | Exception] | None:
        return next(made, None)

    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refnet-ahead")
    try:
        waiting = deque(thread.submit(step) for _ in range(ahead))
        while (one := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(step))
            yield one
    finally:
        thread.shutdown(cancel_futures=True)
