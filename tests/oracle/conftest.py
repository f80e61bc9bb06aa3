"""What several test files here begin with."""

from __future__ import annotations

import pytest

from refnet.oracle.bundle import write


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Every suite, 32 x 32."""
    folder = tmp_path_factory.mktemp("golden") / "all"
    write(folder)
    return folder
