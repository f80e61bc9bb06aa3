"""A Program made ready to run on a device: its textures and buffers as arrays.

>>> from refnet.metal import open_library, program_of
>>> from refnet.models import mobilenet_v1
>>> network = mobilenet_v1(alpha=0.25, resolution=32, batch_norm=False)
>>> tensors = {name: np.zeros(s) for name, s in network.params().items()}
>>> run = Runner(program_of(network, tensors), open_library())
>>> answer = run(np.zeros((1, 32, 32, 3)))
>>> answer["softmax"].shape, float(answer["softmax"][0, 0])         # 1000 equal logits
((1, 1000), 0.0010000000474974513)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from refnet.arguments import Shape
from refnet.metal.device import Library
from refnet.metal.packing import LANES, from_texture, to_texture
from refnet.metal.program import Bound, Inline, Program, Texture

Array = np.ndarray[Any, Any]

_TYPES = {"rgba16Float": np.float16, "rgba8Unorm": np.uint8}


class Runner:
    """Runs a program on batches of images, one image after the other.

    program, library: any two that fit; which device it is shows nowhere here.
    A Runner has its arrays for itself and is not for two threads at a time.
    """

    def __init__(self, program: Program, library: Library) -> None:
        self.program, self._library = program, library
        # Filled with NaN and not with zeros, for a GPU's memory is not cleared either: what no
        # kernel has written must not pass for an answer.
        self._arrays: dict[str, Array] = {
            one.name: _unwritten(one.shape, _TYPES[one.format]) for one in program.textures
        }
        for buffer in program.buffers:
            self._arrays[buffer.name] = _unwritten((buffer.length,), np.float32)
        self._weights = np.frombuffer(program.weights, np.uint8)

    def __call__(
        self, x: Array | Mapping[str, Array], taps: Iterable[str] = ()
    ) -> dict[str, Array]:
        """The program's outputs, and any other texture or buffer named in `taps`, by name.

        x: (B, H, W, M) floats, or (B, H, W, 3) uint8 for a picture; or one such array for each of
        several inputs by name. Returns (B, H, W, M) and (B, N) in float32.
        """
        fed = self._inputs(x)
        wanted = {**self.program.outputs, **{name: name for name in taps}}
        for name in wanted.values():
            self.program.resource(name)
        found: dict[str, list[Array]] = {name: [] for name in wanted}
        for n in range(len(next(iter(fed.values())))):
            for name, images in fed.items():
                self._put(name, images[n])
            self.dispatch()
            for name, resource in wanted.items():
                found[name].append(self._get(resource))
        return {name: np.stack(arrays) for name, arrays in found.items()}

    def dispatch(self) -> None:
        """All of the program's dispatches, on what its inputs hold."""
        for one in self.program.dispatches:
            self._library.dispatch(
                one.kernel,
                one.grid,
                one.threadgroup,
                {index: self._arrays[name] for index, name in one.textures.items()},
                {index: self._bound(bound) for index, bound in one.buffers.items()},
                one.threadgroup_bytes,
            )

    def array(self, name: str) -> Array:
        """A texture's or buffer's memory as the kernels see it, lanes and all."""
        return self._arrays[self.program.resource(name).name]

    def _bound(self, bound: Bound) -> Array:
        if isinstance(bound, str):
            return self._arrays[bound]
        if isinstance(bound, Inline):
            return np.frombuffer(bound.bytes, np.uint8)
        return self._weights[bound.offset : bound.offset + bound.bytes]

    def _inputs(self, x: Array | Mapping[str, Array]) -> dict[str, Array]:
        program = self.program
        if not isinstance(x, Mapping):
            if len(program.inputs) != 1:
                raise ValueError(f"x: one array, but {program.name} reads {tuple(program.inputs)}")
            x = dict.fromkeys(program.inputs, x)
        fed: dict[str, Array] = {}
        for name, resource in program.inputs.items():
            if name not in x:
                raise ValueError(f"x: {name!r} of {program.name} is missing")
            shape, a = self._shape(resource), x[name]
            if a.ndim != len(shape) + 1 or a.shape[1:] != shape or not len(a):
                wanted = ", ".join(["B", *map(str, shape)])
                raise ValueError(f"x: shape {a.shape}, but {program.name} takes ({wanted})")
            if self._arrays[resource].dtype == np.uint8 and a.dtype != np.uint8:
                raise ValueError(f"x: {a.dtype}, but {name!r} of {program.name} is uint8")
            fed[resource] = a
        if len({len(a) for a in fed.values()}) > 1:
            raise ValueError(f"x: batches of {[len(a) for a in fed.values()]}, expected one size")
        return fed

    def _shape(self, resource: str) -> Shape:
        one = self.program.resource(resource)
        if isinstance(one, Texture):
            return one.height, one.width, one.channels
        return (one.channels,)

    def _put(self, name: str, a: Array) -> None:
        """One image or vector into its memory; the lanes beyond its channels are 0."""
        memory = self._arrays[name]
        if memory.dtype == np.uint8:
            memory[0, :, :, : a.shape[2]] = a
            memory[0, :, :, a.shape[2] :] = 255  # opaque
        elif memory.ndim == LANES:
            memory[...] = to_texture(a)
        else:
            memory[: len(a)], memory[len(a) :] = a, 0

    def _get(self, name: str) -> Array:
        one, memory = self.program.resource(name), self._arrays[name]
        if isinstance(one, Texture):
            return from_texture(memory, one.channels)
        return memory[: one.channels].copy()


def _unwritten(shape: Shape, dtype: Any) -> Array:
    return np.full(shape, 0 if dtype is np.uint8 else np.nan, dtype)
