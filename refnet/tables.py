"""A Network as the table that its paper prints, read off the layers themselves.

Nothing here knows what MobileNet is supposed to look like: a wrong layer gives a wrong row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from refnet.arguments import Shape, check_pair
from refnet.network import Layer, Network

Row = tuple[str, ...]


def table(network: Network) -> str:
    """The V2 paper's Table 2 for a network of bottleneck blocks, else the V1 paper's Table 1.

    >>> from refnet.models import mobilenet_v1
    >>> print("\\n".join(table(mobilenet_v1(shallow=True)).splitlines()[:4]))
    mobilenet_v1_shallow_1.0_224
    Type / Stride  Filter Shape        Input Size
    Conv / s2      3 x 3 x 3 x 32      224 x 224 x 3
    Conv dw / s1   3 x 3 x 32 dw       112 x 112 x 32
    """
    if any(layer.name.endswith(".project") for layer in network.layers):
        return f"{network.name}\n" + align(block_rows(network))
    return f"{network.name}\n" + align(layer_rows(network))


def layer_rows(network: Network) -> list[Row]:
    """Table 1 of the V1 paper: one row a layer, repeated rows and pairs of rows told once.

    >>> from refnet.models import mobilenet_v1
    >>> layer_rows(mobilenet_v1())[1]
    ('Conv / s2', '3 x 3 x 3 x 32', '224 x 224 x 3')

    Batch norms and activations go without saying, as in the paper. Where branches are joined
    every row stands: two alike may lie side by side, which is no repeat.
    """
    shapes = network.shapes()
    rows = [
        _layer_row(layer, [shapes[name] for name in layer.inputs])
        for layer in network.layers
        if layer.op not in ("batch_norm", "relu", "relu6", "sigmoid")
    ]
    if not any(layer.op == "concat" for layer in network.layers):
        rows = _told_once(rows)
    return [("Type / Stride", "Filter Shape", "Input Size"), *rows]


def block_rows(network: Network) -> list[Row]:
    """Table 2 of the V2 paper: input, operator, t, c, n, s, one row a run of equal blocks.

    >>> from refnet.models import mobilenet_v2
    >>> block_rows(mobilenet_v2())[3]
    ('112^2 x 16', 'bottleneck', '6', '24', '2', '2')
    """
    shapes = network.shapes()
    rows: list[Row] = []
    for block, members in groupby(network.layers, key=lambda layer: layer.name.split(".")[0]):
        layers = {layer.name.removeprefix(f"{block}."): layer for layer in members}
        first = next(iter(layers.values()))
        size = _map_size(shapes[first.inputs[0]])
        if "project" in layers:
            entry = shapes[first.inputs[0]][-1]
            inner = shapes[layers["depthwise"].name][-1]
            c = layers["project"].params["weight"][3]
            t = f"{inner / entry:g}"
            stride = _stride(layers["depthwise"])
            kind = f"bottleneck{_dilation(layers['depthwise'])}"
            previous = rows[-1] if rows else ()
            if previous[1:4] == (kind, t, str(c)) and stride == "1":
                rows[-1] = (*previous[:4], str(int(previous[4]) + 1), previous[5])
            else:
                rows.append((size, kind, t, str(c), "1", stride))
            continue
        for layer in layers.values():  # what is no block: a stem, a detector's or segmenter's head
            if row := _operator(layer, shapes):
                rows.append(row)
    return [("Input", "Operator", "t", "c", "n", "s"), *rows]


def _operator(layer: Layer, shapes: Mapping[str, Shape]) -> Row:
    """One layer in the columns of a bottleneck; an empty row for what goes without saying."""
    x = shapes[layer.inputs[0]]
    size, c = _map_size(x), str(shapes[layer.name][-1])
    match layer.op:
        case "conv2d":
            return size, f"conv2d{_dilation(layer)}", "-", c, "1", _stride(layer)
        case "pointwise_conv2d" | "dense":
            return size, "conv2d 1x1", "-", c, "1", _stride(layer)
        case "depthwise_conv2d":
            return size, f"depthwise{_dilation(layer)}", "-", c, "1", _stride(layer)
        case "global_average_pool" | "average_pool":
            window = check_pair(getattr(layer.attrs, "size", x[1:3]), "size")
            return size, f"avgpool {window[0]}x{window[1]}", "-", "-", "1", "-"
        case "resize_bilinear":
            rows, columns = shapes[layer.name][1:3]
            return size, f"resize to {rows}x{columns}", "-", "-", "1", "-"
        case "concat":
            return size, "concat", "-", c, "1", "-"
    return ()


def align(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, two spaces between them.

    >>> print(align([("layer", "MACs"), ("stem", "10838016")]))
    layer  MACs
    stem   10838016
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _layer_row(layer: Layer, inputs: Sequence[Shape]) -> Row:
    x = inputs[0]
    size = " x ".join(map(str, x[1:] if len(x) == 4 else (1, 1, *x[1:])))
    weight = layer.params.get("weight", ())
    filters = " x ".join(map(str, weight))
    stride = f"s{_stride(layer)}"
    match layer.op:
        case "conv2d" | "pointwise_conv2d":
            return f"Conv / {stride}{_dilation(layer)}", filters, size
        case "depthwise_conv2d":
            multiplier = "" if weight[3] == 1 else f" x {weight[3]}"
            kernel = " x ".join(map(str, weight[:3]))
            return f"Conv dw / {stride}{_dilation(layer)}", f"{kernel}{multiplier} dw", size
        case "global_average_pool":
            return f"Avg Pool / {stride}", f"Pool {x[1]} x {x[2]}", size
        case "average_pool" | "max_pool":
            kind = "Avg" if layer.op == "average_pool" else "Max"
            window = " x ".join(map(str, check_pair(getattr(layer.attrs, "size", 1), "size")))
            return f"{kind} Pool / {stride}", f"Pool {window}", size
        case "resize_bilinear":
            size = " x ".join(map(str, check_pair(getattr(layer.attrs, "size", 1), "size")))
            return "Resize", f"to {size}", f"{x[1]} x {x[2]} x {x[3]}"
        case "concat":
            channels = " + ".join(str(shape[3]) for shape in inputs)
            return f"Concat / {stride}", "-", f"{x[1]} x {x[2]} x ({channels})"
        case "dense":
            return f"FC / {stride}", filters, size
        case "softmax":
            return f"Softmax / {stride}", "Classifier", size
    return f"{layer.op} / {stride}", filters or "-", size


def _told_once(rows: Sequence[Row]) -> list[Row]:
    """A row, or two rows, that repeat at once are told once, with the number of times before."""
    told: list[Row] = []
    at = 0
    while at < len(rows):
        length, repeats = _repeats(rows[at:])
        mark = f"{repeats}x " if repeats > 1 else ""
        for n, row in enumerate(rows[at : at + length]):
            told.append(((mark if n == 0 else " " * len(mark)) + row[0], *row[1:]))
        at += length * repeats
    return told


def _repeats(rows: Sequence[Row]) -> tuple[int, int]:
    """(length, repeats): how many rows at the start repeat, and how often they stand there."""
    for length in (1, 2):
        repeats = 1
        while rows[length * repeats : length * (repeats + 1)] == rows[:length]:
            repeats += 1
        if repeats > 1:
            return length, repeats
    return 1, 1


def _stride(layer: Layer) -> str:
    strides = check_pair(getattr(layer.attrs, "stride", 1), "stride")
    return str(strides[0]) if strides[0] == strides[1] else f"{strides[0]},{strides[1]}"


def _dilation(layer: Layer) -> str:
    """How far apart the taps of a layer's windows are, where they are not side by side."""
    rows, columns = check_pair(getattr(layer.attrs, "dilation", 1), "dilation")
    if (rows, columns) == (1, 1):
        return ""
    return f", dilated {rows}" if rows == columns else f", dilated {rows},{columns}"


def _map_size(x: Shape) -> str:
    if len(x) == 2:
        return f"1 x 1 x {x[1]}"
    return f"{x[1]}^2 x {x[3]}" if x[1] == x[2] else f"{x[1]} x {x[2]} x {x[3]}"


def flush_right(rows: Sequence[Row], first: int = 1) -> list[Row]:
    """The same rows, with every column from `first` on set flush right.

    >>> flush_right([("layer", "MACs"), ("stem", "10838016")])
    [('layer', '    MACs'), ('stem', '10838016')]
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (*row[:first], *(c.rjust(w) for c, w in zip(row[first:], widths[first:], strict=True)))
        for row in rows
    ]
