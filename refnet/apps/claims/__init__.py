"""`refnet claims [ID...]`: what the sources say about MobileNet, recomputed.

>>> from refnet.apps.claims.table import find
>>> from refnet.apps.claims.verdicts import judge
>>> judge(find(["stride-only-first"])[0]).verdict.name
'FALSE'

The sources: "article" is Hollemans, "Google's MobileNets on the iPhone" (2017); "lecture" is
"Understanding of MobileNet" on WikiDocs, which reprints that article and its sequel on V2; "V1"
and "V2" are the papers (arXiv:1704.04861, arXiv:1801.04381).
"""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    from refnet.apps.claims.verdicts import Verdict

    parser.add_argument("ids", metavar="ID", nargs="*", help="a claim's name (all of them)")
    parser.add_argument(
        "--verdict",
        type=str.upper,
        choices=[verdict.name for verdict in Verdict],
        help="only claims of this verdict",
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Judge and print."""
    from refnet.apps.claims.listing import as_data, listing
    from refnet.apps.claims.table import find
    from refnet.apps.claims.verdicts import judge

    judged = [judge(claim) for claim in find(arguments.ids)]
    wanted = [j for j in judged if arguments.verdict in (None, j.verdict.name)]
    if arguments.json:
        print(json.dumps([as_data(j) for j in wanted], indent=1))
    else:
        print(listing(wanted))
    return 0
