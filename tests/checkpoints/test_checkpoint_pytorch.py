from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from checkpoint_files import assert_same_tensors, random_tensors
from hypothesis import given
from hypothesis import strategies as st
from pytorch_files import (
    FORMS,
    REBUILD,
    TYPES,
    as_stream,
    as_zip,
    ordered,
    plain,
    program,
    state_of,
    tensor,
    write_state,
)

from refnet.checkpoints import pytorch
from refnet.checkpoints.convert import convert
from refnet.models import build
from refnet.network import PYTORCH

SMALL = {"v1": {"alpha": 0.125, "resolution": 32}, "v2": {"alpha": 0.1, "resolution": 32}}


def read(folder, data):
    path = folder / "x.pth"
    path.write_bytes(data)
    return pytorch.state_dict(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for the many files of a Hypothesis test."""
    return tmp_path_factory.mktemp("pytorch")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["v1", "v2"])
def test_converting_gives_back_every_tensor_that_was_written(tmp_path, model, form):
    network = build(model, classes=5, conventions=PYTORCH, **SMALL[model])
    tensors = random_tensors(network)
    path = tmp_path / "model.pth"
    path.write_bytes(write_state(form, state_of(network, tensors)))
    checkpoint = convert(path, model, **SMALL[model])
    assert_same_tensors(checkpoint.tensors, tensors)
    assert checkpoint.network == network


NUMBERS = np.arange(12, dtype="<f4")
VIEWS = {  # size, offset, stride -> the same by NumPy
    "a part": ((2, 3), 4, (3, 1), NUMBERS[4:10].reshape(2, 3)),
    "transposed": ((4, 3), 0, (1, 4), NUMBERS.reshape(3, 4).T),
    "every second": ((3,), 1, (2,), NUMBERS[1:7:2]),
    "one number": ((), 11, (), NUMBERS[11].reshape(())),
    "nothing": ((0, 3), 0, (3, 1), np.zeros((0, 3), "<f4")),
    "the last of it": ((12,), 0, (1,), NUMBERS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", VIEWS)
def test_a_view_of_a_storage_is_the_view_that_numpy_takes(tmp_path, case, form):
    size, offset, stride, expected = VIEWS[case]
    view = tensor("0", "<f4", size, count=12, offset=offset, stride=stride)
    data = FORMS[form](program(ordered({"x": view})), {"0": NUMBERS.tobytes()})
    found = read(tmp_path, data)["x"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    assert found.shape == size


@pytest.mark.parametrize("kind", TYPES)
def test_number_types_are_kept(tmp_path, kind):
    numbers = np.arange(6).astype(kind)
    code = program(ordered({"x": tensor("0", kind, (2, 3))}))
    stream = as_stream(code, {"0": numbers.tobytes()}, item=numbers.itemsize)
    for data in (as_zip(code, {"0": numbers.tobytes()}), stream):
        found = read(tmp_path, data)["x"]
        assert found.dtype == np.dtype(kind)
        np.testing.assert_array_equal(found, numbers.reshape(2, 3))


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_a_state_dict_inside_a_training_checkpoint_is_found(tmp_path, wrapper):
    inner = ordered({"x": tensor("0", "<f4", (12,))})
    code = program(ordered({"epoch": plain(3), wrapper: inner, "best": plain(0.5)}))
    assert list(read(tmp_path, as_zip(code, {"0": NUMBERS.tobytes()}))) == ["x"]


def call(module, name, *arguments):
    """What __reduce__ writes: module.name(*arguments)."""
    return f"c{module}\n{name}\n".encode() + plain(arguments) + b"R"


def view_of_12(size, offset, stride):
    return ordered({"x": tensor("0", "<f4", size, count=12, offset=offset, stride=stride)})


OUTSIDE = "reaches outside its storage"
NO_WORD = "which no state dict needs"
MALICIOUS = {  # a program, given the path of a file that must not come to be
    "os.system": (lambda mark: call("os", "system", f"touch {mark}"), NO_WORD),
    "posix.system": (lambda mark: call("posix", "system", f"touch {mark}"), NO_WORD),
    "subprocess": (lambda mark: call("subprocess", "getoutput", f"touch {mark}"), NO_WORD),
    "eval": (lambda mark: call("builtins", "eval", f"open({str(mark)!r}, 'w')"), NO_WORD),
    "exec": (lambda mark: call("builtins", "exec", f"open({str(mark)!r}, 'w')"), NO_WORD),
    "open": (lambda mark: call("io", "open", str(mark), "w"), NO_WORD),
    "getattr": (lambda mark: b"cbuiltins\ngetattr\n.", NO_WORD),
    "torch.load": (lambda mark: call("torch", "load", str(mark)), NO_WORD),
    "by name on the stack": (
        lambda mark: plain("os") + plain("system") + b"\x93" + plain((f"touch {mark}",)) + b"R",
        NO_WORD,
    ),
    "by the old opcode": (lambda mark: b"(" + plain(f"touch {mark}") + b"ios\nsystem\n", NO_WORD),
    "a dotted name": (lambda mark: call("collections", "OrderedDict.__init__", 1), NO_WORD),
    "in a dict beside good tensors": (
        lambda mark: ordered({"x": call("os", "system", f"touch {mark}")}),
        NO_WORD,
    ),
    "strides reach outside": (lambda mark: view_of_12((4, 3), 0, (4, 1)), OUTSIDE),
    "an offset reaches outside": (lambda mark: view_of_12((12,), 1, (1,)), OUTSIDE),
    "a huge stride": (lambda mark: view_of_12((2,), 0, (2**62,)), OUTSIDE),
    "a negative offset": (lambda mark: view_of_12((2,), -1, (1,)), OUTSIDE),
    "a negative stride": (lambda mark: view_of_12((3,), 5, (-4,)), OUTSIDE),
    "a negative size": (lambda mark: view_of_12((-3,), 0, (1,)), OUTSIDE),
    "two negative sizes": (lambda mark: view_of_12((-1, -3), 0, (1, 1)), OUTSIDE),
    "a size that is no whole number": (lambda mark: view_of_12((float("nan"),), 0, (1,)), OUTSIDE),
    "a size that is a float": (lambda mark: view_of_12((3.0,), 0, (1,)), OUTSIDE),
    "a stride that is not a number": (lambda mark: view_of_12((3,), 0, (float("nan"),)), OUTSIDE),
    "gigabytes out of 12 numbers": (
        lambda mark: view_of_12((2**20, 2**13), 0, (0, 0)), "is larger than its storage"
    ),
    "more sizes than strides": (lambda mark: view_of_12((3, 4), 0, (1,)), "zip"),
    "a dict inside itself": (
        lambda mark: b"}q\x00" + plain("model") + b"h\x00s" + plain("x") + call("os", "abort"),
        NO_WORD,
    ),
    "a list": (lambda mark: b"]", "holds a list, expected a state dict|not a whole"),
    "a buffer of a petabyte": (lambda mark: b"\x96" + struct.pack("<Q", 2**50), r"\(KeyError"),
    "a memo of gigabytes": (lambda mark: b"]r" + b"\xff" * 4 + b"0(", "not a whole"),
    "another storage": (
        lambda mark: ordered({"x": tensor("no", "<f4", (12,))}), "not a whole|outside|no item"
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", MALICIOUS)
def test_a_hostile_file_is_refused_in_one_line_and_runs_nothing(tmp_path, case, form):
    make, message = MALICIOUS[case]
    mark = tmp_path / "mark"
    data = FORMS[form](program(make(mark)), {"0": NUMBERS.tobytes()})
    with pytest.raises(ValueError, match=message) as refusal:
        read(tmp_path, data)
    assert "\n" not in str(refusal.value)
    assert not mark.exists()


def test_python_itself_would_have_run_the_hostile_program(tmp_path):
    """So that the test above refuses something: the same bytes do make the file."""
    mark = tmp_path / "mark"
    for case in ("os.system", "eval", "by the old opcode", "by name on the stack"):
        mark.unlink(missing_ok=True)
        opened = pickle.loads(program(MALICIOUS[case][0](mark)))
        if case == "eval":
            opened.close()
        assert mark.exists(), case


def test_a_program_cannot_change_what_the_next_file_is_read_with(tmp_path):
    """BUILD sets attributes on whatever is on the stack, the reader's own words included."""
    poison = REBUILD + b"(N}" + plain("array") + b"ccollections\nOrderedDict\nst" + b"b"
    data = as_zip(program(poison), {})
    with pytest.raises(ValueError, match="expected a state dict"):
        read(tmp_path, data)
    good = read(tmp_path, write_state("zip", {"x": NUMBERS}))
    np.testing.assert_array_equal(good["x"], NUMBERS)


def test_a_dict_that_holds_itself_is_read_without_end_of_stack(tmp_path):
    loop = b"}q\x00" + plain("self") + b"h\x00s" + plain("x") + tensor("0", "<f4", (12,)) + b"s"
    found = read(tmp_path, as_zip(program(loop), {"0": NUMBERS.tobytes()}))
    np.testing.assert_array_equal(found["x"], NUMBERS)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path):
    code = program(ordered({"x": tensor("0", "<f4", (12,))}))
    data = as_zip(code, {"0": NUMBERS.tobytes()}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="a compressed zip archive"):
        read(tmp_path, data)


