// The explorer: choose an image, shift it, and see what every network answers.

// ---------------------------------------------------------------------------------------------------------- shifts
// Images are Uint8Arrays (C, H, W). These are the shifts of spatialbias.shifts: a test compares them grey level by grey level.

function resample(image, [C, H, W], [h, w], place) {
  // A new image (C, h, w): the pixel (y, x) shows what lies at place(y, x) = [row, column], bilinear, black outside.
  const out = new Uint8Array(C * h * w);
  const at = (c, r, s) => (r < 0 || s < 0 || r >= H || s >= W ? 0 : image[(c * H + r) * W + s]);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const [row, column] = place(y, x), r = Math.floor(row), s = Math.floor(column), v = row - r, u = column - s;
      for (let c = 0; c < C; c++)
        out[(c * h + y) * w + x] = byte(
          (1 - v) * ((1 - u) * at(c, r, s) + u * at(c, r, s + 1)) + v * ((1 - u) * at(c, r + 1, s) + u * at(c, r + 1, s + 1)));
    }
  return out;
}

function rotate(image, size, degrees) {
  const [, H, W] = size, cos = Math.cos((degrees * Math.PI) / 180), sin = Math.sin((degrees * Math.PI) / 180);
  return resample(image, size, [H, W], (y, x) => {
    const down = y - (H - 1) / 2, right = x - (W - 1) / 2;
    const row = right * sin + down * cos + (H - 1) / 2, column = right * cos - down * sin + (W - 1) / 2;
    return [Math.abs(row - Math.round(row)) < 1e-6 ? Math.round(row) : row,  // quarter turns are exact
      Math.abs(column - Math.round(column)) < 1e-6 ? Math.round(column) : column];
  });
}

function stretch(image, size, [h, w], top = 0, left = 0, high = size[1], wide = size[2]) {
  // The part of `high` x `wide` pixels, enlarged or shrunk to h x w: along the rows, then along the columns, as torch does.
  const along = (k, from, to) => Math.max(0, Math.min(from - 1, ((k + 0.5) * from) / to - 0.5));
  const rows = resample(image, size, [size[1], w], (y, x) => [y, left + along(x, wide, w)]);
  return resample(rows, [size[0], size[1], w], [h, w], (y, x) => [top + along(y, high, h), x]);
}

function crop(image, size, pixels) {
  const [, H, W] = size;
  return stretch(image, size, [H, W], (H - pixels) >> 1, (W - pixels) >> 1, pixels, pixels);
}

function move(image, size, right, down) {
  return resample(image, size, size.slice(1), (y, x) => [y - down, x - right]);
}

function blur(image, size, pixels) {
  return stretch(stretch(image, size, [pixels, pixels]), [size[0], pixels, pixels], size.slice(1));
}

function disc(image, [C, H, W]) {
  return image.map((value, k) => {
    const y = Math.floor(k / W) % H - (H - 1) / 2, x = k % W - (W - 1) / 2;
    return x * x + y * y <= (Math.min(H, W) / 2) ** 2 ? value : 0;
  });
}

function shifted(image, size, state, noise, order) {
  // In the order of spatialbias.explorer.view.View.
  const side = size[2], area = size[1] * size[2];
  let seen = image;
  if (state.turn) seen = rotate(seen, size, state.turn);
  if (state.crop < side) seen = crop(seen, size, state.crop);
  if (state.right || state.down) seen = move(seen, size, state.right, state.down);
  if (state.blur) seen = blur(seen, size, side - state.blur);
  if (state.noise) seen = seen.map((value, k) => byte(value + (state.noise * noise[k]) / 32));
  if (state.corners) seen = disc(seen, size);
  if (state.scramble) seen = seen.map((_, k) => seen[k - (k % area) + order[k % area]]);
  return seen;
}

