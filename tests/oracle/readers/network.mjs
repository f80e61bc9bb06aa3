// Answers every case of a golden bundle but the pictures, layer by layer:
// node network.mjs BUNDLE OUT.safetensors. Sums are doubles, each layer is rounded to float32.
import { manifest, product, tensor, write } from "./bundle.mjs";

// Calls visit(output place, input place, tap) for every tap of a window that is inside the map.
function slide(x, [rows, columns], y, a, visit) {
  const [, H, W] = x.shape, [B, R, C] = y.shape;
  const [s, t] = a.stride, [d, e] = a.dilation ?? [1, 1], [top, , left] = a.pads ?? [0, 0, 0, 0];
  for (let b = 0; b < B; b++) for (let r = 0; r < R; r++) for (let c = 0; c < C; c++)
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
      const row = r * s + i * d - top, column = c * t + j * e - left;
      if (row < 0 || row >= H || column < 0 || column >= W) continue;
      visit((b * R + r) * C + c, (b * H + row) * W + column, i * columns + j);
    }
}

function convolution([x], [w, b], y, a, depthwise) {
  const M = x.shape.at(-1), N = y.shape.at(-1), I = depthwise ? 1 : w.shape[2];
  const per = depthwise ? w.shape[3] : N / (a.groups ?? 1); // outputs of a group
  slide(x, w.shape, y, a, (to, from, tap) => {
    for (let n = 0; n < N; n++) for (let m = 0, first = Math.floor(n / per) * I; m < I; m++)
      y.v[to * N + n] += x.v[from * M + first + m] * w.v[(tap * I + m) * N + n];
  });
  if (b) y.v.forEach((_, k) => (y.v[k] += b.v[k % N]));
}

function pool([x], _, y, a, largest) {
  const M = y.shape.at(-1), count = new Int32Array(y.v.length);
  slide(x, a.size, y, a, (to, from) => {
    for (let k = to * M, m = 0; m < M; m++, k++) {
      const n = x.v[from * M + m];
      y.v[k] = largest ? (count[k] ? Math.max(y.v[k], n) : n) : y.v[k] + n;
      count[k]++;
    }
  });
  if (!largest) count.forEach((n, k) => (y.v[k] /= a.include_padding ? product(a.size) : n));
}

const map = (t, ...sides) => ({ shape: [t.shape[0], ...sides, t.shape.at(-1)], v: t.v });
const each = (f) => ([x, z], p, y, a) => x.v.forEach((n, k) => (y.v[k] = f(n, k, z, p, a, y)));
const OPS = {
  conv2d: convolution, pointwise_conv2d: convolution, max_pool: (...all) => pool(...all, true),
  depthwise_conv2d: (...all) => convolution(...all, true), average_pool: pool,
  dense: ([x], [w, b], y) => // a 1x1 convolution of 1x1 maps
    convolution([map(x, 1, 1)], [{ shape: [1, 1, ...w.shape], v: w.v }, b], map(y, 1, 1),
      { stride: [1, 1] }),
  global_average_pool: ([x], _, y) =>
    pool([x], _, map(y, 1, 1), { size: x.shape.slice(1, 3), stride: [1, 1] }),
  relu: each((n) => Math.max(n, 0)), relu6: each((n) => Math.min(Math.max(n, 0), 6)),
  sigmoid: each((n) => 1 / (1 + Math.exp(-n))),
  add: each((n, k, z) => n + z.v[k]),
  batch_norm: each((n, k, _, [g, b, mean, variance], a, y) => ((c) =>
    (g.v[c] * (n - mean.v[c])) / Math.sqrt(variance.v[c] + a.epsilon) + b.v[c]
  )(k % y.shape.at(-1))),
  softmax([x], _, y, a, N = y.shape[1]) {
    for (let b = 0; b < x.v.length; b += N) {
      const row = Array.from(x.v.subarray(b, b + N)), most = Math.max(...row);
      const powers = row.map((n) => Math.exp(n - most)), all = powers.reduce((p, q) => p + q);
      powers.forEach((n, k) => (y.v[b + k] = n / all));
    }
  },
  resize_bilinear([{ shape: [B, H, W, M], v }], _, { shape: [, R, C], v: y }, { corners }) {
    const place = (i, n, m) => { // [input, its weight] twice
      const p = corners === "aligned" ? (n > 1 ? (i * (m - 1)) / (n - 1) : 0)
        : corners === "half-pixel" ? ((i + 0.5) * m) / n - 0.5 : (i * m) / n;
      const q = Math.min(Math.max(p, 0), m - 1), l = Math.floor(q);
      return [[l, 1 - q + l], [Math.min(l + 1, m - 1), q - l]];
    };
    for (let k = 0; k < y.length; k++) {
      const m = k % M, c = Math.floor(k / M) % C, r = Math.floor(k / M / C) % R;
      const b = Math.floor(k / M / C / R);
      for (const [i, s] of place(r, R, H)) for (const [j, t] of place(c, C, W))
        y[k] += s * t * v[((b * H + i) * W + j) * M + m];
    }
  },
  concat(inputs, _, y, a, first = 0) {
    const N = y.shape.at(-1);
    for (const { v, shape } of inputs) {
      const M = shape.at(-1);
      v.forEach((n, k) => (y.v[Math.floor(k / M) * N + first + (k % M)] = n));
      first += M;
    }
  },
};

const answers = {}, tensors = {};
const known = (name) => (tensors[name] ??= tensor(name));
for (const [id, said] of Object.entries(manifest.cases)) {
  if (said.kind === "preprocess") continue;
  const { inputs, layers } = manifest.networks[said.network], made = {};
  for (const name of Object.keys(inputs)) made[name] = known(`${said.from}/${name}`);
  for (const layer of layers) {
    const params = layer.params.map(({ name }) => known(`${said.from}/${layer.name}.${name}`));
    const shape = [said.batch, ...layer.shape], y = { shape, v: new Float64Array(product(shape)) };
    OPS[layer.op](layer.inputs.map((name) => made[name]), params, y, layer.attrs);
    made[layer.name] = answers[`${id}/${layer.name}`] = { shape, v: Float32Array.from(y.v) };
  }
}
write(process.argv[3], answers);
