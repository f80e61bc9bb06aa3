// Reads a golden bundle and writes results, with nothing but Node.js.
import { readFileSync, writeFileSync } from "node:fs";

const bundle = process.argv[2];
export const manifest = JSON.parse(readFileSync(`${bundle}/manifest.json`, "utf8"));
export const product = (shape) => shape.reduce((a, b) => a * b, 1);
const KINDS = { I8: Int8Array, I16: Int16Array, I32: Int32Array }, files = {};

function stored(name, { file, dtype, exponent }) {
  if (!files[file]) {
    const data = readFileSync(`${bundle}/${file}`), start = 8 + Number(data.readBigUInt64LE(0));
    files[file] = { data, start, header: JSON.parse(data.toString("utf8", 8, start)) };
  }
  const { data, start, header } = files[file], [from, to] = header[name].data_offsets;
  const bytes = new Uint8Array(data.subarray(start + from, start + to)); // a copy, so aligned
  return Float32Array.from(new KINDS[dtype](bytes.buffer), (n) => n * 2 ** exponent);
}

function drawn({ seed, bits, exponent, offset }, shape) { // conventions.drawn, word for word
  const half = 2 ** (bits - 1), cut = (z) => BigInt.asUintN(64, z), first = BigInt(seed);
  return Float32Array.from({ length: product(shape) }, (_, n) => {
    let z = cut(first + BigInt(n + 1) * 0x9e3779b97f4a7c15n);
    z = cut((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = cut((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    z ^= z >> 31n;
    return offset + 2 ** exponent * ((Number(z >> BigInt(64 - bits)) - half) / half);
  });
}

export function tensor(name) {
  const said = manifest.tensors[name];
  return { shape: said.shape, v: said.draw ? drawn(said.draw, said.shape) : stored(name, said) };
}

export function write(path, answers) { // {name: {shape, v}} as float32
  const digest = readFileSync(`${bundle}/SHA256SUMS`, "utf8").slice(0, 64);
  const header = { __metadata__: { bundle: digest } }, parts = [];
  let end = 0;
  for (const [name, { shape, v }] of Object.entries(answers)) {
    parts.push(Buffer.from(v.buffer));
    header[name] = { dtype: "F32", shape, data_offsets: [end, (end += v.byteLength)] };
  }
  const text = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, ...parts]));
}
