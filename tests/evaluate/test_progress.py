"""The line that is written over: what it says at 80 columns."""

from __future__ import annotations

import io

import pytest

from refnet.apps.evaluate import progress
from refnet.apps.evaluate.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("titles", [["v1"], ["v1, tf-slim, fast", "v2, torchvision, fast"]])
def test_at_80_columns_no_share_is_cut_off_even_of_50_000_photos(titles, monkeypatch):
    monkeypatch.setattr(progress, "OFTEN", 0)
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    shown = Progress(50_000, titles, stream)
    shown.finished = shown.new = 12_344
    shown._counts = [[12_344, 8_888, 10_862] for _ in titles]
    shown.began -= 3600
    shown.done(new=True)
    line = stream.getvalue().removeprefix("\r\x1b[K")
    assert len(line) < 80
    # SciPy's intervals of 8,888 and 10,862 of 12,344, to a tenth of a per cent.
    share = "72.0 (71.2-72.8)"
    assert line.startswith("12345/50000 ")
    assert line.endswith(f"; top-1 {share} {share if titles[1:] else 'top-5 88.0 (87.4-88.6)'}")


def test_a_log_gets_the_whole_line(monkeypatch):
    monkeypatch.setattr(progress, "SELDOM", 0)
    stream = io.StringIO()
    shown = Progress(2, ["v1"], stream)
    shown.add(0, {"rank": 1})
    shown.done(new=True)
    assert stream.getvalue().endswith(
        "left; top-1 100.0 % (20.7 to 100.0), top-5 100.0 % (20.7 to 100.0)\n"
    )
