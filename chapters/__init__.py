"""The book: one chapter, one file NN_slug.md, and beside it NN_slug.ipynb with its outputs.

The text file is what is written. Its code cells are fenced as `{code-cell} ipython3` (jupytext's
md:myst), its prose keeps to what GitHub, Jupyter and the site all show alike: headings, $...$ and
$$...$$, tables, quotations, lists, <details>, images `![alt text](../figures/svg/NAME.svg)`. A
`description` in its head says in one sentence what a reader learns, for the table of contents;
without one the first sentence of the text stands there.

`make` runs the chapters and writes the notebooks (`execute` runs one), `site` builds the book.
A cell tagged `volatile` prints what differs between runs, such as times: it is executed, and its
output is not compared. A link to another chapter names its notebook: `[chapter 5](05_slug.ipynb)`.
"""
