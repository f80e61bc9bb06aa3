"""`refnet classify`: two engines with one answer, and photos that are decoded while a network runs.

What the photos are called, by other engines, stands in test_cli.py; here one of refnet's engines is
held to the other, and many photos to one at a time.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

import refnet
from refnet import image
from refnet.apps.classify import Classifier, classify
from refnet.cli import main
from refnet.preprocessing import preprocess

GRACE = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
PATIENCE = 60  # seconds that a thread waits for the other before that is a failure


@pytest.fixture(scope="module")
def v1():
    with Classifier(refnet.load("v1")) as classifier:
        yield classifier


@pytest.fixture(scope="module")
def v2():
    with Classifier(refnet.load("v2")) as classifier:
        yield classifier


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Seven names in order: the second is no image, and the fifth is too long for V2's recipe."""
    folder = tmp_path_factory.mktemp("photos")
    for n in (0, 2, 3, 5, 6):
        Image.new("RGB", (40 + n, 30), (n * 40, 99, 9)).save(folder / f"{n}.png")
    (folder / "1.png").write_text("no photo")
    Image.new("L", (60_000, 1), 90).save(folder / "4.png")
    return folder


def shown(capsys, *words: str) -> str:
    """What is printed, less the times."""
    assert main(["classify", *words]) == 0
    return re.sub(r"[0-9]+ ms", "... ms", capsys.readouterr().out)


def test_both_engines_print_the_same_to_the_digits_shown(capsys):
    skimage = pytest.importorskip("skimage", reason="its photos are classified")
    data = Path(skimage.__file__).parent / "data"
    photos = [str(data / f"{name}.png") for name in ("chelsea", "coffee", "astronaut")]
    fast = shown(capsys, GRACE, *photos)
    assert fast.count("... ms (fast engine)") == 8
    reference = shown(capsys, GRACE, *photos, "--engine", "reference")
    assert reference == fast.replace("(fast engine)", "(reference engine)")


def test_workers_print_the_same_to_the_digits_shown(capsys):
    assert shown(capsys, GRACE, "--threads", "2") == shown(capsys, GRACE, "--engine", "fast")


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_json_names_the_engine_and_holds_its_numbers(capsys, engine):
    assert main(["classify", GRACE, "--model", "v2", "--json", "--engine", engine]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["engine"] == engine
    checkpoint = refnet.load("v2")
    x = preprocess(image.read(GRACE), "torchvision")
    if engine == "fast":
        with refnet.plan(checkpoint.network, checkpoint.tensors) as plan:
            (probabilities,) = plan(x)["softmax"]
    else:
        folded = checkpoint.fold(np.float64)
        (probabilities,) = refnet.run(folded.network, folded.tensors, x.astype(float))["softmax"]
    # The same calls on the same numbers: not a bit may differ.
    assert [g["probability"] for g in answer["top"]] == sorted(probabilities, reverse=True)[:5]


def without_times(answered) -> list:
    return [
        (path, [(a.image, a.size, a.model, a.top) for a in answers], [str(p) for p in problems])
        for path, answers, problems in answered
    ]


@pytest.mark.parametrize("ahead", [1, 2, 20])
def test_many_photos_are_answered_as_one_at_a_time(v1, v2, folder, ahead):
    paths = sorted(folder.iterdir())
    overlapped = without_times(classify(iter(paths), [v1, v2], ahead=ahead))
    assert overlapped == without_times(classify(map(str, paths), [v1, v2], ahead=0))
    alone = [one for path in paths for one in without_times(classify([path], [v1, v2]))]
    assert overlapped == alone
    assert [len(answers) for _, answers, _ in alone] == [2, 0, 2, 2, 1, 2, 2]
    assert [len(problems) for _, _, problems in alone] == [0, 1, 0, 0, 1, 0, 0]


def test_the_next_photo_is_decoded_while_a_network_runs(v2, folder, monkeypatch):
    decoded, runs = threading.Semaphore(0), itertools.count()
    read, answer = image.read, v2.answer

    def reading(path):
        pixels = read(path)
        decoded.release()
        return pixels

    def running(*words, **keywords):
        for _ in range(1 if next(runs) else 2):  # its own photo and the next; then the next again
            assert decoded.acquire(timeout=PATIENCE), "no photo is decoded meanwhile"
        return answer(*words, **keywords)

    monkeypatch.setattr(image, "read", reading)
    monkeypatch.setattr(v2, "answer", running)
    answered = classify(itertools.repeat(folder / "0.png"), [v2])
    assert [len(answers) for _, answers, _ in itertools.islice(answered, 10)] == [1] * 10
    answered.close()


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_photo_is_decoded_once_and_its_pixels_are_kept_nowhere(
    v1, v2, folder, monkeypatch, ahead
):
    images, read = [], image.read

    def remembered(path):
        # Whether a recipe took the last photo or refused it, only tensors are left of it.
        assert [pixels for pixels in images if pixels() is not None] == []
        pixels = read(path)
        images.append(weakref.ref(pixels))
        return pixels

    monkeypatch.setattr(image, "read", remembered)
    paths = sorted(path for path in folder.iterdir() if path.name != "1.png")
    kept = list(classify(paths, [v1, v2, v2.under("squash")], ahead=ahead))
    assert len(images) == len(paths)
    assert sum(len(answers) for _, answers, _ in kept) == 3 * len(paths) - 1


def test_an_endless_source_is_answered_as_far_as_it_is_asked(v2, folder):
    before = threading.enumerate()
    asked = itertools.count()
    photos = (folder / "0.png" for _ in asked)
    answered = classify(photos, [v2], ahead=2)
    assert len(list(itertools.islice(answered, 5))) == 5
    answered.close()
    assert next(asked) <= 5 + 2
    assert threading.enumerate() == before


def test_what_one_network_cannot_run_the_others_answer(v1, v2, folder, monkeypatch):
    def lost(x):
        raise RuntimeError("plan: a worker has ended")

    monkeypatch.setattr(v1, "_run", lost)
    (found,) = classify([folder / "0.png"], [v1, v2])
    path, answers, (problem,) = found
    assert [answer.model for answer in answers] == ["mobilenet_v2_1.0_224"]
    assert str(problem) == f"{path}: mobilenet_v1_1.0_224, tf-slim: plan: a worker has ended"


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_mistake_in_the_program_is_not_taken_for_a_bad_photo(v2, folder, monkeypatch, ahead):
    def wrong(pixels):
        raise TypeError("a mistake in the program")

    monkeypatch.setattr(v2, "prepare", wrong)
    with pytest.raises(TypeError, match="a mistake in the program"):
        list(classify([folder / "0.png"], [v2], ahead=ahead))


def test_recipes_share_a_network_and_keep_their_names(v1):
    squashed = v1.under("squash")
    pixels = image.read(GRACE)
    labels = [each(pixels, name="", top=1).top[0].label for each in (v1, squashed, v1)]
    assert labels == ["bow tie", "military uniform", "bow tie"]  # as in test_cli.py
    assert (v1.recipe, squashed.recipe) == ("tf-slim", "squash")


def test_an_end_is_an_end(folder):
    classifier = Classifier(refnet.load("v2"))
    pixels = image.read(folder / "0.png")
    assert classifier(pixels, name="", top=1).top
    classifier.close()
    with pytest.raises(ValueError, match="is closed"):
        classifier(pixels, name="")
