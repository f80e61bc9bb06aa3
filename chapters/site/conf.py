"""Sphinx's settings for the book; its pages are laid out by `chapters.site.stage`."""

import refnet

project = "refnet"
author = "the refnet authors"
copyright = "2026, the refnet authors"
version = release = refnet.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "sphinx.ext.viewcode",
    "chapters.site.extension",
]
exclude_patterns = ["_build", "_static"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the outputs are committed
nb_render_markdown_format = "myst"  # which knows mathematics
viewcode_line_numbers = True

# One file of MathJax beside the pages: they ask no network for anything.
html_static_path = ["_static", "calculator/static"]
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # its menu would load more from elsewhere

html_theme = "sphinx_book_theme"
html_title = "MobileNet, from one pixel up"
html_favicon = "_static/favicon.svg"
html_css_files = ["book.css"]
html_js_files = [("search.js", {"defer": "defer"})]
html_context = {"default_mode": "auto"}
html_show_sphinx = False
html_theme_options = {
    "use_download_button": False,  # `extension` adds a link to the text and one to the notebook
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "max_navbar_depth": 1,  # deeper, it folds with arrows that a screen reader cannot name
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"
