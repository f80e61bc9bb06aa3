"""A run allocates nothing but its answer, and a plan that is gone has left nothing open."""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from refnet.engine import Plan, Tricks, plan
from refnet.engine.memory import Memory
from refnet.models import build
from tests.engine.orders import crews, in_turn
from tests.engine.programs import children
from tests.engine.settings import SETTINGS, Array, Small, off, small

linux = pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")

# Python's own objects in a call: the answer's dictionary and headers, frames, the arguments and the
# iterator of the step that runs (NumPy's takes some 1,600 bytes), contexts: forty of 256 bytes.
OBJECTS = 40 * 256


@contextmanager
def numpy_buffers(elements: int) -> Iterator[None]:
    """How many elements NumPy's iterators may gather at a time, where they gather any."""
    before = np.setbufsize(elements)
    try:
        yield
    finally:
        np.setbufsize(before)


def most_allocated(made: Plan, x: Array) -> int:
    """Bytes that a call had at once more than before it, less those of the answer."""
    gc.collect()
    gc.disable()  # a collection in the middle would hide what was allocated
    try:
        tracemalloc.start()
        made(x)  # what Python keeps from a first call is none of a run's
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        answer = made(x)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    return most - before - sum(y.nbytes for y in answer.values())


def at_96(model: str, batch: int = 1) -> Small:
    return small(model, 96, batch)


models = pytest.mark.parametrize("model", ["v1", "v2"])


@models
@pytest.mark.parametrize("tricks", SETTINGS, ids=off)
def test_a_run_allocates_nothing_but_its_answer(model, tricks):
    """NumPy's iterators gather rows in buffers of `np.getbufsize()` elements; of 16 here."""
    s = at_96(model)
    smallest_map = 4 * 48 * 48 * 8  # what the first layer makes, were it allocated
    with numpy_buffers(16):
        extra = most_allocated(plan(s.network, s.tensors, tricks=tricks), s.x)
    assert extra < OBJECTS < smallest_map


@models
def test_nor_for_more_images_taps_or_workers(model):
    s = at_96(model, batch=3)
    taps = [layer.name for layer in s.network.layers[:20]]
    with numpy_buffers(16):
        assert most_allocated(plan(s.network, s.tensors, batch=3), s.x) < OBJECTS
        tapped = most_allocated(plan(s.network, s.tensors, taps=taps), s.x[:1])
        assert tapped < OBJECTS + 256 * len(taps)
        with plan(s.network, s.tensors, threads=2) as made:
            assert most_allocated(made, s.x[:1]) < OBJECTS


@models
def test_with_numpys_own_buffers_no_more_than_those(model):
    """A call takes at most three maps, and gathers each in at most one buffer."""
    s = at_96(model)
    buffers = 3 * 4 * np.getbufsize()
    assert most_allocated(plan(s.network, s.tensors), s.x) < OBJECTS + buffers


def held(make: Callable[[], object]) -> int:
    """Bytes that what is made holds, of those that Python and NumPy know."""
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if made else 0
    finally:
        tracemalloc.stop()


def test_a_plan_holds_its_weights_and_a_few_maps():
    """Where memory serves again; without the trick every map has its own."""
    network = build("v1", alpha=0.25, resolution=128, batch_norm=False)
    tensors = {name: np.ones(shape, np.float32) for name, shape in network.params().items()}
    shapes = network.shapes()
    maps = 4 * sum(
        int(np.prod(shapes[layer.name])) for layer in network.layers if "activation" in layer.name
    )
    reused = held(lambda: plan(network, tensors))
    own = held(lambda: plan(network, tensors, tricks=Tricks.without("reused_memory")))
    weights = sum(a.nbytes for a in tensors.values())
    assert own > weights + maps
    assert reused < own


def test_plans_that_are_gone_hold_nothing():
    s = small("v1")
    plan(s.network, s.tensors)(s.x)  # what is made once and kept

    def many() -> str:
        for _ in range(5):
            plan(s.network, s.tensors)(s.x)
        return "gone"

    assert held(many) < OBJECTS


def opened() -> int:
    return len(os.listdir("/proc/self/fd"))


def mapped() -> int:
    return Path("/proc/self/maps").read_text().count("memfd:refnet")


@linux
@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_plans_with_workers_leave_no_file_no_mapping_and_no_process(count):
    s = small("v1")
    with plan(s.network, s.tensors, threads=2) as made:
        made(s.x)
        assert mapped() > 0
    del made
    gc.collect()  # also what tests before this one have left
    before = opened(), mapped(), len(children())
    for k in range(count):
        made = plan(s.network, s.tensors, threads=2)
        if k % 3:  # others are gone before their workers have started
            made(s.x)
        if k % 2:
            made.close()
        del made
    gc.collect()
    assert (opened(), mapped(), len(children())) == before


@linux
def test_a_worker_that_cannot_be_started_leaves_no_file(monkeypatch):
    s = small("v1")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    before = opened()
    for _ in range(3):
        with pytest.raises(OSError, match="/no/such/python"):
            plan(s.network, s.tensors, threads=2)
    gc.collect()
    assert opened() == before


@pytest.mark.parametrize("without_memfd", [False, True])
def test_shared_memory_has_no_name(without_memfd, monkeypatch, tmp_path):
    """On Linux it never had one; elsewhere its temporary file is unlinked before it is used."""
    if without_memfd:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    s = small("v1")
    with plan(s.network, s.tensors, threads=2) as made:
        assert list(tmp_path.iterdir()) == []
        answer = made(s.x)["softmax"]
    assert np.array_equal(answer, plan_of_two_in_turn(s))
    assert list(tmp_path.iterdir()) == []


def plan_of_two_in_turn(s: Small) -> Array:
    with crews(in_turn("forwards")):
        return plan(s.network, s.tensors, threads=2)(s.x)["softmax"]


@pytest.mark.parametrize("shared", [False, True])
def test_arrays_begin_on_a_cache_line_and_do_not_overlap(shared):
    memory = Memory(shared=shared)
    arrays = [memory.zeros((n,)) for n in (1, 15, 16, 17, 1000, 3)]
    for k, a in enumerate(arrays):
        assert a.__array_interface__["data"][0] % 64 == 0
        assert not a.any()
        a[...] = k
    assert all((a == k).all() for k, a in enumerate(arrays))


def test_shared_memory_grows_beyond_a_chunk(monkeypatch):
    monkeypatch.setattr("refnet.engine.memory.CHUNK", 1 << 16)
    memory = Memory(shared=True)
    arrays = [memory.constant(np.full(n, n)) for n in (10_000, 10_000, 40_000, 5)]
    other = Memory.opened(os.dup(memory.file))
    for a, same in zip(arrays, other.unpacked(memory.packed(arrays)), strict=True):
        assert np.array_equal(a, same)
        same[-1] = -1  # seen on this side, as it is the same memory
        assert a[-1] == -1
    os.close(other.file)


def test_shared_memory_that_nobody_holds_is_closed():
    memory = Memory(shared=True)
    file = memory.file
    memory.zeros((3,))
    del memory
    gc.collect()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file)
