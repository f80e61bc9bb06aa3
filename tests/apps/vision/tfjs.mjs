// Runs a TensorFlow.js graph on photos: node tfjs.mjs MODEL_DIR IN.json OUT.json, where IN says of
// each photo its shape, a file of its uint8 pixels and the nodes that are asked for.
import fs from "fs";
import path from "path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { loadGraphModel } from "@tensorflow/tfjs-converter";

const [dir, input, output] = process.argv.slice(2);
const described = JSON.parse(fs.readFileSync(path.join(dir, "model.json")));
const groups = described.weightsManifest;
const shards = groups.flatMap((g) => g.paths).map((p) => fs.readFileSync(path.join(dir, p)));
const data = new Uint8Array(Buffer.concat(shards)).buffer;
const weightSpecs = groups.flatMap((g) => g.weights);
const { modelTopology } = described;
await tf.setBackend("cpu");
const model = await loadGraphModel({
  load: async () => ({ modelTopology, weightSpecs, weightData: data }),
});
const answers = {};
for (const [name, { shape, file, nodes }] of Object.entries(JSON.parse(fs.readFileSync(input)))) {
  const x = tf.tensor4d(Int32Array.from(fs.readFileSync(file)), [1, ...shape], "int32");
  answers[name] = {};
  for (const [k, y] of (await model.executeAsync(x, nodes)).entries()) {
    const made = `${output}.${name}.${k}.f32`;
    fs.writeFileSync(made, Buffer.from(new Float32Array(await y.data()).buffer));
    answers[name][nodes[k]] = { file: made, shape: y.shape };
  }
}
fs.writeFileSync(output, JSON.stringify(answers));
