"""Where a backend was judged: what a person needs to see the same thing again.

>>> list(environment())
['refnet', 'Python', 'NumPy', 'BLAS', 'platform']
"""

from __future__ import annotations

import platform
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version

import numpy as np

import refnet

# Backends whose engine is imported under another name than their own.
ENGINES = {"onnx_reference": "onnx", "litert": "ai_edge_litert", "opencv": "cv2", "ops": "numpy"}


def environment(backend: str = "") -> dict[str, str]:
    """Versions and platform, as text; with a backend's name its engine's as well.

    >>> environment("ops")["engine"] == f"numpy {np.__version__}"
    True

    Names neither the machine nor its user: the answer can be shown to anyone.
    """
    said = {
        "refnet": refnet.__version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "NumPy": np.__version__,
        "BLAS": blas(),
        "platform": platform.platform(),
    }
    engine = _engine(backend)
    return said | ({"engine": engine} if engine else {})


def blas() -> str:
    """What multiplies NumPy's matrices: as loaded, or without threadpoolctl as NumPy was built."""
    try:
        loaded = import_module("threadpoolctl").threadpool_info()
    except ImportError:
        built = np.show_config(mode="dicts")
        known = built["Build Dependencies"]["blas"] if isinstance(built, dict) else {}
        return f"{known.get('name', 'unknown')} {known.get('version', '')}".strip()
    told = {
        " ".join(
            str(part)
            for part in (
                library["internal_api"],
                library["version"],
                library.get("architecture"),
                f"({library['num_threads']} threads)",
            )
            if part
        )
        for library in loaded
        if library["user_api"] == "blas"
    }
    return ", ".join(sorted(told)) or "none"


_distributions = cache(packages_distributions)  # every installed file is looked at: a second


def _engine(backend: str) -> str:
    """The distribution, with its version, that a backend's module comes from; "" for none."""
    module = ENGINES.get(backend, backend).partition(":")[0].partition(".")[0]
    found = []
    for name in sorted(set(_distributions().get(module, []))) if backend else ():
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
