"""A check in a notebook's cell: what is shown, and that a loop without an end can be ended."""

from __future__ import annotations

import pytest

CELLS = [
    "from refnet.exercises import check",
    "def same_padding(D_F, D_K, stride):\n    return D_K // 2, D_K // 2\n\n"
    'check("4.2", same_padding)',
    'def same_padding(D_F, D_K, stride):\n    while True:\n        pass\n\n'
    'check("4.2", same_padding, limit=0.1)',
    "def same_padding(D_F, D_K, stride):\n    return D_F / 0\n\n"
    'print(check("4.2", same_padding))',
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Jupyter's own
def test_a_verdict_is_shown_as_html_and_as_text():
    nbclient = pytest.importorskip("nbclient", reason="runs a notebook")
    nbformat = pytest.importorskip("nbformat", reason="makes a notebook")
    pytest.importorskip("ipykernel", reason="is the notebook's Python")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    wrong, endless, raising = (cell.outputs[0] for cell in book.cells[1:])
    assert "this layer needs (0, 1)." in wrong.data["text/html"]
    assert "this layer needs (0, 1)." in wrong.data["text/plain"]
    assert "timed out. It had not ended after 0.1 s." in endless.data["text/plain"]
    assert "in `return D_F / 0`." in raising.text
