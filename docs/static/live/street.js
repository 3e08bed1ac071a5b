// The street: scenes on a slider, what the network labels them, its errors, and the pixel under the pointer.
import { newestOnly, paint, whenStarted } from "./common.js";
import { Scenes, VOID } from "./scenes.js";

const root = document.getElementById("street");
const find = (selector) => root.querySelector(selector);

whenStarted(root, "street.onnx", async (network) => {
  const scenes = await Scenes.open();
  const { classes, palette } = scenes;
  const [photo, labels] = root.querySelectorAll("canvas");
  const [pixel, status] = root.querySelectorAll(".running output");
  let scene = null;
  let at = 0; // the pixel that is told about

  find("dl.key").replaceChildren(
    ...classes.map((name, id) => {
      const entry = document.createElement("div");
      const colour = document.createElement("dt");
      colour.style.background = `rgb(${palette[id]})`;
      const word = document.createElement("dd");
      word.textContent = name;
      entry.append(colour, word);
      return entry;
    }),
  );

  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const nameOf = (id) => (id === VOID ? "void, not scored" : classes[id]);

  function draw() {
    const view = find("select").value;
    paint(photo, scene.width, scene.height, (one) => scene.image.data.subarray(4 * one, 4 * one + 3));
    paint(labels, scene.width, scene.height, (one) => {
      const truth = scene.truth[one];
      const id = view === "truth" ? truth : scene.ids[one];
      if (view !== "errors") return id === VOID ? [255, 255, 255] : palette[id];
      if (truth === VOID) return [255, 255, 255];
      return truth === id ? palette[id].map((value) => 0.25 * value + 191) : [0, 0, 0];
    });
    for (const canvas of [photo, labels]) {
      const context = canvas.getContext("2d");
      const [x, y] = [at % scene.width, Math.floor(at / scene.width)];
      context.lineWidth = 0.7;
      for (const [colour, side] of [["white", 2], ["black", 2.7]]) {
        context.strokeStyle = colour;
        context.strokeRect(x + 0.5 - side, y + 0.5 - side, 2 * side, 2 * side);
      }
    }
    let scored = 0;
    let right = 0;
    for (let one = 0; one < scene.area; one++) {
      if (scene.truth[one] === VOID) continue;
      scored++;
      if (scene.truth[one] === scene.ids[one]) right++;
    }
    const shown = { prediction: "what the network labels", truth: "the truth", errors: "errors in black" }[view];
    labels.setAttribute("aria-label", `Scene ${find("input").value}: ${shown}; ${percent(right / scored)} of the scored pixels are right. Arrow keys move the pixel.`);
    tell();
  }

  function tell() {
    const likely = classes.map((name, id) => [scene.probabilities[id * scene.area + at], name]);
    likely.sort((a, b) => b[0] - a[0]);
    const [x, y] = [at % scene.width, Math.floor(at / scene.width)];
    pixel.textContent =
      `row ${y}, column ${x}: truth ${nameOf(scene.truth[at])}; the network says ` +
      likely.slice(0, 3).map(([share, name]) => `${name} ${(100 * share).toFixed(1)} %`).join(", ");
  }

  const show = newestOnly(async () => {
    const index = Number(find("input").value);
    scene = await scenes.label(index, network);
    globalThis.live = { index, probabilities: scene.probabilities, milliseconds: scene.milliseconds }; // for the test
    status.textContent = `${scene.milliseconds.toFixed(0)} milliseconds a scene of ${scene.height} x ${scene.width}`;
    draw();
  });

  find("input").addEventListener("input", show);
  find("select").addEventListener("change", draw);
  for (const canvas of [photo, labels]) {
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      const x = Math.floor(((event.clientX - box.left) / box.width) * scene.width);
      const y = Math.floor(((event.clientY - box.top) / box.height) * scene.height);
      if (x < 0 || y < 0 || x >= scene.width || y >= scene.height) return;
      at = y * scene.width + x;
      draw();
    };
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const x = Math.min(scene.width - 1, Math.max(0, (at % scene.width) + step[0]));
      const y = Math.min(scene.height - 1, Math.max(0, Math.floor(at / scene.width) + step[1]));
      at = y * scene.width + x;
      draw();
    });
  }
  scene = await scenes.label(0, network);
  at = Math.floor(scene.height / 2) * scene.width + Math.floor(scene.width / 2);
  await show();
});