def test_an_archive_of_something_else_is_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "")
    with pytest.raises(ValueError, match=r"without a data\.pkl: not a PyTorch file"):
        read(tmp_path, file.getvalue())


def test_big_endian_storages_are_refused(tmp_path):
    code = program(ordered({"x": tensor("0", "<f4", (12,))}))
    data = as_zip(code, {"0": NUMBERS.tobytes()})
    file = io.BytesIO(data)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "x.pth", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"big" if name.endswith("byteorder") else old.read(name))
    with pytest.raises(ValueError, match="big-endian"):
        pytorch.state_dict(tmp_path / "x.pth")


def test_a_storage_longer_than_the_program_promised_is_refused(tmp_path):
    code = program(ordered({"x": tensor("0", "<f4", (12,))}))
    with pytest.raises(ValueError, match="cut short: storage 0"):
        read(tmp_path, as_stream(code, {"0": bytes(4 * 13)}))


def test_a_batch_norm_before_every_convolution_is_refused():
    one = np.ones(1)
    norm = {"n.weight": one, "n.bias": one, "n.running_mean": one, "n.running_var": one}
    with pytest.raises(ValueError, match="batch norm 'n' follows no convolution"):
        pytorch.layers(norm)


SMALL_STATE = {"0.weight": NUMBERS.reshape(3, 4, 1, 1), "0.bias": NUMBERS[:3]}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_short_at_any_byte_is_refused(tmp_path, form):
    data = write_state(form, SMALL_STATE)
    assert_same_tensors(read(tmp_path, data), SMALL_STATE)
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r"not a whole|no PyTorch|cut short"):
            read(tmp_path, data[:size])


