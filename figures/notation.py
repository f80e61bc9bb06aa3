"""Mathematics in a label, from matplotlib's notation to text that a browser sets itself.

matplotlib would place every letter of a formula by its own font's widths, which another font
does not have. As one run of text, with italics and shifted pieces in it, it is right in any.
"""

from __future__ import annotations

import re

Run = tuple[str, str]

_SYMBOLS = {
    r" \times ": " × ", r" \cdot ": " · ", r"\times": "×", r"\cdot": "·", r"\alpha": "α",
    r"\beta": "β", r"\gamma": "γ", r"\mu": "μ", r"\sigma": "σ", r"\varepsilon": "ε",
    r"\,": "\u2009", "-": "−", "'": "′",
}  # fmt: skip
_ROOT = re.compile(r"\\sqrt\{([^}]*)\}")
_PIECE = re.compile(
    r"(?P<mark>[_^])(?:\{(?P<braced>[^}]*)\}|(?P<single>\w))"
    r"|(?P<variable>[A-Za-zα-ω])|(?P<other>[^A-Za-zα-ω_^]+)"
)


def runs(words: str) -> list[Run]:
    """Words with `$...$` in them as runs of (kind, text).

    >>> runs(r"$D_K^2 \\times M$ taps")
    [('variable', 'D'), ('below', 'K'), ('above', '2'), ('', ' × '), ('variable', 'M'),
     ('', ' taps')]

    kind: "variable" (in italics), "below", "above", or "" for what stands upright. Known are
    letters, _ and ^, roots, and the signs of _SYMBOLS; ValueError for any other command.
    """
    found: list[Run] = []
    for n, part in enumerate(words.split("$")):
        if n % 2:
            found += _mathematics(part)
        elif part:
            found.append(("", part))
    return found


def letters(words: str) -> str:
    """The same without marks: what the words are wide, about.

    >>> letters(r"$D_K \\times D_K$ taps")
    'DK × DK taps'
    """
    return "".join(text for _, text in runs(words))


def _mathematics(part: str) -> list[Run]:
    for symbol, sign in _SYMBOLS.items():
        part = part.replace(symbol, sign)
    part = _ROOT.sub(r"√(\1)", part)
    if "\\" in part:
        raise ValueError(f"words: {part!r} has a command that the figures' notation does not know")
    found: list[Run] = []
    for piece in _PIECE.finditer(part):
        if piece["mark"]:
            kind = "below" if piece["mark"] == "_" else "above"
            found.append((kind, piece["braced"] or piece["single"]))
        elif piece["variable"]:
            found.append(("variable", piece["variable"]))
        else:
            found.append(("", piece["other"]))
    return found
