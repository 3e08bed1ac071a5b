"""How mask competitions on Kaggle write a mask as text, by name: `CONVENTIONS`, each with the source that says so.

Nothing in a code tells its convention, and the wrong one gives a scrambled picture without an error. The rules on
submissions have been copied from the competitions' evaluation pages by the repositories that are named.
"""

from dataclasses import dataclass

EMPTY = ("", "-", "-1", "1 0")  # what competitions write for an empty mask; no code of runs looks like it
FORMS = ("absolute", "relative", "coco")


@dataclass(frozen=True)
class Convention:
    """How a code is written. Raises ValueError for values that are not known or do not go together.

    order: the pixels are numbered down the columns ("F", as in Fortran) or along the rows ("C").
    base: the number of the first pixel, 1 or 0.
    form: pairs of start and length, with "absolute" starts, or "relative" ones, which count the pixels since the end of
        the run before (base 0); or "coco": pycocotools' compressed counts (order "F", base 0), by zlib, as base64.
    empty: what stands for a mask without foreground, one of EMPTY; "coco" has a code for that too.
    source: who says so. note: where sources disagree or are silent.
    """

    order: str = "F"
    base: int = 1
    form: str = "absolute"
    empty: str = ""
    source: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.order not in ("F", "C"):
            raise ValueError(
                f"order is {self.order!r}; it must be 'F', down the columns, or 'C', along the rows"
            )
        if self.base not in (0, 1):
            raise ValueError(f"base is {self.base!r}; it must be 1 or 0, the number of the first pixel")
        if self.form not in FORMS:
            raise ValueError(f"form is {self.form!r}; it must be one of {', '.join(map(repr, FORMS))}")
        if self.empty not in EMPTY:
            raise ValueError(f"empty is {self.empty!r}; it must be one of {', '.join(map(repr, EMPTY))}")
        if self.form != "absolute" and self.base != 0:
            raise ValueError(f"base is 1, but form {self.form!r} counts pixels from 0; pass base=0")
        if self.form == "coco" and self.order != "F":
            raise ValueError("order is 'C', but form 'coco' goes down the columns; pass order='F'")


def find_convention(convention: str | Convention) -> Convention:
    """The convention of this name, or the given one. Raises ValueError for an unknown name, listing those known."""
    if isinstance(convention, Convention):
        return convention
    if not isinstance(convention, str) or convention not in CONVENTIONS:
        raise ValueError(
            f"convention is {convention!r}; it must be one of {', '.join(CONVENTIONS)}, or a Convention of your own"
        )
    return CONVENTIONS[convention]


def conventions_table() -> str:
    """`CONVENTIONS` as text to print: a line a competition, then the notes and the sources."""
    ways = {"F": "columns", "C": "rows"}
    lines = [f"{'convention':16} {'along':8} {'first':6} {'starts':9} empty mask"]
    for name, one in CONVENTIONS.items():
        empty = "as others" if one.form == "coco" else repr(one.empty)
        lines.append(f"{name:16} {ways[one.order]:8} {one.base:<6} {one.form:9} {empty}")
    for name, one in CONVENTIONS.items():
        lines += ["", f"{name}: {one.source}", *([f"    Note: {one.note}"] if one.note else [])]
    return "\n".join(lines)


# a GitHub repository that keeps copies of evaluation pages
PAGES = "openai/mle-bench, mlebench/competitions/"
SILENT = "The sources do not say how an empty mask is written; blank is what pandas writes and reads."

