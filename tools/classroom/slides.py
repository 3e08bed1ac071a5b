"""A lesson as 10 to 15 slides: reveal.js, written by nbconvert from cells that are tagged here, by rule.

Title, goals, a slide a section (its heading, its claim, its first question to predict, its first picture), exercises, quiz.
The section's whole text stands in the speaker's notes: press S.
"""

import html
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from tools.classroom.exercises import FOLD, exercises, plain, quiz
from tools.execution import is_code
from tools.lesson_map import LESSONS, title

FEWEST, MOST = 10, 15
END = re.compile(r"## (?:Exercises|Quiz|The score|Words to keep|Further reading)\s*$", re.MULTILINE)
ASIDE = re.compile(r"## (?:(?:The|Where|Papers) .*this notebook|The winners)")  # left out first
PREDICT = re.compile(r"\*\*(?:Predict|Before you run)[^*]*\*\*.*?[.?](?=\s|$)(?:[^.?\n]*\?)*", re.DOTALL)
SENTENCE = re.compile(r"[^\n]+?[.?!](?=\s|$)")
KINDS = ("image/png", "image/jpeg")

STYLE = """<style>
html, body, main { height: 100%; margin: 0; } .anchor-link { display: none; }
body .reveal { font-size: 28px; } body .reveal .small { font-size: .75em; }
body .reveal h1, body .reveal h2 { text-transform: none; font-size: 1.9em; } body .reveal h2 { font-size: 1.4em; }
body .reveal p, body .reveal ul { text-align: left; line-height: 1.35; margin: .4em 0; display: block; }
body .reveal code { font-size: .85em; }
body .reveal .slides section img { max-width: 100%; max-height: 470px; width: auto; margin: .3em auto; display: block; }
body .reveal .slides section .fragment img { max-height: 430px; } /* below a question */
</style>"""
# nbconvert's own page fetches require.js, jQuery, MathJax and Mermaid from other servers: a room without internet has none.
TEMPLATE = """{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block notebook_css -%}{{ nb.metadata.slides_style }}{%- endblock -%}
{%- block any_cell scoped -%}
{%- if cell.metadata.get('slide_start') %}<section>{% endif -%}
{%- if cell.metadata.get('subslide_start') %}<section>{% endif -%}
{%- if cell.metadata.get('fragment_start') %}<div class="fragment">{% endif -%}
{%- if cell.metadata.slide_type == 'notes' %}<aside class="notes">{% endif -%}
{{ cell.source | markdown2html | strip_files_prefix }}
{%- if cell.metadata.slide_type == 'notes' %}</aside>{% endif -%}
{%- if cell.metadata.get('fragment_end') %}</div>{% endif -%}
{%- if cell.metadata.get('subslide_end') %}</section>{% endif -%}
{%- if cell.metadata.get('slide_end') %}</section>{% endif -%}
{%- endblock any_cell -%}
{%- block footer_js -%}
<script src="{{ resources.reveal.url_prefix }}/dist/reveal.js"></script>
<script src="{{ resources.reveal.url_prefix }}/plugin/notes/notes.js"></script>
<script>Reveal.initialize({ hash: true, slideNumber: "c", transition: "none", plugins: [RevealNotes] });</script>
{%- endblock footer_js -%}"""


@dataclass
class Section:
    heading: str
    text: str = ""
    pictures: list[str] = field(default_factory=list)  # each an <img>

    @property
    def claim(self) -> str:
        """Its first words in bold that say something, or its first sentence."""
        prose = re.sub(r"```.*?```", "", self.text, flags=re.DOTALL)
        prose = PREDICT.sub("", re.sub(r"^(?:\||[-*>#] ).*$", "", prose, flags=re.MULTILINE))
        for bold in re.findall(r"\*\*(?=\S)([^*]+)(?<=\S)\*\*", prose):
            if len(bold.split()) > 4:
                return bold
        first = SENTENCE.search(prose)
        return first[0].strip() if first else ""

    @property
    def question(self) -> str:
        found = PREDICT.search(self.text)
        return found[0].strip() if found else ""


def sections(notebook: NotebookNode) -> list[Section]:
    """Those between the introduction and the exercises."""
    found: list[Section] = []
    for cell in notebook.cells[1:]:
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
                if END.match(part):
                    return found
                if part.startswith("## "):
                    heading, _, part = part.partition("\n")
                    found.append(Section(heading))
                if found:
                    found[-1].text += f"\n\n{part.strip()}"
        elif is_code(cell) and found:
            found[-1].pictures += [picture for output in cell.outputs for picture in _pictures(output)]
    return found


