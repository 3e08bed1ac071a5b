"""What Sphinx 9.0.4, MyST-NB 1.4.0 and Furo 2025.12.19 leave to do for readers who hear a page or use the keyboard alone."""

import re
from pathlib import Path

REPAIRS = (
    # headings of the side bar, which have a role and no level
    (r'<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">'),
    # two landmarks without names
    (r'<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    (r'<aside class="toc-drawer', '<aside aria-label="This page" class="toc-drawer'),
    # the corner of a table is no heading
    (r'<th class="head[^"]*">\s*(?:<p></p>)?\s*</th>', "<td></td>"),
    # a folded cell is read out by the word that is seen
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # the page of search results has no title
    (r'(<article role="main" id="furo-main-content">)(?=\s*<noscript>)', r"\1<h1>Search</h1>"),
)


def repair(folder: Path) -> None:
    """Mend every page of the site, in place."""
    for path in sorted(folder.rglob("*.html")):
        page = path.read_text("utf-8")
        for found, put in REPAIRS:
            page = re.sub(found, put, page)
        path.write_text(page, "utf-8", newline="\n")
