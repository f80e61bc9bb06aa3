"""Claims of the sources: every verdict is recorded here, and every figure is shown to matter."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from refnet.apps.claims import images, listing, networks
from refnet.apps.claims.table import CLAIMS, find
from refnet.apps.claims.verdicts import SCALES, Claim, Figure, Verdict, judge, one_slip
from refnet.cli import main

# What each claim came to when its figures were recomputed. A change here is a finding: either the
# project counts otherwise than before, or a rule has changed.
EXPECTED = {
    "HOLDS": """
        params-v1-folded params-v1-million inception vgg16 vgg16-over squeezenet metal-params-count
        macs-v1 alpha-half rho-squared depthwise-cheap folding-saves
        blocks-13 conv-once opening-layers stride-doubles v1-kept-or-doubled v1-last-map v1-no-pools
        v1-multiplier alpha-halves relu-twice relu-after-all v2-blocks v2-expansion v2-24-144-24
        v2-first-block v2-expansion-grows v2-projection-shrinks v2-residuals v2-linear
        table1-sides table1-channels table1-fc table1-pool
        formula-standard formula-depthwise formula-pointwise formula-separable ratio-any-stride
        ratio-1024 ratio-100 ratio-100-times separable-81-36 separable-one-channel
        depthwise-as-standard pool-49 relu6
        sobel-rank sobel-product sobel-400 sobel-400-products sobel-flat sobel-200
        preprocess-order metal-depthwise-symmetric v2-better fps-20
        paper-v1-95-75 paper-v1-table3 paper-v1-shallow paper-v1-alpha paper-v1-squeezenet-params
        paper-v1-dogs paper-v1-8-to-9 paper-v1-28 paper-v2-smallest-params
        paper-v2-ssdlite-params paper-v2-detectors
        """,
    "ROUNDED": """
        params-v2-ratio macs-v2 v2-twice-as-fast nine-times-network alpha-squared nine-times
        preprocess paper-v1-nearly-all-fc paper-v1-rho paper-v1-32-27 paper-v1-0.5-160
        paper-v2-params
        paper-v2-ssd
        """,
    "CONVENTION": """
        params-v1-metal params-v2-metal params-v1-table params-v2-table alpha-squared-params
        layers-30 five-layers v1-tensors-largest v1-tensors-larger times-nine
        depthwise-same-weights batch-norm-ignored preprocess-means central-crop
        paper-v1-table2-rest paper-v1-full-conv paper-v1-vgg16 paper-v1-squeezenet-macs
        paper-v1-squeezenet-22
        paper-v2-ssdlite-macs paper-v2-deeplab-params paper-v2-deeplab-aspp-16
        paper-v2-deeplab-aspp-8 paper-v2-deeplab-16 paper-v2-deeplab-8
        """,
    "MISPRINT": """
        table1-last-dw table1-name-onv formula-filter formula-small-n separable-31x3
        sobel-first-pixel paper-v1-table2
        """,
    "FALSE": """
        stride-only-first separable-always speed-as-macs paper-v2-v1-macs v2-width-1.4
        v2-width-1.4-params paper-v2-smallest
        paper-v2-deeplab-v1-16 paper-v2-deeplab-v1-8
        """,
    "QUOTED": """
        fps-v1 fps-v2 fps-ipad fps-ssdlite 27-not-10 inception-3 accuracy-paper accuracy-caffe
        accuracy-v1 accuracy-v2 accuracy-squeezenet
        paper-v2-map paper-v2-miou
        """,
}
VERDICTS = {name: verdict for verdict, names in EXPECTED.items() for name in names.split()}
COMPUTED = [claim for claim in CLAIMS if claim.compute]
QUOTED = [claim for claim in CLAIMS if not claim.compute]


def named(claim: Claim) -> str:
    return claim.id


def test_the_table_has_each_claim_once_and_all_of_them_are_recorded_here():
    assert [claim.id for claim in CLAIMS] == list(dict.fromkeys(claim.id for claim in CLAIMS))
    assert set(VERDICTS) == {claim.id for claim in CLAIMS}
    assert sum(len(names.split()) for names in EXPECTED.values()) == len(CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=named)
def test_every_claim_has_the_verdict_that_is_recorded(claim):
    assert judge(claim).verdict.name == VERDICTS[claim.id]


def with_figure(claim: Claim, place: int, text: str) -> Claim:
    return replace(claim, printed=(*claim.printed[:place], text, *claim.printed[place + 1 :]))


def exact(value: Fraction, places: int) -> str:
    digits = value * 10**places
    assert digits.denominator == 1
    whole = f"{abs(digits.numerator):0{places + 1}}"
    text = whole if places == 0 else f"{whole[:-places]}.{whole[-places:]}"
    return f"-{text}" if value < 0 else text


def in_unit(figure: Figure, number: Fraction) -> str:
    """A number as this figure would be printed: its unit, as many decimals."""
    places = len(figure.text.rstrip(" %kMGx").partition(".")[2])
    scaled = number / SCALES[figure.unit]
    return f"{figure.sign} {exact(scaled, places)} {figure.unit}".strip()


def wrong(figure: Figure) -> str:
    """A deliberately wrong figure. 37 times as much is no one slip away from anything right."""
    if figure.number is None:
        return f"{figure.text} 77"
    if figure.sign == "<":
        return f"< {float(figure.number / 37)}"
    if figure.sign == ">" and not figure.number:
        return figure.text.replace(">", "<")
    return in_unit(figure, 37 * figure.number if figure.number else Fraction(3))


@pytest.mark.parametrize("claim", COMPUTED, ids=named)
def test_a_deliberately_wrong_figure_makes_any_claim_false(claim):
    for place, figure in enumerate(claim.figures()):
        mutant = with_figure(claim, place, wrong(figure))
        assert judge(mutant).verdict is Verdict.FALSE, mutant.printed


@pytest.mark.parametrize("claim", COMPUTED, ids=named)
def test_three_more_in_the_last_digit_never_go_unnoticed(claim):
    """The verdict changes, or, where it was FALSE or a convention, no reading stays the same."""
    before = judge(claim)
    for place, figure in enumerate(claim.figures()):
        if figure.number is None or figure.sign:
            continue  # a text has no digits; bounds and "about" have a declared width
        mutant = with_figure(claim, place, in_unit(figure, figure.number + 3 * figure.step))
        after = judge(mutant)
        if before.verdict is not Verdict.FALSE:
            assert (after.verdict, after.readings) != (before.verdict, before.readings)
            assert not set(after.readings) & set(before.readings)
        else:
            assert after.verdict is Verdict.FALSE


@pytest.mark.parametrize("claim", QUOTED, ids=named)
def test_a_measurement_stays_a_quotation_whatever_it_says(claim):
    for text in ("0", "1", "70.6 %", "569 M", "", *claim.printed):
        assert judge(replace(claim, printed=(text,))).verdict is Verdict.QUOTED


@pytest.mark.parametrize(
    "claim", [find([name])[0] for name in EXPECTED["MISPRINT"].split()], ids=named
)
def test_a_misprint_becomes_true_when_it_is_mended(claim):
    mended = [f.show(v, more=0) for f, v in zip(claim.figures(), claim.mended(), strict=True)]
    assert judge(replace(claim, printed=tuple(mended))).verdict is Verdict.HOLDS


def test_a_misprint_without_what_mends_it_is_false():
    for name in EXPECTED["MISPRINT"].split():
        assert judge(replace(find([name])[0], mended=None)).verdict is Verdict.FALSE


def judged(printed: str, *values: int | Fraction | str, **more) -> str:
    """The verdict on one figure; the first value is the plain reading's."""
    readings = {f"reading {n}": (value,) for n, value in enumerate(values)}
    return judge(Claim("c", "s", "says", (printed,), lambda: readings, **more)).verdict.name


