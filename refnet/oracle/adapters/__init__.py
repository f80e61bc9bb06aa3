"""Other people's engines as Backends: found by name, imported only when asked for.

>>> find("ops").arithmetic.storage
'float32'
>>> find("abacus")
Traceback (most recent call last):
...
ValueError: backend: 'abacus', expected one of engine, ops, onnxruntime, onnx_reference, litert,
opencv, openvino, torch, metal, or MODULE:OBJECT

A package of your own makes a backend known by an entry point in the group "refnet.backends"; for
one in a file that Python can import, "module:object" will do.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from refnet.backend import Arithmetic, Backend
from refnet.errors import one_line

GROUP = "refnet.backends"

# Name: the class in the module of that name.
CLASSES = {
    "engine": "Engine",
    "ops": "Ops",
    "onnxruntime": "OnnxRuntime",
    "onnx_reference": "OnnxReference",
    "litert": "LiteRT",
    "opencv": "OpenCV",
    "openvino": "OpenVINO",
    "torch": "Torch",
    "metal": "Metal",
}


def find(name: str) -> Backend:
    """The backend of a name, of an entry point, or of "module:object", made ready with defaults.

    A class, or any callable that is no backend itself, is called without arguments.
    Raises ValueError, in one line, for an unknown name, for an engine that is not installed (and
    says what to install), and for an object that is no Backend.
    """
    if name in CLASSES:
        module = import_module(f"{__name__}.{name}")
        backend: Backend = getattr(module, CLASSES[name])()
        return backend
    added = {point.name: point for point in entry_points(group=GROUP)}
    if name in added:
        try:
            loaded = added[name].load()
        except Exception as problem:
            raise ValueError(f"backend: {name!r}: {one_line(problem)}") from None
        return _checked(loaded, name)
    if ":" in name:
        return _checked(_object(name), name)
    known = ", ".join([*CLASSES, *sorted(set(added) - set(CLASSES))])
    raise ValueError(f"backend: {name!r}, expected one of {known}, or MODULE:OBJECT")


def _object(name: str) -> Any:
    module, _, path = name.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)  # the console command, unlike `python -m`, leaves it out
    try:
        found: Any = import_module(module)
    except Exception as problem:  # whatever a stranger's module may raise
        raise ValueError(f"backend: {name!r}: {one_line(problem)}") from None
    for part in path.split("."):
        if not hasattr(found, part):
            raise ValueError(f"backend: {name!r}: {module} has no {path!r}")
        found = getattr(found, part)
    return found


def _checked(found: Any, name: str) -> Backend:
    if isinstance(found, type) or (callable(found) and not isinstance(found, Backend)):
        try:
            found = found()  # isinstance looks at names only, and a class has them all
        except Exception as problem:
            raise ValueError(f"backend: {name!r}: made without arguments, {problem}") from None
    if isinstance(found, Backend):
        declared: Any = found.arithmetic
        if not isinstance(declared, Arithmetic):
            said = type(declared).__name__
            raise ValueError(f"backend: {name!r}: arithmetic is a {said}, expected an Arithmetic")
        return found
    raise ValueError(
        f"backend: {name!r} is a {type(found).__name__} without arithmetic and prepare()"
    )
