"""Files that are not there: who brings them, and that they are checked like any other."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from refnet import reading, supply
from refnet.checkpoints import ChecksumError, load, manifest


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A refnet without its large files, and what it asks for."""
    true = manifest.folder()
    for name in ("manifest.json", "imagenet_labels.txt"):
        (tmp_path / name).write_bytes((true / name).read_bytes())
    monkeypatch.setattr(manifest, "folder", lambda: tmp_path)
    return true, tmp_path


def test_a_checkpoint_that_is_brought_is_kept_and_asked_for_once(bare):
    true, folder = bare
    asked = []

    def source(name):
        asked.append(name)
        return (true / name.removeprefix("weights/")).read_bytes()

    with supply.supplied_by(source):
        first, second = load("v1"), load("v1")
    assert asked == ["weights/mobilenet_v1_1.0_224.safetensors"]
    assert np.array_equal(first.tensors["stem.weight"], second.tensors["stem.weight"])
    assert (folder / manifest.entry("v1").file).is_file()


def test_a_damaged_one_is_refused_by_its_hash(bare):
    with supply.supplied_by(lambda name: b"not it"), pytest.raises(ChecksumError, match="6 bytes"):
        load("v1")


def test_without_a_source_the_missing_file_is_named(bare):
    with pytest.raises(FileNotFoundError, match=r"mobilenet_v1_1\.0_224\.safetensors"):
        load("v1")


def test_the_latest_source_is_asked_first_and_one_that_has_nothing_passes():
    with supply.supplied_by({"a": b"1", "b": b"1"}.get), supply.supplied_by({"a": b"2"}.get):
        assert [supply.bring(name) for name in "abc"] == [b"2", b"1", None]
    assert supply.bring("a") is None


def test_a_sample_photo_can_be_brought(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    pixels = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "png")
    with supply.supplied_by({"photos/coffee.png": written.getvalue()}.get):
        assert np.array_equal(reading.photo("coffee"), pixels)
        assert reading.photo("hopper").shape == (600, 512, 3)
        with pytest.raises(ValueError, match="scikit-image, which is not installed"):
            reading.photo("chelsea")
