'use strict';
// Draws what the library has computed: runs of elements, tiles, bounds and sentences come as data. A saved page has
// no other script; a served one has another, which asks for masks.
const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const saved = $('saved') ? JSON.parse($('saved').textContent) : null;
const MARGIN = { left: 52, top: 38, right: 4, bottom: 4 };
const LENS = 11;
let view = null; // what the library said of the mask
let at = { i: 0, j: 0 }; // the element under inspection
let tiling = null; // the tiles that are shown
let tileWish = 0; // the size the reader chose
let bitmap = null; // one pixel per element
let place = null; // where the mask lies on the canvas
let tab = 'java';

/* ---- data ---- */

const runAt = (i, j) => {
  const runs = view.elements.columns[j];
  let low = 0, high = runs.length / 2 - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[2 * middle + 1] > i) high = middle; else low = middle + 1;
  }
  return runs[2 * low];
};
const tileAt = (i, j) => tiling.cells[Math.floor(i / tiling.size)][Math.floor(j / tiling.size)];
const fill = (template) => template.replace(/\{(?:(i|j)|([qk])\.(\w+))\}/g, (_, own, side, name) =>
  own ? at[own] : view.numbers[side][name][side === 'q' ? at.i : at.j]);
const count = (n) => n.toLocaleString('en');
const percent = (part, whole) => (whole ? (100 * part / whole).toFixed(1) : '0') + ' %';
const bytes = (n) => n < 1024 ? n + ' bytes' : n < 1048576 ? (n / 1024).toFixed(1) + ' KiB'
  : n < 1073741824 ? (n / 1048576).toFixed(1) + ' MiB' : (n / 1073741824).toFixed(1) + ' GiB';
const tint = (name) => getComputedStyle(root).getPropertyValue('--' + name).trim();
const rgba = (name) => {
  const n = parseInt(tint(name).slice(1), 16);
  return (255 << 24 | (n & 255) << 16 | n & 0xff00 | n >> 16) >>> 0;
};
const make = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

/* ---- the picture ---- */

const CLASSES = { f: ['full', 'full'], p: ['masked', 'visible'], e: ['empty', 'empty'] };
const colours = () => Object.fromEntries(Object.entries(CLASSES).map(([kind, names]) => [kind, names.map(rgba)]));

function paint() {
  const exact = view.elements;
  const side = exact ? 1 : view.coarse.size;
  const rows = Math.ceil(view.seqlenQ / side), columns = Math.ceil(view.seqlenK / side);
  bitmap = null;
  if (!rows || !columns) return;
  const pixels = new ImageData(columns, rows);
  const data = new Uint32Array(pixels.data.buffer);
  const palette = colours();
  if (exact) {
    // Where tiles are too many to be told, every element stands for itself.
    const plain = [palette.e[0], palette.f[1]];
    exact.columns.forEach((runs, j) => {
      let i = 0;
      for (let n = 0; n < runs.length; n += 2) {
        const shown = runs[n] === 0 ? 1 : 0;
        for (; i < runs[n + 1]; i++) data[i * columns + j] = tiling.cells ? palette[tileAt(i, j)][shown] : plain[shown];
      }
    });
  } else {
    view.coarse.cells.forEach((line, m) => { for (let n = 0; n < columns; n++) data[m * columns + n] = palette[line[n]][1]; });
  }
  bitmap = new OffscreenCanvas(columns, rows);
  bitmap.getContext('2d').putImageData(pixels, 0, 0);
}

function layout() {
  const width = Math.max(120, $('frame').clientWidth - MARGIN.left - MARGIN.right);
  const most = Math.max(220, Math.min(width, window.innerHeight - 190));
  const { seqlenQ: q, seqlenK: k } = view;
  const least = (n) => Math.min(96, 40 * n);
  let w = k >= q ? (k > 1.5 * q ? width : most) : Math.max(most * k / q, least(k));
  let h = q >= k ? most : Math.min(most, Math.max(w * q / k, least(q)));
  w = Math.min(w, width);
  place = { x: MARGIN.left, y: MARGIN.top, w, h, cx: w / Math.max(1, k), cy: h / Math.max(1, q) };
}

function ticks(context, along, unit, length, draw) {
  let every = 1;
  while (every * unit < 44 && every < length) every *= 2;
  for (let n = 0; n < length; n += every) draw(n, along + (n + 0.5) * unit);
}

