"""How the report's page looks: two palettes, and the rules that use nothing else.

Every colour of text stands at 4.5 : 1 or more against what it is written on, every mark at 3 : 1
(WCAG 2.1, success criteria 1.4.3 and 1.4.11); a test computes it.

>>> LIGHT.keys() == DARK.keys()
True
"""

from __future__ import annotations

# paper: the page; panel: what lies on it; band: every other block of a plot; ink, faint: text;
# line: rules; right, wrong, drift: what they say, as marks and as text.
LIGHT = {
    "paper": "#ffffff",
    "panel": "#f4f6f9",
    "band": "#eaeef4",
    "ink": "#1b2330",
    "faint": "#525d6c",
    "line": "#ccd4de",
    "right": "#1d5fa6",
    "wrong": "#b3201a",
    "drift": "#7d5200",
}
DARK = {
    "paper": "#11151b",
    "panel": "#1a2029",
    "band": "#222a35",
    "ink": "#e7ebf1",
    "faint": "#a5b0bf",
    "line": "#3a4553",
    "right": "#82b6f0",
    "wrong": "#ff968b",
    "drift": "#e3b75f",
}

_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,footer{max-width:68rem;margin:0 auto;padding:0 1.25rem}
main{padding-top:1.75rem}
footer{padding-bottom:2rem;color:var(--faint);font-size:.875rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.25rem 0 .6rem}
h3{font-size:1rem;margin:1.6rem 0 .35rem;overflow-wrap:anywhere}
p,ul,dl,pre{margin:.35rem 0 .8rem}
code,pre,.n{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.875em}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
.faint{color:var(--faint)}
.is-right{color:var(--right);font-weight:600}
.is-wrong{color:var(--wrong);font-weight:600}
.verdict{font-size:1.125rem;margin:.5rem 0 .25rem}
.panel{background:var(--panel);border:1px solid var(--line);border-left:4px solid var(--right);
border-radius:6px;padding:.7rem 1rem;margin:.5rem 0 1rem}
.panel.bad{border-left-color:var(--wrong)}
.panel>:first-child{margin-top:0}.panel>:last-child{margin-bottom:0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.25rem}
dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:.4rem 0 1rem}
.wide:focus-visible,summary:focus-visible{outline:2px solid var(--right);outline-offset:2px}
table{border-collapse:collapse;font-size:.875rem;width:100%}
caption{text-align:left;color:var(--faint);padding:0 0 .3rem}
caption span{display:block;max-width:min(60rem,calc(100vw - 2.5rem))}
th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--line);
vertical-align:top;white-space:nowrap}
td.long{white-space:normal;min-width:20rem}
th{font-weight:600}thead th{color:var(--faint)}
thead th.n{font-family:inherit;font-size:inherit}
.n{text-align:right;font-variant-numeric:tabular-nums}
tr.bad td,tr.bad th{color:var(--wrong)}
details{margin:.3rem 0}
summary{cursor:pointer;padding:.15rem 0;color:var(--faint)}
figure{margin:.3rem 0 .5rem}figure>.wide{margin:0}
figcaption{color:var(--faint);font-size:.8125rem}
figcaption svg{width:1.5em;height:.8em;vertical-align:baseline;margin-right:.35em}
figcaption span{margin-right:1.2em;white-space:nowrap}
figcaption .rest{white-space:normal}
svg.plot{display:block;width:100%;min-width:44rem;height:auto}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--faint)}
svg .small{font-size:11px}
svg .named{fill:var(--wrong);font-weight:600;paint-order:stroke;stroke:var(--paper);
stroke-width:4px;stroke-linejoin:round}
svg .bound-name{fill:var(--ink)}
svg .band{fill:var(--band)}
svg .grid{stroke:var(--line);stroke-width:1}
svg .bound{stroke:var(--ink);stroke-width:1.5}
svg .held{fill:var(--right)}
svg .off{stroke:var(--wrong);stroke-width:2.5;fill:none}
svg .drift{stroke:var(--drift);stroke-width:1.5;fill:none;stroke-dasharray:5 3}
svg .hit{fill:var(--ink);fill-opacity:0}
svg g:hover>.hit{fill-opacity:.09}
@media (max-width:40rem){
body{font-size:15px}main,footer{padding-left:.9rem;padding-right:.9rem}
h1{font-size:1.4rem}dl{column-gap:.8rem}ul{padding-left:1.2rem}
}
@media print{
@page{margin:14mm}
body{font-size:10pt}main,footer{max-width:none;padding:0}
.wide{overflow:visible}svg.plot{min-width:0}caption span{max-width:none}
figure,.panel,tr,h2,h3{break-inside:avoid}h2,h3,h3+p{break-after:avoid}td.long{min-width:0}
summary{list-style:none;color:var(--ink)}
.aside,details.more:not([open]){display:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""


def css() -> str:
    """The page's whole style sheet: light, dark on screens that ask for it, light on paper.

    >>> css().count("--paper:")
    2
    """
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in palette.items())
        for palette in (LIGHT, DARK)
    )
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{_RULES}"
    )
