"""From a Figure to the bytes of its SVG: the same bytes each time, and no more than needed.

matplotlib writes the picture; what it lacks is added here: who made the file, the words for a
reader who does not see it, mathematics as text, and a lighter INK on a page that says it is dark.
"""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from figures import load
from figures.notation import letters, runs
from figures.style import INK, INK_ON_DARK, settings

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
DARK = "@media (prefers-color-scheme: dark) {" + "".join(
    f' [style*="{what}: {INK}"] {{ {what}: {INK_ON_DARK} !important }}'
    for what in ("fill", "stroke")
) + " }"  # fmt: skip


def written(name: str, **parameters: Any) -> bytes:
    """The SVG of one figure, whole.

    >>> written("relu6").decode().splitlines()[0]
    '<!-- Made by `python -m figures.make relu6` (figures/relu6.py) with matplotlib ... -->'
    """
    module = load(name)
    with settings():
        figure = module.draw(**parameters)
        source, mathematics = _from_matplotlib(figure)
    made_by = (
        f"<!-- Made by `python -m figures.make {name}` (figures/{name}.py) "
        f"with matplotlib {matplotlib.__version__} -->"
    )
    root = ElementTree.fromstring(source)
    formulas = _formulas(root, mathematics)
    _tidy(root)
    _name(root, name, module.ALT)
    ElementTree.indent(root, " ")
    for element, words in formulas:  # last: between these pieces no space may come
        _set(element, words)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    body = ElementTree.tostring(root, encoding="unicode")
    return f"{made_by}\n{body}\n".encode()


def _from_matplotlib(figure: Figure) -> tuple[str, dict[str, str]]:
    """The figure as matplotlib writes it, and the mathematics by the id of what stands for it."""
    mathematics = {}
    for number, text in enumerate(figure.findobj(Text)):
        words = text.get_text()
        if words.count("$") >= 2:
            mathematics[f"mathematics{number}"] = words
            text.set(text=letters(words), parse_math=False, gid=f"mathematics{number}")
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing)
    return file.getvalue(), mathematics


def _name(root: Element, name: str, alt: str) -> None:
    """The alternative text, tied to the picture, and the rule for dark pages."""
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-alt")
    described = Element(f"{{{SVG}}}desc", {"id": f"{name}-alt"})
    described.text = alt
    root.insert(0, described)
    rules = root.find(f".//{{{SVG}}}style")
    assert rules is not None
    rules.text = f"{rules.text} {DARK}"


def _formulas(root: Element, mathematics: dict[str, str]) -> list[tuple[Element, str]]:
    """The text elements that mathematics belongs into."""
    found = []
    for group in root.iter(f"{{{SVG}}}g"):
        if words := mathematics.get(group.get("id", "")):
            element = group.find(f"{{{SVG}}}text")
            assert element is not None
            found.append((element, words))
    return found


def _set(element: Element, words: str) -> None:
    """The words as runs, with italics and with pieces below and above the line."""
    element.text, shifted = None, 0.0
    size = float(re.findall(r"font-size: ([\d.]+)", element.get("style", ""))[0])
    for kind, text in runs(words):
        wanted = {"below": 0.2 * size, "above": -0.38 * size}.get(kind, 0.0)
        attributes = {}
        if wanted != shifted:
            attributes["dy"] = f"{wanted - shifted:.2f}"
        if kind == "variable":
            attributes["font-style"] = "italic"
        elif kind:
            attributes["font-size"] = f"{0.74 * size:.2f}px"
        ElementTree.SubElement(element, f"{{{SVG}}}tspan", attributes).text = text
        shifted = wanted


def _tidy(root: Element) -> None:
    """Without ids that nothing refers to, groups that say nothing, and what all words share."""
    used = set(re.findall(r"#([\w-]+)", ElementTree.tostring(root, encoding="unicode")))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        if "transform" in element.attrib and element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        if element.tag == f"{{{SVG}}}text":
            said = element.get("style", "")
            families = re.findall(r"font-family: ([^;]*); ", said)
            root.set("font-family", families[0])
            element.set("style", said.replace(f"font-family: {families[0]}; ", ""))
    _unwrap(root)


def _unwrap(parent: Element) -> None:
    """Groups without attributes give way to what is in them, in the same order."""
    children: list[Element] = []
    for child in parent:
        _unwrap(child)
        plain = child.tag == f"{{{SVG}}}g" and not child.attrib
        children += list(child) if plain else [child]
    parent[:] = children