# Each case is the definition of a verdict at one of its edges.
@pytest.mark.parametrize(
    ("printed", "value", "verdict"),
    [
        ("569 M", 568_500_000, "HOLDS"),
        ("569 M", 568_499_999, "FALSE"),
        ("569 M", 569_500_000, "HOLDS"),  # a tie: half to even, or half up
        ("568 M", 568_500_000, "HOLDS"),
        ("569 M", 569_500_001, "ROUNDED"),  # cut off
        ("569 M", 569_999_999, "ROUNDED"),
        ("569 M", 570_000_000, "FALSE"),
        ("-569 M", -569_999_999, "ROUNDED"),
        ("-569 M", 569_000_000, "FALSE"),
        ("4,221,032", 4_221_032, "HOLDS"),
        ("4,221,032", 4_221_033, "FALSE"),  # in full means equal
        ("0", 0, "HOLDS"),
        ("0", 1, "FALSE"),
        ("1.91 %", Fraction(1906, 100_000), "HOLDS"),
        ("> 130 M", 130_000_001, "HOLDS"),
        ("> 130 M", 130_000_000, "FALSE"),
        ("< 1", 1, "FALSE"),
        ("~ 9 x", 9, "HOLDS"),
        ("~ 9 x", Fraction(81, 10), "ROUNDED"),
        ("~ 9 x", Fraction(80, 10), "FALSE"),
        ("7 x 7", "7 x 7", "HOLDS"),
        ("7 x 7", "7 x 8", "FALSE"),
        ("7", "7", "HOLDS"),
    ],
)
def test_a_verdict_is_what_the_rules_say_at_their_edges(printed, value, verdict):
    assert judged(printed, value, about=Fraction(1, 10)) == verdict


