"""An evaluation within one process: its figures, its end at any moment, the hostile folder."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

from refnet.apps.evaluate import pool
from refnet.apps.evaluate.command import evaluate
from refnet.apps.evaluate.report import figures
from tests.evaluate.engines import KILLS, NAN, RAISES, WRONG
from tests.evaluate.photos import draw, folder, wanted

GRACE = Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def lines(out: Path) -> list[dict]:
    texts = [path.read_text("utf-8").splitlines()[1:] for path in out.glob("*.jsonl")]
    return [json.loads(line) for text in texts for line in text]


def test_the_figures_are_those_that_were_drawn(tmp_path):
    """Of 30: every third has the class beside it first, every fifth of the rest is fifth."""
    root = folder(tmp_path / "in", 30)
    report = evaluate(wanted(root, tmp_path / "out"))
    (found,) = figures(report)["variants"]
    wrong = [n for n in range(30) if n % 3 == 0]
    fifth = [n for n in range(30) if n % 5 == 0 and n % 3]
    assert found["top1"]["count"] == 30 - len(wrong) - len(fifth) == 16
    assert found["top5"]["count"] == found["top5"]["of"] == 30
    assert {row["number"]: row["photos"] for row in found["classes"]} == {
        100 + k: len(range(k, 30, 7)) for k in range(7)
    }
    assert sum(pair["times"] for pair in found["confused"]) == 14
    assert [one["p"] for one in found["surest_mistakes"]] == [0.75] * 10 + [0.3125] * 4
    bins = {row["bin"]: (row["of"], row["count"], row["mean"]) for row in found["calibration"]}
    assert bins == {3: (4, 0, 0.3125), 7: (10, 0, 0.75), 8: (16, 16, 0.875)}
    assert found["calibration_error"] == (4 * 0.3125 + 10 * 0.75 + 16 * 0.125) / 30


def test_the_rank_counts_an_equal_of_lower_number_first(tmp_path):
    from refnet.apps.evaluate.evaluator import _answer

    p = np.array([0.2, 0.3, 0.2, 0.3])
    assert [_answer(p, right, 0)["rank"] for right in range(4)] == [3, 1, 4, 2]
    order = [n for n, _ in _answer(p, 0, 0)["top"]]
    assert order == [1, 3, 0, 2]


def test_ended_after_any_photo_it_goes_on_and_repeats_none(tmp_path, monkeypatch):
    root = folder(tmp_path / "in", 12)
    expected = figures(evaluate(wanted(root, tmp_path / "whole")))
    asked = []

    class Ended(BaseException):
        pass

    def until(last):
        def alone(tasks, variants):
            for n, (task, records) in enumerate(pool.alone(tasks, variants)):
                asked.append(task.name)
                yield task, records
                if n == last:
                    raise Ended

        return alone

    for last in (0, 3, 0, 1):
        with pytest.raises(Ended):
            evaluate(wanted(root, tmp_path / "out"), until(last))
    assert figures(evaluate(wanted(root, tmp_path / "out"), until(None))) == expected
    assert sorted(asked) == sorted({*asked})
    assert len(asked) == 12


def test_cut_anywhere_in_the_records_the_report_is_the_same(tmp_path):
    root, out = folder(tmp_path / "in", 9), tmp_path / "out"
    expected = figures(evaluate(wanted(root, out)))
    page = without_time((out / "report.html").read_text())
    table = next(out.glob("*.csv")).read_bytes()
    (path,) = out.glob("*.jsonl")
    whole = path.read_bytes()
    for cut in np.random.default_rng(7).integers(0, len(whole), 10):
        path.write_bytes(whole[:cut])
        assert figures(evaluate(wanted(root, out))) == expected
        assert without_time((out / "report.html").read_text()) == page
        assert next(out.glob("*.csv")).read_bytes() == table
        assert sorted(r["image"] for r in lines(out)) == sorted({r["image"] for r in lines(out)})


def without_time(page: str) -> str:
    before, _, rest = page.partition("<!-- time -->")
    return before + rest.partition("<!-- /time -->")[2]


def test_a_photo_that_changed_is_evaluated_again_and_no_other(tmp_path):
    root, out = folder(tmp_path / "in", 6), tmp_path / "out"
    evaluate(wanted(root, out))
    path = root / "102" / "00002.png"
    draw(path, 102, WRONG)
    os.utime(path, ns=(1, 1))
    report = evaluate(wanted(root, out))
    assert report.time["new"] == 1
    assert [m.image for m in report.summaries[0].mistakes()].count("102/00002.png") == 1


def test_a_second_recipe_leaves_the_first_ones_records_alone(tmp_path):
    root, out = folder(tmp_path / "in", 6), tmp_path / "out"
    evaluate(wanted(root, out))
    report = evaluate(wanted(root, out, recipes=("squash", "pillow-box")))
    assert len(lines(out)) == 12
    # A flat photo is the same by both recipes.
    assert (report.pairs[0, 1].changed, report.pairs[0, 1].both) == (0, 6)


def test_the_hostile_folder_is_counted_and_named_and_nothing_is_lost(tmp_path):
    root = tmp_path / "in" / "652"
    draw(root / "fine.png", 652)
    draw(root / "ünïcödé 写真 \u202e.png", 652)
    draw(root.parent / "652" / os.fsdecode(b"not-\xff-utf8.png"), 652)
    (root / "empty.jpg").touch()
    data = GRACE.read_bytes()
    (root / "cut.jpg").write_bytes(data[: len(data) // 2])
    (root / "corrupt.jpg").write_bytes(data[:200] + b"\x00" * 5000)
    (root / "text.jpg").write_text("no photo")
    Image.open(GRACE).convert("CMYK").save(root / "cmyk.jpg")
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(root / "sixteen.png")
    (root / "loop").symlink_to(root)
    (root / "round.png").symlink_to(root / "round.png")
    (root / "dangling.png").symlink_to(root / "nowhere")
    draw(root / "raises.png", 652, RAISES)
    draw(root / "nan.png", 652, NAN)
    draw(root.parent / "unicorn" / "a.png", 652)
    report = evaluate(wanted(root.parent, tmp_path / "out"))
    said = dict(report.unread)
    assert set(said) == {
        "652/empty.jpg", "652/cut.jpg", "652/corrupt.jpg", "652/text.jpg", "652/loop",
        "652/round.png", "652/dangling.png", "652/raises.png", "652/nan.png", "unicorn",
    }  # fmt: skip
    assert said["652/empty.jpg"] == "not an image that Pillow can read (the file is empty)"
    assert said["652/raises.png"] == "TypeError: an engine's own mistake"
    assert said["652/nan.png"] == "NaN or infinity among the 1000 probabilities"
    assert said["652/dangling.png"] == "no such file"
    assert said["unicorn"].endswith("pictures in it: 1")
    assert report.summaries[0].photos == 5  # fine, two odd names, CMYK, sixteen bits
    assert report.photos == 5 + 7
    assert len(lines(tmp_path / "out")) == 12
    again = evaluate(wanted(root.parent, tmp_path / "out"))
    assert figures(again) == figures(report)
    assert again.time["new"] == 0


def test_a_photo_that_vanishes_before_it_is_read_is_named(tmp_path):
    root = folder(tmp_path / "in", 4, classes=1)

    def spread(tasks, variants):
        for answered in pool.alone(tasks, variants):
            (root / "100" / "00002.png").unlink(missing_ok=True)
            yield answered

    report = evaluate(wanted(root, tmp_path / "out"), spread)
    assert report.unread == [("100/00002.png", "was there at the beginning, and is gone")]
    assert (report.photos, report.summaries[0].photos) == (3, 3)


def test_of_photos_that_vanish_before_their_folder_is_looked_into_the_number_is_said(tmp_path):
    root = folder(tmp_path / "in", 6, classes=3)

    def spread(tasks, variants):
        for answered in pool.alone(tasks, variants):
            for path in (root / "102").glob("*"):
                path.unlink()
            yield answered

    report = evaluate(wanted(root, tmp_path / "out"), spread)
    assert report.unread == [("in", "2 photos fewer than at the beginning")]


def test_a_photo_that_a_table_names_and_that_vanishes_is_not_there(tmp_path):
    root = folder(tmp_path / "in", 2)
    (tmp_path / "t.csv").write_text("image,label\nin/100/00000.png,100\nin/101/00001.png,101\n")

    def spread(tasks, variants):
        for answered in pool.alone(tasks, variants):
            yield answered
            (root / "101" / "00001.png").unlink(missing_ok=True)

    for again in (spread, pool.alone):
        report = evaluate(wanted(tmp_path / "t.csv", tmp_path / "out"), again)
        assert report.unread == [("in/101/00001.png", "no such file")]


def test_retry_tries_again_what_failed_alone(tmp_path):
    root = folder(tmp_path / "in", 4)
    (root / "100" / "bad.png").touch()
    evaluate(wanted(root, tmp_path / "out"))
    again = wanted(root, tmp_path / "out")
    report = evaluate(again.__class__(**{**vars(again), "retry": True}))
    assert report.time["new"] == 1
    assert [name for name, _ in report.unread] == ["100/bad.png"]


@pytest.mark.slow
def test_two_processes_say_what_one_says_and_a_photo_that_kills_fails_alone(tmp_path):
    root = folder(tmp_path / "in", 20)
    evaluate(wanted(root, tmp_path / "one"))
    draw(root / "300" / "poison.png", 300, KILLS)
    many = evaluate(wanted(root, tmp_path / "two"), lambda t, v: pool.shared(t, v, 2))
    assert many.unread == [
        ("300/poison.png", "the process that was at it was ended by SIGKILL, 2 times")
    ]
    (root / "300" / "poison.png").unlink()
    one, two = (evaluate(wanted(root, tmp_path / name)) for name in ("one", "two"))
    assert figures(one) == figures(two)
    assert two.time["new"] == 0


@pytest.mark.slow
def test_a_process_that_is_killed_costs_no_photo(tmp_path):
    """Each of two is ended twice while it works; two engines that pause, so that it is at work."""
    import signal

    root = folder(tmp_path / "in", 60)
    slow = "tests.evaluate.engines:Slow"
    kills = iter([5, 15, 25, 35])

    def shared(tasks, variants):
        due = next(kills)
        crew = pool._Crew(variants, 2)
        try:
            for n, answered in enumerate(crew.run(tasks)):
                if n == due:
                    os.kill(crew._workers[n // 10 % 2].process.pid, signal.SIGKILL)
                    due = next(kills, None)
                yield answered
        finally:
            crew.close()

    report = evaluate(wanted(root, tmp_path / "out", slow), shared)
    assert report.unread == []
    assert report.summaries[0].photos == 60
    assert len(lines(tmp_path / "out")) == 60


def test_an_engine_that_cannot_begin_is_said_and_leaves_nothing_running(tmp_path):
    import multiprocessing

    root = folder(tmp_path / "in", 3)
    broken = wanted(root, tmp_path / "out")
    variant = broken.variants[0].__class__(**{**vars(broken.variants[0]), "tensors": "0" * 64})
    tasks = iter(())
    assert list(pool.shared(tasks, [variant], 1)) == []
    with pytest.raises(ValueError, match="holds other tensors here"):
        list(pool.alone(itertools.repeat(None), [variant]))
    assert multiprocessing.active_children() == []


def test_a_dataset_without_a_photo_is_refused(tmp_path):
    (tmp_path / "in" / "tabby").mkdir(parents=True)
    with pytest.raises(ValueError, match="no picture with a class"):
        evaluate(wanted(tmp_path / "in", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_dataset_whose_photos_have_no_class_is_refused_with_a_reason(tmp_path):
    (tmp_path / "t.csv").write_text("image,label\na.jpg,457.0\nb.jpg,unicorn\n")
    reason = r"in t\.csv \(a\.jpg: t\.csv, line 2: class: '457\.0' is no number"
    with pytest.raises(ValueError, match=reason):
        evaluate(wanted(tmp_path / "t.csv", tmp_path / "out"))