function show() {
  layout();
  const canvas = $('mask');
  const ratio = window.devicePixelRatio || 1;
  const width = place.x + place.w + MARGIN.right, height = place.y + place.h + MARGIN.bottom;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = width + 'px';
  canvas.style.height = height + 'px';
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  const { x, y, w, h, cx, cy } = place;
  if (bitmap) {
    context.imageSmoothingEnabled = cx * ratio < 1 || cy * ratio < 1;
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, x, y, w, h);
  }
  context.strokeStyle = tint('grid');
  if (Math.min(cx, cy) >= 7 && view.elements) lattice(context, 1, 0.9);
  if ($('lines').checked && tiling.cells && tiling.size * Math.min(cx, cy) >= 5) lattice(context, tiling.size, 2);
  if ($('bounds').checked) drawBounds(context);
  context.fillStyle = tint('faint');
  context.font = '11px system-ui, sans-serif';
  context.textAlign = 'center';
  ticks(context, x, cx, view.seqlenK, (n, p) => context.fillText(n, p, y - 7));
  context.textAlign = 'right';
  ticks(context, y, cy, view.seqlenQ, (n, p) => context.fillText(n, x - 7, p + 4));
  context.fillText('query ↓', x - 7, y - 24);
  context.textAlign = 'left';
  context.fillText('key →', x, y - 24);
  cross(context);
}

function lattice(context, size, line) {
  const { x, y, w, h, cx, cy } = place;
  context.lineWidth = line;
  context.beginPath();
  for (let n = size; n < view.seqlenK; n += size) { context.moveTo(x + n * cx, y); context.lineTo(x + n * cx, y + h); }
  for (let n = size; n < view.seqlenQ; n += size) { context.moveTo(x, y + n * cy); context.lineTo(x + w, y + n * cy); }
  context.stroke();
}

/** A dash per key where a masked interval starts or ends. */
function drawBounds(context) {
  const form = view.columns;
  if (!form || !form.values) return;
  const { x, y, cx, cy } = place;
  const wide = Math.max(1, cx);
  for (const [line, thick] of [['paper', 4.5], [null, 2.2]]) {
    form.names.forEach((name, n) => {
      context.fillStyle = tint(line || name.toLowerCase());
      form.values[n].forEach((row, j) => context.fillRect(x + j * cx, y + row * cy - thick / 2, wide, thick));
    });
  }
}

function cross(context) {
  if (!view.seqlenQ || !view.seqlenK) return;
  const { x, y, w, h, cx, cy } = place;
  context.strokeStyle = tint('ink');
  context.lineWidth = 1;
  context.globalAlpha = 0.35;
  context.strokeRect(x, y + at.i * cy, w, Math.max(1, cy));
  context.strokeRect(x + at.j * cx, y, Math.max(1, cx), h);
  context.globalAlpha = 1;
  const size = tiling.size;
  if (tiling.cells && size * Math.min(cx, cy) >= 5) {
    const m = Math.floor(at.i / size) * size, n = Math.floor(at.j / size) * size;
    context.strokeRect(x + n * cx, y + m * cy, Math.min(size, view.seqlenK - n) * cx, Math.min(size, view.seqlenQ - m) * cy);
  }
  context.lineWidth = 2.5;
  const grow = Math.max(0, 7 - Math.min(cx, cy)) / 2;
  context.strokeRect(x + at.j * cx - grow, y + at.i * cy - grow, cx + 2 * grow, cy + 2 * grow);
}

/** The elements around the one under inspection, large. */
function lens() {
  const canvas = $('lens');
  canvas.hidden = !view.elements || !bitmap || Math.min(place.cx, place.cy) > 14;
  if (canvas.hidden) return;
  const ratio = window.devicePixelRatio || 1;
  const wide = canvas.clientWidth, cell = wide / (2 * LENS + 1), rows = 4;
  canvas.width = wide * ratio;
  canvas.height = (2 * rows + 1) * cell * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  for (let di = -rows; di <= rows; di++) {
    for (let dj = -LENS; dj <= LENS; dj++) {
      const i = at.i + di, j = at.j + dj;
      if (i < 0 || j < 0 || i >= view.seqlenQ || j >= view.seqlenK) continue;
      const names = CLASSES[tiling.cells ? tileAt(i, j) : runAt(i, j) === 0 ? 'f' : 'e'];
      context.fillStyle = tint(names[runAt(i, j) === 0 ? 1 : 0]);
      context.fillRect((dj + LENS) * cell, (di + rows) * cell, cell - 1, cell - 1);
    }
  }
  context.strokeStyle = tint('ink');
  context.lineWidth = 2.5;
  context.strokeRect(LENS * cell, rows * cell, cell - 1, cell - 1);
}

