// Runs a network beside the page, so that the page stays awake. Nothing is fetched but from this site.
import * as ort from "../ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more would need headers that plain servers do not send
ort.env.wasm.wasmPaths = new URL("../ort/", import.meta.url).href;
let session;

onmessage = async ({ data }) => {
  try {
    if (data.open) {
      session = await ort.InferenceSession.create(data.open);
      postMessage({ id: data.id });
      return;
    }
    const { pixels, width, height } = data; // RGBA bytes, row by row
    const area = width * height;
    const images = new Float32Array(3 * area);
    for (let at = 0; at < area; at++) {
      for (let channel = 0; channel < 3; channel++) images[channel * area + at] = pixels[4 * at + channel] / 255;
    }
    const started = performance.now();
    const { logits } = await session.run({ images: new ort.Tensor("float32", images, [1, 3, height, width]) });
    const milliseconds = performance.now() - started;
    const answer = { id: data.id, logits: logits.data, classes: logits.dims[1], milliseconds };
    postMessage(answer, [answer.logits.buffer]);
  } catch (error) {
    postMessage({ id: data.id, error: String(error?.message ?? error) });
  }
};
