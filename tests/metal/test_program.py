"""The program as JSON: all that a host needs, replayed here with nothing but json and NumPy."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refnet.cli import main
from refnet.errors import ChecksumError
from refnet.metal import Program, Runner, kernels, program_of
from refnet.metal.program import Inline, inline
from tests.metal.cases import cropped, library, small

Array = np.ndarray[Any, Any]
DTYPES = {"rgba16Float": np.float16, "rgba8Unorm": np.uint8}


def replay(said: dict[str, Any], weights: bytes, fed: dict[str, Array]) -> dict[str, Array]:
    """What a host in another language would do; knows no class of refnet's but the device.

    fed: textures (slices, H, W, 4) and buffers, as the JSON's inputs name them.
    """
    memory = {
        one["name"]: np.full(
            (one["slices"], one["height"], one["width"], 4), 77, DTYPES[one["format"]]
        )
        for one in said["textures"]
    }
    memory |= {one["name"]: np.full(one["length"], 77, np.float32) for one in said["buffers"]}
    for name, array in fed.items():
        memory[name][...] = array
    file = np.frombuffer(weights, np.uint8)
    for one in said["dispatches"]:
        buffers = {}
        for index, bound in one["buffers"].items():
            if "buffer" in bound:
                buffers[int(index)] = memory[bound["buffer"]]
            elif "tensor" in bound:
                buffers[int(index)] = file[bound["offset"] : bound["offset"] + bound["bytes"]]
            else:
                buffers[int(index)] = np.frombuffer(bytes.fromhex(bound["hex"]), np.uint8)
        library().dispatch(
            one["kernel"], tuple(one["grid"]), tuple(one["threadgroup"]),
            {int(index): memory[name] for index, name in one["textures"].items()}, buffers,
            {int(index): size for index, size in one["threadgroup_bytes"].items()},
        )  # fmt: skip
    return memory


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_the_json_alone_gives_the_same_bits(model):
    network, tensors, x = cropped(model, 45, 62)
    program = program_of(network, tensors)
    text = program.to_json("weights.bin")
    runner = Runner(program, library())
    runner(x)
    memory = replay(json.loads(text), program.weights, {"image": runner.array("image")})
    assert len(memory) > 30
    for name, array in memory.items():
        np.testing.assert_array_equal(array, runner.array(name), name)


def test_a_picture_is_preprocessed_by_the_json_alone():
    network, tensors, _ = cropped("v2", 32, 64)
    program = program_of(network, tensors, preprocessing="torchvision")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 64, 3), np.uint8)
    runner = Runner(program, library())
    runner(pixels)
    texels = np.full((1, 32, 64, 4), 9, np.uint8)  # an alpha of its own
    texels[..., :3] = pixels
    said = json.loads(program.to_json("weights.bin"))
    assert said["inputs"] == {"pixels": "pixels"}
    memory = replay(said, program.weights, {"pixels": texels})
    np.testing.assert_array_equal(memory["softmax"], runner.array("softmax"))
    np.testing.assert_array_equal(memory["image"], runner.array("image"))


def test_json_and_back_is_the_same_program():
    network, tensors, _ = small("v2", alpha=0.35, resolution=32)
    program = program_of(network, tensors, preprocessing="caffe")
    text = program.to_json("w.bin")
    assert Program.from_json(text, program.weights) == program
    with pytest.raises(ChecksumError, match=r"w\.bin: SHA-256 .*, expected"):
        Program.from_json(text, b"\1" + program.weights[1:])
    other = text.replace('"version": 1', '"version": 2')
    with pytest.raises(ValueError, match="program: 'refnet metal program', version 2, expected"):
        Program.from_json(other, program.weights)


def structs() -> dict[str, list[tuple[str, str]]]:
    """Each struct in the .metal files: its members' types and names, in order."""
    found = {}
    for path in kernels():
        text = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
        for name, body in re.findall(r"struct (\w+) \{(.*?)\};", text, re.S):
            found[name] = [(t, m) for t, m in re.findall(r"(\w+) (\w+);", body)]
    return found


