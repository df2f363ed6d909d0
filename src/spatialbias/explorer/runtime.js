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
    const letters = atob(await script(name)), packed = new Uint8Array(letters.length);
    for (let k = 0; k < packed.length; k++) packed[k] = letters.charCodeAt(k);
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
    const sessions = {};
    onmessage = async ({ data }) => {
      try {
        if (data.wasm) {
          ort.env.logLevel = "error";
          ort.env.wasm.numThreads = 1;
          ort.env.wasm.wasmBinary = data.wasm;
          ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([data.glue], { type: "text/javascript" })) };
          postMessage({ id: data.id });
        } else if (data.model) {
          sessions[data.name] = await ort.InferenceSession.create(data.model, { executionProviders: ["wasm"] });
          postMessage({ id: data.id });
        } else {
          const found = {}, feeds = { images: new ort.Tensor("uint8", data.images, data.shape) };
          for (const name of data.names) found[name] = (await sessions[name].run(feeds)).probabilities.data;
          postMessage({ id: data.id, found });
        }
      } catch (error) {
        postMessage({ id: data.id, error: String(error) });
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

  async function start(networks, size) {
    if (typeof WebAssembly === "undefined") throw new Error("no WebAssembly");
    const text = (name) => bytes(name).then((found) => new TextDecoder().decode(found));
    const models = networks.map((network) => bytes(network.digest));
    const [source, glue, wasm] = await Promise.all([text("ort"), text("glue"), bytes("wasm")]);
    const hands = [worker(source), worker(source)], load = [0, 0], of = {};
    const ready = hands.map((send) => send({ wasm, glue }));
    const order = networks.map((_, k) => k).sort((a, b) => spatialbiasNetworks[networks[b].digest].cost - spatialbiasNetworks[networks[a].digest].cost);
    for (const k of order) {  // the dearest first, each to the less busy worker
      const { name, digest } = networks[k], { cost } = spatialbiasNetworks[digest];
      of[name] = load[0] <= load[1] ? 0 : 1;
      load[of[name]] += cost;
    }
    await Promise.all(ready);
    await Promise.all(networks.map(async ({ name, digest }, k) =>
      hands[of[name]]({ name, model: woven(await models[k], spatialbiasNetworks[digest].bytes) })));
    return async (images, n, names) => {
      const parts = [0, 1].map((k) => names.filter((name) => of[name] === k));
      const found = await Promise.all(parts.map((part, k) => part.length ? hands[k]({ images, shape: [n, ...size], names: part }) : {}));
      return Object.assign({}, ...found);
    };
  }

  let started = null;
  return {
    has: (digest) => digest in spatialbiasNetworks,
    data: (name, text) => arrived.get(name)(text),
    start: (networks, size) => (started ??= start(networks, size)),
  };
})();
