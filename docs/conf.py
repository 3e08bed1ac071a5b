"""Sphinx's settings. `make site` (tools/site) writes all pages' sources into one folder and runs Sphinx on it."""

import json
import os
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from myst_nb.core.render import NbElementRenderer

ROOT = Path(os.environ["SITE_ROOT"])
sys.path.insert(0, str(ROOT))  # autodoc documents the package of this checkout

from tools.site.docstrings import as_rest  # noqa: E402  # it stands in ROOT

project = "Segmentation notebooks"
author = "the contributors"
html_title = project
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["static"]

# Pages are written from what is committed, and nothing is run.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # or every forward repeats what torch says of forward
autodoc_preserve_defaults = True  # and not the address of a default that is a function
autodoc_typehints_format = "short"
add_module_names = False
python_use_unqualified_type_names = True
default_role = "code"  # docstrings write code as Markdown does
napoleon_google_docstring = True

html_theme = "furo"
html_favicon = str(ROOT / "docs" / "static" / "icon.svg")
html_static_path = [str(Path(os.environ["SITE_SOURCE"]) / "static")]
templates_path = [str(ROOT / "docs" / "templates")]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_copyright = False
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_context = {"made": json.loads(os.environ["SITE_MADE"])}
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {
        "color-brand-primary": "#0b5394",
        "color-brand-content": "#0b5394",
        "color-brand-visited": "#6a3d9a",
        "color-foreground-secondary": "#55585e",
        "color-foreground-muted": "#5d6067",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7fb8ea",
        "color-brand-content": "#7fb8ea",
        "color-brand-visited": "#c3a6e8",
        "color-foreground-secondary": "#a9acb2",
        "color-foreground-muted": "#a0a3a9",
    },
}


def with_alt_text(renderer: NbElementRenderer, data: object) -> list[nodes.Element]:
    """MyST-NB 1.4.0 takes width and height from an output's metadata, and leaves its alt text behind."""
    made = without_alt_text(renderer, data)
    alt = data.output_metadata.get(data.mime_type, {}).get("alt")
    for image in made:
        if alt and isinstance(image, nodes.image):
            image["alt"] = alt
    return made


without_alt_text = NbElementRenderer.render_image
NbElementRenderer.render_image = with_alt_text


def as_mathml(translator: object, node: nodes.Node) -> None:
    """Formulas as MathML, which every browser of today sets by itself: MathJax would be fetched from another server."""
    try:
        formula = tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block))
    except MathError as error:
        raise ValueError(f"{translator.builder.current_docname}: {node.astext()}: {error}") from error
    translator.body.append(str(formula))
    raise nodes.SkipNode


def with_rest(app: object, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    lines[:] = as_rest(lines)


def setup(app: object) -> None:
    app.connect("autodoc-process-docstring", with_rest, priority=400)  # before napoleon, which reads Args:
    app.add_html_math_renderer("mathml", (as_mathml, None), (as_mathml, None))


html_math_renderer = "mathml"
