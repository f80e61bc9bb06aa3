"""Writes PyTorch files without PyTorch, opcode by opcode, also such as it would never write.

A .pth file is a program for the pickle machine, which makes tensors as views of storages.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
from checkpoint_files import known_layers, oi, oihw

TYPES = {"<f4": "FloatStorage", "<f8": "DoubleStorage", "<f2": "HalfStorage", "<i8": "LongStorage"}
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def plain(value):
    """Numbers, strings, tuples of them."""
    return pickle.dumps(value, 2)[2:-1]


def tensor(key, kind, size, *, count=None, offset=0, stride=None):
    """A view of storage `key`; with nothing else said, all of it, in C order."""
    if stride is None:
        stride = tuple(int(np.prod(size[axis + 1 :])) for axis in range(len(size)))
    count = int(np.prod(size)) if count is None else count
    storage = plain("storage") + b"ctorch\n" + TYPES[kind].encode() + b"\n"
    storage = b"(" + storage + plain(key) + plain("cpu") + plain(count) + b"tQ"
    view = plain(offset) + plain(size) + plain(stride) + plain(False) + ORDERED_DICT
    return REBUILD + b"(" + storage + view + b"tR"


def ordered(entries):
    """An OrderedDict of programs, with the `_metadata` that PyTorch hangs on it."""
    items = b"".join(plain(name) + program for name, program in entries.items())
    return ORDERED_DICT + b"(" + items + b"u" + plain({"_metadata": {}}) + b"b"


def program(body):
    return b"\x80\x02" + body + b"."


def as_zip(code, storages, *, compression=zipfile.ZIP_STORED):
    """The form of PyTorch 1.6 and later."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", code)
        archive.writestr("archive/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def as_stream(code, storages, *, item=4):
    """The form before: five pickles, then the storages, each after its count."""
    code = code.replace(b"tQ", b"NtQ")  # a storage has one fact more: None, no view of another
    head = [pickle.dumps(n, 2) for n in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    data = [struct.pack("<q", len(data) // item) + data for data in storages.values()]
    return b"".join([*head, code, pickle.dumps(list(storages), 2), *data])


FORMS = {"zip": as_zip, "stream": as_stream}


def write_state(form, state):
    """A state dict of float32 arrays."""
    views = {name: tensor(name, "<f4", a.shape) for name, a in state.items()}
    storages = {name: np.ascontiguousarray(a).tobytes() for name, a in state.items()}
    return FORMS[form](program(ordered(views)), storages)


def state_of(network, tensors):
    """The names that torch.nn.Sequential gives."""
    state = {}
    for n, known in enumerate(known_layers(network, tensors)):
        state[f"{n}.0.weight"] = oi(known) if known.op == "dense" else oihw(known)
        if known.bias is not None:
            state[f"{n}.0.bias"] = known.bias
        if known.norm is not None:
            names = ("weight", "bias", "running_mean", "running_var")
            norm = (known.norm[key] for key in ("gamma", "beta", "mean", "variance"))
            state |= {f"{n}.1.{name}": a for name, a in zip(names, norm, strict=True)}
            state[f"{n}.1.num_batches_tracked"] = np.array(7, np.float32)
    return state