def test_zeros_that_only_fill_up_are_no_digits():
    assert judged("15300 M", 15_346_630_656, digits=3) == "HOLDS"
    assert judged("15300 M", 15_346_630_656) == "FALSE"
    assert judged("1700 M", 1_665_335_872, digits=2) == "HOLDS"
    assert judged("0.0170", Fraction(170, 10_000), digits=3) == "HOLDS"


def test_another_reading_must_give_every_digit_where_the_plain_one_may_be_cut_off():
    assert judged("3.4 M", 3_487_816) == "ROUNDED"
    assert judged("3.4 M", 1, 3_487_816) == "FALSE"
    assert judged("3.4 M", 1, 3_400_001) == "CONVENTION"
    assert judged("3.4 M", 3_487_816, 3_400_001) == "ROUNDED"
    assert judged("~ 9", 1, Fraction(87, 10), about=Fraction(1, 8)) == "CONVENTION"


@given(
    value=st.fractions(min_value=0, max_value=10**9, max_denominator=10**6),
    places=st.integers(0, 6),
)
def test_what_is_rounded_holds_and_what_is_cut_off_is_at_most_rounded(value, places):
    """Theorem of the rules, for every number and every count of digits."""
    step = Fraction(1, 10**places)
    cut = value // step * step
    rounded = cut + step if (value - cut) * 2 > step else cut
    plain = Claim("c", "s", "says", ("1",), lambda: {"": (value,)})
    assert judge(replace(plain, printed=(f"{exact(rounded, places)}",))).verdict is Verdict.HOLDS
    verdict = judge(replace(plain, printed=(exact(cut, places),))).verdict
    assert verdict in (Verdict.HOLDS, Verdict.ROUNDED)
    for far in (cut - step, cut + 2 * step):
        assert judge(replace(plain, printed=(exact(far, places),))).verdict is not Verdict.ROUNDED


