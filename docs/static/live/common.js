// What the three pages share: to start a network, to read pictures, to paint.

export const files = (name) => new URL(`../networks/${name}`, import.meta.url).href;

/** A network in a worker: `run(ImageData)` gives { logits: Float32Array (classes, H, W), classes, milliseconds }. */
export class Network {
  constructor() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.last = 0;
    this.worker.onmessage = ({ data }) => {
      const { resolve, reject } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error) reject(new Error(data.error));
      else resolve(data);
    };
    this.worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(event.message || "the worker did not start"));
      this.waiting.clear();
    };
  }

  ask(message) {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.last, { resolve, reject });
      this.worker.postMessage({ ...message, id: this.last });
    });
  }

  static async open(file) {
    const network = new Network();
    await network.ask({ open: files(file) });
    return network;
  }

  run(image) {
    return this.ask({ pixels: image.data, width: image.width, height: image.height });
  }
}

/** Probabilities (classes, H, W) from logits, by softmax over the classes. */
export function softmax(logits, classes) {
  const area = logits.length / classes;
  const found = new Float32Array(logits.length);
  for (let at = 0; at < area; at++) {
    let largest = -Infinity;
    for (let id = 0; id < classes; id++) largest = Math.max(largest, logits[id * area + at]);
    let sum = 0;
    for (let id = 0; id < classes; id++) sum += found[id * area + at] = Math.exp(logits[id * area + at] - largest);
    for (let id = 0; id < classes; id++) found[id * area + at] /= sum;
  }
  return found;
}

/** The pixels of a picture of this site, as they are in the file. */
export async function readPicture(name) {
  const image = new Image();
  image.src = files(name);
  await image.decode();
  return pixelsOf(image, image.naturalWidth, image.naturalHeight);
}

/** The pixels of a picture, a video or a canvas, at this size. */
export function pixelsOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Paint a pixel at a time: `colour(at)` is [r, g, b]. */
export function paint(canvas, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const [r, g, b] = colour(at);
    image.data.set([r, g, b, 255], 4 * at);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A button that loads a network once and then gives way to the controls; what goes wrong is said. */
export function whenStarted(root, file, begin) {
  const button = root.querySelector("button.start");
  const status = root.querySelector("output.status");
  root.querySelector(".starter").hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = "loading ...";
    try {
      const network = await Network.open(file);
      await begin(network);
      root.querySelector(".fallback").hidden = true;
      root.querySelector(".running").hidden = false;
      root.querySelector(".starter").hidden = true;
      root.querySelector(".running select, .running input")?.focus();
    } catch (error) {
      button.disabled = false;
      status.textContent =
        `The network did not start (${error.message}). Pages opened from a folder may not load it: ` +
        "serve the folder by python -m http.server, and open http://localhost:8000.";
    }
  });
}

/** Calls `work` again and again, never twice at once, and leaves out what came in between. */
export function newestOnly(work) {
  let running = false;
  let wanted = false;
  return async function again() {
    if (running) {
      wanted = true;
      return;
    }
    running = true;
    do {
      wanted = false;
      await work();
    } while (wanted);
    running = false;
  };
}
