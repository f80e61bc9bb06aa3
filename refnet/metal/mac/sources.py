"""Several .metal files as the one text that Metal's compiler takes at run time.

newLibraryWithSource:options:error: takes a string, and has no search path to find a header in
(Apple, makeLibrary(source:options:)): each #include "..." is replaced by the file's text. The
system's <metal_stdlib> stays. #line lets an error name the file and line that a person can open.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refnet.metal.cpu.source import read
from refnet.metal.device import MetalError


def joined(paths: Sequence[Path]) -> str:
    """All files, one after the other.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, two = Path(folder, "one.metal"), Path(folder, "two.metal")
    ...     _ = one.write_text("kernel void first() {}\\n"), two.write_text("// nothing\\n")
    ...     print(joined([one, two]))
    #line 1 "one.metal"
    kernel void first() {}
    <BLANKLINE>
    #line 1 "two.metal"
    // nothing
    <BLANKLINE>

    What two files define alike, a helper say, belongs in a header: here they are one.
    Raises MetalError for a file that is not there, and for one given twice.
    """
    if not paths:
        raise MetalError("paths: no .metal file")
    texts: dict[Path, str] = {}
    for path in map(Path, paths):
        if path.resolve() in texts:
            raise MetalError(f"paths: {path} is there twice")
        texts[path.resolve()] = f'#line 1 "{path.name}"\n{read(path).text}'
    return "\n".join(texts.values())