function curve(data, chosen, shift, value) {
  // Accuracy over an amount of the shift: every network that the records have, the chosen one with its interval.
  const had = data.networks.filter((network) => network.curves[shift]);
  const own = data.networks[chosen].curves[shift];
  const xs = had.flatMap((network) => network.curves[shift].map((row) => row[0]));
  const low = Math.min(...xs), high = Math.max(...xs), flip = shift === "crop";
  const X = (x) => 34 + 196 * ((flip ? high - x : x - low) / (high - low)), top = Math.ceil(10 * Math.max(...had.flatMap((network) => network.curves[shift].map((row) => row[3])))) / 10;
  const Y = (y) => 128 - 118 * (y / top), ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  const line = (rows, k) => "M" + rows.map((row) => `${X(row[0]).toFixed(1)} ${Y(row[k]).toFixed(1)}`).join("L");
  const chart = make("svg", { viewBox: "0 0 240 164", role: "img" });
  for (const tick of ticks.filter((tick) => Math.abs(100 * tick - Math.round(100 * tick)) < 1e-9))
    chart.append(make("line", { class: "grid", x1: 34, x2: 230, y1: Y(tick), y2: Y(tick) }),
      make("text", { x: 29, y: Y(tick) + 4, "text-anchor": "end" }, `${Math.round(100 * tick)}`));
  chart.append(make("line", { class: "chance", x1: 34, x2: 230, y1: Y(1 / data.classes.length), y2: Y(1 / data.classes.length) }));
  for (const tick of [low, (low + high) / 2, high])
    chart.append(make("text", { x: X(tick), y: 144, "text-anchor": "middle" }, `${Math.round(tick)}`));
  chart.append(make("text", { x: 132, y: 159, "text-anchor": "middle" }, { turn: "turned by, degrees", crop: "cropped to, pixels", right: "moved by, pixels" }[shift]));
  const alone = (network) => network.curves[shift][0][4] === 1;
  for (const network of had)
    chart.append(make("path", { d: line(network.curves[shift], 1), stroke: network.colour, class: alone(network) ? "other alone" : "other" }));
  if (!own) return { chart, said: `${data.networks[chosen].label} was not measured on this shift.` };
  chart.append(make("path", { d: line(own, 2) + line([...own].reverse(), 3).replace("M", "L") + "Z", fill: data.networks[chosen].colour, class: "band" }),
    make("path", { d: line(own, 1), stroke: data.networks[chosen].colour, class: "own" }));
  if (value < low || value > high) return { chart, said: `Not measured at ${value}.` };
  const k = own.findIndex((row) => row[0] >= value), b = own[k], a = own[Math.max(0, k - 1)];
  const y = b[0] === a[0] ? b[1] : a[1] + ((b[1] - a[1]) * (value - a[0])) / (b[0] - a[0]);
  chart.append(make("line", { class: "now", x1: X(value), x2: X(value), y1: 10, y2: 128 }),
    make("circle", { cx: X(value), cy: Y(y), r: 4.5, fill: data.networks[chosen].colour }));
  const of = own[0][4] > 1 ? `Band: 95 % interval over ${own[0][4]} trained networks` : "This one network, on 1,000 test images";
  const dashed = had.some(alone) ? " (dashed: one training)" : "";
  return { chart, said: `Here ${percent(y)} of test images are right. ${of}; faint: the other networks${dashed}; dotted: chance.` };
}

// -------------------------------------------------------------------------------------------------------- the explorer

const PALETTE = ["#000000", "#ffffff", "#c0392b", "#e67e22", "#f1c40f", "#27ae60", "#3498db", "#795548"];

