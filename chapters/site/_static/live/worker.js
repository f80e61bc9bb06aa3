/* The worker in which Python runs: Pyodide, refnet and `refnet_live` (chapters/site/live).

   One worker for a page; it is started by the first click and fetches everything then. Files come
   from the folder live/ beside the pages, Pyodide from where live/live.json says. Messages are plain
   objects. The page sends, one at a time:

     {id, run: source, cell: number}         run this code as that cell
     {id, call: "photo.classify", given: {}, needs: code}
                                             call a function of refnet_live with these arguments;
                                             `needs` names, as code would, what is fetched first

   and for each gets, all with the same id, any number of

     {progress: "Fetching Python", bytes}    what is under way; bytes so far, where it is fetched
     {show: {kind: "text", stream, text}}    what the cell shows: printed text, or a value's text
     {show: {kind: "html", html}}
     {show: {kind: "png", png, alt, width}}  base64
     {show: {kind: "error", text}}           the cell's own error

   and at the end one of

     {end: true or false, answer}            whether it ended well; what the function returned
     {failed: "why"}                         Python itself, or a file it needs, could not be had

   A worker that is in the way (a loop without end) is terminated by the page; the next one is new. */

const live = new URL("../../live/", import.meta.url);
let current = null; // the id that is being answered
let python = null; // a promise of Pyodide, with everything in it
let about = null; // live.json
const loaded = new Set();

const say = (message) => postMessage({ id: current, ...message });

// What Python needs for a cell, by what the cell says. The rest Pyodide finds by itself.
const NEEDS = [
  [/\brefnet\.reading\b|\bmatplotlib\b|\bpyplot\b/, "matplotlib"],
  [/\bscipy\b/, "scipy"],
  [/\bcheck\(|\brefnet\.exercises\b|\bhypothesis\b/, "hypothesis"],
];
const ALWAYS = ["numpy", "pillow", "platformdirs"];

// Every file goes through here, so that a reader sees how much has come.
let came = 0;
let label = "Fetching";
const plainFetch = self.fetch.bind(self);
self.fetch = async (...request) => {
  const answer = await plainFetch(...request);
  if (!answer.body) return answer;
  const counted = answer.body.pipeThrough(
    new TransformStream({
      transform(piece, onward) {
        came += piece.byteLength;
        say({ progress: label, bytes: came });
        onward.enqueue(piece);
      },
    }),
  );
  const { status, statusText, headers } = answer;
  return new Response(counted, { status, statusText, headers });
};

async function fetched(name, what, cache = "default") {
  [label, came] = [what, 0];
  const answer = await self.fetch(new URL(name, live), { cache });
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function start(packages) {
  say({ progress: "Fetching Python", bytes: 0 });
  [label, came] = ["Fetching Python", 0];
  about = await (await self.fetch(new URL("live.json", live), { cache: "no-cache" })).json();
  const home = new URL(about.pyodide, live).href;
  const archive = fetched(about.archive, "Fetching Python");
  archive.catch(() => {}); // it is awaited below
  const { loadPyodide } = await import(/* webpackIgnore: true */ `${home}pyodide.mjs`);
  const pyodide = await loadPyodide({ indexURL: home, packages, checkIntegrity: true });
  packages.forEach((name) => loaded.add(name));
  say({ progress: "Starting Python" });
  pyodide.unpackArchive(await archive, "zip", { extractDir: "/lib/refnet_site" });
  pyodide.globals.set("_say", (text) => say({ show: JSON.parse(text) }));
  pyodide.globals.set("_bring", bring);
  pyodide.runPython(`
import sys
sys.path.insert(0, "/lib/refnet_site")
from refnet_live import start
_session = start.session(_say, _bring)
`);
  return pyodide;
}

// A file that refnet is without, asked for in the middle of a computation: nothing else can be
// awaited there. `ahead` has mostly fetched it already.
const brought = new Map();
function bring(name) {
  if (!(name in about.files)) return null;
  if (brought.has(name)) return brought.get(name);
  say({ progress: `Fetching ${name}` });
  const request = new XMLHttpRequest();
  request.open("GET", new URL(about.files[name], live), false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`${name}: ${request.status}`);
  return new Uint8Array(request.response);
}

// Files that the code names, fetched before it runs: with progress, and by the browser's cache.
async function ahead(code) {
  for (const [pattern, name] of about.named) {
    if (brought.has(name) || !new RegExp(pattern).test(code)) continue;
    const [, model] = name.split("/");
    brought.set(name, await fetched(about.files[name], `Fetching ${model}`, "force-cache"));
  }
}

async function ready(code) {
  const wanted = NEEDS.filter(([pattern]) => pattern.test(code)).map(([, name]) => name);
  const packages = wanted.filter((name) => name !== "hypothesis");
  try {
    if (!python) python = start([...ALWAYS, ...packages]);
    const pyodide = await python;
    const quiet = { messageCallback() {}, checkIntegrity: true };
    const more = packages.filter((name) => !loaded.has(name));
    if (wanted.includes("hypothesis") && !loaded.has("hypothesis")) {
      loaded.add("hypothesis");
      more.push(...about.wheels.map((name) => new URL(name, live).href));
    }
    if (more.length) {
      [label, came] = ["Fetching packages", 0];
      await pyodide.loadPackage(more, quiet);
      more.forEach((name) => loaded.add(name));
    }
    [label, came] = ["Fetching packages", 0];
    await pyodide.loadPackagesFromImports(code, quiet).catch(() => {}); // the cell will say it
    await ahead(code);
    return pyodide;
  } catch (problem) {
    if (loaded.size === 0) python = null; // the next click tries again
    throw problem;
  }
}

async function answer(message) {
  current = message.id;
  let pyodide;
  try {
    pyodide = await ready(message.run ?? message.needs ?? "");
  } catch (problem) {
    say({ failed: String(problem?.message ?? problem).split("\n")[0] });
    return;
  }
  const session = pyodide.globals.get("_session");
  try {
    if (message.run !== undefined) {
      say({ progress: "Running" });
      say({ end: session.run(message.cell, message.run) });
    } else {
      const given = pyodide.toPy(message.given);
      say({ end: true, answer: JSON.parse(session.call(message.call, given)) });
      given.destroy();
    }
  } catch (problem) {
    const words = String(problem?.message ?? problem).trim().split("\n");
    say({ show: { kind: "error", text: words[words.length - 1] } });
    say({ end: false });
  } finally {
    session.destroy();
  }
}

let last = Promise.resolve();
onmessage = ({ data }) => (last = last.then(() => answer(data)));
