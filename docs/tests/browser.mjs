// Looks at the built site in a headless Chromium, and prints what it found as one line of JSON.
// node browser.mjs pages ADDRESS PAGE...   faults of each page, wide and narrow, light and dark
// node browser.mjs networks ADDRESS        what the networks in the pages compute
// node browser.mjs slides ADDRESS DECK...  slides that are larger than the window
// node browser.mjs pictures ADDRESS FOLDER PAGE...   pictures of the pages, to look at
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf-8");
const browsers = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];
const executablePath = browsers.find((path) => path && existsSync(path));
if (!executablePath) throw new Error("there is no Chromium: install chromium, or name it by CHROMIUM=/path");
const looks = [
  { name: "wide, light", width: 1280, height: 800, scheme: "light" },
  { name: "narrow, dark", width: 360, height: 740, scheme: "dark" },
];
const [task, address, ...rest] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"] });

async function show(page, look) {
  await page.setViewport({ width: look.width, height: look.height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: look.scheme }]);
  await page.waitForFunction((width) => innerWidth === width, { polling: 50 }, look.width);
  await page.evaluate(() => dispatchEvent(new Event("resize"))); // a tab behind another is not told by itself
}

async function open(path, look, elsewhere = []) {
  const page = await browser.newPage();
  page.setDefaultNavigationTimeout(180_000); // a busy machine
  await show(page, look);
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(address)) elsewhere.push(request.url());
  });
  page.on("pageerror", (error) => elsewhere.push(`error: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) elsewhere.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(`${address}/${path}`, { waitUntil: "load" });
  return page;
}

// As many pages at once as there are cores. A page is loaded once, and shown in one look after the other.
async function pages() {
  const found = {};
  const left = [...rest];
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    while (left.length) Object.assign(found, await faultsOf(left.shift()));
  }));
  return found;
}

async function faultsOf(path) {
  const faults = [];
  const found = {};
  const page = await open(path, looks[0], faults);
  await page.evaluate(axe);
  if (await page.$("button.start")) { // looked at while it runs
    await page.click("button.start");
    await page.waitForFunction(() => globalThis.live, { timeout: 120_000 });
  }
  for (const look of looks) {
    await show(page, look);
    const violations = await page.evaluate(violated);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) faults.push(`${overflow} pixels wider than the window`);
    found[`${path}, ${look.name}`] = [...faults.splice(0), ...violations];
    console.error(`${path}, ${look.name}: ${found[`${path}, ${look.name}`].length} faults`);
  }
  await page.close();
  return found;
}

// Runs in the page: all rules of axe-core, each on all elements, but for one thing. Contrast takes most of the time, and
// thousands of words of code look the same: it is computed for five of those that share colours, font and place in the
// flow with all their ancestors. A single letter does not count, since axe-core does not judge it.
async function violated() {
  for (const picture of document.images) picture.loading = "eager";
  const keys = new Map();
  const key = (element) => {
    if (!element) return 0;
    if (!keys.has(element)) {
      const { color, backgroundColor, backgroundImage, opacity, filter, textShadow, fontSize, fontWeight, position } = getComputedStyle(element);
      const alone = position === "static" || position === "relative" ? "" : keys.size;
      keys.set(element, [key(element.parentElement), color, backgroundColor, backgroundImage, opacity, filter, textShadow, fontSize, fontWeight, alone].join());
    }
    return keys.get(element);
  };
  const seen = new Map();
  for (const element of document.querySelectorAll("article *")) {
    element.removeAttribute("data-again");
    const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("").trim();
    if (text.length < 2 || !element.checkVisibility()) continue;
    const times = (seen.get(key(element)) ?? 0) + 1;
    seen.set(key(element), times);
    if (times > 5) element.setAttribute("data-again", "");
  }
  globalThis.axe.configure({ rules: [{ id: "color-contrast", selector: "*:not([data-again])" }] });
  const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`));
}

async function started(path, faults) {
  const page = await open(path, looks[0], faults);
  await page.click("button.start");
  await page.waitForFunction(() => globalThis.live, { timeout: 120_000 });
  return page;
}

const live = (page) => page.evaluate(() => Object.fromEntries(Object.entries(globalThis.live).map(
  ([name, value]) => [name, ArrayBuffer.isView(value) ? Array.from(value) : Number.isFinite(value) ? value : String(value)])));

async function change(page, selector, value, at = 0) {
  await page.evaluate((selector, value, at) => {
    globalThis.live = undefined;
    const element = document.querySelectorAll(selector)[at];
    element.value = value;
    for (const kind of ["input", "change"]) element.dispatchEvent(new Event(kind, { bubbles: true }));
  }, selector, value, at);
  await page.waitForFunction(() => globalThis.live, { timeout: 60_000 });
}

