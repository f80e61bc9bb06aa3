"""What a test here has started ends with it, also where the test fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from refnet.engine import rolling
from refnet.engine.kernels import blocks, rolled
from tests.engine.programs import STARTED


@pytest.fixture(scope="module", autouse=True)
def blocks_of_products() -> Iterator[None]:
    """Every machine tests them; where the BLAS has no use for them they only cost time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "core", lambda: blocks.WITHOUT_COPY[0])
        yield


@pytest.fixture(scope="module", autouse=True)
def small_maps_roll() -> Iterator[None]:
    """Large maps are rolled, and those of most networks here are small: these are, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rolling, "LARGE", 0)
        patch.setattr(rolled, "ROLL_BYTES", 2000)
        yield


@pytest.fixture(autouse=True)
def programs_end() -> Iterator[None]:
    yield
    while STARTED:
        running = STARTED.pop()
        if running.poll() is None:
            running.kill()
        running.communicate()
