"""From a Network and its tensors to a Program: what is fused, and which kernel serves a layer.

A convolution takes the batch norm and the activation behind it along: the norm is folded into the
weights (in float64, before they are rounded to half), and the activation is two numbers between
which the kernel clips its sums. A layer inside such a chain that is asked for all the same is
computed once more by a dispatch of its own, so that no number of what runs otherwise changes.

>>> from refnet.models import mobilenet_v2
>>> network = mobilenet_v2(alpha=0.35, resolution=32)
>>> tensors = {name: np.ones(shape) for name, shape in network.params().items()}
>>> program = program_of(network, tensors)
>>> len(network.layers), len(program.dispatches)        # 52 convolutions, 10 sums, 3 at the end
(152, 65)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refnet.folding import folded_values
from refnet.layer import Layer
from refnet.metal import packing
from refnet.metal.convolution import CONVOLUTIONS, Member, serve, unsupported
from refnet.metal.device import Size
from refnet.metal.packing import Packed, Packer, slices_of
from refnet.metal.preprocessing import parameters_of
from refnet.metal.program import Bound, Buffer, Dispatch, Inline, Program, Texture, inline
from refnet.network import Network
from refnet.preprocessing import RECIPES
from refnet.run import check_tensors

Array = np.ndarray[Any, Any]

FLT_MAX = float(np.finfo(np.float32).max)
# Between what each activation clips. Not infinite: Metal's fast math takes infinities for absent.
CLIPS = {"": (-FLT_MAX, FLT_MAX), "relu": (0.0, FLT_MAX), "relu6": (0.0, 6.0)}
POINTWISE = ("pointwise", "pointwise4")
PIXELS = "pixels"
SOFTMAX_THREADS = 256
# A kernel that needs many registers runs with fewer threads a threadgroup than a GPU's 1024; it is
# not known from here with how many, and this is far below.
THREADS = 128


def program_of(
    network: Network,
    tensors: Mapping[str, Array],
    *,
    preprocessing: str | None = None,
    pointwise: str = "pointwise4",
) -> Program:
    """The program that computes a network's outputs, for one image at a time.

    tensors: as a checkpoint has them, with batch norm or without.
    preprocessing: a recipe's name. The program's input is then an 8-bit picture of the network's
        size, `pixels`, and the recipe's normalisation its first dispatch.
    pointwise: which of the two pointwise kernels; both give the same bits.
    Raises ValueError where tensors are missing or too large for float16, and UnsupportedError for
    a layer without a kernel.
    """
    if pointwise not in POINTWISE:
        raise ValueError(f"pointwise: {pointwise!r}, expected one of {', '.join(POINTWISE)}")
    network = network.cut(network.outputs)
    check_tensors(network, tensors)
    made = _Lowering(network, tensors, pointwise)
    inputs, told = {name: name for name in network.inputs}, ""
    if preprocessing is not None:
        inputs = {PIXELS: PIXELS}
        made.preprocess(preprocessing)
        told = f"{preprocessing}: {RECIPES[preprocessing].summary}"
    done: set[str] = set()
    for layer in network.layers:
        if layer.name not in done:
            chain = made.chain(layer)
            made.lower(chain)
            done.update(own.name for own in chain)
    return Program(
        network.name,
        inputs,
        {name: name for name in network.outputs},
        tuple(made.textures.values()),
        tuple(made.buffers.values()),
        tuple(made.packer.tensors),
        tuple(made.dispatches),
        made.packer.data(),
        told,
    )


class _Lowering:
    """The parts of a program as they come about."""

    def __init__(self, network: Network, tensors: Mapping[str, Array], pointwise: str) -> None:
        self.network, self.tensors, self.pointwise = network, tensors, pointwise
        self.shapes = network.shapes()
        self.packer = Packer()
        self.textures: dict[str, Texture] = {}
        self.buffers: dict[str, Buffer] = {}
        self.dispatches: list[Dispatch] = []
        self.values: dict[str, tuple[Packed, Packed]] = {}
        self.readers: dict[str, list[Layer]] = {}
        for layer in network.layers:
            for name in dict.fromkeys(layer.inputs):
                self.readers.setdefault(name, []).append(layer)
        for name in network.inputs:
            self.make_room(name, whole=True)

    def make_room(self, name: str, *, whole: bool = False) -> None:
        """The texture or buffer of a layer's output, or of an input.

        whole: a vector that is written four numbers at a time, zeros after its last one.
        """
        match self.shapes[name][1:]:
            case (H, W, M):
                self.textures[name] = Texture(name, W, H, slices_of(M), M)
            case (N,):
                self.buffers[name] = Buffer(name, 4 * slices_of(N) if whole else N, N)

    def chain(self, layer: Layer) -> list[Layer]:
        """The layer and those behind it that its kernel computes as well."""
        chain = [layer]
        if len(self.shapes[layer.name]) != 4 or layer.op not in (*CONVOLUTIONS, "add"):
            return chain
        following = (["batch_norm"] if layer.op != "add" else []) + ["relu relu6"]
        for ops in following:
            readers = self.readers.get(chain[-1].name, [])
            if len(readers) == 1 and readers[0].op in ops.split():
                chain.append(readers[0])
        return chain

    def lower(self, chain: list[Layer]) -> None:
        """A dispatch for the end of a chain, and for each layer inside it that is asked for."""
        norm = None
        for end in chain:
            norm = end if end.op == "batch_norm" else norm
            if end is not chain[-1] and end.name not in self.network.outputs:
                continue
            self.make_room(end.name, whole=end.op == "global_average_pool")
            lowest, highest = CLIPS.get(end.op, CLIPS[""])
            clip: list[Member] = [("lowest", "float", lowest), ("highest", "float", highest)]
            if chain[0].op in CONVOLUTIONS:
                self.convolution(chain, norm, end, clip)
            else:
                self.other(chain[0], end, clip)

    def convolution(
        self, chain: list[Layer], norm: Layer | None, end: Layer, clip: list[Member]
    ) -> None:
        """One of the kernels that hold the weights of a map."""
        layer = chain[0]
        served = serve(layer, self.shapes[layer.inputs[0]], self.pointwise)
        parameters = inline(served.struct, [*served.window, *clip])
        folds = any(own.op == "batch_norm" for own in chain)
        name = f"{layer.name}.unfolded" if folds and norm is None else layer.name
        if name not in self.values:
            weight, bias = self.weight_and_bias(layer, norm)
            packed = served.pack(weight, f"{name}.weight")
            known = bias.size if norm is not None or "bias" in layer.params else 0
            self.values[name] = (
                self.packer.add(f"{name}.weight", packed, "half4", served.axes, weight.size),
                self.packer.add(
                    f"{name}.bias", packing.bias(bias), "float4", ("output slice",), known
                ),
            )
        weights, biases = self.values[name]
        self.emit(end, served.kernel, layer.inputs, {0: parameters, 1: weights, 2: biases})

    def weight_and_bias(self, layer: Layer, norm: Layer | None = None) -> tuple[Array, Array]:
        """A layer's tensors: a norm folded in, or zeros for a bias where there is none."""
        if norm is not None:
            return folded_values(layer, norm, self.tensors)
        weight = self.tensors[f"{layer.name}.weight"]
        if "bias" in layer.params:
            return weight, self.tensors[f"{layer.name}.bias"]
        return weight, np.zeros(self.shapes[layer.name][-1])

    def other(self, layer: Layer, end: Layer, members: list[Member]) -> None:
        """Kernels without weights, and the fully connected layer."""
        clip = inline("ElementwiseParams", members)
        feed = layer.inputs[0]
        match layer.op, len(self.shapes[feed]):
            case "add", 4:
                self.emit(end, "residual_add", layer.inputs, {0: clip})
            case (("relu" | "relu6"), 4):
                self.emit(end, "activation", layer.inputs, {0: clip})
            case "global_average_pool", 4:
                slices = self.textures[feed].slices
                self.emit_vector(layer, "global_average_pool", slices, {0: feed}, {0: layer.name})
            case "dense", 2:
                self.dense(layer)
            case "softmax", 2:
                count = inline("SoftmaxParams", [("count", "uint", self.shapes[feed][1])])
                self.emit_vector(
                    layer, "softmax", SOFTMAX_THREADS, {}, {0: feed, 1: layer.name, 2: count},
                    threadgroup=SOFTMAX_THREADS, scratch={0: 4 * SOFTMAX_THREADS},
                )  # fmt: skip
            case _:
                raise unsupported(layer)

    def dense(self, layer: Layer) -> None:
        """The fully connected layer; its bias is read number by number."""
        weight, bias = self.weight_and_bias(layer)
        M, N = weight.shape
        if self.buffers[layer.inputs[0]].length != 4 * slices_of(M):
            raise unsupported(layer)  # it would read beyond the last number of another one's output
        packed = packing.fully_connected(weight, f"{layer.name}.weight")
        weights = self.packer.add(
            f"{layer.name}.weight", packed, "half4", ("input slice", "output"), weight.size
        )
        known = N if "bias" in layer.params else 0
        biases = self.packer.add(
            f"{layer.name}.bias", np.asarray(bias, np.float32), "float", ("output",), known
        )
        size = inline(
            "FullyConnectedParams", [("inSlices", "uint", slices_of(M)), ("outputs", "uint", N)]
        )
        bound: dict[int, Bound] = {
            0: layer.inputs[0],
            1: layer.name,
            2: size,
            3: weights,
            4: biases,
        }
        self.emit_vector(layer, "fully_connected", N, {}, bound)

    def emit(
        self, end: Layer, kernel: str, inputs: tuple[str, ...], buffers: dict[int, Packed | Inline]
    ) -> None:
        """A dispatch over the texture that a layer makes: a thread a pixel (or four) and slice."""
        output = self.textures[end.name]
        across = -(-output.width // 4) if kernel == "pointwise4" else output.width
        grid = (across, output.height, output.slices)
        textures = dict(enumerate((*inputs, end.name)))
        self.dispatches.append(
            Dispatch(end.name, kernel, grid, threadgroup_for(grid), textures, buffers)
        )

    def emit_vector(
        self,
        layer: Layer,
        kernel: str,
        threads: int,
        textures: dict[int, str],
        buffers: dict[int, Bound],
        *,
        threadgroup: int = 64,
        scratch: Mapping[int, int] | None = None,
    ) -> None:
        """A dispatch with a thread for each number, or four, of a vector."""
        grid, group = (threads, 1, 1), (threadgroup, 1, 1)
        self.dispatches.append(
            Dispatch(layer.name, kernel, grid, group, textures, buffers, scratch or {})
        )

    def preprocess(self, recipe: str) -> None:
        """The picture's texture, and the dispatch that makes the network's input of it."""
        ((name, (H, W, M)),) = self.network.inputs.items()
        if M != 3 or PIXELS in self.shapes:
            raise ValueError(f"preprocessing: {recipe!r}, but {self.network.name} takes no picture")
        self.textures[PIXELS] = Texture(PIXELS, W, H, 1, M, "2d", "rgba8Unorm")
        grid, textures = (W, H, 1), {0: PIXELS, 1: name}
        bound: dict[int, Bound] = {0: parameters_of(recipe)}
        self.dispatches.append(
            Dispatch(name, "preprocess", grid, threadgroup_for(grid), textures, bound)
        )


def threadgroup_for(grid: Size) -> Size:
    """Powers of two near a map's sides, 128 threads at most: small maps fill them with slices.

    >>> threadgroup_for((112, 112, 8)), threadgroup_for((7, 7, 256))
    ((16, 8, 1), (8, 8, 2))
    """
    x = min(16, 1 << (grid[0] - 1).bit_length())
    y = min(THREADS // x, 8, 1 << (grid[1] - 1).bit_length())
    z = min(THREADS // (x * y), 1 << (grid[2] - 1).bit_length())
    return x, y, z
