"""`refnet evaluate DIR`: how good is it? Accuracy of any engine on any labelled folder.

A photo is read once, put through every variant (a checkpoint, by a preprocessing, on an engine),
and what each said is a line of JSON on disk before the next photo's is written. At the end the
lines are gone through in the dataset's order, so that the report does not depend on who evaluated
which photo when.
"""

from __future__ import annotations

import argparse

from refnet.apps.evaluate.photo_sets import SETS
from refnet.checkpoints import manifest
from refnet.oracle.adapters import CLASSES
from refnet.preprocessing import RECIPES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "dir",
        metavar="DIR",
        nargs="?",
        help="folders whose names are classes (number, synset or name); a flat folder, with "
        f"--labels; a table; or one of {', '.join(SETS)}, which are fetched",
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help=f"{', '.join(manifest.ALIASES)} or a checkpoint file; may be repeated (v1 and v2)",
    )
    parser.add_argument(
        "--preprocess",
        action="append",
        metavar="RECIPE",
        help=f"{', '.join(RECIPES)}, or all; may be repeated (each model's own)",
    )
    parser.add_argument(
        "--engine",
        action="append",
        metavar="ENGINE",
        help=f"fast, reference, {', '.join(CLASSES)}, or your own as module:object; "
        "may be repeated (fast)",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="a table of photos and classes, or ImageNet's ground truth, for the photos below DIR",
    )
    parser.add_argument(
        "--classes", metavar="FILE", help="the names of a checkpoint's classes, one a line"
    )
    parser.add_argument(
        "--against",
        nargs=2,
        metavar=("A", "B"),
        help="two recipes, engines or models (or several, with commas) to compare; without DIR, "
        "two folders or files of records made before",
    )
    parser.add_argument(
        "--judge",
        type=int,
        default=1,
        metavar="N",
        help="with two engines --against each other: photos to judge layer by layer (1)",
    )
    parser.add_argument(
        "--out", default="evaluation", metavar="DIR", help="records and reports (evaluation)"
    )
    parser.add_argument("--retry", action="store_true", help="try again what failed before")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="that share the photos (1)"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that shares the photos"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from refnet.apps.evaluate.command import run  # Pillow and the engines take their time

    return run(arguments)
