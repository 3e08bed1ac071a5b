// Threshold and score: what is called an object above which probability, and what Dice, IoU and HD95 make of it.
import { newestOnly, paint, whenStarted } from "./common.js";
import { Scenes, VOID } from "./scenes.js";

const HIT = [22, 60, 190];
const FALSE = [248, 125, 23];
const MISSED = [0, 0, 0];
const root = document.getElementById("threshold");
const find = (selector) => root.querySelector(selector);

/** Dice, IoU and HD95 of two masks (0 and 1) without void, as nbhelpers.metrics counts them. */
export function scores(found, truth, width) {
  let both = 0;
  let either = 0;
  let sum = 0;
  for (let at = 0; at < truth.length; at++) {
    both += found[at] & truth[at];
    either += found[at] | truth[at];
    sum += found[at] + truth[at];
  }
  return { dice: (2 * both) / sum, iou: both / either, hd95: hd95(border(found, width), border(truth, width)) };
}

/** Places [x, y] of the pixels that have a neighbour outside across a side; beyond the picture all is outside. */
function border(mask, width) {
  const height = mask.length / width;
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x];
  const places = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x]) continue;
      if (!(inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1))) places.push([x, y]);
    }
  }
  return places;
}

/** The larger of the 95th percentiles of the distances there and back; NaN if both are empty, Infinity if one is. */
function hd95(one, other) {
  if (!one.length || !other.length) return one.length || other.length ? Infinity : NaN;
  const nearest = (from, to) =>
    from.map(([x, y]) => Math.sqrt(to.reduce((least, [a, b]) => Math.min(least, (a - x) ** 2 + (b - y) ** 2), Infinity)));
  const percentile = (values) => {
    values.sort((a, b) => a - b);
    const place = 0.95 * (values.length - 1);
    const low = values[Math.floor(place)];
    return low + (values[Math.ceil(place)] - low) * (place % 1);
  };
  return Math.max(percentile(nearest(one, other)), percentile(nearest(other, one)));
}

if (root) {
  whenStarted(root, "street.onnx", async (network) => {
    const scenes = await Scenes.open();
    const [photo, mask] = root.querySelectorAll("canvas");
    const values = root.querySelectorAll(".scores output");
    const [slider, scroll] = root.querySelectorAll("input");
    const select = find("select");
    let scene = null;

    function draw() {
      const id = Number(select.value);
      const threshold = Number(slider.value) / 100;
      const found = new Uint8Array(scene.area);
      const truth = new Uint8Array(scene.area);
      for (let at = 0; at < scene.area; at++) {
        if (scene.truth[at] === VOID) continue;
        truth[at] = Number(scene.truth[at] === id);
        found[at] = Number(scene.probabilities[id * scene.area + at] > threshold);
      }
      const score = scores(found, truth, scene.width);
      const absent = truth.indexOf(1) < 0 && found.indexOf(1) < 0;
      values[0].textContent = `${slider.value} %`;
      values[1].textContent = absent ? "none: the class is nowhere" : score.dice.toFixed(3);
      values[2].textContent = absent ? "none" : score.iou.toFixed(3);
      values[3].textContent = absent
        ? "none"
        : Number.isFinite(score.hd95) ? `${score.hd95.toFixed(2)} pixels` : "infinite: one of the two masks is empty";
      paint(photo, scene.width, scene.height, (at) => scene.image.data.subarray(4 * at, 4 * at + 3));
      paint(mask, scene.width, scene.height, (at) => {
        if (scene.truth[at] === VOID) return [255, 255, 255];
        if (found[at] && truth[at]) return HIT;
        if (found[at]) return FALSE;
        return truth[at] ? MISSED : [225, 225, 225];
      });
      mask.setAttribute("aria-label", `${scenes.classes[id]} above ${slider.value} %: found in blue, false in orange, missed in black`);
      globalThis.live = { ...score, threshold, id, index: Number(scroll.value) }; // for the test
    }

    const show = newestOnly(async () => {
      scene = await scenes.label(Number(scroll.value), network);
      draw();
    });
    scroll.addEventListener("input", show);
    slider.addEventListener("input", draw);
    select.addEventListener("change", draw);
    await show();
  });
}
