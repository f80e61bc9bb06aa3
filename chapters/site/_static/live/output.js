/* What a cell shows, in the place of what it was published with. */

import { highlighted } from "./highlight.js";

const STREAM = "output stream highlight-myst-ansi notranslate";

export class Output {
  constructor(box) {
    this.box = box;
    this.published = [...box.querySelectorAll(":scope > .cell_output")];
    this.live = null;
  }

  /* A new result begins. */
  begin() {
    this.live?.remove();
    this.live = document.createElement("div");
    this.live.className = "cell_output docutils container live-output";
    for (const old of this.published) old.hidden = true;
    this.box.append(this.live);
    this.stream = null;
  }

  /* Back to what was published. */
  clear() {
    this.live?.remove();
    this.live = null;
    for (const old of this.published) old.hidden = false;
  }

  get words() {
    return this.live?.querySelector(".live-error")?.textContent ?? "";
  }

  add(shown) {
    if (shown.kind === "text") return this.text(shown);
    this.stream = null;
    if (shown.kind === "html") this.html(shown.html);
    if (shown.kind === "png") this.picture(shown);
    if (shown.kind === "error") this.pre(shown.text, "live-error");
  }

  text({ stream, text }) {
    if (stream && this.stream?.name === stream) {
      this.stream.pre.append(text);
      return;
    }
    const pre = this.pre(text, stream === "stderr" ? "live-warning" : "");
    this.stream = stream ? { name: stream, pre } : null;
  }

  pre(text, name) {
    const outer = document.createElement("div");
    outer.className = STREAM;
    outer.innerHTML = '<div class="highlight"><pre tabindex="0"></pre></div>';
    const pre = outer.querySelector("pre");
    if (name) pre.className = name;
    pre.append(text);
    this.live.append(outer);
    return pre;
  }

  html(html) {
    const made = document.createElement("div");
    made.className = "output text_html";
    made.innerHTML = html;
    for (const table of made.querySelectorAll("table")) table.classList.add("table", "docutils");
    for (const code of made.querySelectorAll("pre > code")) this.listing(code);
    for (const pre of made.querySelectorAll("pre")) pre.tabIndex = 0;
    this.live.append(made);
    if (made.querySelector(".math")) globalThis.MathJax?.typesetPromise?.([made]);
  }

  /* A block of code, as the pages have it. */
  listing(code) {
    const pre = code.parentElement;
    const outer = document.createElement("div");
    outer.className = "highlight-python notranslate";
    outer.innerHTML = '<div class="highlight"><pre></pre></div>';
    const source = code.textContent.replace(/\n$/, "");
    const python = code.classList.contains("language-python");
    const inner = outer.querySelector("pre");
    if (python) inner.innerHTML = highlighted(source);
    else inner.textContent = source;
    pre.replaceWith(outer);
  }

  picture({ png, alt, width }) {
    const image = document.createElement("img");
    image.src = `data:image/png;base64,${png}`;
    image.alt = alt;
    if (width) image.width = width;
    this.live.append(image);
  }
}
