/* Loads a page's module, the one that its own tag names. A page that was opened from a disk may load
   none, nor fetch anything: there, it says what it would need. */
(() => {
  const { src, dataset } = document.currentScript;
  addEventListener("DOMContentLoaded", () => {
    if (location.protocol !== "file:") return void import(new URL(dataset.module, src).href);
    const note = document.createElement("p");
    note.className = "live-note live-disk";
    note.innerHTML =
      "Pages that are opened as files cannot run Python. <code>python -m chapters.site --serve" +
      "</code> gives them an address on this machine, and there they can.";
    document.querySelector("article.bd-article h1")?.after(note);
  });
})();
