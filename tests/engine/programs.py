"""Programs of their own: what signals, forks and ends do to a plan is seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import psutil

ROOT = Path(__file__).parents[2]
STARTED: list[subprocess.Popen[str]] = []  # by the test that runs; see conftest
LONG = 30.0  # seconds, after which something hangs; no measure of how fast it is

BEGIN = """
import os, signal, sys, threading, time
import numpy as np
import psutil
import refnet
from tests.engine.settings import small

network, tensors, x, other = small()
me = psutil.Process()

def say(*words):
    print(*words, flush=True)
"""


class Ended(NamedTuple):
    """What is left of a program."""

    status: int
    out: str
    err: str


def program(
    body: str, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.Popen[str]:
    """A Python with a small network, its tensors and an image `x`, in a session of its own."""
    running = subprocess.Popen(
        [sys.executable, "-c", BEGIN + dedent(body), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        start_new_session=True,
    )
    STARTED.append(running)
    return running


def ended(running: subprocess.Popen[str]) -> Ended:
    """Wait for its end; a program that hangs is killed, and the test with it fails."""
    try:
        out, err = running.communicate(timeout=LONG)
    except subprocess.TimeoutExpired:
        running.kill()
        out, err = running.communicate()
        raise AssertionError(f"the program hangs: {out} {err}") from None
    return Ended(running.returncode, out, err)


def said(running: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert running.stdout is not None
    line = running.stdout.readline()
    if not line:
        raise AssertionError(f"the program ended: {ended(running)}")
    return line.strip()


def comes_true(condition: Callable[[], bool], within: float = LONG) -> bool:
    """Whether it does, before long."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended, and that nobody has asked after, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def children() -> list[psutil.Process]:
    """Processes that this one has started, zombies included."""
    return psutil.Process().children()
