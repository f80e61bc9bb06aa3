"""Real checkpoints and photos, or the reason why a test goes without them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from refnet import image
from refnet.checkpoints import Checkpoint, fetched, load

PHOTOS = ("chelsea", "coffee", "astronaut", "grace_hopper")


@functools.cache
def _tried(name: str) -> Checkpoint | str:
    try:
        return load(name)
    except ValueError as problem:
        return str(problem)


def checkpoint(name: str) -> Checkpoint:
    """A fetched checkpoint; the test is skipped, with the reason, where no carrier has it."""
    found = _tried(name)
    if isinstance(found, str):
        pytest.skip(found)
    return found


def published(name: str) -> Path:
    """The first of its published files."""
    checkpoint(name)
    return fetched.fetch_files(fetched.entry(name))


@functools.cache
def photo(name: str) -> np.ndarray:
    """A photo of scikit-image's, or matplotlib's Grace Hopper."""
    if name == "grace_hopper":
        from matplotlib import cbook

        return image.read(cbook._get_data_path("sample_data", "grace_hopper.jpg"))
    data = pytest.importorskip("skimage.data", reason="scikit-image, which has the photos")
    return np.asarray(getattr(data, name)())
