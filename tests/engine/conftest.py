"""What a test here has started ends with it, also where the test fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.programs import STARTED


@pytest.fixture(autouse=True)
def programs_end() -> Iterator[None]:
    yield
    while STARTED:
        running = STARTED.pop()
        if running.poll() is None:
            running.kill()
        running.communicate()
