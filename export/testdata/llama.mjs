// What llama.cpp makes of a GGUF file, for TestAgainstLlamaCpp and for testdata/gguf/make.py.
//
//   npm i --ignore-scripts node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1
//   node llama.mjs REQUEST.json ANSWER.json        run in the folder of node_modules
//
// The request is {gguf, text, texts: [...], ids: [...], greedy: n}; the answer has the ids of text (tokens) and of every one
// of texts, which may be absent (tokenized), n ids that follow ids greedily (greedy), and for every position of ids and
// greedy the probabilities of all tokens to be the next one.
// The key and value cache is float32.
import {readFileSync, writeFileSync} from "fs";
import {createRequire} from "module";
import {pathToFileURL} from "url";

const require = createRequire(process.cwd() + "/");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);
const request = JSON.parse(readFileSync(process.argv[2], "utf8"));

const llama = await getLlama({gpu: false, maxThreads: 1, build: "never", progressLogs: false, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: request.gguf});
const size = request.ids.length + request.greedy + 8;
const context = await model.createContext({
    contextSize: size, threads: 1, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32", flashAttention: false,
});
const sequence = context.getSequence();

const greedy = [], probabilities = [];
let next = request.ids;
for (let i = 0; i <= request.greedy; i++) {
    const results = await sequence.controlledEvaluate(
        next.map((t) => [t, {generateNext: {probabilities: true, options: {temperature: 0}}}]));
    for (const r of results) {
        const row = [];
        for (const [token, p] of r.next.probabilities) row[token] = p;
        probabilities.push(row);
    }
    let best = 0; // the same rule for ties as ours
    const last = probabilities[probabilities.length - 1];
    last.forEach((p, t) => { if (p > last[best]) best = t; });
    if (i < request.greedy) greedy.push(best);
    next = [best];
}
const tokens = [...model.tokenize(request.text)];
const tokenized = (request.texts ?? []).map((text) => [...model.tokenize(text)]);
writeFileSync(process.argv[3], JSON.stringify({tokens, tokenized, greedy, probabilities}));
process.exit(0);
