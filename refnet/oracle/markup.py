"""What a page of HTML and a file of XML have in common: escaped text, and closed elements.

>>> element("p", escaped("a < b"), class_="note")
'<p class="note">a &lt; b</p>'
"""

from __future__ import annotations

import html
import math
import re

# What XML 1.0 (section 2.2) has no way to hold, and what it and HTML advise against: control
# characters, halves of surrogate pairs, non-characters. A backend's message may hold any of them.
_UNSAYABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def escaped(text: object) -> str:
    """Text as it stands in an element or in an attribute, whatever it holds.

    >>> escaped('<script>"\\x00"')
    '&lt;script&gt;&quot;\ufffd&quot;'
    """
    return html.escape(_UNSAYABLE.sub("\ufffd", str(text)))


def element(name: str, /, *inside: str, **attributes: object) -> str:
    """An element around markup; attributes are escaped, what is inside must be already.

    >>> element("td", "1", class_="wrong", data_layer="stem", hidden=None)
    '<td class="wrong" data-layer="stem">1</td>'

    In an attribute's name the underscore stands for a hyphen, and a last one, which keeps Python's
    own words apart, for nothing. One that is None is left out.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{said}>{''.join(inside)}</{name}>"


def number(value: float) -> str:
    """Three digits; a dash for what is not known.

    >>> number(0.12345), number(float("inf")), number(float("nan"))
    ('0.123', '∞', '–')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.3g}"
