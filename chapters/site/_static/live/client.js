/* A page's half of the conversation that the top of worker.js describes. */

export class Python {
  #worker = null;
  #next = 0;
  #heard = new Map(); // id -> what to do with its messages
  #sealed;

  /* sealed: the worker is under this page's Content-Security-Policy, as one from a blob is. */
  constructor({ sealed = false } = {}) {
    this.#sealed = sealed;
  }

  /* Send a message; `heard` gets what comes before the end. Resolves to the last message:
     {end, answer}, {failed} or {stopped: true}. */
  ask(message, heard = () => {}) {
    this.#worker ??= this.#start();
    const id = (this.#next += 1);
    return new Promise((resolve) => {
      this.#heard.set(id, { heard, resolve });
      this.#worker.postMessage({ id, ...message });
    });
  }

  get started() {
    return this.#worker !== null;
  }

  /* End what runs, and Python with it. */
  stop(last = { stopped: true }) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { resolve } of this.#heard.values()) resolve(last);
    this.#heard.clear();
  }

  #start() {
    let address = new URL("worker.js", import.meta.url).href;
    if (this.#sealed) {
      const code = `import ${JSON.stringify(address)};`;
      address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    }
    const worker = new Worker(address, { type: "module" });
    worker.onmessage = ({ data }) => {
      const waiting = this.#heard.get(data.id);
      if (!waiting) return;
      if ("end" in data || "failed" in data) {
        this.#heard.delete(data.id);
        waiting.resolve(data);
      } else {
        waiting.heard(data);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.stop({ failed: event.message || "the browser starts no worker" });
    };
    return worker;
  }
}

/* What is under way, in words. */
export function progress({ progress: what, bytes }) {
  return bytes ? `${what}: ${(bytes / 1e6).toFixed(1)} MB` : what;
}