CONVENTIONS = {
    "dsb-2018": Convention(
        source="selimsef/dsb2018_topcoders, rle_to_mask.py decodes stage1_solution.csv so; every code of "
        "stage1_train_labels.csv equals that of its PNG (tests/kaggle/test_kaggle_rle.py).",
        note=SILENT,
    ),
    "carvana": Convention(
        order="C",
        source="asanakoy/kaggle_carvana_segmentation, asanakoy/data_utils.py, of the winning team: it flattens along "
        "the rows and counts from 1.",
        note=SILENT,
    ),
    "tgs-salt": Convention(
        source=PAGES
        + "tgs-salt-identification-challenge/description.md: one-indexed, top to bottom, then left to "
        "right; 2 is pixel (2,1).",
        note=SILENT,
    ),
    "airbus-ships": Convention(
        source="sudo-install-MW/kaggle_ship_detection, README.md: one-indexed, top to bottom, then left to right; 'no "
        "ship' is a blank value.",
    ),
    "siim-acr": Convention(
        base=0,
        form="relative",
        empty="-1",
        source="JonnoFTW/kaggle-pneumothorax and others quote the data page: locations count from the end of the run "
        "before, and -1 is an image without pneumothorax. pyaf/siim-acr-pneumothorax-segmentation, mask_functions.py: "
        "the first start counts from 0, down the columns.",
        note="The organisers' mask2rle reads its array as [x][y], so it wants the mask transposed, and it loses a run "
        "that reaches the last pixel; their rle2mask gives the mask transposed.",
    ),
    "severstal": Convention(
        source="ankithaldar/kaggle_severstal, kaggle_severstal/README.md: top to bottom, then left to right; 1 is pixel "
        "(1,1), 2 is pixel (2,1).",
        note=SILENT,
    ),
    "clouds": Convention(
        source="aliang-0523/UnderStandingClouds, README.md: top to bottom, then left to right. denisefavila/clouds, "
        "README.md: blank where there is no area of a type.",
        note="Predictions are encoded at 350 x 525 pixels, a quarter of the images' side; the training codes at "
        "1400 x 2100.",
    ),
    "imaterialist": Convention(
        source="amirassov/kaggle-imaterialist, src/rle.py and src/submit.py: transposed, from 1; an image without "
        "objects has a blank code.",
        note="This is a competitor's code, which resizes masks to 512 x 512 before; no copy of the page was found.",
    ),
    "hubmap-kidney": Convention(
        source=PAGES
        + "hubmap-kidney-segmentation/description.md (columns img,pixels): top to bottom, then left to "
        "right; 2 is pixel (2,1).",
        note=SILENT,
    ),
    "hubmap-hpa": Convention(
        source="cns-iu/ccf-research-kaggle-2022, of the organisers, models/Team_2/create_masks.py: decoded from 1 into "
        "(width, height), then transposed.",
        note="No copy of the evaluation page was found. By the data page every image has an object; a blank code says "
        "that none was found.",
    ),
    "sartorius": Convention(
        order="C",
        source="tascj/kaggle-sartorius-cell-instance-segmentation-solution, of the winner, tools/prepare_kaggle.py: "
        "the training codes are decoded along the rows, from 1.",
        note="The evaluation page says down the columns: see sartorius-page. IoU is the same for any order that truth "
        "and prediction share, so the order of the training codes is the safe one.",
    ),
    "sartorius-page": Convention(
        source="penguin1109/SartoriusCellSegmentation, README.md: one-indexed, top to bottom, then left to right; 2 is "
        "pixel (2,1).",
        note="The training codes are along the rows: see sartorius.",
    ),
    "uw-madison": Convention(
        order="C",
        source="CarnoZhao/Kaggle-UWMGIT, data/tract/baseline.ipynb decodes the training codes, and submission.ipynb encodes "
        "predictions, along the rows, from 1; a class that is absent is blank.",
        note="The evaluation page says down the columns: see uw-madison-page. This one reads the training masks.",
    ),
    "uw-madison-page": Convention(
        source=PAGES
        + "uw-madison-gi-tract-image-segmentation/description.md, on submissions: top to bottom, then "
        "left to right; 2 is pixel (2,1).",
        note="Public notebooks read the training codes along the rows, and encode predictions so: see uw-madison.",
    ),
    "contrails": Convention(
        empty="-",
        source=PAGES
        + "google-research-identify-contrails-reduce-global-warming/description.md: top to bottom, then "
        "left to right; 2 is pixel (2,1); an empty prediction must be '-'.",
    ),
    "vesuvius": Convention(
        order="C",
        source=PAGES
        + "vesuvius-challenge-ink-detection/description.md: left to right, then top to bottom; 2 is pixel "
        "(1,2).",
        note=SILENT,
    ),
    "sennet": Convention(
        order="C",
        empty="1 0",
        source="SlipknotTN/kaggle_sennet_vessels, data/rle.py, compares every code of train_rles.csv with its label: along "
        "the rows, from 1, and '1 0' for a slice without vessels.",
    ),
    "hpa-single-cell": Convention(
        base=0,
        form="coco",
        source="weka511/hpa-scc, encoding.py, copied from the evaluation page: pycocotools' counts, zlib, base64.",
        note="A submission's row holds several masks, each as label, confidence, code; this is the code of one mask.",
    ),
}
