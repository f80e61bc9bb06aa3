"""One chapter from its text, executed: the same bytes on the same versions.

What would differ between two runs is fixed or dropped: the ids of cells, times, the split of
printed text into messages, the settings of the person who runs it. A kernel of this very Python
is started for the chapter alone, in an empty folder for its own files, without a network port.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jupytext
import matplotlib
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
SECONDS = 10  # of processor time that a chapter may take
PATIENCE = 6  # how many times that a cell may wait, on a machine that has other work
VOLATILE = "volatile"
FAILS = "raises-exception"  # the tag of a cell that shows an error

# Runs first in the chapter's kernel. Processor time, and not the clock's, so that a busy machine
# does not make a chapter fail; where there is no such limit (Windows), PATIENCE alone holds.
_BUDGET = """
def _budget(seconds):
    try:
        import resource, signal
    except ImportError:
        return
    def stop(*_):
        raise TimeoutError(f"the chapter has used its {{seconds}} seconds of processor time")
    signal.signal(signal.SIGXCPU, stop)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
_budget({seconds})
del _budget
"""


class ChapterError(Exception):
    """A chapter that does not run; the message names it, the cell and the error's last line."""


def read(source: Path) -> NotebookNode:
    """The chapter as a notebook without outputs; cell ids are hashes of what the cells say."""
    notebook = jupytext.reads(source.read_text("utf-8"), fmt="md:myst")
    description = notebook.metadata.get("description") or _first_sentence(notebook)
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        said = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[said] = seen.get(said, 0) + 1
        cell.id = said if seen[said] == 1 else f"{said}-{seen[said]}"
        cell.metadata = {"tags": list(cell.metadata.tags)} if cell.metadata.get("tags") else {}
    notebook.metadata = {
        "description": description,
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "pictures": drawn_by(),
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _first_sentence(notebook: NotebookNode) -> str:
    """Of the text under the title."""
    paragraphs = [p for cell in notebook.cells for p in cell.source.split("\n\n")]
    said = next((p for p in paragraphs if p and not p.startswith(("#", "```"))), "")
    return re.split(r"(?<=[.?!]) ", " ".join(said.split()))[0]


def drawn_by() -> str:
    """What decides the pixels of a picture."""
    return f"matplotlib {version('matplotlib')} on {platform.machine()}"


def execute(source: Path, seconds: int = SECONDS) -> NotebookNode:
    """The chapter with its outputs; ChapterError where a cell fails, or prints to stderr."""
    notebook = read(source)
    with tempfile.TemporaryDirectory(prefix="refnet") as own:
        client = NotebookClient(
            notebook, timeout=PATIENCE * seconds, record_timing=False, coalesce_streams=True
        )
        client.km = _kernel(own)
        with client.setup_kernel(cwd=str(source.parent), env=_environment(own), cleanup_kc=True):
            client.kc.execute(_BUDGET.format(seconds=seconds), silent=True)  # type: ignore[union-attr]
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type == "code":
                    _run(client, cell, index, source.stem)
                    cell.outputs = [_settled(output) for output in cell.outputs]
    return notebook


def _kernel(own: str) -> AsyncKernelManager:
    """A kernel of this Python, whatever kernels its user has installed."""
    manager = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
    )
    manager.connection_file = os.path.join(own, "kernel.json")
    if sys.platform != "win32":  # files in place of ports: chapters run side by side
        manager.transport, manager.ip = "ipc", os.path.join(own, "k")
    return manager


def _environment(own: str) -> dict[str, str]:
    """The user's environment, less what could change an output."""
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    return os.environ | {
        "PYTHONPATH": path,
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "default",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "IPYTHONDIR": own,
        "MATPLOTLIBRC": str(Path(matplotlib.get_data_path()) / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _run(client: NotebookClient, cell: NotebookNode, index: int, chapter: str) -> None:
    number = client.code_cells_executed + 1
    where = f"{chapter}, cell [{number}]"
    try:
        client.execute_cell(cell, index, execution_count=number)
    except CellExecutionError as problem:
        line = _line(problem.traceback)
        said = f"{problem.ename}: {problem.evalue}".strip().splitlines()[-1]
        raise ChapterError(f"{where}: {said}{line}") from None
    except CellTimeoutError:
        raise ChapterError(f"{where}: no answer within {client.timeout} seconds") from None
    except DeadKernelError:
        raise ChapterError(f"{where}: Python died") from None
    for output in cell.outputs:
        if output.get("name") == "stderr":
            raise ChapterError(f"{where}: on stderr: {output.text.strip().splitlines()[-1]}")
        if "image/png" in output.get("data", {}) and not _alt(output):
            raise ChapterError(f"{where}: a picture without words; refnet.reading.show has `alt`")


def _line(traceback: str) -> str:
    """The line that failed, of those of the cell itself."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", traceback)
    marked = re.findall(r"^-+> *\d+ (.*)$", plain, re.M)
    return f"  (in `{marked[0].strip()}`)" if marked else ""


def _alt(output: NotebookNode) -> str:
    return str(output.metadata.get("image/png", {}).get("alt", ""))


def _settled(output: NotebookNode) -> NotebookNode:
    """An output without what is of no use, or of one run only."""
    data: dict[str, Any] = output.get("data", {})
    if any(kind.startswith("image/") or kind == "text/markdown" for kind in data):
        data.pop("text/plain", None)
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
    return output