@pytest.mark.parametrize(
    ("printed", "meant", "slip"),
    [
        ("1.19", "1.91", True),  # swapped
        ("Onv", "Conv", True),  # dropped; what is left became a capital
        ("n", "N", True),
        ("Omv", "Conv", False),
        ("s2", "s1", True),  # changed
        ("31x3", "3x1x3", True),
        ("1.19", "1.90", False),
        ("6.9", "6.1", True),
        ("6.9", "5.1", False),
        ("Dk x M", "Dk x Dk x M", True),  # a factor
        ("M", "Dk x Dk x M", False),
        ("7 x 12", "7 x 34", False),
        ("712", "934", False),
        ("same", "same", False),
    ],
)
def test_one_slip_is_one_edit_of_characters_or_of_factors(printed, meant, slip):
    assert one_slip(printed, meant) is slip
    assert one_slip(meant, printed) is slip


def test_counts_agree_with_what_others_publish():
    """Totals of keras.applications and of torchvision; SqueezeNet's from its own paper."""
    as_keras = "1000 classes, batch norm kept as 4 numbers a channel"
    assert networks.parameter_readings("v1")[as_keras] == 4_253_864
    assert networks.parameter_readings("v2")[as_keras] == 3_538_984
    learned = "1000 classes, batch norm kept as 2 numbers a channel"
    assert networks.parameter_readings("v2")[learned] == 3_504_872  # torchvision
    assert networks.size("vgg16") == 138_357_544
    assert networks.size("squeezenet") == 1_248_424


def test_scipy_gives_the_sobel_responses_that_are_claimed():
    x = ndimage.correlate(images._patch(), images.SOBEL_X, mode="constant")[1, 1]
    y = ndimage.correlate(images._patch(), images.SOBEL_Y, mode="constant")[1, 1]
    assert (x, y) == (-200, 0)
    rows = np.array(images.EDGE_IMAGE[1:4])
    assert abs(ndimage.sobel(rows, axis=1)[1, 1]) == 400


def test_the_crop_that_is_claimed_is_seven_eighths_of_a_side():
    """0.875 by 0.875, as TensorFlow documents central_fraction."""
    assert images._crop() == {"of the area": (Fraction(49, 64),), "of each side": (Fraction(7, 8),)}


def test_no_line_of_the_listing_is_wider_than_the_screen_and_no_figure_is_broken():
    text = listing.listing([judge(claim) for claim in CLAIMS])
    assert max(map(len, text.splitlines())) <= listing.WIDTH
    assert listing.NO_BREAK not in text
    lines = text.splitlines()
    for claim in CLAIMS:
        assert any(line.startswith(f"{claim.id} ") for line in lines)
        for figure in claim.printed:
            assert any(figure in line for line in lines), figure


def test_the_command_prints_all_claims_and_their_totals(capsys):
    assert main(["claims"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == list(listing.HEADER)
    for verdict, names in EXPECTED.items():
        assert f"{len(names.split()):>5} {verdict:<11}{Verdict[verdict].value}" in out
    assert out.splitlines()[-1].strip() == f"{len(CLAIMS)} in all"


def test_the_command_prints_the_claims_named_in_their_order(capsys):
    assert main(["claims", "vgg16", "macs-v1", "vgg16", "--json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["vgg16", "macs-v1"]


def test_the_command_prints_one_verdict_only(capsys):
    assert main(["claims", "--verdict", "misprint", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["id"] for row in rows} == set(EXPECTED["MISPRINT"].split())
    assert {row["verdict"] for row in rows} == {"MISPRINT"}


def test_json_has_exact_values(capsys):
    assert main(["claims", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["macs-v2"]["computed"] == [300_774_272]
    assert rows["ratio-1024"]["computed"] == ["1033/9216"]
    assert rows["params-v2-metal"]["decided"] == [3_510_505]
    assert rows["fps-v1"]["computed"] == []


def test_an_unknown_claim_is_refused_in_one_line_with_those_close_to_it(capsys):
    assert main(["claims", "macs-v3"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("refnet: claim: 'macs-v3' is not known; close to it: macs-v")
    assert err.count("\n") == 1
    assert main(["claims", "zzzz"]) == 2
    assert "`refnet claims` lists them" in capsys.readouterr().err