async function networks() {
  const faults = [];
  const found = { iris: [], street: [], threshold: [] };
  let page = await started("live/iris.html", faults);
  for (const eye of ["eye-1.png", "eye-5.png"]) {
    await change(page, "#iris select", eye);
    found.iris.push({ eye, ...(await live(page)) });
  }
  found.frames = [];
  for (let time = 0; time < 12; time++) {
    await change(page, "#iris select", "eye-1.png");
    found.frames.push((await live(page)).milliseconds);
  }
  await page.evaluate(() => { globalThis.live = undefined; });
  await page.click("button.camera");
  await page.waitForFunction(() => globalThis.live, { timeout: 60_000 });
  found.camera = await page.$eval(".running output", (output) => output.textContent);
  await page.close();

  page = await started("live/street.html", faults);
  for (const scene of ["0", "17"]) {
    await change(page, "#street input", scene);
    found.street.push(await live(page));
  }
  const before = await page.$eval(".running output", (output) => output.textContent);
  await page.focus("#street canvas");
  await page.keyboard.press("ArrowDown");
  found.pixel = [before, await page.$eval(".running output", (output) => output.textContent)];
  found.views = {};
  for (const view of ["prediction", "errors", "truth"]) {
    await page.select("#street select", view);
    found.views[view] = await page.$$eval("#street canvas", (all) => all[1].toDataURL());
  }
  await page.close();

  page = await started("live/threshold.html", faults);
  for (const [scene, id, threshold] of [[4, 8, 50], [4, 2, 20], [9, 9, 90], [2, 10, 5]]) {
    await change(page, "#threshold input", String(scene), 1);
    await change(page, "#threshold select", String(id));
    await change(page, "#threshold input", String(threshold), 0);
    found.threshold.push({ ...(await live(page)), told: await page.$eval(".scores", (line) => line.textContent) });
  }
  await page.close();

  page = await open("errors/index.html", looks[0], faults);
  await page.type("#error-text", "ValueError: masks are bool, but must be integers, class ids 0..10 and 255 = ignore; masks = masks.long()");
  await page.waitForSelector("#error-search li a", { timeout: 10_000 });
  found.error = await page.$eval("#error-search li a", (link) => link.textContent);
  await page.close();

  page = await browser.newPage();
  await page.goto(`${address}/search.html?q=atrous`, { waitUntil: "networkidle0" });
  await page.waitForSelector("ul.search li", { timeout: 20_000 });
  found.search = await page.$$eval("ul.search li a", (all) => all.map((link) => link.textContent));
  await page.close();

  page = await open("notebooks/02_unet_from_scratch.html", looks[1], faults);
  await page.focus("button.nav-overlay-icon");
  await page.keyboard.press("Enter");
  await new Promise((resolve) => setTimeout(resolve, 600));
  found.menu = await page.$eval(".sidebar-drawer", (drawer) => drawer.getBoundingClientRect().left);
  await page.close();

  page = await open("notebooks/05_fcn8.html", looks[0], faults);
  await page.emulateMediaType("print");
  found.printed = await page.evaluate(() => {
    dispatchEvent(new Event("beforeprint"));
    const count = (selector, holds = () => true) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility({ opacityProperty: true }) && holds(one)).length;
    return {
      beside: count(".sidebar-drawer, .toc-drawer, .mobile-header, .skip-to-content, .related-pages"),
      answers: count("details pre"),
      hidden: document.querySelectorAll("details pre").length - count("details pre"),
      cut: count("article pre, article img, article table", (one) => one.scrollWidth > one.clientWidth + 1),
    };
  });
  await page.close();

  page = await browser.newPage();
  await page.setJavaScriptEnabled(false);
  found.fallbacks = {};
  for (const path of ["live/iris.html", "live/street.html", "live/threshold.html"]) {
    await page.goto(`${address}/${path}`, { waitUntil: "networkidle0" });
    const shown = await page.$$(".fallback img");
    const buttons = await page.$$(".live button");
    found.fallbacks[path] = [
      (await Promise.all(shown.map((one) => one.isVisible()))).filter(Boolean).length,
      (await Promise.all(buttons.map((one) => one.isVisible()))).filter(Boolean).length,
    ];
  }
  await page.close();
  return { ...found, faults };
}

// Of each deck: how many slides, and which are higher or wider than the window with everything on them shown.
async function slides() {
  const found = {};
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 720 });
  for (const path of rest) {
    await page.goto(`${address}/${path}`, { waitUntil: "load" });
    await page.waitForFunction(() => globalThis.Reveal?.isReady());
    found[path] = await page.evaluate(() => {
      const faults = [];
      const total = Reveal.getTotalSlides();
      for (let index = 0; index < total; index++) {
        Reveal.slide(index, 0, Infinity);
        const parts = [...Reveal.getCurrentSlide().querySelectorAll("*")].filter((part) => !part.closest("aside")).map((part) => part.getBoundingClientRect());
        const [top, left] = ["top", "left"].map((side) => Math.min(...parts.map((part) => part[side])));
        const [bottom, right] = ["bottom", "right"].map((side) => Math.max(...parts.map((part) => part[side])));
        if (Math.min(top, left) < 0 || bottom > innerHeight || right > innerWidth) faults.push(`${index + 1}: ${Math.round(bottom)} high`);
      }
      return { total, faults };
    });
  }
  return found;
}

async function pictures() {
  const [folder, ...paths] = rest;
  for (const path of paths) {
    for (const look of looks.concat(looks.map((one) => ({ ...one, scheme: one.scheme === "light" ? "dark" : "light" })))) {
      const page = await open(path, look);
      const name = `${path.replaceAll("/", "-")}-${look.width}-${look.scheme}.png`;
      if (path.startsWith("live/")) {
        await page.click("button.start");
        await page.waitForFunction(() => globalThis.live, { timeout: 120_000 });
      }
      await page.screenshot({ path: `${folder}/${name}`, fullPage: process.env.FULL === "1" });
      await page.close();
    }
  }
  return rest;
}

try {
  console.log(JSON.stringify(await { pages, networks, slides, pictures }[task]()));
} finally {
  await browser.close();
}
