// What a page needs besides Sphinx and Furo; it reads well without.

// The menus of a narrow window are opened by labels of hidden boxes, which no keyboard reaches: buttons take their place.
const menus = { __navigation: "All pages", __toc: "Contents of this page" };
for (const label of document.querySelectorAll(".nav-overlay-icon, .toc-overlay-icon")) {
  const box = document.getElementById(label.htmlFor);
  const button = document.createElement("button");
  button.type = "button";
  button.className = label.className;
  button.setAttribute("aria-label", menus[label.htmlFor]);
  button.append(...label.childNodes);
  const say = () => button.setAttribute("aria-expanded", String(box.checked));
  button.addEventListener("click", () => box.click());
  box.addEventListener("change", say);
  say();
  label.replaceWith(button);
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const box of document.querySelectorAll(".sidebar-toggle:checked")) box.click();
});

// What is wider than the window scrolls on its own, and must be reachable to do so.
function reachable() {
  for (const part of document.querySelectorAll("article pre, article .table-wrapper, article .output")) {
    if (part.scrollWidth > part.clientWidth + 1) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
}
addEventListener("resize", reachable);
addEventListener("load", reachable);
reachable();

// Printed, the answers are there.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    details.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("details[data-printed]")) {
    details.open = false;
    delete details.dataset.printed;
  }
});

// The index of errors finds the sentence that a pasted message is.
const search = document.getElementById("error-search");
if (search) {
  search.hidden = false;
  const field = search.querySelector("textarea");
  const found = search.querySelector("ul");
  const status = search.querySelector("output");
  let known = null;
  field.addEventListener("input", async () => {
    known ??= (await (await fetch(search.dataset.index)).json()).map(([pieces, link, text]) => ({
      pieces, link, text, weight: pieces.join("").length,
    }));
    const message = field.value.replace(/\s+/g, " ").trim();
    const holds = ({ pieces }) => {
      let place = 0;
      return pieces.every((piece) => {
        const at = message.indexOf(piece, place);
        place = at + piece.length;
        return at >= 0;
      });
    };
    const hits = message ? known.filter(holds) : [];
    hits.sort((a, b) => b.weight - a.weight);
    status.textContent = message ? (hits.length ? `${hits.length} found` : "none of the package's sentences") : "";
    found.replaceChildren(...hits.slice(0, 5).map((one) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = one.link;
      link.textContent = one.text;
      item.append(link);
      return item;
    }));
  });
}
