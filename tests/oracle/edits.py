"""Mistakes planted in exported ONNX graphs, with onnx's own tools; no diagnosis has a part in it.

An edit changes a model in place. What it puts in is ONNX's own operators around a layer, another
attribute, or an initializer changed by plain NumPy, all in ONNX's order of axes (NCHW, OIHW).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from refnet.backend import Arithmetic
from refnet.export.onnx import to_onnx

Array = np.ndarray
Edit = Callable[[onnx.ModelProto], None]


class Planted:
    """ONNX Runtime on an edited graph, unoptimised so that the mistake stays where it is put."""

    arithmetic = Arithmetic()

    def __init__(self, *edits: Edit) -> None:
        self.edits = edits

    def prepare(self, network, tensors, batch=1):
        model = to_onnx(network, tensors, batch=batch)
        for edit in self.edits:
            edit(model)
        for said in model.graph.output:  # an edit may change a shape: let the engine find it
            said.type.tensor_type.ClearField("shape")
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

        def runner(inputs: Mapping[str, Array]) -> dict[str, Array]:
            fed = {k: a.transpose(0, 3, 1, 2) if a.ndim == 4 else a for k, a in inputs.items()}
            fed = {k: np.ascontiguousarray(a) for k, a in fed.items()}
            found = session.run(list(network.outputs), fed)
            turned = (a.transpose(0, 2, 3, 1) if a.ndim == 4 else a for a in found)
            return dict(zip(network.outputs, turned, strict=True))

        return runner


@dataclass
class Step:
    """One node to put in: its constants follow the tensor that it reads, then `also`."""

    op: str
    constants: tuple[Any, ...] = ()
    also: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


def step(op: str, *constants: Any, also: tuple[str, ...] = (), **attributes: Any) -> Step:
    return Step(op, constants, also, attributes)


def node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(n for n in model.graph.node if n.name == name)


def attribute(model: onnx.ModelProto, name: str, key: str) -> onnx.AttributeProto:
    return next(a for a in node(model, name).attribute if a.name == key)


def held(model: onnx.ModelProto, tensor: str) -> Array:
    found = next(t for t in model.graph.initializer if t.name == tensor)
    return numpy_helper.to_array(found).copy()


COUNT = itertools.count()


def fresh() -> str:
    """A name that no tensor has."""
    return f"planted{next(COUNT)}"


def constant(model: onnx.ModelProto, values: Any) -> str:
    array = np.asarray(values)
    array = array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int64)
    name = fresh()
    model.graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def chain(model: onnx.ModelProto, at: int, source: str, target: str, steps: tuple) -> None:
    """Nodes that lead from one tensor to another, put in at a place of the graph."""
    for n, one in enumerate(steps):
        made = target if n == len(steps) - 1 else fresh()
        inputs = [source, *(constant(model, c) for c in one.constants), *one.also]
        new = helper.make_node(one.op, inputs, [made], **one.attributes)
        model.graph.node.insert(at + n, new)
        source = made


def after(tensor: str, *steps: Step) -> Edit:
    """Steps between a tensor's maker and all who read it."""

    def edit(model: onnx.ModelProto) -> None:
        at = next(k for k, n in enumerate(model.graph.node) if tensor in n.output)
        maker = model.graph.node[at]
        before = fresh()
        maker.output[list(maker.output).index(tensor)] = before
        chain(model, at + 1, before, tensor, steps)

    return edit


def before(name: str, *steps: Step, slot: int = 0) -> Edit:
    """Steps between a node and one of its inputs, for this node alone."""

    def edit(model: onnx.ModelProto) -> None:
        target = node(model, name)
        at = list(model.graph.node).index(target)
        source, target.input[slot] = target.input[slot], fresh()
        chain(model, at, source, target.input[slot], steps)

    return edit


def change(tensor: str, function: Callable[[Array], Array]) -> Edit:
    """An initializer replaced by a function of itself."""

    def edit(model: onnx.ModelProto) -> None:
        values = np.ascontiguousarray(function(held(model, tensor)), np.float32)
        target = next(t for t in model.graph.initializer if t.name == tensor)
        target.CopyFrom(numpy_helper.from_array(values, tensor))

    return edit


def operator(name: str, op: str, *constants: float, inputs: tuple[int, ...] = (0,)) -> Edit:
    """Another operator in a node's place, on some of its inputs."""

    def edit(model: onnx.ModelProto) -> None:
        target = node(model, name)
        kept = [target.input[n] for n in inputs]
        extra = [constant(model, np.float32(c)) for c in constants]
        target.op_type = op
        del target.input[:], target.attribute[:]
        target.input.extend(kept + extra)

    return edit


def padded(name: str, top: int, bottom: int, left: int, right: int) -> Edit:
    """Padding by a node of its own before the layer, which may also crop."""

    def edit(model: onnx.ModelProto) -> None:
        attribute(model, name, "pads").ints[:] = [0, 0, 0, 0]
        sides = np.array([0, 0, top, left, 0, 0, bottom, right])
        before(name, step("Pad", sides, np.float32(0)))(model)

    return edit


