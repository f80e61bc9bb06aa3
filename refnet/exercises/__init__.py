"""The book's exercises, and what checks an answer: `check("5.2", my_function)`.

>>> def weights(D_K, M, N, bias):
...     return D_K**2 * M * N + (M if bias else 0)      # a bias for each channel that is read?
>>> verdict = check("3.2", weights)
>>> verdict.right, verdict.hint
(False, 'A bias is added to an output channel: there are N of them, one for each filter.')

An answer is right where it gives what the reference gives, on inputs that were chosen and on
inputs that Hypothesis draws, the same ones every time. `exercises()` are all of them; each is data
in the module of its chapter. This is no sandbox: a checked function runs as any other code does.
"""

from refnet.exercises.catalogue import chapters, exercises, find
from refnet.exercises.checking import check
from refnet.exercises.exercise import Draw, Exercise, Mistake
from refnet.exercises.verdict import Verdict

__all__ = ["Draw", "Exercise", "Mistake", "Verdict", "chapters", "check", "exercises", "find"]
