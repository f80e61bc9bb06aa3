"""The same bits from every run, every plan, every process, whoever the workers are."""

from __future__ import annotations

import hashlib
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from refnet.engine import plan, rolling
from refnet.engine.rolling import LARGE
from tests.engine.orders import crews, in_turn, processes, threads
from tests.engine.programs import ended, program
from tests.engine.settings import SETTINGS, off, small

models = pytest.mark.parametrize("model", ["v1", "v2"])


def digest(answer: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(b"".join(answer[name].tobytes() for name in sorted(answer))).hexdigest()


@models
@pytest.mark.parametrize("tricks", SETTINGS, ids=off)
def test_every_run_gives_the_same_bits_whatever_ran_before(model, tricks):
    s = small(model)
    made = plan(s.network, s.tensors, tricks=tricks, taps=["pool"])
    first = digest(made(s.x))
    made(s.other)
    made(np.full_like(s.x, np.nan))  # no NaN may stay in a buffer
    assert digest(made(s.x)) == first
    assert digest(plan(s.network, s.tensors, tricks=tricks, taps=["pool"])(s.x)) == first


@models
@pytest.mark.parametrize("workers", [2, 3])
def test_workers_in_processes_in_threads_and_in_turn_give_the_same_bits(model, workers):
    """Their worklists are the same: only who runs them, and when, is not."""
    s, found = small(model), []
    for crew in (in_turn("forwards"), in_turn("backwards"), threads, processes):
        with crews(crew), plan(s.network, s.tensors, threads=workers) as made:
            found += [digest(made(s.x)) for _ in range(3)]
    assert len(set(found)) == 1


@models
@pytest.mark.parametrize("workers", [1, 2])
def test_images_in_one_call_are_the_same_as_one_by_one(model, workers):
    s = small(model, batch=3)
    with crews(in_turn("forwards")):
        together = plan(s.network, s.tensors, batch=3, threads=workers)(s.x)["softmax"]
        alone = plan(s.network, s.tensors, threads=workers)
        assert np.array_equal(
            together, np.concatenate([alone(s.x[k : k + 1])["softmax"] for k in range(3)])
        )


def test_other_processes_give_the_same_bits_however_they_hash_their_names(monkeypatch):
    """Sets of names come in another order with another PYTHONHASHSEED."""
    body = """
        import hashlib
        for workers in (1, 2):
            with refnet.plan(network, tensors, threads=workers) as made:
                print(hashlib.sha256(made(x)["softmax"].tobytes()).hexdigest())
    """
    said = [ended(program(body, PYTHONHASHSEED=seed)).out.split() for seed in ("1", "2")]
    monkeypatch.setattr(rolling, "LARGE", LARGE)  # as it is in those
    s = small()
    assert said[0][0] == digest(plan(s.network, s.tensors)(s.x))
    assert said[0] == said[1]


def test_the_threads_of_the_blas_change_no_bit_and_are_as_before():
    s = small("v1", 64)
    made, found = plan(s.network, s.tensors), []
    for limit in (1, 2):
        with threadpool_limits(limit, user_api="blas"):
            before = [library["num_threads"] for library in threadpool_info()]
            found.append(digest(made(s.x)))
            assert [library["num_threads"] for library in threadpool_info()] == before
    assert found[0] == found[1]


def test_a_plan_gives_the_same_bits_in_any_thread():
    """In a process whose BLAS has two threads: what the first thread may set, others may too.

    threadpoolctl lets one thread set the number, and has calls from others do nothing, silently.
    """
    body = """
        import hashlib
        from threadpoolctl import threadpool_info, threadpool_limits

        def digest():
            return hashlib.sha256(refnet.plan(network, tensors)(x)["softmax"].tobytes()).hexdigest()

        def counts():
            return {n["num_threads"] for n in threadpool_info() if n["user_api"] == "blas"}

        def elsewhere(call):
            found = []
            thread = threading.Thread(target=lambda: found.append(call()))
            thread.start()
            thread.join()
            return found[0]

        def limited():
            with threadpool_limits(1, user_api="blas"):
                return counts()

        before = counts()
        say(digest(), digest(), elsewhere(digest), elsewhere(digest))
        say(counts() == before, elsewhere(limited) == {1}, counts() == before)
    """
    first, second = ended(program(body, OPENBLAS_NUM_THREADS="2")).out.splitlines()
    assert len(set(first.split())) == 1, "other bits in another thread"
    assert second.split() == ["True"] * 3, "the plan keeps the BLAS's threads for itself"


def test_the_blas_stands_still_until_the_last_plan_has_run():
    """Two plans in two threads: the one that ends first must not wake it under the other."""
    body = """
        from threadpoolctl import threadpool_info
        from refnet.engine import blas

        def counts():
            return {n["num_threads"] for n in threadpool_info() if n["user_api"] == "blas"}

        before = counts()
        inside, may_go = threading.Event(), threading.Event()

        def first():
            with blas.one_thread():
                inside.set()
                may_go.wait()

        thread = threading.Thread(target=first)
        thread.start()
        inside.wait()
        with blas.one_thread():
            say(counts() == {1})
            may_go.set()
            thread.join()
            say(counts() == {1})
        say(counts() == before)
    """
    assert ended(program(body, OPENBLAS_NUM_THREADS="2")).out.split() == ["True"] * 3


def test_a_plan_keeps_numbers_of_its_own():
    """Nobody reaches into it through the tensors, the input or the answer."""
    s = small("v1")
    tensors = {name: a.astype(np.float32) for name, a in s.tensors.items()}
    made = plan(s.network, tensors, taps=["image", "pool"])
    answer = made(s.x)
    first = digest(answer)
    for a in (*tensors.values(), *answer.values()):
        a[...] = np.nan
    x = s.x.copy()
    assert digest(made(x)) == first
    assert np.array_equal(x, s.x)


@pytest.mark.parametrize(
    "way",
    [
        lambda x: np.asfortranarray(x),
        lambda x: np.flip(np.flip(x, 2).copy(), 2),
        lambda x: np.repeat(x, 2, axis=3)[..., ::2],
        lambda x: np.frombuffer(b"." + x.tobytes(), np.float32, offset=1).reshape(x.shape),
    ],
    ids=["columns first", "backwards", "every second", "off by a byte"],
)
def test_how_an_input_lies_in_memory_changes_nothing(way):
    s = small("v1")
    assert digest(plan(s.network, s.tensors)(way(s.x))) == digest(s.right())


def test_tensors_of_any_float_type_that_say_the_same_give_the_same_bits():
    s = small("v1")
    tensors = {name: a.astype(np.float16) for name, a in s.tensors.items()}
    found = {
        digest(plan(s.network, {name: a.astype(t) for name, a in tensors.items()})(s.x))
        for t in (np.float16, np.float32, np.float64, np.longdouble)
    }
    assert len(found) == 1


def test_this_python_can_start_workers():
    """Else some tests here would compare threads with threads."""
    assert sys.executable
