"""A Program as a table for people: what a host binds for each dispatch, and how it launches it."""

from __future__ import annotations

from refnet.metal import Program
from refnet.metal.packing import Packed
from refnet.metal.program import Bound, Dispatch, Inline, Texture
from refnet.tables import align

HEADS = ("", "kernel", "grid", "threadgroup", "textures", "buffers")


def table(program: Program) -> str:
    """Inputs and outputs, textures, buffers, then a line for each dispatch.

    >>> import numpy as np
    >>> from refnet.metal import program_of
    >>> from refnet.models import mobilenet_v1
    >>> network = mobilenet_v1(alpha=0.25, resolution=32, batch_norm=False)
    >>> tensors = {name: np.ones(shape) for name, shape in network.params().items()}
    >>> last = table(program_of(network, tensors)).splitlines()[-1].split()
    >>> last[1], last[5:8]
    ('softmax', ['0:classifier', '1:softmax', '2:SoftmaxParams{count=1000}'])
    """
    textures = [("texture", "width x height x slices", "channels", "type", "format")]
    textures += [
        (one.name, f"{one.width} x {one.height} x {one.slices}", str(one.channels), one.type,
         one.format) for one in program.textures
    ]  # fmt: skip
    buffers = [("buffer", "floats", "in use")]
    buffers += [(one.name, str(one.length), str(one.channels)) for one in program.buffers]
    rows: list[tuple[str, ...]] = [HEADS]
    rows += [_row(n, one, program) for n, one in enumerate(program.dispatches, 1)]
    ends = f"{', '.join(program.inputs.values())} -> {', '.join(program.outputs.values())}"
    size = f"{program.name}.bin: {len(program.weights):,} bytes, {len(program.tensors)} tensors"
    parts = [f"{program.name}: {ends}", size, align(textures), align(buffers), align(rows)]
    return "\n\n".join(parts)


def _row(number: int, one: Dispatch, program: Program) -> tuple[str, ...]:
    return (
        str(number),
        one.kernel,
        _size(one.grid),
        _size(one.threadgroup),
        " ".join(f"{i}:{_texture(program, name)}" for i, name in one.textures.items()) or "-",
        " ".join(f"{i}:{_bound(bound)}" for i, bound in one.buffers.items())
        + "".join(f" threadgroup {i}:{n} bytes" for i, n in one.threadgroup_bytes.items()),
    )


def _texture(program: Program, name: str) -> str:
    one = program.resource(name)
    assert isinstance(one, Texture)
    return f"{name}({one.width}x{one.height}x{one.slices})"


def _bound(bound: Bound) -> str:
    """A buffer's name; a tensor with its place in the packed file; a struct with its members."""
    if isinstance(bound, str):
        return bound
    if isinstance(bound, Packed):
        return f"{bound.name}@{bound.offset}+{bound.bytes}"
    return f"{bound.struct}{{{_members(bound)}}}"


def _members(struct: Inline) -> str:
    said = []
    for field in struct.fields:
        values = field.value if isinstance(field.value, tuple) else (field.value,)
        said.append(f"{field.name}={'|'.join(f'{value:.7g}' for value in values)}")
    return " ".join(said)


def _size(size: tuple[int, int, int]) -> str:
    return "x".join(map(str, size))
