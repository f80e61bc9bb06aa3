"""Faults planted in the Mac host, one a time: each is found by the examination of tests/metal.

The host's own text is edited, so that what is tried is what a slip of the pen would make of it.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import refnet.metal.mac
from tests.metal.host_exam import examine
from tests.metal.mac_faults import FAULTS

HOST = Path(refnet.metal.mac.__file__).parent

EVERY = {name: (file, *fault) for file, own in FAULTS.items() for name, fault in own.items()}


def planted(folder: Path, name: str, fault: tuple[str, str, str, int] | None) -> str:
    """A package of this name in `folder`: the host's files, one of them edited."""
    package = folder / name
    package.mkdir()
    for path in HOST.iterdir():
        if path.suffix not in (".py", ".metal"):
            continue
        text = path.read_text("utf-8").replace("refnet.metal.mac", name)
        if fault and path.name == fault[0]:
            _, old, new, which = fault
            parts = text.split(old)
            assert len(parts) > which + 1, f"{path.name} has no {old!r} number {which}"
            text = old.join(parts[: which + 1]) + new + old.join(parts[which + 1 :])
        (package / path.name).write_text(text, "utf-8")
    return name


def exam(folder: Path, name: str, fault: tuple[str, str, str, int] | None) -> None:
    sys.path.insert(0, str(folder))
    try:
        planted(folder, name, fault)
        library = importlib.import_module(f"{name}.mac_library")
        selftest = importlib.import_module(f"{name}.selftest")
        examine(library.MacLibrary, selftest.selftest, selftest.SOURCE)
    finally:
        sys.path.remove(str(folder))
        for known in [one for one in sys.modules if one.split(".")[0] == name]:
            del sys.modules[known]


@pytest.fixture(scope="module", autouse=True)
def _host_without_a_fault_passes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Else every fault would be found, whatever it does."""
    exam(tmp_path_factory.mktemp("sound"), "host_sound", None)


@pytest.mark.parametrize("fault", EVERY.values(), ids=EVERY.keys())
def test_fault_in_the_host_is_found(
    tmp_path: Path, fault: tuple[str, str, str, int], request: pytest.FixtureRequest
) -> None:
    number = list(EVERY).index(request.node.callspec.id)
    with pytest.raises(Exception) as found:  # noqa: PT011 whatever the host then runs into
        exam(tmp_path, f"host_fault_{number}", fault)
    if isinstance(found.value, (ImportError, SyntaxError, NameError)):
        raise found.value  # the plant, not what it breaks
