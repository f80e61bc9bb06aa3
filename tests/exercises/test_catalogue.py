"""The exercises as data: complete, answerable, and with their typical mistakes told apart."""

from __future__ import annotations

import inspect
import re

import pytest

import refnet
from refnet import definition, ops
from refnet.exercises import chapters, check, exercises, find
from refnet.exercises.calling import call
from refnet.exercises.comparing import difference

ALL = exercises()
MISTAKES = [(exercise, mistake) for exercise in ALL for mistake in exercise.mistakes]


def by_number(exercise) -> str:
    return exercise.number


def by_mistake(value) -> str:
    return getattr(value, "number", None) or value.name.replace(" ", "-")


@pytest.mark.parametrize("chapter", chapters())
def test_a_chapter_has_four_to_six_from_a_warm_up_to_a_problem(chapter):
    here = chapters()[chapter]
    assert 4 <= len(here) <= 6
    assert [e.number for e in here] == [f"{chapter}.{n}" for n in range(1, len(here) + 1)]
    assert here[0].level == "warm-up"
    assert here[-1].level == "problem"
    assert all(e.level in ("warm-up", "exercise", "problem") for e in here)


def test_no_two_functions_have_one_name_and_none_has_a_name_of_refnets_own():
    names = [e.name for e in ALL]
    assert len(set(names)) == len(names)
    taken = {*dir(refnet), *ops.__all__, *definition.__all__}
    assert not taken & set(names)  # an import must not look like an answer


@pytest.mark.parametrize("exercise", ALL, ids=by_number)
def test_the_text_names_the_function_and_its_arguments_in_a_few_sentences(exercise):
    call_of_it = f"`{exercise.name}({', '.join(exercise.parameters)})`"
    assert call_of_it in exercise.text
    assert 2 <= len(re.findall(r"[.?:](?= |$)", exercise.text)) <= 9
    assert exercise.title
    assert not exercise.title.endswith(".")


@pytest.mark.parametrize("exercise", ALL, ids=by_number)
def test_the_reference_passes_its_own_check(exercise):
    verdict = check(exercise.number, exercise.reference)
    assert verdict.right, verdict
    assert "60 drawn" in str(verdict)


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=by_mistake)
def test_a_known_mistake_is_told_by_name_with_its_hint(exercise, mistake):
    verdict = check(exercise.number, mistake.function)
    assert verdict.kind == "wrong"
    assert verdict.mistake == mistake.name
    assert len(verdict.hint) > 20
    assert verdict.hint[-1] in ".?"
    assert verdict.hint in str(verdict)


def answers(exercise, function) -> list:
    return [call(function, arguments) for arguments in exercise.vectors]


def alike(exercise, one, other) -> bool:
    if one.ended != "answered" or other.ended != "answered":
        return one.raised == other.raised
    bound = exercise.bound(*one.arguments) if exercise.bound else None
    return not difference(one.answer, other.answer, bound)


@pytest.mark.parametrize("exercise", ALL, ids=by_number)
def test_the_chosen_inputs_tell_all_mistakes_from_the_reference_and_from_one_another(exercise):
    """Without Hypothesis, too, every one of them is told."""
    assert len(exercise.mistakes) >= 2
    functions = [exercise.reference, *(mistake.function for mistake in exercise.mistakes)]
    found = [answers(exercise, function) for function in functions]
    for n, one in enumerate(found):
        for other in found[:n]:
            assert not all(alike(exercise, *pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize("exercise", ALL, ids=by_number)
def test_the_stub_is_python_and_is_not_written_yet(exercise):
    names: dict = {}
    exec(exercise.stub, names)
    stub = names[exercise.name]
    assert tuple(inspect.signature(stub).parameters) == exercise.parameters
    verdict = check(exercise.number, stub)
    assert verdict.kind == "not written"
    assert "not written yet" in str(verdict)
    assert exercise.stub.endswith(f'# check("{exercise.number}", {exercise.name})')


def test_an_unknown_number_names_those_that_there_are():
    with pytest.raises(ValueError, match=r"^exercise: '5.9', expected 5.1 to 5.5$"):
        find("5.9")
    with pytest.raises(ValueError, match=f"^exercise: 'x', expected 0.1 to {ALL[-1].number}$"):
        find("x")
