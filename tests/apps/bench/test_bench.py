"""`refnet bench` as a person types it, with engines of known faults. No test asserts a time."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from refnet.apps.bench import peers as catalogue
from refnet.apps.bench.files import to_logits
from refnet.apps.bench.peers import Entry, Peer
from refnet.apps.bench.process import PINS, THREADS
from refnet.apps.bench.question import pose
from refnet.checkpoints import load, save
from refnet.cli import main
from refnet.models import build
from refnet.run import run
from tests.apps.bench.fakes import fake, install

NUMBER, NULL = {"type": "number", "exclusiveMinimum": 0}, {"type": "null"}
COUNT, TEXT = {"type": "integer", "minimum": 1}, {"type": "string"}


def a(properties: dict, **also) -> dict:
    """The schema of an object of exactly these parts."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **also,
    }


def many(items: dict) -> dict:
    return {"type": "array", "items": items}


def maybe(schema: dict) -> dict:
    return {"anyOf": [schema, NULL]}


WORDS = {"type": "object", "additionalProperties": TEXT}
ENGINE = a(
    {
        "name": TEXT,
        "version": TEXT,
        "refused": maybe(TEXT),
        "quietest": maybe(NUMBER),
        "loudest": maybe(NUMBER),
        "ratios": a({"refnet": maybe(NUMBER), "onnxruntime": maybe(NUMBER)}),
        "rss": maybe(COUNT),
        "difference": maybe({"type": "number", "minimum": 0}),
        "best": many({"type": "integer", "minimum": 0}),
        "rounds": many(a({"median": NUMBER, "fastest": NUMBER, "iterations": COUNT})),
    }
)
SCHEMA = a(
    {
        "format": {"const": 1},
        "environment": {**WORDS, "required": ["refnet", "Python", "NumPy", "processor", "cores"]},
        "pinned": WORDS,
        "unpinned": {"type": "boolean"},
        "not installed": WORDS,
        "without": {"type": "array", "items": {"type": "string"}},
        "rounds": COUNT,
        "seconds of a round": {"type": "number"},
        "calls of a round": COUNT,
        "runs": many(
            a(
                {
                    "model": TEXT,
                    "network": TEXT,
                    "input": TEXT,
                    "threads": COUNT,
                    "blas": TEXT,
                    "engines": many(ENGINE),
                    "split": {"type": "object", "additionalProperties": NUMBER},
                    "products": many({**many(COUNT), "minItems": 5, "maxItems": 5}),
                    "flops of products": {"type": "integer", "minimum": 0},
                    "floor FLOP/s": maybe(NUMBER),
                }
            )
        ),
    }
)


@pytest.fixture(autouse=True)
def unpinned(monkeypatch):
    for name in PINS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """V2's real weights at 32 x 32: the tensors do not depend on the resolution."""
    checkpoint = load("v2")
    network = build(
        "v2", resolution=32, conventions=checkpoint.network.conventions, batch_norm=True
    )
    options = {**checkpoint.options, "resolution": 32}
    path = tmp_path_factory.mktemp("small") / "v2_32.safetensors"
    save(replace(checkpoint, options=options, network=network), path)
    return str(path)


def found(capsys, *words: str, status: int = 0) -> dict:
    """The one run of a bench with one network and one number of threads."""
    assert main(["bench", *words, "--rounds", "2", "--json"]) == status
    said = json.loads(capsys.readouterr().out)
    (only,) = said["runs"]
    return {engine["name"]: engine for engine in only["engines"]}


