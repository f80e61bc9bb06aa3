"""What pytest loads wherever refnet is installed: three options, and the rest when one is used.

    pytest --refnet-backend=my_port:Mine --refnet-suite=v2

asks a backend the oracle's questions as ordinary tests: see `refnet.pytest_plugin`, which is
imported only then. This module stands outside the package because a package is imported before
what is in it: `refnet` brings NumPy, and no stranger's test run shall wait for that.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own."""
    group = parser.getgroup("refnet", "judging a MobileNet backend")
    group.addoption(
        "--refnet-backend",
        metavar="BACKEND",
        help="a backend to judge, by name or as module:object: each question is a test",
    )
    group.addoption(
        "--refnet-suite",
        metavar="SUITE",
        default="all",
        help="ops, v1, v2, all (of these), ssdlite, deeplab or special (all)",
    )
    group.addoption(
        "--refnet-arithmetic",
        metavar="NAME=VALUE,...",
        help="judge by this instead of what the backend declares",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Bring the real plugin in, if there is a backend to judge."""
    if config.getoption("refnet_backend") is not None:
        config.pluginmanager.import_plugin("refnet.pytest_plugin")
