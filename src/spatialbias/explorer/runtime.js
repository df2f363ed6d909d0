// Runs the book's networks in the rendered page: onnxruntime-web in two workers. `file://` allows neither fetch nor module
// scripts nor workers from files, so everything arrives as classic scripts that hold their data as text, and the workers
// are made of blobs. `spatialbiasNetworks` (digest: cost, bytes) is written before this text when the book is built.

globalThis.spatialbiasRuntime = (() => {
  const here = document.currentScript.src.replace(/[^/]*$/, ""), arrived = new Map();

  function script(name) {
    return new Promise((done, fail) => {
      arrived.set(name, done);
      const tag = document.createElement("script");
      tag.src = `${here}${name}.js`;
      tag.onerror = () => fail(new Error(`${name}.js is missing`));
      document.head.append(tag);
    });
  }

  async function bytes(name) {
    const { length, letters } = await script(name), packed = new Uint8Array(length);
    for (let k = 0, at = 0, bits = 0, held = 0; at < length; k++) {  // fifteen bits a letter: see site.py
      held = ((held << 15) | (letters.charCodeAt(k) - 0x3000)) & 0x3fffff;
      for (bits += 15; bits >= 8 && at < length; ) packed[at++] = held >> (bits -= 8);
    }
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function woven(planes, length) {
    // The four bytes of every number are stored apart, because so they compress better.
    const whole = new Uint8Array(planes.length), quarter = planes.length / 4;
    for (let k = 0; k < 4; k++) for (let i = 0; i < quarter; i++) whole[4 * i + k] = planes[k * quarter + i];
    return whole.subarray(0, length);
  }

  const work = () => {  // the text of the worker; `ort` stands before it
    const sessions = {}, shapes = {};
    async function run(name, inputs, wanted) {
      const session = sessions[name], kind = inputs instanceof Uint8Array ? "uint8" : "float32";
      const feeds = { [session.inputNames[0]]: new ort.Tensor(kind, inputs, shapes[name]) };
      if (session.inputNames.length > 1) feeds.wanted = new ort.Tensor("bool", [wanted], []);
      return (await session.run(feeds))[wanted ? "gradient" : "probabilities"].data;
    }
    onmessage = async ({ data }) => {
      const { id, wasm, glue, model, name, shape, names, inputs, n, gradient } = data;
      try {
        const found = {};
        if (wasm) {
          ort.env.logLevel = "error";
          ort.env.wasm.numThreads = 1;
          ort.env.wasm.wasmBinary = wasm;
          ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) };
        } else if (model) {
          // Rewriting the graphs takes 0.3 s before the first answer, and saves 2 of 40 ms in each after it.
          const options = { executionProviders: ["wasm"], graphOptimizationLevel: "disabled" };
          sessions[name] = await ort.InferenceSession.create(model, options);
          shapes[name] = shape;
        } else {
          const each = inputs.length / n;
          for (const one of names)
            for (let k = 0; k < n; k++) {
              const answer = await run(one, inputs.subarray(k * each, (k + 1) * each), !!gradient);
              found[one] ??= new Float32Array(n * answer.length);
              found[one].set(answer, k * answer.length);
            }
        }
        postMessage({ id, found });
      } catch (error) {
        postMessage({ id, error: String(error) });
      }
    };
  };

  function worker(source) {
    const hands = new Worker(URL.createObjectURL(new Blob([source, `(${work})()`], { type: "text/javascript" })));
    const waiting = new Map();
    hands.onmessage = ({ data }) => {
      const { done, fail } = waiting.get(data.id);
      waiting.delete(data.id);
      data.error ? fail(new Error(data.error)) : done(data.found);
    };
    hands.onerror = (event) => {
      event.preventDefault();
      for (const { fail } of waiting.values()) fail(new Error(event.message));
    };
    let last = 0;
    return (message) => new Promise((done, fail) => {
      waiting.set(++last, { done, fail });
      hands.postMessage({ ...message, id: last });
    });
  }

  async function crew() {
    if (typeof WebAssembly === "undefined") throw new Error("no WebAssembly");
    const text = (name) => bytes(name).then((found) => new TextDecoder().decode(found));
    const [source, glue, wasm] = await Promise.all([text("ort"), text("glue"), bytes("wasm")]);
    const hands = [worker(source), worker(source)];
    await Promise.all(hands.map((send) => send({ wasm, glue })));
    return hands;
  }

  let started = null;
  const load = [0, 0], placed = new Map();  // by digest: which worker has it, and when it is ready

  async function start(networks, shape) {
    started ??= crew();
    const cost = ({ digest }) => spatialbiasNetworks[digest].cost;
    const fresh = networks.filter(({ digest }) => !placed.has(digest)).sort((a, b) => cost(b) - cost(a));
    for (const network of fresh) {  // the dearest first, each to the less busy worker
      const { digest } = network, k = load[0] <= load[1] ? 0 : 1, packed = bytes(digest);
      load[k] += cost(network);
      const ready = started.then(async (hands) => hands[k]({ name: digest, shape, model: woven(await packed, spatialbiasNetworks[digest].bytes) }));
      ready.catch(() => {});  // told to whoever waits for it
      placed.set(digest, { k, ready });
    }
    const hands = await started, of = Object.fromEntries(networks.map(({ name, digest }) => [name, digest]));
    await Promise.all(networks.map(({ digest }) => placed.get(digest).ready));
    return async (inputs, n, names, gradient = false) => {
      const found = await Promise.all([0, 1].map((k) => {
        const part = names.map((name) => of[name]).filter((digest) => placed.get(digest).k === k);
        return part.length ? hands[k]({ inputs, n, names: part, gradient }) : {};
      }));
      const all = Object.assign({}, ...found);
      return Object.fromEntries(names.map((name) => [name, all[of[name]]]));
    };
  }

  return {
    has: (digest) => digest in spatialbiasNetworks,
    data: (name, length, letters) => arrived.get(name)({ length, letters }),
    start,
  };
})();
