/* Python source as HTML, with the class names that the pages' own highlighting has. A reader's
   changes keep their colours; what this does not know stays plain. */

const KEYWORDS =
  "and as assert async await break class continue def del elif else except finally for from global " +
  "if import in is lambda nonlocal not or pass raise return try while with yield";
const BUILTINS =
  "abs all any bool bytes dict dir divmod enumerate filter float frozenset getattr hasattr hash id " +
  "input int isinstance iter len list map max min next object open pow print range repr reversed " +
  "round set slice sorted str sum super tuple type vars zip";
const words = (text) => new Set(text.split(" "));
const [keywords, builtins] = [words(KEYWORDS), words(BUILTINS)];
const constants = words("True False None");

const TOKENS = new RegExp(
  [
    /(?<comment>#[^\n]*)/,
    /(?<string>\b[rRbBfFuU]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))/,
    /(?<number>\b(?:0[xX][\da-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?))/,
    /(?<name>[^\W\d]\w*)/,
    /(?<operator>[-+*/%@&|^~<>=!:]+)/,
    /(?<mark>[()[\]{},.;])/,
  ]
    .map((part) => part.source)
    .join("|"),
  "gu",
);
const CLASS = { comment: "c1", string: "s2", number: "mi", operator: "o", mark: "p" };

const escaped = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function kindOf(name, before) {
  if (constants.has(name)) return "kc";
  if (keywords.has(name)) return name === "import" || name === "from" ? "kn" : "k";
  if (before === "def") return "nf";
  if (before === "class") return "nc";
  return builtins.has(name) && before !== "." ? "nb" : "n";
}

export function highlighted(source) {
  let [html, at, before] = ["", 0, ""];
  for (const found of source.matchAll(TOKENS)) {
    const [kind, text] = Object.entries(found.groups).find(([, value]) => value !== undefined);
    const named = kind === "name" ? kindOf(text, before) : CLASS[kind];
    html += escaped(source.slice(at, found.index));
    html += `<span class="${named}">${escaped(text)}</span>`;
    at = found.index + text.length;
    before = text;
  }
  return html + escaped(source.slice(at));
}
