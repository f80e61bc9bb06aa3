/* The photo page: a photo goes into the worker, names come out. Nothing is sent anywhere: see the
   page's Content-Security-Policy, under which the worker is as well. */

import { Python, progress } from "./client.js";

const python = new Python({ sealed: true });
const root = document.querySelector("#photo");
const part = (selector) => root.querySelector(selector);
const LARGEST = 100e6; // bytes of a file

let given = null; // the photo: {name, alt, data}
let stage = ""; // what is under way, in words
let taken = 0; // grows with every photo; of two that are being read, the later one counts
let round = 0; // grows with every question; an answer to an earlier one is not shown

const model = () => part("input[name=model]:checked").value;

function say(words, failed = false) {
  part(".photo-status").textContent = words;
  part(".photo-status").classList.toggle("photo-failed", failed);
}

/* A question to refnet_live; null where it has no answer, or another was asked since. */
async function ask(call, extra, what, asked = round) {
  part(".photo-progress").hidden = false;
  let error = "";
  const heard = (message) => {
    if (asked !== round) return;
    if (message.show?.kind === "error") error = message.show.text.replace(/^\w*Error: /, "");
    if (message.progress) under(message, what);
  };
  const needs = `load("${model()}")`;
  const message = { call: `photo.${call}`, given: { model: model(), ...extra }, needs };
  const last = await python.ask(message, heard);
  if (asked !== round) return null;
  part(".photo-progress").hidden = true;
  part(".photo-bytes").textContent = "";
  stage = "";
  if (last.failed) {
    python.stop();
    say(`Python cannot be reached (${last.failed}).`, true);
  } else if (!last.end) {
    say(error || "This did not work.", true);
  }
  return last.end ? last.answer : null;
}

/* Bytes change many times a second: these are for the eye alone. */
function under(message, what) {
  const words = message.progress === "Running" ? what : message.progress;
  if (words !== stage) say(words);
  stage = words;
  part(".photo-progress").title = progress(message);
  part(".photo-bytes").textContent = message.bytes ? progress(message) : "";
}

async function classify() {
  if (!given) return;
  round += 1;
  const asked = round;
  part(".photo-layers").hidden = true;
  part(".photo-answer").classList.add("photo-old");
  const bytes = new Uint8Array(given.data.slice(0));
  // What is too large for a canvas Python unpacks.
  const decoded = await unpacked(given.data).catch(() => null);
  if (asked !== round) return;
  const photo = { data: bytes, name: given.name, ...(decoded && { decoded }) };
  const answer = await ask("classify", photo, "The network runs");
  if (!answer) return;
  show(answer);
  const layers = await ask("layers", {}, "Timing its layers", asked);
  if (layers) table(layers);
}

/* A JPEG as the browser unpacks it, {width, height, rgba}; null for other files. Most JPEGs hold
   their colours at half the size, and Python's library here does not stretch them as desktops do. */
async function unpacked(data) {
  const [a, b] = new Uint8Array(data);
  if (a !== 0xff || b !== 0xd8) return null;
  const asStored = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const file = new Blob([data], { type: "image/jpeg" });
  const image = await createImageBitmap(file, asStored).catch(() => null);
  if (!image) return null;
  const { width, height } = image;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const drawing = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  drawing.drawImage(image, 0, 0);
  image.close();
  const { data: rgba } = drawing.getImageData(0, 0, width, height);
  return { width, height, rgba: new Uint8Array(rgba.buffer) };
}

