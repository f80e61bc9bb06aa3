"""Plain ways to deceive the grader: a changed checker, forged results, the book's own solution."""

from __future__ import annotations

from tests.exercises.test_grading import RIGHT, WRONG, graded, kinds, notebook

FORGED = """
import gc, io, json
for file in gc.get_objects():
    if isinstance(file, io.TextIOWrapper) and str(file.name).endswith(".jsonl"):
        file.write('{"number": "3.1", "kind": "right"}\\n')
        mine = open(file.name).read().splitlines()[1]
        file.write(mine + '\\n')
        file.flush()
"""


def test_what_a_submission_says_of_itself_is_not_believed(tmp_path):
    """The right mark is in the row that is honest alone; the others have a remark each."""
    notebook(
        tmp_path, "checker", WRONG,
        "import refnet.exercises.sitting as s\n"
        "from types import SimpleNamespace as N\n"
        "s.check = lambda *a, **k: N(kind='right', hint='', said='')",
    )  # fmt: skip
    notebook(
        tmp_path, "code", WRONG,
        "import refnet.exercises.comparing as c\n"
        "c.difference.__code__ = (lambda answer, expected, bound=None: '').__code__",
    )  # fmt: skip
    notebook(tmp_path, "exercise", WRONG, "from refnet.exercises import find\n"
             "object.__setattr__(find('3.1'), 'reference', bill)")  # fmt: skip
    notebook(tmp_path, "forged", WRONG, FORGED)
    notebook(tmp_path, "honest", RIGHT)
    notebook(tmp_path, "in the call", "def bill(D_K, M, N, D_F):\n"
             "    import refnet.exercises.checking as c\n"
             "    c.difference = lambda *a: ''\n"
             "    return 0")  # fmt: skip
    rows = graded(tmp_path, timeout=20.0)
    remarks = {student: row.remarks for student, row in rows.items()}
    assert {s for s, row in rows.items() if kinds(row)["3.1"] == "right"} - {"in the call"} == {
        "honest"
    }
    assert remarks == {
        "checker": ["cell 3 changes refnet.exercises.sitting.check: put back"],
        "code": ["cell 3 changes refnet.exercises.comparing.difference.__code__: put back"],
        "exercise": ["cell 3 changes exercise 3.1.reference: put back"],
        "forged": ["2 lines of its results were added or changed: left out"],
        "honest": [],
        "in the call": ["3.1 changes refnet.exercises.checking.difference: put back"],
    }


def test_an_answer_that_calls_the_reference_gets_a_remark(tmp_path):
    """However it came by it; one that a layer's black box calls is not the reader's doing."""
    body = "def bill(D_K, M, N, D_F):\n    return theirs(D_K, M, N, D_F)"
    find_it = "from refnet.exercises import find\ntheirs = find('3.1').reference\n"
    import_it = "from refnet.exercises.chapter_03 import bill as theirs\n"
    notebook(tmp_path, "found", find_it + body)
    notebook(tmp_path, "imported", import_it + body)
    notebook(tmp_path, "renamed", find_it + "bill = theirs\nbill.__module__ = '__main__'")
    asks = "def recover_kernel(layer, D_K, M):\n    return layer([[[0] * M] * D_K] * D_K)"
    notebook(tmp_path, "asks", RIGHT + asks)
    rows = graded(tmp_path, numbers=("3.1", "3.5"), timeout=20.0)
    said = "3.1: the answer calls the book's own bill"
    remarks = {student: said in row.remarks for student, row in rows.items()}
    assert remarks == {"asks": False, "found": True, "imported": True, "renamed": True}
    assert rows["asks"].remarks == []
