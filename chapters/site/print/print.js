// Before the book is printed: each page's anchors get names of their own, solutions go to their
// appendix, what is folded up is opened, and what led to a page that is not here is plain text.
"use strict";

(() => {
  // The pages of the site, now on one: "document-chapters/05_depthwise" and the section after it.
  const pages = [...document.querySelectorAll('span[id^="document-"]')]
    .map(mark => [mark.id, mark.nextElementSibling]).filter(([, section]) => section);

  for (const [page, section] of pages) {
    for (const link of section.querySelectorAll('a[href^="#"]')) {
      const [, first, second] = link.getAttribute("href").split("#");
      if (second) link.href = `#${first}/${second}`;
      else if (!first.startsWith("document-")) link.href = `#${page}/${first}`;
    }
    for (const named of [section, ...section.querySelectorAll("[id]")])
      if (named.id && !/^(MJX|MathJax|document)-/.test(named.id)) named.id = `${page}/${named.id}`;
  }

  const rows = new Map(); // an exercise -> the link to it in the index of solutions
  const index = pages.find(([page]) => page === "document-appendices/solutions")?.[1];
  for (const link of index?.querySelectorAll("td a") ?? []) rows.set(decodeURI(link.hash.slice(1)), link);
  for (const solution of document.querySelectorAll("details.solution")) {
    const exercise = solution.closest("section"), row = rows.get(exercise.id);
    if (!row) continue;
    const gathered = document.createElement("div");
    gathered.id = `${exercise.id}/solution`;
    gathered.innerHTML = `<p class="solution-of"><a href="#${exercise.id}">${row.innerHTML}</a></p>`;
    const here = document.createElement("p");
    here.innerHTML = `<a href="#${gathered.id}">Its solution is at the end of the book.</a>`;
    solution.querySelector("summary").remove();
    solution.replaceWith(here);
    gathered.append(...solution.childNodes);
    row.closest("section").append(gathered);
  }
  index?.querySelectorAll(".solution-of").length &&
    index.querySelectorAll(".pst-scrollable-table-container").forEach(table => table.remove());

  document.querySelectorAll("details").forEach(e => { e.open = true; });
  for (const link of document.querySelectorAll("article a[href]"))
    if (!/^(#|https?:)/.test(link.getAttribute("href"))) link.replaceWith(...link.childNodes);
})();