/* ---- the element ---- */

let asked = 0;
async function inspect(i, j) {
  if (!view.seqlenQ || !view.seqlenK) return;
  at = { i: Math.max(0, Math.min(view.seqlenQ - 1, i)), j: Math.max(0, Math.min(view.seqlenK - 1, j)) };
  const form = $('element').elements;
  if (document.activeElement !== form.i) form.i.value = at.i;
  if (document.activeElement !== form.j) form.j.value = at.j;
  show();
  lens();
  tellColumn();
  const ticket = ++asked;
  if (view.elements) {
    const sentences = view.elements.kinds[runAt(at.i, at.j)];
    tell(sentences.map((n) => fill(view.sentences[n])), view.context.map((n) => fill(view.sentences[n])));
  } else {
    const answer = await post('/api/explain', { source: view.source, query: at.i, key: at.j });
    if (ticket === asked && answer) tell(answer.sentences, answer.context);
  }
}

function tell(reasons, context) {
  const yes = reasons.length === 0;
  $('lead').className = yes ? 'yes' : 'no';
  $('lead').textContent = (yes ? '✓ ' : '✗ ') + `query ${at.i} ${yes ? 'sees' : 'may not see'} key ${at.j}`;
  $('reasons').replaceChildren(...reasons.map((text) => make('li', { textContent: text })),
    ...context.map((text) => make('li', { className: 'context', textContent: text })));
  const names = { f: 'FULL: every element is visible, the mask is not read', p: 'PARTIAL: computed under the mask', e: 'EMPTY: skipped' };
  const size = tiling.size;
  $('tile').textContent = `Tile (${Math.floor(at.i / size)}, ${Math.floor(at.j / size)}) of ${size} × ${size}`
    + (tiling.cells ? ' is ' + names[tileAt(at.i, at.j)] + '.' : '.');
}

const MEANS = { LTS: 'first masked row, lower', LTE: 'row behind them', UTS: 'first masked row, upper', UTE: 'row behind them' };
function tellColumn() {
  const form = view.columns;
  const told = form && form.values;
  $('column').replaceChildren(...(told ? form.names : []).map((name, n) => make('tr', {},
    make('th', { textContent: name, title: MEANS[name] }), make('td', { textContent: form.values[n][at.j] }))));
  $('form').textContent = !form ? 'No FlashMask form: some key has more masked intervals than it can say.'
    : `FlashMask form: causal ${form.causal}` + (form.names.length
      ? `, ${form.names.length === 1 ? 'one number' : form.names.length + ' numbers'} per key (${form.names.join(', ')})` : ', no indices') + '.';
}

/* ---- all of a view ---- */

function chooseTiling() {
  const wish = view.tilings.find((each) => each.size === tileWish);
  const fits = view.tilings.filter((each) => Math.max(each.rows, each.columns) >= 8);
  tiling = wish || fits[fits.length - 1] || view.tilings[0];
  $('tiles').replaceChildren($('tiles').querySelector('legend'), ...view.tilings.map((each) => {
    const input = make('input', { type: 'radio', name: 'tile', value: each.size, checked: each === tiling });
    return make('label', {}, input, String(each.size));
  }));
}

function tellNumbers() {
  const tiles = tiling.rows * tiling.columns;
  $('visible').textContent = percent(view.visible, view.total);
  $('elements').textContent = `${count(view.visible)} of ${count(view.total)}`;
  meter('visibleBar', [['full', view.visible / view.total]]);
  $('skipped').textContent = percent(tiling.empty, tiles);
  meter('tileBar', [['full', tiling.full / tiles], ['partial', tiling.partial / tiles]]);
  $('counts').textContent = `${count(tiling.full)} full, ${count(tiling.partial)} partial, ${count(tiling.empty)} skipped of ${count(tiles)}`;
  $('columnBytes').textContent = view.columns ? bytes(view.columns.bytes) : 'none';
  $('denseBytes').textContent = bytes(view.denseBytes);
}