widgets.shifts = async (model, el) => {
  const data = model.get("data"), size = data.size, [C, H, W] = size, area = C * H * W, classes = data.classes.length;
  const images = new Uint8Array(await unpack(data.images)), noise = new Int8Array(await unpack(data.noise));
  const grid = data.grid && { ...data.grid, answers: Object.fromEntries(await Promise.all(
    Object.entries(data.grid.answers).map(async ([name, text]) => [name, new Uint8Array(await unpack(text))]))) };
  const neutral = { image: 0, turn: 0, crop: W, right: 0, down: 0, blur: 0, noise: 0, corners: false, scramble: false, network: data.networks[0].name };
  const state = { ...neutral, ...model.get("state") };
  let own = null, ownLabel = -1, drawing = null, shift = "turn", seen = null, latest = null, turnNumber = 0;

  // --- the parts

  const wrap = shell(model, el, "Explorer: shift an image and see what the networks answer");
  const big = make("canvas", { width: W, height: H, class: "seen", role: "img" });
  const small = make("canvas", { width: W, height: H, role: "img", "aria-label": "the image as taken" });
  const chooser = make("select", { "aria-label": "image", oninput: () => choose(+chooser.value) });
  data.classes.forEach((name, k) => {
    const group = make("optgroup", { label: name });
    data.labels.forEach((label, i) => label === k && group.append(make("option", { value: i }, data.names[i])));
    if (group.children.length) chooser.append(group);
  });
  data.labels.forEach((label, i) => label < 0 && chooser.append(make("option", { value: i }, data.names[i])));
  const yours = make("option", { value: -1, hidden: true }, "your own");
  chooser.append(yours);
  const step = (by) => {
    const order = [...chooser.options].map((option) => +option.value).filter((value) => value >= 0);
    choose(order[(order.indexOf(state.image) + by + order.length) % order.length]);
  };
  const file = make("input", { type: "file", accept: "image/*", "aria-label": "an image from disk", onchange: async () => {
    if (file.files[0]) await load(file.files[0]);
    file.value = "";
  } });
  const draw = make("button", { type: "button", "aria-pressed": "false", onclick: () => setDrawing(drawing ? null : PALETTE[2]) }, "draw");
  const named = make("select", { oninput: () => { ownLabel = +named.value; update(); } }, make("option", { value: -1 }, "unknown"),
    ...data.classes.map((name, k) => make("option", { value: k }, name)));
  const naming = make("label", { class: "naming", hidden: true }, "it shows: ", named);
  const palette = make("div", { class: "palette", role: "group", "aria-label": "colours", hidden: true },
    ...PALETTE.map((colour) => make("button", { type: "button", style: `background:${colour}`, "aria-label": `paint ${colour}`, onclick: () => setDrawing(colour) })),
    make("button", { type: "button", class: "wide", onclick: () => { own.fill(110); update(); } }, "blank"));
  const disk = make("label", { class: "button" }, "from disk", file);
  const sliders = {};
  const slider = (name, label, low, high, by, shown) => {
    sliders[name] = range(name, label, low, high, by, shown, (value) => {
      state[name] = value;
      if (["turn", "crop", "right", "down"].includes(name)) shift = name === "down" ? "right" : name;
      update();
    });
    return sliders[name].row;
  };
  const tick = (name, label) => {
    const input = make("input", { type: "checkbox", oninput: () => { state[name] = input.checked; update(); } });
    sliders[name] = { input };
    return make("label", { class: "tick" }, input, label);
  };
  const half = W >> 1, px = (value) => `${value} px`;
  const basic = [slider("turn", "turn", -180, 180, 1, (value) => `${value}°`), slider("crop", "crop to", half - 2, W, 1, px)];
  const more = [slider("right", "move right", -half, half, 1, px), slider("down", "move down", -half, half, 1, px),
    slider("blur", "blur", 0, W - (W >> 2), 1, (value) => (value ? `as ${W - value}×${W - value}` : "none")),
    slider("noise", "noise", 0, 100, 1, (value) => (value ? `σ = ${value}` : "none"))];
  const ticks = make("div", { class: "ticks" }, tick("corners", "black corners"), tick("scramble", "scramble the pixels"),
    make("button", { type: "button", onclick: () => { Object.assign(state, neutral, { image: state.image, network: state.network }); update(); } }, "undo all"));
  const choosing = make("div", { class: "choosing" }, chooser,
    make("button", { type: "button", "aria-label": "previous image", onclick: () => step(-1) }, "‹"),
    make("button", { type: "button", "aria-label": "next image", onclick: () => step(1) }, "›"),
    make("button", { type: "button", onclick: () => step(1 + Math.floor(Math.random() * (data.labels.length - 1))) }, "random"),
    disk, draw, naming, palette);
  const table = make("table"), head = make("tr", {}, make("td")), rows = [];
  table.append(make("caption", { class: "hidden" }, "Probability of each class, by network"), make("thead", {}, head));
  const columns = data.networks.map((network) => {
    const says = make("span", { class: "says" });
    const button = make("button", { type: "button", onclick: () => { state.network = network.name; update(); } },
      make("span", { class: "name" }, network.label), says);
    head.append(make("th", { scope: "col", style: `--ink:${network.colour}` }, button));
    return { network, says, button };
  });
  const body = make("tbody");
  table.append(body);
  for (const name of data.classes) {
    const title = make("th", { scope: "row" }, name), row = make("tr", {}, title);
    const cells = data.networks.map((network) => {
      const bar = make("i"), number = make("span");
      row.append(make("td", { style: `--ink:${network.colour}` }, make("div", { class: "cell" }, make("div", { class: "bar" }, bar), number)));
      return { bar, number };
    });
    body.append(row);
    rows.push({ row, title, cells });
  }
  const about = make("p", { class: "chosen" }), trained = make("p", { class: "trained" });
  const curves = make("figure"), maps = make("figure"), looks = make("figure");
  const plane = make("canvas", { role: "img" }), spot = make("i", { class: "spot" });
  const lens = make("canvas", { width: W, height: H, role: "img" });
  const status = make("p", { role: "status", class: "hidden" }), note = make("p", { class: "note" }, "Loading the networks…");
  wrap.append(make("div", { class: "top" },
    make("div", { class: "pictures" }, make("figure", {}, big, make("figcaption", {}, "what the networks see")),
      make("figure", { class: "taken" }, small, make("figcaption", {}, "as taken"))),
    make("div", { class: "controls" }, choosing, ...basic, ...more, ticks)),
  make("div", { class: "answers" }, table), about, trained, make("div", { class: "panels" }, curves, maps, looks), note, status);

  // --- what changes them

  const image = () => (state.image < 0 ? own : images.subarray(state.image * area, (state.image + 1) * area));
  const truth = () => (state.image < 0 ? ownLabel : data.labels[state.image]);
  const see = (changes = {}) => shifted(image(), size, { ...state, ...changes }, noise, data.order);
  const chosen = () => data.networks.findIndex((network) => network.name === state.network);

  function choose(index) {
    setDrawing(null);
    state.image = index;
    update();
  }

  function setOwn(pixels, label) {
    own = pixels;
    state.image = -1;
    yours.hidden = false;
    ownLabel = label;
    named.value = label;
  }

  function setDrawing(colour) {
    if (colour && !drawing) {
      setOwn(image().slice(), truth());
      Object.assign(state, neutral, { image: -1, network: state.network });
    }
    drawing = colour;
    draw.setAttribute("aria-pressed", !!colour);
    palette.hidden = !colour;
    big.classList.toggle("drawing", !!colour);
    palette.childNodes.forEach((button, k) => button.setAttribute("aria-pressed", PALETTE[k] === colour));
    if (colour) update();
  }

  async function load(source) {
    try {
      const bitmap = await createImageBitmap(source), side = Math.min(bitmap.width, bitmap.height);
      const canvas = make("canvas", { width: W, height: H }), context = canvas.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, W, H);
      const { data: rgba } = context.getImageData(0, 0, W, H), pixels = new Uint8Array(area);
      for (let k = 0; k < H * W; k++)
        for (let c = 0; c < C; c++) pixels[c * H * W + k] = C === 1 ? byte((rgba[4 * k] + rgba[4 * k + 1] + rgba[4 * k + 2]) / 3) : rgba[4 * k + c];
      setDrawing(null);
      setOwn(pixels, -1);
      update();
    } catch {
      note.textContent = "This file is no image that the browser can read.";
    }
  }

  let held = null;
  const angle = (event) => {
    const box = big.getBoundingClientRect();
    return (Math.atan2(box.top + box.height / 2 - event.clientY, event.clientX - box.left - box.width / 2) * 180) / Math.PI;
  };
  const brush = (event) => {
    const box = big.getBoundingClientRect(), x = ((event.clientX - box.left) / box.width) * W, y = ((event.clientY - box.top) / box.height) * H;
    const rgb = [1, 3, 5].map((k) => parseInt(drawing.slice(k, k + 2), 16));
    for (let r = 0; r < H; r++)
      for (let s = 0; s < W; s++)
        if ((r + 0.5 - y) ** 2 + (s + 0.5 - x) ** 2 < (W / 18) ** 2)
          for (let c = 0; c < C; c++) own[(c * H + r) * W + s] = C === 1 ? byte((rgb[0] + rgb[1] + rgb[2]) / 3) : rgb[c];
    update();
  };
  big.addEventListener("pointerdown", (event) => {
    big.setPointerCapture(event.pointerId);
    held = { turn: state.turn, angle: angle(event) };
    if (drawing) brush(event);
  });
  big.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (drawing) return brush(event);
    const turn = Math.round(held.turn + angle(event) - held.angle);
    state.turn = ((turn + 540) % 360) - 180;
    if (!answers.ask) state.turn = 10 * Math.round(state.turn / 10);
    shift = "turn";
    update();
  });
  for (const end of ["pointerup", "pointercancel"]) big.addEventListener(end, () => (held = null));
  plane.addEventListener("click", (event) => {
    if (!grid && !answers.ask) return;
    const box = plane.getBoundingClientRect(), [angles, crops] = axes();
    state.turn = angles[Math.min(angles.length - 1, Math.floor(((event.clientX - box.left) / box.width) * angles.length))];
    state.crop = crops[Math.min(crops.length - 1, Math.floor(((event.clientY - box.top) / box.height) * crops.length))];
    update();
  });

  // --- the address: every state can be linked

  const place = address(model, el, Object.keys(neutral), () => adopt({ ...neutral, ...fromAddress() }));

  function fromAddress() {
    const found = {};
    for (const [name, text] of Object.entries(place.read())) {
      if (name === "image" && data.names.includes(text.replace("-", " "))) found.image = data.names.indexOf(text.replace("-", " "));
      else if (name === "network" && data.networks.some((network) => network.name === text)) found.network = text;
      else if (name === "corners" || name === "scramble") found[name] = text === "1";
      else if (typeof neutral[name] === "number" && name !== "image" && Number.isFinite(+text)) found[name] = Math.round(+text);
    }
    return found;
  }

  function toAddress() {
    const set = Object.entries(state).filter(([name, value]) => value !== neutral[name] && !(name === "image" && value < 0));
    place.write(Object.fromEntries(set.map(([name, value]) => [name, name === "image" ? data.names[value].replace(" ", "-") : +value || value])));
  }

  // --- showing

  function controls() {
    for (const [name, { input, set }] of Object.entries(sliders)) {
      if (set) set(state[name] = Math.max(+input.min, Math.min(+input.max, state[name])));
      else input.checked = state[name];
    }
    chooser.value = state.image;
    naming.hidden = state.image >= 0;
  }

  function answersShown() {
    const right = truth();
    columns.forEach(({ network, says, button }, column) => {
      const p = latest[network.name], top = winner(p);
      const mark = right < 0 ? "" : top === right ? " ✓" : " ✗";
      says.replaceChildren(`${data.classes[top]}${mark}`, make("span", { class: "hidden" }, `${right < 0 ? "" : top === right ? " right," : " wrong,"} ${percent(p[top])}`));
      says.className = `says ${right < 0 ? "" : top === right ? "right" : "wrong"}`;
      button.setAttribute("aria-pressed", network.name === state.network);
      rows.forEach(({ cells }, k) => {
        cells[column].bar.style.transform = `scaleX(${p[k].toFixed(4)})`;
        cells[column].number.textContent = Math.round(100 * p[k]);
        cells[column].bar.className = k === top ? "top" : "";
      });
    });
    rows.forEach(({ row, title }, k) => {
      row.className = k === right ? "true" : "";
      title.textContent = k === right ? `${data.classes[k]} ◂` : data.classes[k];
    });
    wrap.dataset.shown = ++turnNumber;
  }

  function aboutChosen() {
    const k = chosen(), { network } = columns[k];
    about.textContent = network.label;
    trained.textContent = network.note;
    if (data.networks.some((one) => one.curves[shift])) {
      const value = { turn: Math.abs(state.turn), crop: state.crop, right: Math.max(Math.abs(state.right), Math.abs(state.down)) }[shift];
      const { chart, said } = curve(data, k, shift, value);
      chart.setAttribute("aria-label", `Accuracy of ${network.label} by shift. ${said}`);
      curves.replaceChildren(make("div", { class: "title" }, "Accuracy on shifted test images, %"), chart, make("figcaption", {}, said));
    } else curves.replaceChildren();
  }

  const axes = () => grid ? [grid.angles, grid.crops] : [Array.from({ length: 37 }, (_, k) => 10 * k - 180), Array.from({ length: 10 }, (_, k) => W - 2 * k).filter((value) => value >= half - 2)];
  const inGrid = () => grid && grid.images.includes(state.image) && !["right", "down", "blur", "noise", "corners", "scramble"].some((name) => state[name]);

  function looked(name, image, a, c) {
    const at = ((grid.images.indexOf(image) * grid.angles.length + a) * grid.crops.length + c) * classes;
    return Float32Array.from(grid.answers[name].subarray(at, at + classes), (value) => value / 255);
  }

  let planeKey = "", planeValues = null;
  const subject = () => (truth() >= 0 ? truth() : winner(latest[state.network]));

  function drawPlane() {
    const [angles, crops] = axes(), context = plane.getContext("2d"), pixels = new ImageData(angles.length, crops.length);
    const rgb = [1, 3, 5].map((k) => parseInt(data.networks[chosen()].colour.slice(k, k + 2), 16));
    planeValues.forEach((p, k) => pixels.data.set([...rgb, Math.round(255 * (p < 0 ? 0 : 0.04 + 0.96 * p))], 4 * k));
    [plane.width, plane.height] = [angles.length, crops.length];
    context.putImageData(pixels, 0, 0);
  }

  function placeSpot() {
    const [angles, crops] = axes(), near = (list, value) => list.reduce((best, one, k) => (Math.abs(one - value) < Math.abs(list[best] - value) ? k : best), 0);
    spot.style.left = `${(100 * (near(angles, state.turn) + 0.5)) / angles.length}%`;
    spot.style.top = `${(100 * (near(crops, state.crop) + 0.5)) / crops.length}%`;
  }

  async function showPlane(round) {
    const [angles, crops] = axes(), what = subject(), name = state.network;
    const others = [state.image, what, name, state.right, state.down, state.blur, state.noise, state.corners, state.scramble].join();
    const said = `Probability of “${data.classes[what]}” by turn and crop; a click goes there.`;
    maps.replaceChildren(make("div", { class: "title" }, "This image, turned and cropped"),
      make("div", { class: "plane" }, make("span", { class: "y" }, make("span", {}, `${crops[0]}`), make("span", {}, "crop"), make("span", {}, `${crops.at(-1)}`)), make("div", { class: "field" }, plane, spot),
        make("span", { class: "x" }, make("span", {}, `${angles[0]}°`), make("span", {}, "turn"), make("span", {}, `${angles.at(-1)}°`))),
      make("figcaption", {}, said));
    plane.setAttribute("aria-label", said);
    placeSpot();
    if (others === planeKey && state.image >= 0) return;
    planeKey = "";
    planeValues = new Float32Array(angles.length * crops.length).fill(-1);
    if (inGrid()) planeValues = planeValues.map((_, k) => looked(name, state.image, k % angles.length, Math.floor(k / angles.length))[what]);
    else {
      const places = [...planeValues.keys()].sort((a, b) => coarse(a) - coarse(b));
      function coarse(k) { return (k % angles.length) % 4 + 4 * (Math.floor(k / angles.length) % 2); }
      const whole = await inTurn(places, (k) => see({ turn: angles[k % angles.length], crop: crops[Math.floor(k / angles.length)] }), name, round,
        (k, p) => (planeValues[k] = p[what]), drawPlane);
      if (!whole) return;
    }
    planeKey = others;
    drawPlane();
  }

  async function inTurn(list, picture, name, round, keep, show) {
    // Ask for many pictures a few at a time, so that a slider that moves meanwhile need not wait; false if one did.
    for (let from = 0, count = 1; from < list.length;) {
      const some = list.slice(from, from + count), batch = new Uint8Array(some.length * area);
      some.forEach((one, k) => batch.set(picture(one), k * area));
      const began = performance.now(), p = (await answers.ask(batch, some.length, [name]))[name];
      if (round !== latestRound) return false;
      some.forEach((one, k) => keep(one, part(p, k, classes)));
      from += some.length;
      count = Math.max(1, Math.min(32, Math.round((40 * some.length) / (performance.now() - began))));
      show();
    }
    return true;
  }

  async function showLooks(round) {
    // How much the winner's log-probability changes with each pixel.
    if (!answers.ask) return;
    const base = seen, name = state.network, top = winner(latest[name]);
    let slope;
    try {
      slope = (await answers.ask(base, 1, [name], true))[name];
    } catch {  // a reader's network that has no gradient
      return looks.replaceChildren();
    }
    if (round !== latestRound) return;
    const most = Math.max(...slope, 1e-9), rgb = [1, 3, 5].map((k) => parseInt(data.networks[chosen()].colour.slice(k, k + 2), 16)), pixels = new Uint8Array(3 * H * W);
    for (let k = 0; k < H * W; k++) {
      const light = 0.35 * ((base[k] + base[(C - 1 >> 1) * H * W + k] + base[(C - 1) * H * W + k]) / 3) + 20, share = Math.sqrt(slope[k] / most);
      for (let c = 0; c < 3; c++) pixels[c * H * W + k] = byte(light + share * 0.75 * (Math.min(255, rgb[c] * 1.15 + 20) - light * 0.4));
    }
    paint(lens, pixels, [3, H, W]);
    const text = `Bright: a small change of this pixel changes “${data.classes[top]}” (${percent(latest[name][top])}) most. Dark: it hardly does.`;
    lens.setAttribute("aria-label", text);
    looks.replaceChildren(make("div", { class: "title" }, "Where does it look?"), lens, make("figcaption", {}, text));
  }

  // --- the loop: the newest state is answered next, what lies between is left out

  let latestRound = 0, later = 0;
  const answer = latestOnly(async () => {
    const names = data.networks.map((network) => network.name), round = latestRound;  // that of `seen`
    if (answers.ask) latest = await answers.ask(seen, 1, names);
    else {
      const near = (list, value) => list.reduce((best, one, k) => (Math.abs(one - value) < Math.abs(list[best] - value) ? k : best), 0);
      latest = Object.fromEntries(names.map((name) => [name, looked(name, state.image, near(grid.angles, state.turn), near(grid.crops, state.crop))]));
    }
    answersShown();
    aboutChosen();
    placeSpot();
    clearTimeout(later);
    later = setTimeout(settled, 150, round);
  });

  async function update() {
    wrap.dataset.round = ++latestRound;
    controls();
    seen = see();
    paint(big, seen, size);
    paint(small, image(), size);
    big.setAttribute("aria-label", `${state.image < 0 ? "your own image" : data.names[state.image]}, turned by ${state.turn}°, cropped to ${state.crop} pixels`);
    clearTimeout(later);
    try {
      await answer();
    } catch (error) {
      note.textContent = `No answer: ${error.message}`;
    }
  }

  async function settled(round) {
    if (round !== latestRound) return;
    const right = truth();
    status.textContent = columns.map(({ network }) => {
      const top = winner(latest[network.name]);
      return `${network.label}: ${data.classes[top]} ${percent(latest[network.name][top])}${right < 0 ? "" : top === right ? ", right" : ", wrong"}`;
    }).join(". ");
    if (model.send) { model.set("state", { ...state }); model.save_changes(); } else toAddress();
    try {
      await showPlane(round);
      if (round === latestRound) await showLooks(round);
      if (round === latestRound) wrap.dataset.settled = round;
    } catch (error) {
      note.textContent = `No answer: ${error.message}`;
    }
  }

  const answers = {};
  Object.assign(state, fromAddress());
  controls();
  seen = see();
  paint(big, seen, size);
  paint(small, image(), size);
  Object.assign(answers, await answering(model, data, seen, "some images, turns and crops in steps"));
  note.textContent = answers.note;
  wrap.dataset.host = answers.ask ? (model.send ? "kernel" : "page") : "grid";
  if (!answers.ask && !grid) { wrap.replaceChildren(make("p", {}, "This explorer needs a kernel: open the page as a notebook and run it.")); return; }
  if (!answers.ask) {
    for (const node of [...more, disk, draw, ticks.children[0], ticks.children[1]]) node.remove();
    for (const option of [...chooser.options]) if (!grid.images.includes(+option.value)) option.remove();
    for (const group of [...chooser.querySelectorAll("optgroup")]) if (!group.children.length) group.remove();
    if (!grid.images.includes(state.image)) state.image = grid.images[0];
    Object.assign(state, { right: 0, down: 0, blur: 0, noise: 0, corners: false, scramble: false });
    Object.assign(sliders.turn.input, { step: grid.angles[1] - grid.angles[0] });
    Object.assign(sliders.crop.input, { min: grid.crops.at(-1), step: grid.crops[0] - grid.crops[1] });
    for (const name of ["right", "down", "blur", "noise", "corners", "scramble"]) delete sliders[name];
  }
  const adopt = (changes) => { Object.assign(state, changes); update(); };
  if (model.send) model.on("change:state", () => Object.entries(model.get("state")).some(([name, value]) => state[name] !== value) && adopt(model.get("state")));
  place.listen();
  await update();
};
