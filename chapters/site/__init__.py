"""The book as a site: `python -m chapters.site` (`make book`) writes build/book/html.

Sphinx reads the notebooks as they were committed and executes nothing. `stage` lays the pages out
(the notebooks, the figures, the glossary, the contents), `api` writes the reference from the
docstrings, `extension` is what Sphinx does beyond its themes, `conf.py` its settings.
"""