function meter(id, parts) {
  $(id).replaceChildren(...parts.map(([name, share]) => {
    const bar = make('i', { className: name });
    bar.style.width = 100 * (share || 0) + '%';
    return bar;
  }));
}

function tellLegend() {
  const items = view.elements
    ? [['full', 'visible, full tile'], ['visible', 'visible, partial tile'], ['masked', 'masked, yet in a computed tile'], ['empty', 'masked, tile skipped']]
    : [['full', `all visible (a cell is ${view.coarse.size} × ${view.coarse.size})`], ['visible', 'some visible'], ['empty', 'none visible']];
  if ($('bounds').checked && view.columns) view.columns.names.forEach((name) => items.push([name.toLowerCase(), name]));
  $('legend').replaceChildren(...items.map(([name, text]) => make('li', {}, make('i', { className: name }), text)));
}

function tellCode() {
  for (const [id, name] of [['tabJava', 'java'], ['tabJson', 'json']]) $(id).setAttribute('aria-selected', String(tab === name));
  $('code').textContent = view[tab] || 'This mask has no description in a few numbers; keep its capture.';
}

function redraw() {
  chooseTiling();
  paint();
  tellNumbers();
  tellLegend();
  inspect(at.i, at.j);
}

function take(next) {
  const first = !view;
  view = next;
  if (first) at = { i: Math.floor(view.seqlenQ * 0.55), j: Math.floor(view.seqlenK * 0.3) };
  document.title = `${view.title} · attn4j masks`;
  $('title').textContent = view.title;
  $('says').textContent = `${view.says}; ${count(view.seqlenQ)} queries, ${count(view.seqlenK)} keys`;
  $('save').disabled = Math.max(view.seqlenQ, view.seqlenK) > 1024 || !view.elements;
  for (const [name, most] of [['i', view.seqlenQ], ['j', view.seqlenK]]) $('element').elements[name].max = most - 1;
  tellCode();
  redraw();
}

/* ---- what the reader does ---- */

function onMouse(event) {
  const box = $('mask').getBoundingClientRect();
  const j = Math.floor((event.clientX - box.left - place.x) / place.cx);
  const i = Math.floor((event.clientY - box.top - place.y) / place.cy);
  if (i >= 0 && j >= 0 && i < view.seqlenQ && j < view.seqlenK && (i !== at.i || j !== at.j)) inspect(i, j);
}

function onKey(event) {
  const step = (event.shiftKey ? 10 : 1) * (view.elements ? 1 : view.coarse.size);
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!move) return;
  event.preventDefault();
  inspect(at.i + move[0] * step, at.j + move[1] * step);
}

async function copy() {
  const text = $('code').textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren($('code'));
    document.execCommand('copy');
  }
  say('copied');
}

function say(text) {
  $('said').textContent = text;
  setTimeout(() => { $('said').textContent = ''; }, 1800);
}

function listen() {
  $('mask').addEventListener('pointermove', onMouse);
  $('mask').addEventListener('pointerdown', onMouse);
  $('mask').addEventListener('keydown', onKey);
  $('tiles').addEventListener('change', (event) => { tileWish = Number(event.target.value); redraw(); focusTile(); });
  for (const id of ['lines', 'bounds']) $(id).addEventListener('change', () => { tellLegend(); show(); });
  $('element').addEventListener('input', (event) => {
    const { i, j } = event.currentTarget.elements;
    inspect(Math.trunc(Number(i.value)) || 0, Math.trunc(Number(j.value)) || 0);
  });
  $('element').addEventListener('submit', (event) => event.preventDefault());
  $('tabJava').addEventListener('click', () => { tab = 'java'; tellCode(); });
  $('tabJson').addEventListener('click', () => { tab = 'json'; tellCode(); });
  $('copy').addEventListener('click', copy);
  $('theme').addEventListener('click', () => { root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark'; redraw(); });
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => { root.dataset.theme = dark.matches ? 'dark' : 'light'; if (view) redraw(); });
  root.dataset.theme = dark.matches ? 'dark' : 'light';
  new ResizeObserver(() => { if (view) { show(); lens(); } }).observe($('frame'));
}
const focusTile = () => $('tiles').querySelector(':checked').focus();

listen();
if (saved) {
  document.body.classList.add('saved');
  take(saved);
}
