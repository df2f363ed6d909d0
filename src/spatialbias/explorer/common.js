// What the widgets share. Each draws itself in one module for two hosts: in Jupyter it is an anywidget and the kernel answers;
// in a page without a kernel `model` is plain data, and the networks run in the browser (runtime.js) or, where they cannot,
// answers that were computed in advance are looked up.

const widgets = {};  // by kind: async (model, el) => draws

function render({ model, el }) {
  widgets[model.get("data").kind](model, el).catch((error) => el.append(make("p", {}, `This could not start: ${error.message}`)));
}

const byte = (value) => Math.max(0, Math.min(255, Math.round(value)));

// ----------------------------------------------------------------------------------------------- who answers: `ask`
// ask(inputs, n, names, gradient) resolves to {name: Float32Array of n answers}: probabilities, or of one image the gradient.

const unpack = async (text) => {
  const letters = atob(text), packed = new Uint8Array(letters.length);
  for (let k = 0; k < packed.length; k++) packed[k] = letters.charCodeAt(k);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
};

function kernel(model) {
  const waiting = new Map();
  let last = 0;
  model.on("msg:custom", (message, buffers) => {
    const asked = waiting.get(message.id);
    if (!asked) return;
    waiting.delete(message.id);
    if (message.error) return asked.fail(new Error(message.error));
    const bytes = buffers[0].buffer ? buffers[0].buffer.slice(buffers[0].byteOffset, buffers[0].byteOffset + buffers[0].byteLength) : buffers[0];
    const all = new Float32Array(bytes), each = all.length / asked.names.length;
    asked.done(Object.fromEntries(asked.names.map((name, k) => [name, all.subarray(k * each, (k + 1) * each)])));
  });
  return (inputs, n, names, gradient = false) => new Promise((done, fail) => {
    waiting.set(++last, { done, fail, names });
    model.send({ id: last, n, names, gradient }, undefined, [inputs.slice().buffer]);
  });
}

const within = (promise, ms) => Promise.race([
  promise, new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), ms))]);

async function answering(model, data, first, instead) {
  // The best of the three that answers here, and what the reader is told about it; `instead`: what was computed in advance.
  const names = data.networks.map((network) => network.name);
  const runtime = globalThis.spatialbiasRuntime;
  if (model.send) {
    try {
      const ask = kernel(model);
      await within(ask(first, 1, names), 20000);
      return { ask, note: "The networks answer in your kernel." };
    } catch { /* a saved notebook: nobody is there */ }
  } else if (runtime && names.every((_, k) => runtime.has(data.networks[k].digest))) {
    try {
      const ask = await runtime.start(data.networks, data.size);
      await within(ask(first, 1, names), 60000);
      return { ask, note: "The networks run in this page; nothing leaves it." };
    } catch { /* no WebAssembly here */ }
  }
  return { ask: null, note: `Nothing can run the networks here, so their answers were computed in advance: ${instead}. ` +
    "Open this page as a notebook, or the rendered book in a browser with WebAssembly, for the rest." };
}

// --------------------------------------------------------------------------------------------- the address of a state

function address(model, el, names, adopt) {
  // Every state can be linked: the fragment holds `names` of this widget beside those of others. `adopt` gets what changed.
  const parts = () => new URLSearchParams(/=/.test(location.hash) ? location.hash.slice(1) : "");
  const read = () => model.send ? {} : Object.fromEntries([...parts()].filter(([name]) => names.includes(name)));
  const given = () => Object.keys(read()).length > 0;
  let written = "";
  const write = (found) => {
    const others = [...parts()].filter(([name]) => !names.includes(name));
    const text = [...others, ...Object.entries(found)].map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",")}`).join("&");
    written = `#${text}`;
    if (text || location.hash.includes("=")) history.replaceState(null, "", written);
  };
  const listen = () => {
    if (model.send) return;
    addEventListener("hashchange", () => {
      if (!given() || location.hash === written) return;
      adopt(read());
      el.scrollIntoView({ block: "start" });
    });
    if (given()) el.scrollIntoView({ block: "start" });
  };
  return { read, write, listen };
}

// ---------------------------------------------------------------------------------------------------------- drawing

const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, ...children) {
  const node = ["svg", "path", "line", "text", "circle"].includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

function paint(canvas, image, [C, H, W]) {
  const pixels = new ImageData(W, H);
  for (let k = 0; k < H * W; k++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * k + c] = image[(C === 1 ? 0 : c) * H * W + k];
    pixels.data[4 * k + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

const percent = (p) => `${Math.round(100 * p)}\u00a0%`;
const winner = (p) => p.reduce((best, value, k) => (value > p[best] ? k : best), 0);
const part = (p, k, classes) => p.subarray(k * classes, (k + 1) * classes);

function shell(model, el, label) {
  // The element that a widget draws in, apart from the page's own styles.
  const root = el.shadowRoot || el.attachShadow({ mode: "open" }), wrap = make("div", { class: "explorer", role: "group", "aria-label": label });
  root.replaceChildren(make("style", {}, model.get("css")), wrap);
  return wrap;
}

function range(name, label, low, high, step, shown, moved) {
  // A slider with its name and its value in words: { row, input, set }.
  const id = `slider-${name}`, value = make("output", { for: id });
  const input = make("input", { type: "range", id, min: low, max: high, step, oninput: () => moved(+input.value) });
  const set = (to) => {
    input.value = to;
    value.textContent = shown(to);
    input.setAttribute("aria-valuetext", value.textContent);
  };
  return { row: make("div", { class: "slider" }, make("label", { for: id }, label), input, value), input, set };
}

function dragged(node, place) {
  // place(x, y) with both in [0, 1], while a pointer is held on the node.
  let held = false;
  const at = (event) => {
    const box = node.getBoundingClientRect(), share = (value) => Math.max(0, Math.min(1 - 1e-9, value));
    place(share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height));
  };
  node.addEventListener("pointerdown", (event) => { node.setPointerCapture(event.pointerId); held = true; at(event); });
  node.addEventListener("pointermove", (event) => held && at(event));
  for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => (held = false));
}

function latestOnly(work) {
  // Calls of an async function that come while it is busy become one, after it.
  let busy = false, again = false;
  return async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      do { again = false; await work(); } while (again);
    } finally {
      busy = false;
    }
  };
}
