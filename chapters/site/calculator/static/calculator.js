// The cost calculator. First the arithmetic, which tests compare with refnet's; then the page.
"use strict";

const Cost = (() => {
  // V1, Table 1: channels of the pointwise layer, stride of the depthwise one.
  const V1 = [[64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], [512, 1], [512, 1],
              [512, 1], [512, 1], [512, 1], [1024, 2], [1024, 1]];
  // V2, Table 2: expansion, channels, repeats, first stride.
  const V2 = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1],
              [6, 160, 3, 2], [6, 320, 1, 1]];
  const CLASSES = 1000, IMAGE = 224, DIVISOR = 8;

  // A layer: every tap counted, and as many outputs as SAME padding gives. D_F comes in, D_G goes.
  function layer(name, kind, DK, M, N, DF, stride = 1) {
    const DG = Math.ceil(DF / stride);
    const weights = kind === "depthwise" ? DK * DK * M : DK * DK * M * N;
    return {name, kind, N, DG, weights, macs: weights * DG * DG};
  }

  // A depthwise layer and a pointwise one, and the standard layer that makes as many outputs.
  function pair(name, DK, M, N, DF, stride) {
    const first = layer(`${name} depthwise`, "depthwise", DK, M, M, DF, stride);
    return {
      separable: [first, layer(`${name} pointwise`, "pointwise", 1, M, N, first.DG)],
      standard: [layer(`${name} standard`, "standard", DK, M, N, DF, stride)],
    };
  }

  function one({DK, M, N, DF, stride, alpha, side}) {
    const m = Math.floor(M * alpha / 100), n = Math.floor(N * alpha / 100);
    const F = Math.floor(DF * side / IMAGE);
    return Math.min(m, n, F) < 1 ? null : {...pair("", DK, m, n, F, stride), layer: [DK, m, n, F]};
  }

  // The multiple of 8 that is nearest, but at least nine tenths: V2's authors' rule.
  function rounded(channels) {
    const nearest = Math.max(DIVISOR, Math.floor((channels + DIVISOR / 2) / DIVISOR) * DIVISOR);
    return nearest < 0.9 * channels ? nearest + DIVISOR : nearest;
  }

  function network({net, alpha, side}) {
    const found = {separable: [], standard: []}, a = alpha / 100, v2 = net === "v2";
    const both = l => { found.separable.push(l); found.standard.push(l); return l; };
    const scaled = c => v2 ? rounded(c * a) : Math.floor(c * a);
    if (scaled(32) < 1) return null;
    let {N: M, DG: F} = both(layer("stem", "standard", 3, 3, scaled(32), side, 2)), number = 0;
    function block(N, stride, t) {
      const name = `block ${++number}`;
      if (t > 1) M = both(layer(`${name} expand`, "pointwise", 1, M, M * t, F)).N;
      const {separable, standard} = pair(name, 3, M, N, F, stride);
      found.separable.push(...separable);
      found.standard.push(...standard);
      F = separable[0].DG;
      M = N;
    }
    if (v2) {
      for (const [t, c, n, s] of V2)
        for (let i = 0; i < n; i++) block(rounded(c * a), i ? 1 : s, t);
      M = both(layer("head", "pointwise", 1, M, rounded(1280 * Math.max(1, a)), F)).N;
    } else {
      V1.forEach(([c, s], i) => net === "shallow" && i > 5 && i < 11 || block(scaled(c), s, 1));
    }
    both(layer("classifier", "dense", 1, M, CLASSES, 1));
    return found;
  }

  // Sums over layers; parameters are weights and a bias a channel, as after folding.
  const sum = (layers, of) => layers.reduce((total, l) => total + of(l), 0);
  const macs = layers => sum(layers, l => l.macs);
  const weights = layers => sum(layers, l => l.weights);
  const parameters = layers => sum(layers, l => l.weights + l.N);
  return {one, network, macs, weights, parameters};
})();

if (typeof module !== "undefined") module.exports = Cost;