def _pictures(output: NotebookNode) -> list[str]:
    return [
        f'<img src="data:{kind};base64,{output.data[kind].strip()}" alt="{html.escape(output.metadata[kind]["alt"])}">'
        for kind in KINDS
        if kind in output.get("data", {})
    ]


def chosen(found: list[Section], others: int) -> list[Section]:
    """So many that with `others` there are FEWEST to MOST: the papers' tables go first, then what shows no picture.

    Raises ValueError where there are too few even if each picture gets a slide of its own.
    """
    left = list(found)
    for dispensable in (lambda one: ASIDE.match(one.heading), lambda one: not one.pictures, lambda one: True):
        for one in reversed(found):
            if len(left) + others > MOST and one in left and dispensable(one):
                left.remove(one)
    slides = []
    more = FEWEST - others - len(left)
    for one in left:
        slides.append(one)
        for picture in one.pictures[1:]:
            if more > 0:
                slides.append(Section(one.heading, pictures=[picture]))
                more -= 1
    if more > 0:
        raise ValueError(
            f"{len(slides) + others} slides, at least {FEWEST} are due: give it more sections or pictures"
        )
    return slides


def deck(notebook: NotebookNode, lesson: str) -> NotebookNode:
    """A notebook of Markdown cells with nbconvert's slide types in `metadata.slideshow.slide_type`."""
    first = notebook.cells[0].source
    promise = next(p for p in first.split("\n\n")[1:] if not p.startswith(("[![", "**")))
    goals = re.search(r"\*\*You will be able to\*\*\s*(.*?)(?=\n\n\*\*)", first, re.DOTALL)[1]
    question = f"\n\n**{LESSONS[lesson][0]}**" if lesson in LESSONS else ""
    cells = [
        _cell(f"# {title(notebook)}\n\n{promise}{question}", "slide"),
        _cell(f"## You will be able to\n\n{_spoken(goals)}", "slide"),
    ]
    tasks = "\n\n".join(f"**{one.number}.** {_spoken(one.question)}" for one in exercises(notebook))
    questions = quiz(notebook)
    for one in chosen(sections(notebook), others=4 if questions else 3):
        cells.append(_cell(f"{one.heading}\n\n{_spoken(one.claim)}\n\n{_spoken(one.question)}", "slide"))
        if one.text:
            cells.append(_cell(FOLD.sub("", one.text).strip(), "notes"))
        if one.pictures:
            cells.append(_cell(one.pictures[0], "fragment" if one.question else "-"))
    cells.append(_cell(f'## Try it\n\n<div class="small">\n\n{tasks}\n\n</div>', "slide"))
    if questions:
        asked = "\n\n".join(f"**{one.number}.** {_spoken(one.text)}" for one in questions)
        cells.append(_cell(f'## Quiz\n\n<div class="small">\n\n{asked}\n\n</div>', "slide"))
        cells.append(_cell("\n\n".join(f"**{one.number}.** {one.answer}" for one in questions), "notes"))
    for index, cell in enumerate(cells):
        cell.id = f"slide-{index:02}"
    return new_notebook(cells=cells, metadata={"title": plain(title(notebook)), "slides_style": STYLE})


def _cell(source: str, kind: str) -> NotebookNode:
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})


def _spoken(markdown: str) -> str:
    """Without links, which lead nowhere from here, and without the marks of formulas, which need MathJax."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("$", "")


def page(notebook: NotebookNode, lesson: str, reveal: str) -> str:
    """The slides as one HTML file; `reveal` is where it finds the folder of reveal.js."""
    exporter = SlidesExporter(raw_template=TEMPLATE, reveal_url_prefix=reveal, reveal_theme="white")
    body, _ = exporter.from_notebook_node(deck(notebook, lesson), {"metadata": {"name": lesson}})
    return body


def write_reveal(package: Path, folder: Path) -> None:
    """Copy what slides need of reveal.js. Raises FileNotFoundError where npm did not fetch it."""
    if not package.is_dir():
        raise FileNotFoundError(f"reveal.js is not in {package}: npm fetches it, run make classroom")
    for part in ("dist", "plugin/notes", "LICENSE"):
        source = package / part
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("*.map", "*.esm.js"))
        else:
            shutil.copyfile(source, folder / part)