# The command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--against", "abacus"], "--against: 'abacus', expected some of onnxruntime, torch, li"),
        (["--against", "ops,,torch"], "--against: '', expected some of onnxruntime"),
        (["--threads", "0"], "--threads: '0', expected whole numbers of at least 1, as in 1,2"),
        (["--threads", "1;2"], "--threads: '1;2', expected whole numbers of at least 1"),
        (["--rounds", "0"], "--rounds: 0, expected a whole number of at least 1"),
        (["--without", "magic"], "tricks: 'magic', expected one of "),
        (["--plot", "bars.doc"], "--plot: 'bars.doc', expected a name that ends in one of"),
        (["v3"], "model: 'v3' is neither a checkpoint"),
    ],
)
def test_mistakes_get_one_line(capsys, words, message):
    assert main(["bench", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("refnet: ")
    assert message in err


def test_a_peer_that_is_not_installed_is_named_with_what_to_install(capsys, monkeypatch, small):
    ghost = Peer(
        (Entry("ghost", "no:where"),), {"json": "json", "no_such_engine": "such", "gone": "gone"}
    )
    install(monkeypatch.setattr, right=fake("right"), ghost=ghost)
    assert main(["bench", small, "--threads", "1", "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert "not installed: ghost (pip install such gone)\n" in out
    (row,) = [line for line in out.splitlines() if line.startswith("refnet ")]
    assert " 1.00 " in row  # the others' times are beside its own


def test_the_document_keeps_to_its_schema(capsys, monkeypatch, small):
    jsonschema = pytest.importorskip("jsonschema", reason="it holds a document to its schema")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    ghost = Peer((Entry("ghost", "no:where"),), {"no_such_engine": "such"})
    faults = {name: fake(name) for name in ("right", "wrong", "infinite", "broken", "crashing")}
    install(monkeypatch.setattr, **faults, ghost=ghost)
    words = ["bench", small, "--threads", "1,2", "--rounds", "3", "--unpin", "--json"]
    assert main(words) == 2
    said = json.loads(capsys.readouterr().out)
    jsonschema.validate(said, SCHEMA)
    assert (said["pinned"], said["unpinned"]) == ({"OPENBLAS_CORETYPE": "Haswell"}, True)
    assert said["not installed"] == {"ghost": "pip install such"}
    assert [each["threads"] for each in said["runs"]] == [1, 2]
    for each in said["runs"]:
        assert each["split"] == {"product": 5, "rest": 15}  # of 20 rounds, as the fake has it
        assert each["products"] == [[1, 1, 4, 3, 2]]
        assert each["flops of products"] == 2 * 4 * 3 * 2
        engines = {engine["name"]: engine for engine in each["engines"]}
        assert list(engines) == ["refnet", *faults, "GEMM floor"]
        for engine in engines.values():
            medians = [told["median"] for told in engine["rounds"]]
            assert len(medians) == (3 if engine["refused"] is None else 0)
            assert engine["quietest"] == min(medians, default=None)
            assert engine["loudest"] == max(medians, default=None)
        ratio = engines["right"]["quietest"] / engines["refnet"]["quietest"]
        assert engines["right"]["ratios"] == {"refnet": ratio, "onnxruntime": None}


def test_the_table_has_a_row_for_each_engine_and_the_picture_is_drawn(
    capsys, monkeypatch, small, tmp_path
):
    install(monkeypatch.setattr, right=fake("right"), wrong=fake("wrong"))
    words = ["bench", small, "--threads", "1,2", "--rounds", "1", "--plot"]
    assert main([*words, str(tmp_path / "bars.png")]) == 2
    out, err = capsys.readouterr()
    assert err == f"refnet: wrote {tmp_path / 'bars.png'}\n"
    for threads, floor in (("1 thread", "GEMM floor"), ("2 threads", "GEMM floor (1 thread)")):
        _, named, table = out.partition(f"mobilenet_v2_1.0_32, {threads}, grace_hopper.jpg\n")
        assert named
        lines = table.lstrip().partition("\n\n")[0].splitlines()
        assert lines[0].split()[:3] == ["engine", "version", "ms"]
        assert {line.split("  ")[0] for line in lines[1:4]} == {"refnet", "right", floor}
        assert lines[4].startswith("not timed: wrong: its best classes are ")
    assert "refnet's time: product 5000.00 ms (25%), rest 15000.00 ms (75%)" in out
    assert "BLAS: " in out
    with Image.open(tmp_path / "bars.png") as drawn:
        assert drawn.width > 1000


def test_each_trick_gets_a_row_without_it(capsys, monkeypatch, small):
    from refnet.engine import Tricks

    install(monkeypatch.setattr)
    first, *others = Tricks.names()
    rows = found(capsys, small, "--threads", "1", "--tricks", "--without", first)
    assert list(rows) == ["refnet", *(f"without {name}" for name in others), "GEMM floor"]


# Answers


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong", "its best classes are "),
        ("infinite", "3 of 1000 numbers are NaN or infinite"),
        ("short", "999 numbers, the oracle has 1000"),
        ("broken", "RuntimeError: no kernel for 1 thread(s) and a second line"),
        ("crashing", "its process ended with status 3: out of tea"),
    ],
)
def test_an_engine_that_is_wrong_or_fails_is_named_and_not_timed(
    capsys, monkeypatch, small, name, reason
):
    install(monkeypatch.setattr, bad=fake(name), right=fake("right"))
    engines = found(capsys, small, "--threads", "1", status=2)
    assert engines[name]["refused"].startswith(reason)
    assert engines[name]["rounds"] == []
    assert len(engines["right"]["rounds"]) == len(engines["refnet"]["rounds"]) == 2


def test_an_answer_that_was_right_by_luck_is_found_out_after_the_rounds(capsys, monkeypatch, small):
    install(monkeypatch.setattr, racing=fake("racing"))
    engines = found(capsys, small, "--threads", "1", status=2)
    assert engines["racing"]["refused"].startswith("after the rounds its best classes are ")
    assert engines["racing"]["quietest"] is None


def test_what_an_engine_prints_is_not_taken_for_its_answers(capsys, monkeypatch, small):
    install(monkeypatch.setattr, chatty=fake("chatty"))
    assert found(capsys, small, "--threads", "1")["chatty"]["refused"] is None


def test_the_oracle_is_asked_up_to_the_logits_in_float64(tmp_path):
    """Softmax of the logits, in their own float64, is what the whole network says."""
    question = pose("v1", tmp_path, ())
    assert question.network == to_logits(load("v1").network)
    checkpoint = load("v1").fold()
    x = np.load(tmp_path / "input.npy")
    assert x.dtype == np.float32
    whole = run(checkpoint.network, checkpoint.tensors, x.astype(np.float64))["softmax"][0]
    powers = np.exp(question.expected - question.expected.max())
    assert (powers / powers.sum()).argsort().tolist() == whole.argsort().tolist()
    assert question.expected.dtype == np.float64


# Environments


@pytest.mark.parametrize("unpin", [False, True])
def test_unpin_takes_the_pins_from_every_process(capsys, monkeypatch, small, tmp_path, unpin):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("BLIS_ARCH_TYPE", "zen")
    files = {"refnet": tmp_path / "own", "telling": tmp_path / "peer"}
    install(monkeypatch.setattr, telling=fake("telling", to=str(files["telling"])))
    own = Entry("refnet", "tests.apps.bench.fakes:telling", {"to": str(files["refnet"])})
    monkeypatch.setattr(catalogue, "refnet_entries", lambda without, each_trick: [own])
    words = ["bench", small, "--threads", "1", "--rounds", "1", *(["--unpin"] if unpin else [])]
    assert main(words) == 0
    out, err = capsys.readouterr()
    told = "OPENBLAS_CORETYPE=Haswell, BLIS_ARCH_TYPE=zen"
    warning = f"refnet: warning: the environment pins the BLAS ({told}); --unpin runs without\n"
    assert err == ("" if unpin else warning)
    assert (f"without {told}" in out) is unpin
    for path in files.values():
        environment = json.loads(path.read_text("utf-8"))
        assert (environment.get("OPENBLAS_CORETYPE") is None) is unpin
        assert (environment.get("BLIS_ARCH_TYPE") is None) is unpin


def test_threads_are_in_a_process_s_environment_before_numpy_loads(
    capsys, monkeypatch, small, tmp_path
):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    shared = fake("telling", to=str(tmp_path / "shared"))
    alone = Entry("alone", "tests.apps.bench.fakes:telling", {"to": str(tmp_path / "alone")},
                  own_threads=True)  # fmt: skip
    install(monkeypatch.setattr, shared=shared, alone=Peer((alone,)))
    found(capsys, small, "--threads", "2")
    for name, threads in (("shared", "2"), ("alone", "1")):
        environment = json.loads((tmp_path / name).read_text("utf-8"))
        assert {environment[variable] for variable in THREADS} == {threads}