def pads(name: str, top: int, bottom: int, left: int, right: int) -> Edit:
    """Another `pads` attribute."""

    def edit(model: onnx.ModelProto) -> None:
        attribute(model, name, "pads").ints[:] = [top, left, bottom, right]

    return edit


def attributes(name: str, **values: Any) -> Edit:
    """Other attributes of a node, whether it had them or not."""

    def edit(model: onnx.ModelProto) -> None:
        target = node(model, name)
        kept = [a for a in target.attribute if a.name not in values]
        del target.attribute[:]
        made = (helper.make_attribute(key, value) for key, value in values.items())
        target.attribute.extend([*kept, *made])

    return edit


def reordered(name: str, *order: int) -> Edit:
    """A node's inputs in another order, or some of them more than once."""

    def edit(model: onnx.ModelProto) -> None:
        target = node(model, name)
        inputs = list(target.input)
        target.input[:] = [inputs[k] for k in order]

    return edit


def epsilon(name: str, value: float) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        attribute(model, name, "epsilon").f = value

    return edit


def gather(indices: Any, axis: int = 1) -> Step:
    return step("Gather", np.asarray(indices), axis=axis)


def reverse(axis: int) -> Step:
    """Slice from the last element back to the first."""
    return step("Slice", np.array([-1]), np.array([-(2**31)]), np.array([axis]), np.array([-1]))


def transpose(*axes: int) -> Step:
    return step("Transpose", perm=axes)


def reshape(*shape: int) -> Step:
    return step("Reshape", np.array(shape))


def rounded(bits: int) -> Callable[[Array], Array]:
    """To a number of significant bits, to nearest even, by way of frexp."""

    def function(a: Array) -> Array:
        mantissa, exponent = np.frexp(a.astype(np.float64))
        return np.ldexp(np.round(mantissa * 2.0**bits) / 2.0**bits, exponent)

    return function


def split(bits: int) -> Callable[[str], Edit]:
    """A layer's input rounded to `bits` bits in float32 alone, after Veltkamp.

    c = (2^s + 1) x; x - c, then c + (x - c): what is left has 24 - s bits.
    """

    def rounding(name: str) -> Edit:
        def edit(model: onnx.ModelProto) -> None:
            target = node(model, name)
            at = list(model.graph.node).index(target)
            x = target.input[0]
            factor = constant(model, np.float32(2.0 ** (24 - bits) + 1))
            many, less, high = (f"{name}!{part}" for part in ("many", "less", "high"))
            for n, (op, inputs, made) in enumerate((
                ("Mul", [x, factor], many), ("Sub", [x, many], less), ("Add", [many, less], high),
            )):  # fmt: skip
                model.graph.node.insert(at + n, helper.make_node(op, inputs, [made]))
            target.input[0] = high

        return edit

    return rounding


def cast(to: int) -> tuple[Step, Step]:
    """Through a narrow format and back."""
    return step("Cast", to=to), step("Cast", to=onnx.TensorProto.FLOAT)


def partial_sums(name: str, parts: int, to: int) -> Edit:
    """A convolution as partial sums over its channels, each written down in a narrow format."""

    def edit(model: onnx.ModelProto) -> None:
        target = node(model, name)
        x, weight, *bias = target.input
        w = held(model, weight)
        at = list(model.graph.node).index(target)
        model.graph.node.remove(target)
        pieces = np.array_split(w, parts, axis=1)
        sizes = constant(model, np.array([piece.shape[1] for piece in pieces]))
        made = [helper.make_node("Split", [x, sizes], [f"{name}!x{n}" for n in range(parts)],
                                 axis=1)]  # fmt: skip
        total = ""
        for n, piece in enumerate(pieces):
            part, wide = f"{name}!y{n}", f"{name}!s{n}"
            kernel = constant(model, piece)
            made.append(helper.make_node("Conv", [f"{name}!x{n}", kernel], [part]))
            made.append(
                helper.make_node("Add", [total, part], [wide]) if n
                else helper.make_node("Identity", [part], [wide])
            )  # fmt: skip
            total, narrow = f"{name}!t{n}", f"{name}!h{n}"
            made.append(helper.make_node("Cast", [wide], [narrow], to=to))
            made.append(helper.make_node("Cast", [narrow], [total], to=onnx.TensorProto.FLOAT))
        if bias:
            shaped = constant(model, held(model, bias[0]).reshape(1, -1, 1, 1))
            made.append(helper.make_node("Add", [total, shaped], [name], name=name))
        else:
            made.append(helper.make_node("Identity", [total], [name], name=name))
        for offset, new in enumerate(made):
            model.graph.node.insert(at + offset, new)

    return edit


def lost(*at: Any) -> Callable[[Array], Array]:
    """Part of a kernel (OIHW) is 0."""

    def function(w: Array) -> Array:
        w[at] = 0
        return w

    return function
