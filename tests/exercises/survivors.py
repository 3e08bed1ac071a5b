"""Mutants of the notebooks' solutions that are called right, and why: {exercise: {pattern of the edit: reason}}.

A pattern is looked for in the lines that the edit adds.
"""

SAME = "the same axis, index or default by another name"
ORDER = "the order of what is added, joined or listed does not matter"

SURVIVORS = {
    "1.3": {
        r"interpolate\(ids\[None, None\], size\)": "nearest is what interpolate does by itself",
        r"\[-1, 0\]|\[0, -1\]": SAME,
        "'nearest-exact'": "any pixel under the new one is allowed, as long as its place decides",
    },
    "2.3": {
        r"right = logits.argmax\(dim=1\) == masks$": "void needs no guard above the line: no class is 255"
    },
    "3.3": {
        r"reshape\(3, 1, 1\)": "(3, 1, 1) broadcasts as (1, 3, 1, 1) does",
        r"std\[:1\]|mean\[:1\]": "mean and std are (1, 3, 1, 1) there: all of it is left",
        r"\(images / 255": "bytes divided by 255 are floats",
    },
    "6.3": {
        r"\(left, top\)|in \(1, 0\)": "the order of a cell's corners shows only where two are equal, and then either will do",
        r"\[-1\]": SAME,
    },
    "8.3": {
        r"\[laterals\[:1\]\[0\]\]|shape\[2:\]": SAME,
        r"size=lateral.shape\[-2:\]\)\)": "nearest is what interpolate does by itself",
    },
    "9.3": {
        r"mode='bilinear'\)": "align_corners is False by itself",
        r"x\[:1\].shape|shape\[2:\]": SAME,
    },
    "10.3": {r"\[\.\.\., -1\]|\[:, :, -1\]": SAME},
    "11.3": {r"place - step|\(0, -rate, rate\)|\(-rate, rate, 0\)": ORDER},
    "12.3": {r"dim=\(3, 2\)": ORDER},
    "14.1": {"answer = ": ORDER},
    "17.1": {
        "301|299|801|799|6001|5999|401|399": "a pixel or a row more or less, which two digits do not show",
    },
    "17.3": {r"axis=\(2, 1\)": ORDER},
    "19.3": {
        r"(key|value)\.shape\[1\]": "queries, keys and values are equally long",
        r"\.shape\[-1\]|query\[:1\]\.shape": SAME,
    },
    "21.3": {
        r"min\(axis=0\).max\(\), between.min\(axis=1\)": ORDER,
        r"- b, axis=2": "(m, 2) broadcasts as (1, m, 2) does",
    },
    "22.3": {r"minimum\(bins - 1, \(told": ORDER},
    "24.3": {r"\(costs <=? costs|\(scores >=? scores": "(n,) broadcasts as (1, n) does"},
    "25.2": {r"return \(\(1 - r\)": "a generator of the same two numbers"},
    "25.3": {r"/ both.sum\(\)$": "numpy's 0 / 0 is nan by itself"},
    "26.3": {r"transpose\(1, 0\)": ORDER},
}