function show(answer) {
  part(".photo-answer").hidden = false;
  part(".photo-answer").classList.remove("photo-old");
  part(".photo-given figcaption").textContent = `${answer.image}, ${answer.size.join(" × ")}`;
  const preview = part(".photo-preview"); // with its answer: a file that is no photo shows nothing
  if (preview.src !== given.url) URL.revokeObjectURL(preview.src);
  [preview.src, preview.alt] = [given.url, given.alt];
  const seen = part(".photo-seen img");
  seen.src = `data:image/png;base64,${answer.seen}`;
  seen.alt = `The same, as ${answer.preprocessing} prepares it: 224 by 224 pixels`;
  const rows = answer.top.map(({ label, probability }) => {
    const row = document.createElement("li");
    const name = element("span", "photo-name", label);
    const share = element("span", "photo-share", percent(probability));
    const bar = element("span", "photo-bar");
    bar.style.setProperty("--share", probability);
    bar.setAttribute("aria-hidden", "true");
    row.append(name, share, bar);
    return row;
  });
  part(".photo-top ol").replaceChildren(...rows);
  part(".photo-cost").textContent =
    `${answer.model}: ${(answer.macs / 1e6).toFixed(1)} million multiply-accumulates with ` +
    `${(answer.parameters / 1e6).toFixed(2)} million numbers in ${answer.seconds.toFixed(2)} s.`;
  part(".photo-command").textContent = `refnet classify ${quoted(answer.image)} --model ${model()}`;
  const { seen: _, ...kept } = answer;
  const save = part(".photo-save");
  URL.revokeObjectURL(save.href);
  save.href = URL.createObjectURL(new Blob([JSON.stringify(kept)], { type: "application/json" }));
  const [first] = answer.top;
  say(`${first.label}, ${percent(first.probability)}.`);
}

const quoted = (name) => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

function percent(share) {
  return share >= 0.0005 ? `${(100 * share).toFixed(1)} %` : "under 0.05 %";
}

function element(tag, name, words = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = words;
  return made;
}

function table(layers) {
  part(".photo-layers").hidden = false;
  part(".photo-maps").hidden = true;
  const longest = Math.max(...layers.map(({ seconds }) => seconds));
  const rows = layers.map(({ name, of, shape, macs, seconds }) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    const button = element("button", "photo-part", name);
    button.type = "button";
    button.addEventListener("click", () => maps(of, button));
    head.append(button);
    const time = element("td", "photo-time", (1e3 * seconds).toFixed(1));
    time.style.setProperty("--share", seconds / longest);
    const cost = macs ? (macs / 1e6).toFixed(1) : "";
    row.append(head, element("td", "", shape.join(" × ")), element("td", "", cost), time);
    return row;
  });
  part(".photo-table tbody").replaceChildren(...rows);
}

async function maps(of, button, every = false) {
  for (const other of root.querySelectorAll(".photo-part")) other.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  const found = await ask("maps", { of, every }, `Maps of ${button.textContent}`);
  if (!found) return;
  const figure = part(".photo-maps");
  figure.hidden = false;
  part(".photo-maps img").src = `data:image/png;base64,${found.png}`;
  part(".photo-maps img").alt = found.alt;
  part(".photo-maps figcaption").textContent = found.alt;
  const more = part(".photo-maps button");
  more.hidden = found.shown === found.channels;
  more.textContent = `Show all ${found.channels}`;
  more.onclick = () => maps(of, button, true);
  say(found.alt);
  figure.scrollIntoView({ block: "nearest" });
}

async function take(file, alt = "The photo that you chose", asked = (taken += 1)) {
  if (!file || asked !== taken) return;
  if (file.size > LARGEST) return say(`${file.name}: more than ${LARGEST / 1e6} MB.`, true);
  const data = await file.arrayBuffer().catch(() => null);
  if (asked !== taken) return; // another photo came while this one was read
  if (!data) return say(`${file.name}: cannot be read.`, true);
  given = { name: file.name || "pasted.png", alt, data, url: URL.createObjectURL(file) };
  await classify();
}

async function sample({ dataset }) {
  const asked = (taken += 1);
  const address = new URL(`../../live/photos/${dataset.sample}.png`, import.meta.url);
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return say(`${dataset.sample}.png is not here.`, true);
  await take(new File([await answer.blob()], `${dataset.sample}.png`), dataset.alt, asked);
}

function listen() {
  const drop = part(".photo-drop");
  const input = part("input[type=file]");
  part("form").addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("change", () => take(input.files[0]).then(() => (input.value = "")));
  for (const radio of root.querySelectorAll("input[name=model]"))
    radio.addEventListener("change", classify);
  for (const button of root.querySelectorAll("[data-sample]"))
    button.addEventListener("click", () => sample(button));
  // The whole page takes a photo: one that misses the frame would replace the page.
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("photo-over");
  });
  addEventListener("dragleave", () => drop.classList.remove("photo-over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("photo-over");
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => take(event.clipboardData?.files[0]));
}

part(".photo-status").after(element("p", "photo-bytes"));
part(".photo-bytes").setAttribute("aria-hidden", "true");
listen();
root.classList.add("photo-ready");
