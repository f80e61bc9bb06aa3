/* Every code cell of a chapter can be changed and run; see worker.js for what happens then. What
   the page was published with stays where it is until a cell's own result takes its place. */

import { Python, progress } from "./client.js";
import { Output } from "./output.js";
import { highlighted } from "./highlight.js";

const python = new Python();
const cells = [];
let busy = Promise.resolve();
let asked = 0; // grows with every stop: what was queued before it does not run

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

/* For whoever hears the page: what happens, without the progress in between. */
const voice = element("div", { className: "live-voice" });
voice.setAttribute("role", "status");

const WHY =
  "This cell wants more than a browser has: processes, a compiler, or a whole network at full " +
  "size. It runs in Jupyter; if it has a smaller variant, that is near it and runs here.";

class Cell {
  constructor(box, number) {
    [this.box, this.number] = [box, number];
    this.mayFail = box.classList.contains("tag_raises-exception");
    this.pre = box.querySelector(".cell_input pre");
    this.source = this.pre.textContent.replace(/\n$/, "");
    this.published = this.pre.innerHTML;
    this.ran = null; // the text that ran, in this Python
    this.output = new Output(box);
    this.edit();
    this.bar();
  }

  get text() {
    return this.area.value;
  }

  get done() {
    return this.ran === this.text;
  }

  /* A text area, transparent, on the coloured text. */
  edit() {
    const code = element("div", { className: "live-code" });
    this.area = element("textarea", { value: this.source, spellcheck: false, rows: 1 });
    this.area.setAttribute("aria-label", `Code of cell ${this.number}`);
    for (const off of ["autocapitalize", "autocomplete", "autocorrect"])
      this.area.setAttribute(off, "off");
    this.area.addEventListener("input", () => this.changed());
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.pre.replaceWith(code);
    code.append(this.pre, this.area);
  }

  changed() {
    const same = this.text === this.source;
    this.pre.innerHTML = same ? this.published : `${highlighted(this.text)}\n`;
    this.resetButton.hidden = same && !this.output.live;
  }