if (typeof document !== "undefined") (() => {
  const form = document.getElementById("calculator");
  const $ = name => form.querySelector(`[data-part="${name}"]`);
  const FIELDS = ["net", "DK", "M", "N", "DF", "stride", "alpha", "side"];
  const START = Object.fromEntries(FIELDS.map(name => [name, form.elements[name].value]));
  const whole = n => n.toLocaleString("en");
  const part = x => x.toFixed(4);
  const row = (head, ...cells) =>
    `<tr><th scope="row">${head}</th>${cells.map(c => `<td>${c}</td>`).join("")}</tr>`;
  const table = (heads, rows) => `<thead><tr>${heads.map(h => `<th scope="col">${h}</th>`).join("")}
    </tr></thead><tbody>${rows.join("")}</tbody>`;
  const of = (layers, kind) => layers.filter(l => l.kind === kind);
  const KINDS = {standard: "first layer", depthwise: "depthwise", pointwise: "pointwise",
                 dense: "classifier"};
  let said;

  const state = () => Object.fromEntries(FIELDS.map(name => {
    const value = form.elements[name].value;
    return [name, name === "net" ? value : +value];
  }));

  // Only what differs from the start goes into the address.
  const address = s => "#" + FIELDS.filter(f => String(s[f]) !== START[f])
    .map(f => `${f}=${s[f]}`).join("&");

  function bars(found) {
    const most = Math.max(Cost.macs(found.standard), Cost.macs(found.separable));
    for (const way of ["standard", "separable"]) {
      $(`${way}-bar`).innerHTML = Object.keys(KINDS).map(kind => {
        const share = 100 * Cost.macs(of(found[way], kind)) / most;
        return share ? `<span class="${kind}" style="width:${share}%"></span>` : "";
      }).join("");
      $(`${way}-macs`).textContent = whole(Cost.macs(found[way]));
    }
  }

  function tables(found, s) {
    const {standard, separable} = found, single = s.net === "layer";
    const numbers = single ? Cost.weights : Cost.parameters;
    const all = Cost.macs(separable), dear = Cost.macs(standard);
    const rows = Object.keys(KINDS).filter(kind => of(separable, kind).length).map(kind => {
      const layers = of(separable, kind), share = 100 * Cost.macs(layers) / all;
      return row(KINDS[kind], whole(Cost.macs(layers)), `${share.toFixed(1)} %`,
                 whole(numbers(layers)));
    });
    rows.push(row("separable, in all", whole(all), "", whole(numbers(separable))),
              row("standard, in all", whole(dear), "", whole(numbers(standard))),
              row("separable : standard", part(all / dear), "",
                  part(numbers(separable) / numbers(standard))));
    if (single) {
      const law = part(1 / found.layer[2] + 1 / found.layer[0] ** 2);
      rows.push(row("1/<i>N</i> + 1/<i>D<sub>K</sub></i><sup>2</sup>", law, "", law));
    }
    $("sums").innerHTML = table(
      ["Part", "MACs", "Share", single ? "Weights" : "Parameters"], rows);
    $("layers").innerHTML = table(["Layer", "Map", "MACs", "Weights"], separable.map(l => row(
      l.name, `${l.DG} × ${l.DG} × ${l.N}`, whole(l.macs), whole(l.weights))));
    return all / dear;
  }

  function command(s, found) {
    const stride = s.stride > 1 ? ` --stride ${s.stride}` : "";
    if (s.net === "layer") return `refnet cost --layer ${found.layer.join(" ")}${stride}`;
    return `refnet cost ${s.net === "v2" ? "v2" : "v1"} --alpha ${s.alpha / 100}` +
      ` --resolution ${s.side}${s.net === "shallow" ? " --shallow" : ""}`;
  }

  function draw() {
    const s = state(), single = s.net === "layer";
    form.querySelector("[data-only=layer]").hidden = !single;
    for (const input of form.querySelectorAll("[type=number]"))
      if (document.activeElement !== input) input.value = form.elements[input.dataset.of].value;
    $("alpha").textContent = (s.alpha / 100).toFixed(2);
    $("side").textContent = `${s.side} (ρ = ${(s.side / 224).toFixed(3)})`;
    const found = single ? Cost.one(s) : Cost.network(s);
    $("result").hidden = !found;
    $("each").hidden = single;
    let line = "α and ρ leave nothing of this layer.";
    if (found) {
      bars(found);
      const ratio = tables(found, s);
      $("command").textContent = command(s, found);
      line = `Standard: ${whole(Cost.macs(found.standard))} multiply-accumulates. ` +
        `Separable: ${whole(Cost.macs(found.separable))}, ` +
        (ratio < 1 ? `${(1 / ratio).toFixed(2)} times fewer.` : `${ratio.toFixed(2)} times as many.`);
    }
    clearTimeout(said); // a screen reader, and Safari's 100 addresses in 10 s: where it rests
    said = setTimeout(() => {
      $("summary").textContent = line;
      history.replaceState(null, "", address(s));
    }, 250);
  }

  function go(hash) {
    const given = new URLSearchParams(hash.slice(1));
    for (const name of FIELDS) {
      const value = given.get(name) ?? START[name], field = form.elements[name];
      field.value = name !== "net" && !/^\d+$/.test(value) ? START[name] : value;
      if (!field.value) field.value = START[name];
    }
    draw();
  }

  form.addEventListener("input", event => {
    const slider = event.target.dataset.of;
    if (slider && event.target.value) form.elements[slider].value = event.target.value;
    draw();
  });
  form.addEventListener("focusout", draw);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("click", event => {
    const wanted = event.target.dataset.state;
    if (wanted !== undefined) go("#" + wanted);
  });
  addEventListener("hashchange", () => go(location.hash));
  go(location.hash);
})();
