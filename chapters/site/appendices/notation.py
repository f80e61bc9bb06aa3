"""The letters of the book, and how the same things are called and stored elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from chapters.site.appendices.chapter import Chapter, chapter_links

GLOSSARY = Path(__file__).parent.parent / "glossary.md"

# Axes of an array, by framework; letters as in the book, m for the multiplier and g for groups.
# A test reads them back from the files that refnet exports.
LAYOUTS = {
    "A map": ("B, H, W, M", "B, M, H, W", "B, H, W, M"),
    "Standard kernel": ("D_K, D_K, M, N", "N, M, D_K, D_K", "N, D_K, D_K, M"),
    "Depthwise kernel": ("D_K, D_K, M, m", "M m, 1, D_K, D_K", "1, D_K, D_K, M m"),
    "Pointwise kernel": ("1, 1, M, N", "N, M, 1, 1", "N, 1, 1, M"),
    "Classifier": ("M, N", "N, M", "N, M"),
}
# What an argument is called; "" where there is none. A test asks the frameworks' signatures.
NAMES = {
    "$D_K$": ("kernel_size", "kernel_size"),
    "$M$": ("in_channels", ""),
    "$N$": ("out_channels", "filters"),
    "stride": ("stride", "strides"),
    "padding": ("padding", "padding"),
    "dilation": ("dilation", "dilation_rate"),
    "groups": ("groups", "groups"),
    "multiplier": ("", "depth_multiplier"),
}
PAGE = r"""# Notation

The letters that formulas and code share, the axes of every array, and what other libraries call
the same things. The [glossary](../glossary.md) has the words.

## Letters

{letters}

## In formulas

| Sign | Meaning |
|---|---|
| $F$, $G$, $K$ | The map that goes in, the map that comes out, the kernel. |
| $\hat K$, $\hat G$ | The same of a depthwise convolution: a kernel with one index fewer. |
| $k$, $l$ | Row and column of an output. |
| $i$, $j$ | Row and column of a tap in its window. |
| $m$, $n$ | An input channel, an output channel. |

Rows, columns and channels are counted from 0. The first paper counts them from 1; hence the
$k + i - 1$ of its equations, where this book has $k + i$.

## Axes

refnet stores arrays as TensorFlow does. Other files are turned when they are read or written, and
nowhere else.

{layouts}

$m$ is the multiplier: how many filters a channel has. With $g$ groups, the standard kernel has
$M / g$ in place of $M$.

## The same by other names

| Here | PyTorch's `Conv2d` | Keras' layers |
|---|---|---|
{names}

PyTorch has no depthwise layer: it is `Conv2d` with `groups` equal to $M$, and its multiplier is
`out_channels` over `groups`. Keras takes $M$ from the map. Its "same" is TensorFlow's; PyTorch's
`padding=1` is what this book calls symmetric.
"""


def page(chapters: Sequence[Chapter]) -> str:
    """The page; the letters are the glossary's, each with its chapter (0 only lists them)."""
    rows = ["| Letter | Meaning | At work from |", "|---|---|---|"]
    for letter, meaning in letters():
        first = next((c for c in chapters if c.number and _uses(c, letter)), None)
        rows.append(f"| {letter} | {meaning} | {chapter_links([first]) if first else ''} |")
    layouts = [
        "| Array | refnet, TensorFlow | PyTorch, Caffe, ONNX | `.tflite` |",
        "|---|---|---|---|",
    ]
    layouts += [f"| {what} | {_tuples(orders)} |" for what, orders in LAYOUTS.items()]
    names = [
        f"| {here} | {' | '.join(f'`{n}`' if n else '' for n in there)} |"
        for here, there in NAMES.items()
    ]
    text = PAGE.replace("{letters}", "\n".join(rows))
    return text.replace("{layouts}", "\n".join(layouts)).replace("{names}", "\n".join(names))


def letters() -> list[tuple[str, str]]:
    """The glossary's letters and what they mean.

    >>> letters()[0]
    ('$B$', 'How many pictures an array holds: its first axis.')
    """
    table = GLOSSARY.read_text("utf-8").partition("## Letters")[2].partition("\n## ")[0]
    return re.findall(r"^\| (\$.+?) \| (.+) \|$", table, re.M)


def _uses(chapter: Chapter, letter: str) -> bool:
    """Whether the first of these letters stands in the chapter's mathematics, or in its code."""
    sign = letter.split(",")[0].strip("$ ")
    alone = re.compile(rf"(?<![A-Za-z_\\]){re.escape(sign)}(?![A-Za-z_])")
    mathematics = " ".join(re.findall(r"\$([^$]+)\$", chapter.prose))
    return bool(alone.search(mathematics) or alone.search(chapter.code))


def _tuples(orders: Sequence[str]) -> str:
    return " | ".join(f"$({order})$".replace(" m", r" \, m") for order in orders)
