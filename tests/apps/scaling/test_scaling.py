"""`refnet scaling` as a person types it, on few and small networks. No test asserts a time."""

from __future__ import annotations

import json
import math
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from refnet.apps import scaling
from refnet.apps.bench.process import PINS
from refnet.apps.scaling import roofline as scaling_roofline
from refnet.apps.scaling import rounds as scaling_rounds
from refnet.apps.scaling import sizes as scaling_sizes
from refnet.apps.scaling.memory import Peak, peak_of
from refnet.apps.scaling.roofline import Roofs, Spot
from refnet.apps.scaling.roofline_picture import draw, view_of
from refnet.apps.scaling.rounds import Runner, held_by, rounds_of
from refnet.apps.scaling.sizes import Size, drawn
from refnet.cli import main
from refnet.cost import parameters

NUMBER, NULL = {"type": "number", "exclusiveMinimum": 0}, {"type": "null"}
SIGNED, SHARE = {"type": "number"}, {"type": "number", "minimum": 0}
COUNT, TEXT = {"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}


def a(properties: dict) -> dict:
    """The schema of an object of exactly these parts."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def many(items: dict, least: int = 1) -> dict:
    return {"type": "array", "items": items, "minItems": least}


def maybe(schema: dict) -> dict:
    return {"anyOf": [schema, NULL]}


def words(values: dict) -> dict:
    return {"type": "object", "additionalProperties": values}


MODEL = {"enum": ["v1", "v2"]}
SCHEMA = a(
    {
        "format": {"const": 1},
        "environment": {**words(TEXT), "required": ["refnet", "Python", "NumPy", "processor"]},
        "blas": TEXT,
        "pinned": words(TEXT),
        "rounds": COUNT,
        "seconds of a round": SHARE,
        "calls of a round": COUNT,
        "sizes": many(
            a(
                {
                    "model": MODEL,
                    "alpha": NUMBER,
                    "resolution": COUNT,
                    "batch": COUNT,
                    "network": TEXT,
                    "macs": COUNT,
                    "activations": COUNT,
                    "parameters": COUNT,
                    "held": COUNT,
                    "peak": maybe(a({"before": COUNT, "after": COUNT})),
                    "quietest": NUMBER,
                    "loudest": NUMBER,
                    "rounds": many(NUMBER),
                }
            )
        ),
        "fits": many(
            a(
                {
                    "models": many(MODEL),
                    "coefficients": words(SHARE),
                    "rms": SHARE,
                    "errors": words(SIGNED),
                }
            )
        ),
        "along": many(
            a(
                {
                    "model": MODEL,
                    "factor": {"enum": ["alpha", "resolution", "batch"]},
                    "exponent": maybe(SIGNED),
                    "knee": a(
                        {
                            "times": {"const": 2.0},
                            "least": NUMBER,
                            "least_at": COUNT,
                            "most": NUMBER,
                            "most_at": COUNT,
                            "beyond": maybe(COUNT),
                            "from_": maybe(COUNT),
                        }
                    ),
                }
            )
        ),
        "answers": many(TEXT),
        "roofs": a(
            {
                "gemm": NUMBER,
                "bandwidth": NUMBER,
                "einsum": NUMBER,
                "side": COUNT,
                "array": COUNT,
                "ridge": NUMBER,
            }
        ),
        "layers": many(
            a(
                {
                    "model": MODEL,
                    "layer": TEXT,
                    "op": TEXT,
                    "macs": {"type": "integer", "minimum": 0},
                    "moved": {"type": "integer", "minimum": 0},
                    "seconds": NUMBER,
                    "intensity": SHARE,
                    "least": SHARE,
                }
            )
        ),
    }
)


@pytest.fixture
def small(monkeypatch):
    """Two widths, two resolutions, two batches; one call each; no process for memory."""
    for name in PINS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(scaling_sizes, "ALPHAS", {"v1": (0.25, 0.5, 1.0), "v2": (0.35, 0.5, 1.0)})
    monkeypatch.setattr(scaling_sizes, "RESOLUTIONS", (32, 224))
    monkeypatch.setattr(scaling_sizes, "BATCHES", (1, 2))
    for module, names in (
        (scaling_rounds, {"SECONDS": 0.0, "ITERATIONS": 1}),
        (scaling_roofline, {"SECONDS": 0.0, "CALLS": 1, "IMAGES": 1, "SIDE": 64}),
        (scaling_roofline, {"SMALLEST": 1 << 16, "LARGEST": 1 << 16}),
        (scaling, {"peak_of": lambda size: Peak(1 << 20, 2 << 20)}),
    ):
        for name, value in names.items():
            monkeypatch.setattr(module, name, value)


# The command


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["v3"], "model: 'v3', expected some of v1, v2"),
        (["v1", "vgg16"], "model: 'vgg16', expected some of v1, v2"),
        (["--rounds", "0"], "--rounds: 0, expected a whole number of at least 1"),
        (["--plot", "a.doc"], "--plot: 'a.doc', expected a name that ends in one of"),
        (["--roofline", "a.doc"], "--roofline: 'a.doc', expected a name that ends in one of"),
        (["--roofline", "no/a.png"], "--roofline: no is not a folder"),
    ],
)
def test_mistakes_get_one_line_before_anything_is_measured(capsys, monkeypatch, typed, message):
    monkeypatch.setattr(scaling, "_measured", None)
    assert main(["scaling", *typed]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("refnet: ")
    assert message in err


def test_the_document_keeps_to_its_schema(capsys, small):
    jsonschema = pytest.importorskip("jsonschema", reason="it holds a document to its schema")
    assert main(["scaling", "--rounds", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert err == ""
    jsonschema.validate(said, SCHEMA)
    assert len(said["sizes"]) == 2 * (3 * 2 + 1)
    for size in said["sizes"]:
        assert len(size["rounds"]) == 3
        assert (size["quietest"], size["loudest"]) == (min(size["rounds"]), max(size["rounds"]))
        varied = (size["alpha"] != 1, size["resolution"] != 224, size["batch"] != 1)
        assert (size["peak"] is None) is (sum(varied) > 1)
    assert [fit["models"] for fit in said["fits"]] == [["v1"]] * 4 + [["v2"]] * 4 + [
        ["v1", "v2"]
    ] * 4
    assert {len(fit["errors"]) for fit in said["fits"]} == {6, 12}
    assert [(each["model"], each["factor"]) for each in said["along"]] == [
        (model, factor) for model in ("v1", "v2") for factor in ("alpha", "resolution", "batch")
    ]
    assert len([layer for layer in said["layers"] if layer["op"] == "depthwise_conv2d"]) == 13 + 17


def test_the_tables_have_a_line_for_each_value_and_the_pictures_are_drawn(capsys, small, tmp_path):
    files = {option: tmp_path / f"{option}.png" for option in ("plot", "roofline")}
    typed = [word for option, path in files.items() for word in (f"--{option}", str(path))]
    assert main(["scaling", "v1", "--rounds", "1", *typed]) == 0
    out, err = capsys.readouterr()
    assert err == "".join(f"refnet: wrote {path}\n" for path in files.values())
    for title, values in (
        ("v1 along alpha", ["0.25", "0.5", "1"]),
        ("v1 along resolution", ["32", "224"]),
        ("v1 along batch (a plan runs the images of a call one after the other)", ["1", "2"]),
        ("v1: us/MMAC by alpha and resolution", ["0.25", "0.5", "1"]),
    ):
        _, found, table = out.partition(f"\n{title}\n")
        assert found
        assert [line.split()[0] for line in table.partition("\n\n")[0].splitlines()[1:]] == values
    assert "BLAS: " in out
    assert "random weights from a seed" in out
    assert "v2" not in out
    for path in files.values():
        with Image.open(path) as drawn_picture:
            assert drawn_picture.width >= 600


def test_the_two_networks_stand_side_by_side_in_the_pictures(capsys, small, tmp_path):
    path = tmp_path / "roofline.png"
    assert main(["scaling", "--rounds", "1", "--roofline", str(path)]) == 0
    assert "v2 beside v1: lecture 6.4" in capsys.readouterr().out
    with Image.open(path) as picture:
        assert picture.width >= 1200


@pytest.mark.parametrize("gemm", [1e6, 1e9, 1e13])
@pytest.mark.parametrize("bandwidth", [1e8, 1e12])
def test_every_layer_and_both_roofs_are_in_the_picture_on_any_machine(gemm, bandwidth, tmp_path):
    roofs = Roofs(gemm=gemm, bandwidth=bandwidth, einsum=8e9, side=1024, array=1 << 27)
    spots = [
        Spot(model, op, op, 10**6, moved, 1e-3)
        for model in ("v1", "v2")
        for op, moved in (("conv2d", 10**3), ("dense", 10**8), ("depthwise_conv2d", 10**6))
    ]
    view = view_of(roofs, spots)
    for spot in spots:
        assert view.left < spot.intensity < view.right
        assert view.bottom < spot.rate / 1e9 < view.top
    assert view.left < roofs.ridge < view.right
    assert view.bottom < roofs.gemm / 1e9 < view.top
    draw(roofs, spots, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1200, 552)


def test_a_pinned_blas_is_warned_of(capsys, monkeypatch, small):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert main(["scaling", "v1", "--rounds", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == (
        "refnet: warning: the environment pins the BLAS (OPENBLAS_CORETYPE=Haswell); "
        "`env -u OPENBLAS_CORETYPE` runs without\n"
    )
    assert json.loads(out)["pinned"] == {"OPENBLAS_CORETYPE": "Haswell"}


# Rounds


def test_every_size_runs_once_a_round_and_another_begins_each():
    class Fake:
        def __init__(self, name: str) -> None:
            self.name, self.runs = name, 0

        def time(self) -> None:
            self.runs += 1

    fakes = [Fake(name) for name in "abc"]
    order = [(n, fake.name if fake else "-") for n, fake in rounds_of(fakes, 4)]
    assert "".join(name for _, name in order) == "abc-bca-cab-abc-"
    assert [n for n, name in order if name == "-"] == [0, 1, 2, 3]
    assert [fake.runs for fake in fakes] == [4, 4, 4]


# Memory


def test_a_plan_holds_its_weights_and_a_batch_holds_no_more():
    """Weights in float32 are part of it; images run through the same maps one after the other."""
    held = {}
    for batch in (1, 3):
        size = Size("v1", 0.25, 96, batch)
        runner = Runner(size, drawn(size.network()))
        runner.weigh()
        held[batch] = runner.held
    numbers = 4 * parameters(Size("v1", 0.25, 96).network())
    one_image = 4 * 96 * 96 * 3
    assert numbers < held[1]
    assert held[3] - held[1] < one_image


def test_what_is_held_is_counted_while_others_count_as_well():
    tracemalloc.start()
    try:
        assert held_by(lambda: np.zeros(1 << 20, np.uint8)) >= 1 << 20
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    assert held_by(lambda: len(bytearray(1 << 20))) < 1 << 20  # gone when it is made
    assert not tracemalloc.is_tracing()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process's peak")
def test_a_process_of_its_own_tells_its_peak():
    """The plan's own weights come on top of the ones that were drawn.

    They may fill memory that drawing has given back: two temporaries of the largest tensor.
    """
    network = Size("v1", 1.0, 96).network()
    largest = max(math.prod(shape) for shape in network.params().values())
    peak = peak_of(Size("v1", 1.0, 96))
    assert peak.after - peak.before > 4 * (parameters(network) - 2 * largest) > 0
    assert peak.before > 4 * parameters(network)


def test_a_process_that_fails_is_told_of_in_one_line():
    with pytest.raises(ValueError, match=r"^scaling: the process for the memory of v1_-1\.0_96 fa"):
        peak_of(Size("v1", -1.0, 96))
