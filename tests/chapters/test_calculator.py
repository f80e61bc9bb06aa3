"""The cost calculator: its arithmetic against refnet's, in node; its page, in a browser.

The file that node runs is the file that the page runs. Expected are refnet's closed forms and its
networks, which tests/cost holds to other counts.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
from fractions import Fraction

import pytest

from chapters.execute import ROOT
from refnet.cli import main
from refnet.cost import formulas, layer_macs, macs, parameters
from refnet.models import build
from tests.chapters.browsing import TELEPHONE, opened

FOLDER = ROOT / "chapters" / "site" / "calculator"
SCRIPT = FOLDER / "static" / "calculator.js"
IMAGE = 224
ALPHAS, SIDES = range(5, 145, 5), range(32, 321, 32)  # what the sliders can say


def test_the_calculator_is_under_15_kB():
    parts = [FOLDER / "page.html", SCRIPT, FOLDER / "static" / "calculator.css"]
    assert sum(path.stat().st_size for path in parts) < 15_000


def in_node(expression, cases):
    """`expression` of each case `c`, with the calculator's arithmetic as `Cost`."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: apt-get install nodejs")
    program = (
        f"const Cost = require({json.dumps(str(SCRIPT))});"
        "const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        f"console.log(JSON.stringify(cases.map(c => {expression})));"
    )
    run = subprocess.run(
        [node, "-e", program], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


LAYER = """(f => f && [
  [Cost.macs(f.standard), Cost.weights(f.standard)],
  [Cost.macs(f.separable), Cost.weights(f.separable)], f.layer])(Cost.one(c))"""


def grid_of_layers():
    ends = itertools.product((1, 11), (1, 1024), (1, 1024), (1, 224), (1, 4), (5, 140), (32, 320))
    draw = random.Random(11)
    some = [
        (
            draw.randint(1, 11), draw.randint(1, 1024), draw.randint(1, 1024),
            draw.randint(1, 224), draw.randint(1, 4), draw.choice(ALPHAS), draw.choice(SIDES),
        )
        for _ in range(2000)
    ]  # fmt: skip
    names = ("DK", "M", "N", "DF", "stride", "alpha", "side")
    return [dict(zip(names, values, strict=True)) for values in [*ends, *some]]


def test_a_layer_costs_what_refnets_closed_forms_say():
    cases = grid_of_layers()
    nothing = 0
    for case, found in zip(cases, in_node(LAYER, cases), strict=True):
        D_K, stride = case["DK"], case["stride"]
        try:
            M, N = (formulas.scaled(case[x], Fraction(case["alpha"], 100), "alpha") for x in "MN")
            D_F = formulas.scaled(case["DF"], Fraction(case["side"], IMAGE), "rho")
        except ValueError:  # a factor leaves nothing of a count
            assert found is None, case
            nothing += 1
            continue
        standard = formulas.standard_macs(D_K, M, N, D_F, stride=stride)
        separable = formulas.separable_macs(D_K, M, N, D_F, stride=stride)
        assert found == [
            [standard, formulas.standard_weights(D_K, M, N)],
            [separable, formulas.separable_weights(D_K, M, N)],
            [D_K, M, N, D_F],
        ], case
        assert Fraction(separable, standard) == formulas.separable_ratio(D_K, N)
    assert 0 < nothing < len(cases) / 2


NETWORK = """(f => [
  Cost.macs(f.separable), Cost.parameters(f.separable),
  f.separable.map(l => [l.N, l.DG, l.macs, l.weights]),
  Cost.macs(f.standard), Cost.parameters(f.standard)])(Cost.network(c))"""
GRID = [(alpha, 224) for alpha in ALPHAS] + [(a, s) for a in (25, 75, 130) for s in SIDES]


@pytest.mark.parametrize("net", ["v1", "shallow", "v2"])
def test_a_network_costs_what_refnets_network_costs(net):
    cases = [{"net": net, "alpha": alpha, "side": side} for alpha, side in GRID]
    for case, found in zip(cases, in_node(NETWORK, cases), strict=True):
        options = {"shallow": True} if net == "shallow" else {}
        network = build(
            "v2" if net == "v2" else "v1",
            alpha=case["alpha"] / 100, resolution=case["side"], batch_norm=False, **options,
        )  # fmt: skip
        assert found[:2] == [macs(network), parameters(network)], case
        assert found[2] == layer_by_layer(network), case
        assert found[3:] == with_standard_layers(network), case


def learned(network):
    return [layer for layer in network.layers if "weight" in layer.params]


def layer_by_layer(network):
    """Channels and side of what a layer makes, its products, its weights."""
    shapes, rows = network.shapes(), []
    for layer in learned(network):
        made, reads, weight = shapes[layer.name], shapes[layer.inputs[0]], layer.params["weight"]
        count = 1
        for side in weight:
            count *= side
        rows.append([made[-1], made[1] if len(made) == 4 else 1, layer_macs(layer, reads), count])
    return rows


def with_standard_layers(network):
    """Products and parameters with one standard layer for each depthwise and its pointwise."""
    shapes, layers = network.shapes(), learned(network)
    products, numbers = macs(network), parameters(network)
    for deep, after in itertools.pairwise(layers):
        if deep.op != "depthwise_conv2d":
            continue
        M, N = after.params["weight"][2:]
        reads, side = shapes[deep.inputs[0]], shapes[after.name][1]
        products += formulas.standard_macs(3, M, N, side)  # on a map as large as it makes
        products -= layer_macs(deep, reads) + layer_macs(after, shapes[after.inputs[0]])
        numbers += formulas.standard_weights(3, M, N)
        numbers -= formulas.separable_weights(3, M, N) + M  # a bias a channel goes, too
    return [products, numbers]


def test_v1_of_standard_layers_is_the_papers_conv_mobilenet():
    cases = [{"net": "v1", "alpha": 100, "side": side} for side in SIDES]
    for case, found in zip(cases, in_node(NETWORK, cases), strict=True):
        network = build("mobilenet_standard", resolution=case["side"], batch_norm=False)
        assert found[3:] == [macs(network), parameters(network)], case


# In the browser.


@pytest.fixture
def calculator(tab, served):
    """The page as it is served, and what went wrong in it."""
    page, wrong = tab
    opened(page, f"{served}calculator.html")
    return page, wrong


def part(page, name):
    return page.locator(f'#calculator [data-part="{name}"]')


def cells(page, head):
    return page.locator(f'[data-part="sums"] tr:has(th:text-is("{head}")) td').all_inner_texts()


def says(page, text):
    """Waits until the sentence that a screen reader hears has these words."""
    page.wait_for_function(
        "text => document.querySelector('[data-part=summary]').textContent.includes(text)",
        arg=text,
    )


@pytest.mark.slow
def test_sliders_move_by_keys_and_the_figures_follow(calculator):
    page, wrong = calculator
    before = formulas.separable_macs(3, 64, 128, 56)
    assert cells(page, "separable, in all")[0] == f"{before:,}"
    page.get_by_label("Channels out, N", exact=True).focus()
    page.keyboard.press("ArrowRight")
    after = formulas.separable_macs(3, 64, 129, 56)
    assert cells(page, "separable, in all")[0] == f"{after:,}"
    assert page.get_by_label("Channels out, as a number").input_value() == "129"
    ratio = f"{float(formulas.separable_ratio(3, 129)):.4f}"
    assert cells(page, "separable : standard") == [ratio, "", ratio]
    assert page.locator('[data-part="sums"] tr:last-child td').all_inner_texts()[0] == ratio
    says(page, f"Separable: {after:,}")
    widths = [
        part(page, f"{way}-bar").evaluate(
            "bar => [...bar.children].reduce((sum, e) => sum + e.getBoundingClientRect().width, 0)"
        )
        for way in ("standard", "separable")
    ]
    assert widths[1] / widths[0] == pytest.approx(float(ratio), abs=2 / widths[0])  # two pixels
    assert wrong == []


@pytest.mark.slow
def test_a_number_can_be_typed_and_a_wrong_one_does_no_harm(calculator):
    page, wrong = calculator
    box = page.get_by_label("Channels in, as a number")
    box.fill("3")
    assert part(page, "command").inner_text() == "refnet cost --layer 3 3 128 56"
    box.fill("5000")
    box.press("Tab")
    assert box.input_value() == "1024"  # as far as the slider goes
    box.fill("")
    box.press("Tab")
    assert box.input_value() == "1024"
    assert wrong == []


@pytest.mark.slow
def test_the_address_keeps_the_state(calculator, served):
    page, wrong = calculator
    page.get_by_label("Cost of").select_option("shallow")
    page.get_by_label("Width multiplier").fill("50")
    page.get_by_label("Side of the image").fill("160")
    page.wait_for_url(f"{served}calculator.html#net=shallow&alpha=50&side=160")
    expected = macs(build("v1", alpha=0.5, resolution=160, shallow=True, batch_norm=False))
    shown = cells(page, "separable, in all")
    page.goto("about:blank")
    page.goto(f"{served}calculator.html#net=shallow&alpha=50&side=160")
    assert cells(page, "separable, in all") == shown
    assert shown[0] == f"{expected:,}"
    page.get_by_role("button", name="Start again").click()
    page.wait_for_url(f"{served}calculator.html#")
    assert page.get_by_label("Cost of").input_value() == "layer"
    assert wrong == []


@pytest.mark.slow
def test_a_slider_that_is_dragged_writes_one_address(calculator, served):
    page, wrong = calculator
    written = page.evaluate("""async () => {
        let written = 0;
        const replace = history.replaceState.bind(history);
        history.replaceState = (...how) => { written += 1; replace(...how); };
        const slider = document.querySelector("#calculator [name=M]");
        for (let M = 1; M <= 300; M++) {
            slider.value = M;
            slider.dispatchEvent(new Event("input", {bubbles: true}));
        }
        await new Promise(resolve => setTimeout(resolve, 1000));
        return written;
    }""")
    assert written == 1
    assert page.url == f"{served}calculator.html#M=300"
    assert wrong == []


@pytest.mark.slow
def test_an_address_that_nobody_made_is_mended(tab, served):
    page, wrong = tab
    opened(page, f"{served}calculator.html#net=v9&alpha=x&M=99999&DK=-4&side=<b>")
    assert page.get_by_label("Cost of").input_value() == "layer"
    assert page.get_by_label("Channels in, M", exact=True).input_value() == "1024"
    assert part(page, "alpha").inner_text() == "1.00"
    assert part(page, "command").inner_text() == "refnet cost --layer 3 1024 128 56"
    page.evaluate("location.hash = '#M=3&alpha=5'")
    says(page, "leave nothing")
    assert not part(page, "result").is_visible()
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("button", ["All of V1", "All of V2", "V1's middle"])
def test_the_command_that_is_shown_prints_the_same_count(calculator, button, capsys):
    page, wrong = calculator
    page.get_by_role("button", name=button).click()
    total = cells(page, "separable, in all")[0]
    says(page, total)
    command = part(page, "command").inner_text().split()
    assert command[0] == "refnet"
    assert main(command[1:]) == 0
    assert total in capsys.readouterr().out
    assert wrong == []


@pytest.mark.slow
def test_it_works_from_a_disk_and_on_a_telephone(site, tab):
    page, wrong = tab
    page.context.unroute_all()
    page.set_viewport_size(TELEPHONE)
    opened(page, f"{(site / 'calculator.html').as_uri()}#net=v2")
    expected = parameters(build("v2", batch_norm=False))
    assert cells(page, "separable, in all")[2] == f"{expected:,}"
    page.get_by_text("Layer by layer").click()
    rows = page.locator('[data-part="layers"] tbody tr')
    assert rows.count() == len(learned(build("v2", batch_norm=False)))
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert wrong == []
