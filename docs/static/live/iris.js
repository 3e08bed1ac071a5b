// The iris finder: a drawn eye, a picture of one's own, or the camera. No pixel leaves the page.
import { files, newestOnly, paint, pixelsOf, whenStarted } from "./common.js";

const LONGEST = 320; // pixels of the longer side; the network works at about 192 x 256
const root = document.getElementById("iris");
const find = (selector) => root.querySelector(selector);

whenStarted(root, "iris.onnx", async (network) => {
  const canvas = find("canvas");
  const status = find(".running output");
  let source = await picture(files(find("select").value));
  let stream = null;
  let shown = null;

  async function picture(address) {
    const image = new Image();
    image.src = address;
    await image.decode();
    return image;
  }

  async function frame() {
    const [width, height] = [source.videoWidth || source.naturalWidth, source.videoHeight || source.naturalHeight];
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    const image = pixelsOf(source, Math.max(32, Math.round(width * scale)), Math.max(32, Math.round(height * scale)));
    const { logits, milliseconds } = await network.run(image);
    const area = image.width * image.height;
    const probability = new Float32Array(area);
    for (let at = 0; at < area; at++) probability[at] = 1 / (1 + Math.exp(logits[at] - logits[area + at]));
    shown = { image, probability };
    draw();
    globalThis.live = { probability, milliseconds, width: image.width, height: image.height }; // for the test
    const share = (100 * probability.filter((value) => value > 0.5).length) / area;
    status.textContent =
      `${milliseconds.toFixed(0)} milliseconds a frame (${(1000 / milliseconds).toFixed(1)} a second) at ` +
      `${image.height} x ${image.width}; ` +
      (share < 0.1 ? "no iris found" : `the iris is ${share.toFixed(1)} % of the picture`);
    canvas.setAttribute("aria-label", `The picture, with what is taken for iris in blue: ${share.toFixed(1)} % of it`);
  }

  function draw() {
    const { image, probability } = shown;
    const tinted = find("input[name=tint]").checked;
    paint(canvas, image.width, image.height, (at) => {
      const blue = tinted ? 0.55 * probability[at] : 0;
      return [0, 1, 2].map((channel) => image.data[4 * at + channel] * (1 - blue) + [30, 90, 255][channel] * blue);
    });
  }

  const look = newestOnly(async () => {
    try {
      await frame();
    } catch (error) {
      status.textContent = `This picture could not be looked at: ${error.message}`;
    }
  });

  function stopCamera() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    find("button.camera").textContent = "Use the camera";
  }

  find("select").addEventListener("change", async (event) => {
    stopCamera();
    source = await picture(files(event.target.value));
    look();
  });
  find("input[type=file]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    stopCamera();
    try {
      source = await picture(URL.createObjectURL(file));
      look();
    } catch {
      status.textContent = `${file.name} is no picture that this browser reads: take a PNG or a JPEG`;
    }
  });
  find("input[name=tint]").addEventListener("change", () => draw());
  find("button.camera").addEventListener("click", async () => {
    if (stream) {
      stopCamera();
      return;
    }
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    } catch (error) {
      status.textContent = `There is no camera to use (${error.message}); choose a picture instead`;
      return;
    }
    find("button.camera").textContent = "Stop the camera";
    const video = document.createElement("video");
    video.srcObject = stream;
    video.muted = true;
    await video.play();
    source = video;
    while (stream) {
      await look();
      await new Promise(requestAnimationFrame);
    }
  });
  await frame();
});
