#!/bin/sh
# MyST-NB 1.4.0 with Sphinx 9.0.4: the alternative text that a notebook stores for a picture, in the metadata of the
# output ({"image/png": {"alt": ...}}, where nbconvert's templates look for it), does not reach the page: the picture's alt
# is the name of the file that Sphinx wrote. Width, stored in the same place, does reach it.
# Seen below: the page holds the width, and a file name where the words of the alternative text are due.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet myst-nb==1.4.0 sphinx==9.0.4 pillow==12.0.0
mkdir "$folder/source"
cd "$folder/source"
../venv/bin/python - <<'PY'
import base64
import io

import nbformat
from PIL import Image

file = io.BytesIO()
Image.new("RGB", (8, 8), "red").save(file, "png")
picture = nbformat.v4.new_output(
    "display_data",
    {"image/png": base64.b64encode(file.getvalue()).decode()},
    metadata={"image/png": {"alt": "a red square", "width": 321}},
)
title = nbformat.v4.new_markdown_cell("# A page")
cell = nbformat.v4.new_code_cell("picture", outputs=[picture], execution_count=1)
nbformat.write(nbformat.v4.new_notebook(cells=[title, cell]), "index.ipynb")
open("conf.py", "w").write('extensions = ["myst_nb"]\nnb_execution_mode = "off"\n')
PY
../venv/bin/python -m sphinx --quiet . ../page
../venv/bin/python - <<'PY'
import re

page = open("../page/index.html", encoding="utf-8").read()
(tag,) = re.findall(r"<img[^>]*>", page)
print(tag)
assert "321" in tag and "a red square" not in page and re.search(r'alt="[^"]*\.png"', tag)
PY
