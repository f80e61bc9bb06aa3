"""The command line as a person meets it: answers, and one line for every mistake."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

import refnet
from refnet.checkpoints import manifest, save
from refnet.cli import main

GRACE = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)


def refused(capsys, *words: str) -> str:
    """The one line with which the command refuses."""
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("refnet: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def answers(capsys, *words: str) -> list[dict]:
    assert main(["classify", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def skimage_photo(name: str) -> str:
    skimage = pytest.importorskip("skimage", reason="its photos are classified")
    return str(Path(skimage.__file__).parent / "data" / name)


# LiteRT's answers on the .tflite under five recipes; PyTorch's on the .pth, fed by torchvision's
# own transforms.
@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("tf-slim", {"bow tie": 0.863, "military uniform": 0.129}),
        ("half-pixel", {"military uniform": 0.596, "bow tie": 0.377}),
        ("pillow-crop", {"military uniform": 0.486, "bow tie": 0.484}),
        ("pillow-box", {"bow tie": 0.489, "military uniform": 0.484}),
        ("squash", {"military uniform": 0.776, "bow tie": 0.143}),
    ],
)
def test_v1_names_grace_hopper_as_litert_does_under_every_recipe(capsys, recipe, expected):
    (answer,) = answers(capsys, GRACE, "--model", "v1", "--preprocess", recipe)
    found = {guess["label"]: round(guess["probability"], 3) for guess in answer["top"][:2]}
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize(
    ("photo", "recipe", "expected"),
    [
        ("chelsea.png", "tf-slim", {"Egyptian cat": 0.834, "tabby": 0.118}),
        ("chelsea.png", "half-pixel", {"Egyptian cat": 0.857, "tabby": 0.109}),
        ("chelsea.png", "pillow-crop", {"Egyptian cat": 0.823, "tabby": 0.142}),
        ("chelsea.png", "pillow-box", {"Egyptian cat": 0.793, "tabby": 0.158}),
        ("chelsea.png", "squash", {"Egyptian cat": 0.928, "tabby": 0.053}),
        ("coffee.png", "tf-slim", {"espresso": 0.997}),
        ("coffee.png", "half-pixel", {"espresso": 0.995}),
        ("coffee.png", "pillow-crop", {"espresso": 0.995}),
        ("coffee.png", "pillow-box", {"espresso": 0.994}),
        ("coffee.png", "squash", {"espresso": 0.990}),
    ],
)
def test_v1_names_other_photos_as_litert_does(capsys, photo, recipe, expected):
    (answer,) = answers(capsys, skimage_photo(photo), "--model", "v1", "--preprocess", recipe)
    top = answer["top"][: len(expected)]
    assert {guess["label"]: round(guess["probability"], 3) for guess in top} == expected


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        (GRACE, {"bow tie": 0.508, "military uniform": 0.180, "mortarboard": 0.110, "suit": 0.059}),
        ("chelsea.png", {"Egyptian cat": 0.717, "tiger cat": 0.147}),
        ("coffee.png", {"espresso": 0.992}),
    ],
)
def test_v2_names_photos_as_pytorch_does(capsys, photo, expected):
    path = photo if photo == GRACE else skimage_photo(photo)
    (answer,) = answers(capsys, path, "--model", "v2")
    top = answer["top"][: len(expected)]
    assert {guess["label"]: round(guess["probability"], 3) for guess in top} == expected


def test_the_text_shows_both_networks_with_their_cost(capsys):
    assert main(["classify", GRACE, "--top", "2"]) == 0
    out = capsys.readouterr().out
    assert "mobilenet_v1_1.0_224, tf-slim: 568.7 M MACs, 4.22 M parameters" in out
    assert "mobilenet_v2_1.0_224, torchvision: 300.8 M MACs, 3.49 M parameters" in out
    assert out.count("bow tie") == out.count("military uniform") == 2


def test_the_picture_is_written(capsys, tmp_path):
    for name in ("bars.png", "bars.svg"):
        assert main(["classify", GRACE, GRACE, "--plot", str(tmp_path / name)]) == 0
    with Image.open(tmp_path / "bars.png") as picture:
        assert picture.width > 1000
    assert (tmp_path / "bars.svg").read_text("utf-8").startswith("<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.png", "bars.svg"]


def test_folders_and_patterns_are_walked_and_what_cannot_be_read_is_named(capsys, tmp_path):
    deep = tmp_path / "photos" / "deep er"
    deep.mkdir(parents=True)
    shutil.copy(GRACE, deep / "grâce.jpg")
    (deep / "text.jpg").write_text("no photo")
    (deep / "notes.txt").write_text("not even looked at")
    (deep / "loop").symlink_to(tmp_path, target_is_directory=True)
    Image.new("RGB", (1, 1), (200, 10, 10)).save(tmp_path / "photos" / "dot.png")
    assert main(["classify", "--json", "--model", "v2", str(tmp_path / "photos")]) == 2
    out, err = capsys.readouterr()
    assert [Path(answer["image"]).name for answer in json.loads(out)] == ["dot.png", "grâce.jpg"]
    assert f"refnet: skipped {deep / 'text.jpg'}: not an image that Pillow can read" in err
    assert "refnet: 1 of 3 images not answered" in err
    assert main(["classify", "--json", "--model", "v2", str(tmp_path / "**/*.png")]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_a_long_strip_and_a_single_pixel_get_an_answer(capsys, tmp_path):
    strip, dot = tmp_path / "strip.png", tmp_path / "dot.png"
    Image.new("RGB", (20_000, 10), (90, 120, 30)).save(strip)
    Image.new("RGB", (1, 1), (90, 120, 30)).save(dot)
    found = answers(capsys, str(strip), str(dot))
    # One colour all over: whatever the size, the network sees the same picture.
    assert found[0]["top"] == found[2]["top"]
    assert found[1]["top"] == found[3]["top"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["classify", "nowhere.jpg"], "skipped nowhere.jpg: no such file"),
        (["classify", "no*.jpg"], "no*.jpg: no image matches"),
        (["classify", GRACE, "--model", "v3"], "model: 'v3' is neither a checkpoint (v1, v2"),
        (["classify", GRACE, "--preprocess", "x"], "--preprocess: 'x', expected one of tf-slim"),
        (["classify", GRACE, "--top", "0"], "--top: 0, expected at least 1"),
        (["classify", GRACE, "--engine", "x"], "engine: 'x', expected one of fast, reference"),
        (["classify", GRACE, "--threads", "0"], "threads: 0, expected a whole number of at"),
        (
            ["classify", GRACE, "--engine", "reference", "--threads", "2"],
            "threads: 2, but only the engine 'fast' has workers",
        ),
        (["classify", GRACE, "--plot", "bars.doc"], "--plot: 'bars.doc', expected a name that"),
        (["classify", GRACE, "--plot", "no/where.png"], "--plot: no is not a folder"),
        (["show", "v3"], "model: 'v3', expected one of v1, v2"),
        (["show", "v1", "--alpha", "0.001"], "alpha: 0.001 leaves none of 32 channels"),
        (["show", "v2", "--shallow"], "v2 has no option 'shallow'; it takes alpha"),
        (["weights", "fetch", "v3"], "model: 'v3', expected one of v1, v2"),
        (["weights", "convert", "no.pth", "--as", "v2"], "no.pth: no such file"),
        (["weights", "convert", GRACE, "--as", "v2"], "unknown ending '.jpg', expected one of"),
    ],
)
def test_mistakes_get_one_line_and_status_2(capsys, words, message):
    assert message in refused(capsys, *words)


def test_what_names_no_photo_is_named_and_the_others_are_classified(capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    words = ["classify", "--json", "--model", "v2", str(tmp_path / "empty"), GRACE, "no*.jpg"]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 1
    assert f"refnet: skipped {tmp_path / 'empty'}: no image in this folder" in err
    assert "refnet: skipped no*.jpg: no image matches" in err


def test_a_strip_too_long_for_one_recipe_is_answered_by_the_other(capsys, tmp_path):
    strip = tmp_path / "strip.png"
    Image.new("L", (60_000, 1), 90).save(strip)
    assert main(["classify", "--json", str(strip)]) == 2
    out, err = capsys.readouterr()
    assert [answer["model"] for answer in json.loads(out)] == ["mobilenet_v1_1.0_224"]
    assert "mobilenet_v2_1.0_224, torchvision: pixels: 1 x 60000 would be resized to" in err


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_on_a_terminal_the_bar_and_the_answers_do_not_share_a_line(tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    for n in range(3):
        Image.new("RGB", (9, 9), (n * 80, 99, 9)).save(tmp_path / f"{n}.png")
    command = [sys.executable, "-m", "refnet", "classify", str(tmp_path), "--model", "v2"]
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))  # rows, columns
    with subprocess.Popen(command, stdout=inner, stderr=inner, close_fds=True) as running:
        os.close(inner)
        shown = b""
        while True:
            try:
                piece = os.read(outer, 4096)
            except OSError:  # Linux says so when the other side is closed
                break
            if not piece:
                break
            shown += piece
        assert running.wait() == 0
    os.close(outer)
    assert b"photo" in shown  # the bar was there
    lines = [line.split("\r")[-1] for line in shown.decode().split("\n")]
    assert [line for line in lines if ".png" in line and "%" in line] == []


def test_a_damaged_manifest_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "folder", lambda: tmp_path)
    for text in ("", "{", "{}", '{"checkpoints": [], "labels": {}}', "[" * 99_999):
        (tmp_path / "manifest.json").write_text(text)
        for words in (["weights", "list"], ["weights", "verify"], ["classify", GRACE]):
            assert "manifest.json: a damaged manifest" in refused(capsys, *words)


def test_a_name_that_the_terminal_cannot_show_does_not_stop_the_run(tmp_path):
    photo = tmp_path / "naïve-猫.png"
    Image.new("RGB", (9, 9)).save(photo)
    done = call(
        "-m", "refnet", "classify", str(photo), "--model", "v2", "--top", "1",
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "na\\xefve-\\u732b.png (9 x 9)" in done.stdout


def test_numbers_beyond_all_bounds_are_refused(capsys):
    refused(capsys, "show", "v2", "--alpha", "1e308")


def test_verify_fails_where_it_was_told_to_fetch_and_could_not(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "file" / "cache"))
    assert main(["weights", "verify", "--fetch"]) == 2
    assert capsys.readouterr().out.count("FAILS") == 2


def test_a_plot_that_could_not_be_written_is_refused_before_any_work(capsys, tmp_path):
    (tmp_path / "dir.png").mkdir()
    line = refused(capsys, "classify", GRACE, "--plot", str(tmp_path / "dir.png"))
    assert f"{tmp_path / 'dir.png'} cannot be written" in line


def test_an_empty_folder_is_named(capsys, tmp_path):
    assert "no image in this folder" in refused(capsys, "classify", str(tmp_path))


def test_a_usage_error_is_status_2_too(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["classify"])
    assert exit_.value.code == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_damaged_weights_are_named(capsys, tmp_path, monkeypatch, damage):
    weights = tmp_path / "weights"
    weights.mkdir()
    for name in ("manifest.json", "imagenet_labels.txt", "mobilenet_v1_1.0_224.safetensors"):
        shutil.copy(manifest.folder() / name, weights / name)
    file = weights / "mobilenet_v1_1.0_224.safetensors"
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(data[:1_000_000])
    elif damage == "flipped":
        data[5_000_000] ^= 1
        file.write_bytes(data)
    else:
        file.unlink()
    monkeypatch.setattr(manifest, "folder", lambda: weights)
    said = {
        "truncated": "1,000,000 bytes, expected 16,893,836",
        "flipped": "SHA-256",
        "missing": "No such file or directory",
    }[damage]
    line = refused(capsys, "classify", GRACE, "--model", "v1")
    assert str(file) in line
    assert said in line


def test_a_nan_in_ones_own_weights_is_named(capsys, tmp_path):
    checkpoint = refnet.load("v2")
    path = tmp_path / "mine.safetensors"
    save(checkpoint, path)
    assert main(["classify", GRACE, "--model", str(path), "--top", "1"]) == 0
    capsys.readouterr()
    position = path.read_bytes().rindex(checkpoint.tensors["head.weight"].tobytes())
    data = bytearray(path.read_bytes())
    data[position : position + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(data)
    line = refused(capsys, "classify", GRACE, "--model", str(path))
    assert "tensors: 'head.weight' holds 1 NaN or infinite of 409600 numbers" in line


def test_a_text_file_is_no_checkpoint(capsys, tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_text("no weights")
    line = refused(capsys, "classify", GRACE, "--model", str(path))
    assert f"{path}: not a whole safetensors file" in line


def test_a_cache_that_cannot_be_written_is_named_before_anything_is_fetched(
    capsys, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "file" / "cache"))
    assert "REFNET_CACHE chooses another folder" in refused(capsys, "weights", "fetch", "v1")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_show_prints_the_table_and_what_it_adds_up_to(capsys):
    assert main(["show", "v1"]) == 0
    out = capsys.readouterr().out
    assert "5x Conv dw / s1" in out
    assert "568,740,352 multiply-accumulates an image, 4,221,032 parameters" in out
    assert main(["show", "v2", "--layers"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.split()[:2] == ["block3.add", "add"]]


def test_weights_list_and_verify(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
    assert main(["weights", "list"]) == 0
    assert "Apache-2.0" in capsys.readouterr().out
    assert main(["weights", "verify"]) == 0
    out = capsys.readouterr().out
    assert out.count("ok ") == 3
    assert out.count("not checked") == 2
    assert "refnet weights verify --fetch" in out


def call(*words: str, **keywords) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, **keywords
    )


def test_the_command_and_the_module_are_one():
    assert call("-m", "refnet", "--version").stdout == f"refnet {refnet.__version__}\n"


def test_a_reader_that_stops_reading_is_no_error():
    command = f"{shlex.quote(sys.executable)} -m refnet show v1 --layers | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "mobilenet_v1_1.0_224\n", "")


@pytest.fixture
def many(tmp_path) -> Path:
    """A folder whose answers are more than a pipe holds, so that its end is not there at once."""
    Image.new("RGB", (9, 9), (90, 120, 30)).save(tmp_path / "0.png")
    for n in range(1, 300):
        (tmp_path / f"{n}.png").hardlink_to(tmp_path / "0.png")
    return tmp_path


def test_a_reader_that_stops_in_the_middle_of_a_folder_is_no_error(many):
    words = [sys.executable, "-m", "refnet", "classify", "--model", "v2", str(many)]
    done = subprocess.run(
        f"{shlex.join(words)} | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{many / '0.png'} (9 x 9)\n", "")


@pytest.mark.skipif(os.name != "posix", reason="no such signal here")
@pytest.mark.parametrize("threads", ["1", "2"])
def test_an_interrupt_in_the_middle_of_a_folder_ends_it(many, threads):
    words = ["-m", "refnet", "classify", "--model", "v2", "--threads", threads, str(many)]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == f"{many / '0.png'} (9 x 9)\n"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "refnet: interrupted\n")


def test_a_terminal_without_unicode_gets_bars_it_can_show():
    done = call(
        "-m", "refnet", "classify", GRACE, "--model", "v1", "--top", "1",
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "#################  " in done.stdout


def test_importing_refnet_needs_numpy_alone():
    heavy = ["scipy", "matplotlib", "PIL", "safetensors", "tqdm", "platformdirs", "torch"]
    code = f"import sys, refnet; print([m for m in {heavy} if m in sys.modules])"
    assert call("-c", code).stdout == "[]\n"