def test_parameters_are_the_structs_of_the_kernels_member_by_member():
    """Also laid out as C++ does: each member at a multiple of its size, the end of the widest's."""
    declared, seen = structs(), set()
    sizes = {"ushort": 2, "uint": 4, "float": 4, "float4": 16}
    for model, recipe in (("v1", "tf-slim"), ("v2", "caffe")):
        network, tensors, _ = small(model, alpha=0.5, resolution=32)
        shown = replace(network, outputs=(network.layers[1].name, *network.outputs))
        alone = network.cut(["stem.activation"], inputs=["stem.norm"])
        programs = [program_of(shown, tensors, preprocessing=recipe), program_of(alone_(alone), {})]
        for one in (d for program in programs for d in program.dispatches):
            for index, bound in one.buffers.items():
                if not isinstance(bound, Inline):
                    continue
                assert [(f.type, f.name) for f in bound.fields] == declared[bound.struct]
                parameter = library().kernels[one.kernel].bindings("buffer")[index]
                assert parameter.type == f"constant {bound.struct}&"
                seen.add(bound.struct)
                end = 0
                for f in bound.fields:
                    assert f.offset == -(-end // sizes[f.type]) * sizes[f.type]
                    end = f.offset + sizes[f.type]
                widest = max(sizes[f.type] for f in bound.fields)
                assert len(bound.bytes) == -(-end // widest) * widest
    assert seen == set(declared)


def alone_(network):
    """The activation alone, fed with what the norm makes."""
    last = network.layers[-1]
    return replace(network, layers=(last,), outputs=(last.name,))


def test_the_bytes_of_a_struct_are_what_its_fields_say():
    made = inline("P", [("a", "ushort", 513), ("b", "float4", (1, -2, 0.5, 0)), ("c", "uint", 7)])
    assert made.bytes[:2] == b"\x01\x02"
    assert np.frombuffer(made.bytes, "<f4", 4, 16).tolist() == [1, -2, 0.5, 0]
    assert np.frombuffer(made.bytes, "<u4", 1, 32).tolist() == [7]
    assert len(made.bytes) == 48


def test_every_dispatch_binds_what_its_kernel_declares():
    for model in ("v1", "v2"):
        network, tensors, _ = small(model, alpha=0.35, resolution=32)
        for one in program_of(network, tensors, preprocessing="tf-slim").dispatches:
            kernel = library().kernels[one.kernel]
            assert set(one.textures) == set(kernel.bindings("texture"))
            assert set(one.buffers) == set(kernel.bindings("buffer"))
            assert set(one.threadgroup_bytes) == set(kernel.bindings("threadgroup"))
            assert np.prod(one.threadgroup) <= 256


def test_pack_writes_a_file_that_the_json_describes(tmp_path, capsys):
    assert main(["metal", "pack", "v1", "-o", str(tmp_path / "app")]) == 0
    said = capsys.readouterr().out
    assert "4,222,057 parameters and 288 zeros" in said  # of the stem's fourth input lane: 9 x 32
    weights = (tmp_path / "app" / "mobilenet_v1_1.0_224.bin").read_bytes()
    text = (tmp_path / "app" / "mobilenet_v1_1.0_224.json").read_text()
    program = Program.from_json(text, weights)
    assert program.inputs == {"pixels": "pixels"}
    assert json.loads(text)["weights"]["file"] == "mobilenet_v1_1.0_224.bin"


def test_dispatches_prints_what_runs_as_table_and_as_json(capsys):
    assert main(["metal", "dispatches", "v2"]) == 0
    table = capsys.readouterr().out
    assert main(["metal", "dispatches", "v2", "--json", "--tensor"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["inputs"] == {"image": "image"}
    assert len(said["dispatches"]) == 65  # 52 convolutions, 10 sums, pool, classifier, softmax
    for one in said["dispatches"]:
        for bound in one["buffers"].values():
            if "tensor" in bound:
                assert f"{bound['tensor']}@{bound['offset']}+{bound['bytes']}" in table
        assert f"{one['kernel']} " in table
    assert " 1   preprocess " in table.replace("\n1 ", "\n 1 ")


@pytest.mark.slow
def test_a_golden_bundle_judges_a_host_that_has_the_json_alone(tmp_path, capsys):
    """A right host holds; one that forgets a bias is caught, its layer and its mistake named."""
    from refnet.oracle import tensor_file

    folder = tmp_path / "golden"
    assert main(["metal", "dispatches", "v1", "--json", "--golden", str(folder)]) == 0
    capsys.readouterr()
    said = json.loads((folder / "mobilenet_v1_1.0_224.json").read_text())
    weights = (folder / said["weights"]["file"]).read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    check_schema(manifest)
    ((case, entry),) = manifest["cases"].items()
    image = tensor_file.read(folder / "v1.safetensors")[0][f"{case}/image"]
    texels = np.zeros((1, 224, 224, 4), np.float16)
    texels[0, ..., :3] = image[0]
    judge = ["golden", "judge", str(folder), str(tmp_path / "r.safetensors")]
    judge += ["--arithmetic", "storage=float16,accumulate=float32"]
    for forgets, status in ((None, 0), ("block4.pointwise.bias", 1)):
        spoiled = bytearray(weights)
        for one in said["tensors"]:
            if one["name"] == forgets:
                spoiled[one["offset"] : one["offset"] + one["bytes"]] = bytes(one["bytes"])
        memory = replay(said, bytes(spoiled), {"image": texels})
        results = {}
        for one in (*said["textures"], *said["buffers"]):
            if one["name"] in entry["owed"]:
                flat = memory[one["name"]]
                if flat.ndim == 4:
                    flat = flat.transpose(1, 2, 0, 3).reshape(*flat.shape[1:3], -1)
                results[f"{case}/{one['name']}"] = flat[np.newaxis, ..., : one["channels"]]
        (tmp_path / "r.safetensors").write_bytes(tensor_file.to_bytes(results, "a test's host"))
        assert main(judge) == status
    printed = capsys.readouterr().out
    assert "block4.pointwise.activation: bias (missing)" in printed


def check_schema(manifest: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="holds the manifest to its schema")
    import refnet.oracle

    schema = Path(refnet.oracle.__file__).with_name("bundle.schema.json")
    jsonschema.validate(manifest, json.loads(schema.read_text()))


def test_a_golden_bundle_is_not_written_into_a_folder_with_something_in_it(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("mine")
    assert main(["metal", "dispatches", "v2", "--golden", str(tmp_path)]) == 2
    assert "is there already, expected a new or an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