@pytest.mark.parametrize("form", FORMS)
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=6))
def test_a_damaged_file_is_refused_or_gives_arrays(folder, form, flips):
    data = bytearray(write_state(form, SMALL_STATE))
    for place, bits in flips:
        data[place % len(data)] ^= bits
    try:
        found = read(folder, bytes(data))
    except ValueError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017
    else:
        assert all(isinstance(a, np.ndarray) and a.size <= 12 for a in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("new", [True, False])
def test_what_pytorch_saves_is_read_bit_for_bit(tmp_path, new):
    torch = pytest.importorskip("torch", reason="PyTorch writes the files")
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.BatchNorm2d(8),
        torch.nn.Conv2d(8, 8, 3, groups=8, dtype=torch.float64), torch.nn.Linear(8, 5).half(),
    )  # fmt: skip
    state = model.state_dict()
    state["transposed"] = torch.arange(12.0).reshape(3, 4).T
    state["part"] = torch.arange(12.0)[3:9:2]
    path = tmp_path / "model.pth"
    torch.save(state, path, _use_new_zipfile_serialization=new)
    expected = {name: value.numpy() for name, value in state.items()}
    assert_same_tensors(pytorch.state_dict(path), expected)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_pytorch_reads_what_is_written_here(tmp_path, form):
    torch = pytest.importorskip("torch", reason="PyTorch reads the files")
    path = tmp_path / "x.pth"
    path.write_bytes(write_state(form, SMALL_STATE))
    found = {name: value.numpy() for name, value in torch.load(path).items()}
    assert_same_tensors(found, SMALL_STATE)
