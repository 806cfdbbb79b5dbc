"""Sphinx configuration; the pages' code cells run at build time, so that an example that fails fails the build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "mitoferry"
author = "The mitoferry founders"
copyright = "2026, the mitoferry founders"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
html_math_renderer = "mathml"  # no MathJax: the pages show their equations without the network
html_theme = "furo"
html_title = "mitoferry"
html_static_path = ["_static"]
html_css_files = ["figures.css"]
# the second is written beside the first: not to be read by the next build; the third is included by rest.md
exclude_patterns = ["_build", "jupyter_execute", "rest_table.md"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 900
nb_execution_in_temp = True
nb_render_markdown_format = "myst"
autodoc_typehints = "description"
suppress_warnings = ["myst.header"]


def setup(app):
    """Write the pages that are made from the code and the library before the sources are read."""
    from generate_pages import write_pages

    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "_generated"))
