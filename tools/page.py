"""An executed notebook as one HTML file that reads well and needs no other file."""

from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

STYLE = """
body { max-width: 60em; margin: 2em auto; padding: 0 1em; font: 17px/1.55 system-ui, sans-serif; color: #222; }
h1, h2, h3 { line-height: 1.2; margin-top: 1.6em; }
a.anchor-link { display: none; }
img { max-width: 100%; height: auto; }
pre, code { font: 14px/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { margin: 0; overflow-x: auto; white-space: pre; }
.input_area { background: #f5f5f2; border-left: 3px solid #c9c9c0; padding: .6em .9em; margin-top: 1em; }
.input_area .highlight { background: none; }
.output_subarea { padding: .4em .9em; overflow-x: auto; }
.output_stderr { background: #fdf3e7; }
table { border-collapse: collapse; margin: .6em 0; }
td, th { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left; }
.dataframe td, .dataframe th { text-align: right; }
details { margin-top: 1em; }
summary { cursor: pointer; color: #0b5394; }
blockquote { margin: 1em 0; padding-left: 1em; border-left: 3px solid #7aa6c2; }
"""
MATHJAX = """
<script>window.MathJax = { tex: { inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]] } };</script>
<script async src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-mml-chtml.js"></script>"""

# Solutions wait for a click.
TEMPLATE = """{%- extends 'basic/index.html.j2' -%}
{%- block codecell -%}
{%- if 'solution' in cell.metadata.get('tags', []) -%}
<details><summary>Solution</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock codecell -%}"""


def page(notebook: NotebookNode, folder: Path, name: str) -> str:
    """The notebook as one HTML file; `folder` is where its relative pictures are."""
    exporter = HTMLExporter(template_name="basic", raw_template=TEMPLATE, embed_images=True)
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name, "path": str(folder)}})
    style = HtmlFormatter(style="tango").get_style_defs(".highlight") + STYLE
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{name}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{style}</style>{MATHJAX}\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
