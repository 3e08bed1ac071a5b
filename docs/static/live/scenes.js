// Drawn streets and what the network says of them, for the pages that show both.
import { files, readPicture, softmax } from "./common.js";

export const VOID = 255;

export class Scenes {
  static async open() {
    const scenes = new Scenes();
    Object.assign(scenes, await (await fetch(files("street.json"))).json());
    return scenes;
  }

  /** Image and truth of scene `index`, and the network's probabilities (classes, H, W). */
  async label(index, network) {
    const [image, mask] = await Promise.all(this.scenes[index].map(readPicture));
    const { logits, classes, milliseconds } = await network.run(image);
    const area = image.width * image.height;
    const probabilities = softmax(logits, classes);
    const truth = new Uint8Array(area);
    const ids = new Uint8Array(area);
    for (let at = 0; at < area; at++) {
      truth[at] = mask.data[4 * at];
      for (let id = 1; id < classes; id++) {
        if (probabilities[id * area + at] > probabilities[ids[at] * area + at]) ids[at] = id;
      }
    }
    return { image, truth, ids, probabilities, milliseconds, width: image.width, height: image.height, area };
  }
}
