"""The live pages: cells that run in the reader's browser, and photos that are classified there.

In the browser: `_static/live/worker.js` starts Python (Pyodide) in a worker, unpacks refnet and
this folder there, as `refnet_live`, and calls `cells` (a notebook's cells, one after another) or
`photo` (a classifier). `_static/live/live.js` and `photo.js` are the pages' own half.

Where the book is built: `laid` puts beside the pages what the worker fetches.
"""
