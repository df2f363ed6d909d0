// Low-rank local connectivity: at each place of a map stands a kernel, a mixture of a few banks. Move the place and see it.

widgets.kernels = async (model, el) => {
  const data = model.get("data"), layers = await Promise.all(data.layers.map(async (layer) => ({
    ...layer,
    weights: Float32Array.from(new Int16Array(await unpack(layer.weights)), (value) => (layer.most * value) / 32767),
    basis: new Float32Array(await unpack(layer.basis)),
    images: layer.images && new Uint8Array(await unpack(layer.images)),
  })));
  const [, , H, W] = layers[0].shape, rest = { layer: 0, row: H >> 1, column: W >> 1, bank: 0, image: 0, ...model.get("state") }, state = { ...rest };
  const wrap = shell(model, el, "Move over a map of combining weights and see the kernels of each place");
  const ink = (r) => data.colours[r % data.colours.length];
  let later = 0, drawn = null;

  // --- the parts

  const to = (changes) => { Object.assign(state, changes); update(); };
  const choose = (name, label, options) => make("select", { "aria-label": label, oninput: (event) => to({ [name]: +event.target.value }) },
    ...options.map((text, k) => make("option", { value: k }, text)));
  const kinds = choose("layer", "network", layers.map(({ label }) => label));
  const row = range(`row-${data.id}`, "row", 0, 0, 1, String, (value) => to({ row: value })), column = range(`column-${data.id}`, "column", 0, 0, 1, String, (value) => to({ column: value }));
  const map = make("canvas", { role: "img", class: "seen" }), told = make("figcaption"), tiles = make("canvas", { role: "img" }), explained = make("figcaption");
  const weighed = make("div"), picture = make("canvas", { role: "img", class: "small" }), looked = make("div", { class: "choosing" });
  const status = make("p", { role: "status", class: "hidden" }), banks = [];
  wrap.append(make("div", { class: "choosing", hidden: layers.length < 2 }, kinds), make("div", { class: "squares" },
    make("figure", {}, make("div", { class: "title" }, "Share of a bank, by place"), map, told),
    make("figure", {}, make("div", { class: "title" }, "At this place"), weighed, looked),
    make("figure", {}, make("div", { class: "title" }, "The kernels there"), tiles, explained)),
  make("div", { class: "controls" }, row.row, column.row), status);
  dragged(map, (x, y) => { const [, , height, width] = layers[state.layer].shape; to({ row: Math.floor(y * height), column: Math.floor(x * width) }); });

  function arrange({ shape: [N, R, height, width], images, image }) {
    // What differs from layer to layer.
    banks.splice(0, banks.length, ...Array.from({ length: R }, (_, r) => {
      const bar = make("i"), value = make("span"), button = make("button", { type: "button", onclick: () => to({ bank: r }) }, `bank ${r + 1}`);
      return { bar, value, button, row: make("div", { class: "bank", style: `--ink:${ink(r)}` }, button, make("div", { class: "bar" }, bar), value) };
    }));
    weighed.replaceChildren(...banks.map(({ row }) => row));
    Object.assign(row.input, { max: height - 1 });
    Object.assign(column.input, { max: width - 1 });
    looked.replaceChildren(...(images ? [picture, choose("image", "image", Array.from({ length: N }, (_, k) => `image ${k + 1}`))] : []));
    if (images) [picture.width, picture.height] = [image[2], image[1]];
    [map.width, map.height] = [8 * width, 8 * height];
  }

  // --- showing

  function showMap({ shape: [, , height, width], most }, at) {
    const pixels = new Uint8Array(3 * height * width), rgb = [1, 3, 5].map((k) => parseInt(ink(state.bank).slice(k, k + 2), 16));
    for (let k = 0; k < height * width; k++) {
      const share = Math.max(0, at(state.bank, Math.floor(k / width), k % width)) / most;
      rgb.forEach((value, c) => (pixels[c * height * width + k] = byte(255 + (value - 255) * share)));
    }
    const small = make("canvas", { width, height }), context = map.getContext("2d");
    paint(small, pixels, [3, height, width]);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, 8 * width, 8 * height);
    context.lineWidth = 2;
    for (const [colour, by] of [["#fff", 1], ["#000", 3]]) {
      context.strokeStyle = colour;
      context.strokeRect(8 * state.column - by, 8 * state.row - by, 8 + 2 * by, 8 + 2 * by);
    }
  }

  function showKernels({ kernel: [O, C, K], basis, largest }, mix) {
    // Each output's kernel as a tile: in colour for three input channels, else the mean over them in grey.
    const across = Math.ceil(Math.sqrt(O)), wide = across * (K + 1) + 1, high = Math.ceil(O / across) * (K + 1) + 1;
    const pixels = new Uint8Array(3 * wide * high).fill(128), size = O * C * K * K;
    for (let o = 0; o < O; o++) for (let k = 0; k < K * K; k++) {
      const y = 1 + Math.floor(o / across) * (K + 1) + Math.floor(k / K), x = 1 + (o % across) * (K + 1) + (k % K);
      for (let c = 0; c < 3; c++) {
        const value = mix.reduce((sum, share, r) => sum + share * basis[r * size + (o * C + (C === 3 ? c : 0)) * K * K + k], 0);
        pixels[(c * high + y) * wide + x] = byte(128 + (127 * value) / largest);
      }
    }
    [tiles.width, tiles.height] = [wide, high];
    paint(tiles, pixels, [3, high, wide]);
  }

  function update() {
    const number = (name, most) => (state[name] = Math.max(0, Math.min(most - 1, Math.round(state[name]) || 0)));
    const layer = layers[number("layer", layers.length)], { shape: [N, R, height, width], most, kernel: [O, C, K] } = layer;
    if (drawn !== layer) arrange(drawn = layer);
    number("bank", R);
    number("image", N);
    row.set(number("row", height));
    column.set(number("column", width));
    const at = (r, y, x) => layer.weights[((state.image * R + r) * height + y) * width + x], mix = banks.map((_, r) => at(r, state.row, state.column));
    showMap(layer, at);
    showKernels(layer, mix);
    banks.forEach(({ bar, value, button }, r) => {
      bar.style.transform = `scaleX(${Math.max(0, mix[r] / most).toFixed(4)})`;
      value.textContent = mix[r].toFixed(2);
      button.setAttribute("aria-pressed", r === state.bank);
    });
    told.textContent = `Bank ${state.bank + 1} of ${R}; white: 0, full colour: ${most.toFixed(2)}. Drag the frame.`;
    const channels = C === 3 ? "in the colours that they answer to" : layer.channels === 1 ? "bright: positive" : `mean over ${layer.channels} input channels, bright: positive`;
    explained.textContent = `${O} kernels of ${K}×${K}, ${channels}.`;
    const here = `row ${state.row}, column ${state.column}: ${mix.map((share, r) => `bank ${r + 1} ${share.toFixed(2)}`).join(", ")}`;
    map.setAttribute("aria-label", `How much of bank ${state.bank + 1} stands where; ${here}`);
    tiles.setAttribute("aria-label", `the kernels at ${here}`);
    kinds.value = state.layer;
    if (layer.images) {
      paint(picture, part(layer.images, state.image, layer.image.reduce((a, b) => a * b)), layer.image);
      picture.setAttribute("aria-label", `image ${state.image + 1}, which the weights depend on`);
      looked.lastChild.value = state.image;
    }
    status.textContent = here;
    const moved = Object.entries(rest).some(([name, value]) => state[name] !== value);
    clearTimeout(later);
    later = setTimeout(() => model.send ? (model.set("state", { ...state }), model.save_changes()) : place.write(moved ? { [data.id]: Object.values(state) } : {}), 150);
    wrap.dataset.shown = 1;
  }

  const read = (found) => Object.fromEntries((found[data.id]?.split(",") ?? []).map((value, k) => [Object.keys(rest)[k], +value]).filter(([name, value]) => name && Number.isFinite(value)));
  const place = address(model, el, [data.id], (found) => to(read(found)));
  Object.assign(state, read(place.read()));
  update();
  place.listen();
  if (model.send) model.on("change:state", () => Object.entries(model.get("state")).some(([name, value]) => state[name] !== value) && to(model.get("state")));
};