  key(event) {
    if (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      runTo(this);
    } else if (event.key === "Enter" && !event.altKey && !event.isComposing) {
      const before = this.text.slice(0, this.area.selectionStart).split("\n").pop();
      const deeper = /:\s*(#.*)?$/.test(before) ? "    " : "";
      event.preventDefault();
      document.execCommand("insertText", false, `\n${before.match(/^ */)[0]}${deeper}`);
    }
  }

  bar() {
    const label = (what) => `${what} cell ${this.number}`;
    this.runButton = element("button", { type: "button", className: "live-run" }, "Run");
    this.runButton.setAttribute("aria-label", label("Run"));
    this.runButton.title = "Shift+Enter in the code does the same";
    this.runButton.addEventListener("click", () => (this.running ? stop() : runTo(this)));
    this.resetButton = element("button", { type: "button", hidden: true }, "Reset");
    this.resetButton.setAttribute("aria-label", label("Reset"));
    this.resetButton.addEventListener("click", () => this.reset());
    this.status = element("span", { className: "live-status" });
    const bar = element("div", { className: "live-bar" });
    bar.append(this.runButton, this.resetButton, this.status);
    this.box.querySelector(".cell_input").append(bar);
  }

  reset() {
    this.area.value = this.source;
    this.ran = null;
    this.output.clear();
    this.status.textContent = "";
    this.changed();
    this.area.focus();
  }

  set running(yes) {
    this.runButton.classList.toggle("live-stop", yes);
    this.runButton.textContent = yes ? "Stop" : "Run";
    this.runButton.setAttribute("aria-label", `${yes ? "Stop" : "Run"} cell ${this.number}`);
  }

  get running() {
    return this.runButton.classList.contains("live-stop");
  }

  /* Run this cell alone; whether the next one may run. `teller` is the cell that was asked for. */
  async run(teller, about) {
    const text = this.text;
    if (this !== teller) this.status.textContent = ""; // of an earlier run
    const say = (words) => tell(teller, about + words);
    let began = performance.now();
    let fresh = true;
    const heard = (message) => {
      if (message.progress) {
        began = performance.now(); // what is fetched first is no time of the cell's
        return say(progress(message));
      }
      if (fresh) this.output.begin();
      fresh = false;
      first(message);
      this.output.add(message.show);
    };
    const last = await python.ask({ run: text, cell: this.number }, heard);
    if (last.failed) return unreachable(teller, last.failed);
    if (last.stopped) return halted(teller);
    if (fresh) this.output.begin();
    first(last);
    this.ran = last.end || this.mayFail ? text : null;
    const how = last.end ? "ran" : this.mayFail ? "failed, as it should," : "failed";
    tell(this, `${how} in ${seconds(began)}`);
    this.resetButton.hidden = false;
    return last.end || this.mayFail;
  }
}

const seconds = (began) => {
  const spent = (performance.now() - began) / 1e3;
  return `${spent.toFixed(spent < 10 ? 2 : 0)} s`;
};

/* How long a reader waits for the first result, for whoever measures it. */
let clicked = null;
const first = () => {
  if (clicked === null || "live" in document.documentElement.dataset) return;
  document.documentElement.dataset.live = ((performance.now() - clicked) / 1e3).toFixed(2);
};

/* In a cell's bar; and at the head of the page, if all of them were asked for there. */
function tell(cell, words) {
  cell.status.textContent = words;
  if (cell === asOne) summary.textContent = words;
}
const summary = element("span", { className: "live-status" });
let asOne = null; // the last cell, while all run

/* The cells before it that have not run as they stand now, then the cell. */
function runTo(cell) {
  clicked ??= performance.now();
  const round = asked;
  cell.running = true;
  tell(cell, "waiting");
  busy = busy.then(async () => {
    if (round === asked) await runInOrder(cell);
    cell.running = false;
    asOne = null;
  });
  return busy;
}

async function runAll() {
  const last = cells[cells.length - 1];
  asOne = last;
  await runTo(last);
  if (last.done) summary.textContent = "every cell has run";
}

async function runInOrder(cell) {
  const before = cells.slice(0, cells.indexOf(cell)).filter((other) => !other.done);
  voice.textContent = `Cell ${cell.number} runs`;
  for (const [n, other] of before.entries()) {
    if (!(await other.run(cell, `earlier cell ${n + 1} of ${before.length}: `))) {
      if (other.status.textContent.startsWith("failed")) {
        tell(cell, `not run: cell ${other.number}, before it, failed`);
        voice.textContent = cell.status.textContent;
      }
      return;
    }
  }
  const well = await cell.run(cell, "");
  voice.textContent = `Cell ${cell.number} ${cell.status.textContent}. ${well ? "" : cell.output.words}`;
}

function halted(cell) {
  tell(cell, "stopped; the next run starts Python anew");
  voice.textContent = `Cell ${cell.number} stopped`;
  return false;
}

function unreachable(cell, why) {
  const words = `Python cannot be reached (${why}). What the page was published with stays.`;
  tell(cell, words);
  voice.textContent = words;
  python.stop();
  return false;
}

function stop() {
  asked += 1;
  python.stop();
  for (const cell of cells) cell.ran = null;
}

function resetAll() {
  stop();
  for (const cell of cells) cell.reset();
  document.activeElement?.blur();
}

function note() {
  const box = element("div", { className: "live-note" });
  const all = element("button", { type: "button" }, "Run all");
  all.addEventListener("click", runAll);
  const back = element("button", { type: "button" }, "Reset all");
  back.addEventListener("click", resetAll);
  box.append(
    "The code here is live: change it, then press Run, or Shift and Enter. The first run fetches " +
      "Python into this page, 20 to 30 MB; nothing leaves your machine. ",
    element("span", { className: "live-buttons" }, all, back, summary),
  );
  return box;
}

function begin() {
  const boxes = [...document.querySelectorAll("div.cell")];
  const coded = boxes.filter((box) => box.querySelector(".cell_input pre"));
  if (!coded.length) return;
  const heading = document.querySelector("article.bd-article h1");
  heading?.after(note());
  for (const [n, box] of coded.entries()) {
    if (box.classList.contains("tag_desktop")) {
      const why = element("p", { className: "live-desktop" }, WHY);
      box.querySelector(".cell_input").append(why);
    } else {
      cells.push(new Cell(box, n + 1));
    }
  }
  document.body.append(voice);
}

// After the copy buttons, which look for each cell's text where it was.
if (document.readyState === "complete") begin();
else addEventListener("load", begin);
