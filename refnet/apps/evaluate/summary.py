"""What a report says, gathered from the records in the dataset's order, one at a time.

>>> summary = Summary()
>>> summary.add({"image": "a", "label": 1, "rank": 2, "p": 0.2, "top": [[7, 0.6], [1, 0.2]],
...              "seconds": [0, 0, 0]})
>>> summary.top1.count, summary.top5.count, summary.confused()
(0, 1, [(1, 7, 1)])

Its size grows with the classes (and with what could not be read), not with the photos.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from refnet.apps.evaluate.evaluator import TOP, Record
from refnet.apps.evaluate.statistics import Share, wilson

BINS = 10  # of the calibration curve
MISTAKES = 24  # the surest ones, shown with their photos
PAIRS = 20  # of confused classes


@dataclass
class Bin:
    """Photos whose first class got about the same probability."""

    photos: int = 0
    right: int = 0
    sure: float = 0.0  # the sum of the probabilities

    @property
    def mean(self) -> float:
        """The mean probability."""
        return self.sure / self.photos


@dataclass(order=True)
class Mistake:
    """A wrong first class; ordered by how sure the network was."""

    p: float
    image: str = field(compare=True)
    label: int = field(compare=False)
    said: int = field(compare=False)
    rank: int = field(compare=False)


class Summary:
    """The figures of one variant."""

    def __init__(self) -> None:
        self.photos = self._right = self._right5 = 0
        self.problems: list[tuple[str, str]] = []
        self.classes: dict[int, list[int]] = {}  # photos, right, right among five
        self.pairs: Counter[tuple[int, int]] = Counter()
        self.bins = [Bin() for _ in range(BINS)]
        self._mistakes: list[Mistake] = []
        self.seconds = [0.0, 0.0, 0.0]  # reading, preprocessing, the network

    def add(self, record: Record) -> None:
        """One record."""
        if "problem" in record:
            self.problems.append((record["image"], record["problem"]))
            return
        label, rank, (said, p) = record["label"], record["rank"], record["top"][0]
        self.photos += 1
        self._right += rank == 1
        self._right5 += rank <= TOP
        counts = self.classes.setdefault(label, [0, 0, 0])
        for n, one in enumerate((True, rank == 1, rank <= TOP)):
            counts[n] += one
        into = self.bins[min(int(p * BINS), BINS - 1)]
        into.photos, into.right, into.sure = (
            into.photos + 1,
            into.right + (rank == 1),
            into.sure + p,
        )
        for n, value in enumerate(record["seconds"]):
            self.seconds[n] += value
        if rank > 1:
            self.pairs[label, said] += 1
            mistake = Mistake(p, record["image"], label, said, rank)
            if len(self._mistakes) < MISTAKES:
                heapq.heappush(self._mistakes, mistake)
            else:
                heapq.heappushpop(self._mistakes, mistake)

    @property
    def top1(self) -> Share:
        """How often the first class is the right one."""
        return wilson(self._right, self.photos)

    @property
    def top5(self) -> Share:
        """How often the right class is among the first five."""
        return wilson(self._right5, self.photos)

    def confused(self) -> list[tuple[int, int, int]]:
        """(right class, class said, how often), the most frequent first."""
        found = sorted((-count, right, said) for (right, said), count in self.pairs.items())
        return [(right, said, -count) for count, right, said in found[:PAIRS]]

    def mistakes(self) -> list[Mistake]:
        """The surest ones first."""
        return sorted(self._mistakes, reverse=True)

    def worst_classes(self) -> list[tuple[int, list[int]]]:
        """(class, [photos, right, right among five]), those that are right least often first."""
        return sorted(self.classes.items(), key=lambda item: (item[1][1] / item[1][0], item[0]))

    def calibration(self) -> Iterator[tuple[int, Bin, Share]]:
        """The bins that hold photos: their number, and how often they were right."""
        for n, each in enumerate(self.bins):
            if each.photos:
                yield n, each, wilson(each.right, each.photos)

    def calibration_error(self) -> float:
        """How far, on average, a probability is from how often it is right (Naeini 2015)."""
        gaps = (abs(each.sure - each.right) for each in self.bins)
        return sum(gaps) / self.photos if self.photos else float("nan")


class Pair:
    """Two variants on the same photos: where they disagree, and by how much."""

    def __init__(self, keep: int = 50) -> None:
        self.both = self.changed = self.only_a = self.only_b = self.sets = 0
        self.largest: tuple[float, str] = (0.0, "")
        self._keep = keep
        self._changes: list[tuple[float, str, Record, Record]] = []

    def add(self, a: Record, b: Record) -> None:
        """The two records of one photo."""
        if "problem" in a or "problem" in b:
            return
        self.both += 1
        by = difference(a, b)
        self.largest = max(self.largest, (by, a["image"]))
        self.only_a += a["rank"] == 1 and b["rank"] > 1
        self.only_b += b["rank"] == 1 and a["rank"] > 1
        self.sets += {n for n, _ in a["top"]} != {n for n, _ in b["top"]}
        if a["top"][0][0] != b["top"][0][0]:
            self.changed += 1
            # Names come next in the order: records themselves are never compared.
            change = (by, a["image"], a, b)
            if len(self._changes) < self._keep:
                heapq.heappush(self._changes, change)
            elif change[:2] > self._changes[0][:2]:
                heapq.heapreplace(self._changes, change)

    def changes(self) -> list[tuple[float, str, Record, Record]]:
        """The photos with another first class, those that differ most first."""
        return sorted(self._changes, key=lambda change: (-change[0], change[1]))


def difference(a: Record, b: Record) -> float:
    """The largest difference of a probability, as far as the records know.

    A class that only one of them has among its five has at most the other's fifth probability
    there: what it differs by at least is counted.

    >>> difference({"label": 0, "p": 0.5, "top": [[0, 0.5], [1, 0.25]]},
    ...            {"label": 0, "p": 0.25, "top": [[2, 0.5], [0, 0.25]]})
    0.25
    """
    found = [abs(a["p"] - b["p"])]
    for one, other in ((a, b), (b, a)):
        known = {**dict(map(tuple, other["top"])), other["label"]: other["p"]}
        fifth = other["top"][-1][1]
        for n, p in one["top"]:
            found.append(abs(p - known[n]) if n in known else max(p - fifth, 0.0))
    return max(found)
