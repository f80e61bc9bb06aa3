"""What a check says of functions of every kind, right, wrong and hostile."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from refnet.exercises import check, drawing, find

DEPTHWISE = find("5.2").reference
ALWAYS = "Exercise 5.2, A filter for each channel: "


def head(number, function, **said) -> str:
    return str(check(number, function, **said)).splitlines()[0]


def test_right_says_what_was_tried():
    assert head("5.2", DEPTHWISE) == (
        f"{ALWAYS}right. Tried on 4 chosen inputs and 60 drawn ones, "
        "the largest of them x (6, 6, 3), w (3, 3, 3), stride = 2."
    )


def test_wrong_shows_the_smallest_input_and_the_padding_that_is_needed():
    """A map of one column and two rows: nothing smaller tells the two paddings apart."""

    def symmetric(x, w, stride):
        H, W, M = x.shape
        half = len(w) // 2
        y = np.zeros((-(-H // stride), -(-W // stride), M))
        for r, c in np.ndindex(y.shape[:2]):
            for i, j in np.ndindex(w.shape[:2]):
                row, column = r * stride + i - half, c * stride + j - half
                if 0 <= row < H and 0 <= column < W:
                    y[r, c] += x[row, column] * w[i, j]
        return y

    verdict = check("5.2", symmetric)
    assert not verdict.right
    assert sorted(verdict.given["x"].shape) == [1, 1, 2]
    assert verdict.hint.startswith("Your padding is symmetric; this layer needs (0, 1)")
    assert verdict.brief == f"wrong: {verdict.hint}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "It returns None (is there a return?), expected an array of shape (1, 1, 1)."),
        ([[[5]]], "It returns a list, expected an array of shape (1, 1, 1)."),
        (5, "It returns the number 5, expected an array of shape (1, 1, 1)."),
        ("5", "It returns text, expected an array of shape (1, 1, 1)."),
        (np.zeros((2, 1)), "It returns an array of shape (2, 1), expected (1, 1, 1)."),
        (np.array([[["a"]]]), "It returns an array of <U1 values, expected numbers."),
        (np.array([[[1j]]]), "It returns an array of complex128 values, expected numbers."),
        (np.array([[[None]]]), "It returns an array of object values, expected numbers."),
        (np.array([[[np.nan]]]), "It returns nan at (0, 0, 0), expected 0."),
    ],
)
def test_another_shape_or_type_takes_one_line(answer, said):
    assert head("5.2", lambda x, w, stride: answer) == f"{ALWAYS}wrong. {said}"


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        ("4.2", (1, 2, 3), "It returns 3 values, expected 2."),
        ("4.2", 1, "It returns the number 1, expected a tuple of 2."),
        ("4.2", (None, 0), "Value 0 of its tuple: None (is there a return?), expected a number."),
        ("2.3", 1, "It returns the number 1, expected True or False."),
        ("2.3", None, "It returns None (is there a return?), expected True or False."),
        ("3.1", True, "It returns True, expected a number."),
        ("3.1", np.ones(1), "It returns an array of shape (1,), expected a number."),
        ("3.1", float("inf"), "It returns inf, expected 1."),
        ("4.6", b"same", "It returns a bytes, expected text."),
    ],
)
def test_tuples_numbers_truth_and_text_are_judged_too(number, answer, said):
    exercise = find(number)
    line = head(number, lambda *arguments: answer)
    assert line == f"Exercise {number}, {exercise.title}: wrong. {said}"


def test_equal_numbers_of_any_type_are_right():
    for dtype in (np.float64, np.float32, np.int32, object):
        assert check("5.2", lambda x, w, s, to=dtype: DEPTHWISE(x, w, s).astype(to)).right
    assert check("3.1", lambda *sizes: float(find("3.1").reference(*sizes))).right
    assert check("4.2", lambda *sizes: list(map(np.int64, find("4.2").reference(*sizes)))).right
    assert check("7.1", lambda D_K, N: 1 / N + 1 / D_K**2).right


def test_real_numbers_are_right_within_the_bound_of_float32():
    """A batch norm in float32 throughout is right; one rounded to float16, 8192 times coarser,
    is not."""

    def computed_in(dtype):
        def normalised(x, gamma, beta, mean, variance, epsilon):
            x, *vectors = (a.astype(dtype) for a in (x, gamma, beta, mean, variance))
            gamma, beta, mean, variance = vectors
            return gamma * (x - mean) / np.sqrt(variance + dtype(epsilon)) + beta

        return normalised

    assert check("8.2", computed_in(np.float64)).right
    assert check("8.2", computed_in(np.float32)).right
    assert not check("8.2", computed_in(np.float16)).right


def test_an_exception_is_told_with_its_message_line_and_input():
    def outside(x, w, stride):
        return x[stride:, 99]

    verdict = check("5.2", outside)
    assert verdict.said.startswith("it raises IndexError: index 99 is out of bounds for axis 1")
    assert verdict.said.endswith("in `return x[stride:, 99]`")
    assert verdict.given["x"].shape == (1, 1, 1)
    assert verdict.expected
    assert not verdict.answer


@pytest.mark.parametrize(
    "problem", [SystemExit(3), GeneratorExit(), MemoryError(), RecursionError()]
)
def test_whatever_is_raised_is_caught(problem):
    def raising(x, w, stride):
        raise problem

    assert check("5.2", raising).said.startswith(f"it raises {type(problem).__name__}")


def test_the_users_own_interruption_is_not_caught():
    def interrupted(x, w, stride):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("5.2", interrupted)


def test_not_written_yet():
    def later(x, w, stride):
        raise NotImplementedError

    assert head("5.2", later) == f"{ALWAYS}not written yet. It raises NotImplementedError."


def test_what_cannot_be_checked_takes_one_line():
    assert str(check("5.9", DEPTHWISE)) == "exercise: '5.9', expected 5.1 to 5.5"
    assert str(check(5.2, 3)) == (
        f"{ALWAYS}the number 3 came, expected a function: "
        'check("5.2", depthwise_same), without calling it'
    )
    assert str(check("5.2", lambda x: x)) == (
        f"{ALWAYS}the function takes (x), expected depthwise_same(x, w, stride)"
    )
    assert all(v.kind == "not checked" for v in (check("", 1), check(None, 1), check("5.2", None)))


def test_a_changed_argument_is_wrong_though_the_answer_is_right():
    def spoiling(x, w, stride):
        y = DEPTHWISE(x, w, stride)
        x += 1
        w -= 1
        return y

    said = check("5.2", spoiling).said
    assert said == "the answer is right, but it changes its argument x and w"


def test_an_array_that_is_returned_again_and_again_is_looked_at_each_time():
    box = np.zeros((1, 1, 1))

    def reusing(x, w, stride):
        box[...] = DEPTHWISE(x, w, stride)[0, 0, 0]
        return box

    assert check("5.2", reusing).said.startswith("it returns an array of shape (1, 1, 1), expected")


def test_what_it_prints_is_shown_once_for_the_input_that_is_shown(capsys):
    def talking(x, w, stride):
        print("x is", x.shape, "<b>")
        print("\n".join("more" for _ in range(100)))
        return x * 0 + 1

    verdict = check("5.2", talking)
    assert capsys.readouterr() == ("", "")
    assert "x is (1, 1, 1) <b>" in str(verdict)
    assert str(verdict).count("more") == 9
    assert "x is (1, 1, 1) &lt;b&gt;" in verdict._repr_html_()


def test_an_answer_that_changes_from_call_to_call_is_wrong():
    calls = []

    def fickle(x, w, stride):
        calls.append(1)
        return DEPTHWISE(x, w, stride) + (len(calls) % 3 == 0)

    assert check("5.2", fickle).kind == "wrong"


def test_objects_that_misbehave_are_not_asked_anything():
    class Rude:
        def __repr__(self):
            raise RuntimeError

        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    line = head("5.2", lambda x, w, stride: Rude())
    assert line.endswith("It returns a Rude, expected an array of shape (1, 1, 1).")
    assert head("4.2", lambda *sides: (Rude(), 1)).endswith("a Rude, expected a number.")

    class UnspeakableError(Exception):
        def __str__(self):
            raise RuntimeError

    def raising(x, w, stride):
        raise UnspeakableError

    assert check("5.2", raising).said.startswith("it raises UnspeakableError")


def test_the_verdict_in_a_notebook_says_the_same_and_escapes_it():
    verdict = check("4.2", lambda D_F, D_K, stride: (D_K // 2, D_K // 2))
    page = verdict._repr_html_()
    assert "<b>✗ Exercise 4.2, SAME, by TensorFlow&#x27;s rule: wrong." in page
    assert "A known mistake, <i>symmetric</i>: Your padding is symmetric; this layer needs" in page
    assert "color" not in page
    assert check("5.2", DEPTHWISE)._repr_html_().startswith("<p><b>✓ ")
    assert repr(verdict) == str(verdict)


def test_without_hypothesis_the_chosen_inputs_do_and_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(drawing, "installed", lambda: False)
    assert "pip install hypothesis" in str(check("5.2", DEPTHWISE))
    assert "Tried on 4 chosen inputs, the largest" in str(check("5.2", DEPTHWISE))
    wrong = check("5.2", find("5.2").mistakes[0].function)
    assert wrong.mistake == "symmetric padding"
    assert "pip install hypothesis" in wrong._repr_html_()


def test_nothing_is_left_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check("5.2", DEPTHWISE)
    check("5.2", find("5.2").mistakes[1].function)
    assert list(tmp_path.iterdir()) == []


CODE = """
from refnet.exercises import check, find
print(check("5.2", find("5.2").mistakes[1].function))
print(check("6.5", find("6.5").mistakes[0].function))
print(check("7.6", find("7.6").reference))
"""


def test_the_verdict_is_the_same_in_every_process(monkeypatch):
    """Other hash seeds, and other modules imported before."""
    said = set()
    for seed, before in (("1", ""), ("2", "import scipy.signal, refnet.models\n")):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        command = [sys.executable, "-c", before + CODE]
        said.add(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert len(said) == 1
    assert "one filter for all" in said.pop()
