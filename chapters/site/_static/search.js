// A page opened from a disk may not fetch another: there, a result is a title without lines of text.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The lines under a search result are taken from the page. The theme's buttons, and its table of
// contents for paper, are on the page but not of it.
if (typeof Search !== "undefined") {
  const text = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".bd-header-article, .onlyprint").forEach((part) => part.remove());
    return text(page.documentElement.outerHTML, anchor);
  };
}
