'use strict';
// Asks the library for masks: the gallery, the parameters, captures and descriptions from files.
const OFTEN = 90; // milliseconds that a writer pauses between letters
let kinds = []; // the masks there are
let wish = null; // what is asked for: a mask and the parameters the reader gave; the others are the library's
let captured = null; // the capture that is shown, instead of a wish

/* ---- the server ---- */

async function send(path, options) {
  let answer;
  try {
    const response = await fetch(path, options);
    answer = await response.json();
  } catch {
    answer = { error: { argument: 'server', expected: 'an answer', came: 'none; is attn4j still running?' } };
  }
  complain(answer.error);
  return answer.error ? null : answer;
}

const post = (path, body) =>
  send(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

function complain(error) {
  $('problem').textContent = error
    ? `${error.argument}: expected ${error.expected}` + (error.came ? `, got ${error.came}` : '') : '';
  for (const input of document.querySelectorAll('#controls input')) {
    input.setAttribute('aria-invalid', String(Boolean(error) && input.name === error.argument));
  }
}

let turn = 0;
/** Asks for a mask; an answer that comes after a later question is dropped. */
async function ask(source) {
  const ticket = ++turn;
  const next = await post('/api/mask', source);
  if (!next || ticket !== turn) return;
  captured = next.capture ? next.source : null;
  if (!captured) {
    wish = wish || wishOf(next.source);
    history.replaceState(null, '', '#' + encodeURIComponent(JSON.stringify(next.source)));
  }
  fillForm(next);
  take(next);
}

/* ---- what is asked for ---- */

const kindOf = (name) => kinds.find((kind) => kind.name === name);
const LENGTHS = ['seqlenQ', 'seqlenK'];
/** Whether the form has fields for it; all else is for the library to judge. */
const known = (source) => Boolean(kindOf(source?.mask)) && (!source.and || Boolean(kindOf(source.and.mask)));

/** A description from elsewhere: all in it counts as given. */
function wishOf(source) {
  const { mask, seqlenQ, seqlenK, and, ...given } = source;
  const inner = and ? { mask: and.mask, given: Object.fromEntries(Object.entries(and).filter(([key]) => key !== 'mask')) } : null;
  return { mask, given, lengths: { seqlenQ, ...(seqlenK === seqlenQ ? {} : { seqlenK }) }, and: inner };
}

function sourceOf() {
  const { seqlenQ, seqlenK } = wish.lengths;
  const square = !kindOf(wish.mask).oblong || (wish.and && !kindOf(wish.and.mask).oblong);
  return {
    mask: wish.mask,
    ...wish.given,
    ...(seqlenQ === undefined ? {} : { seqlenQ }),
    ...(seqlenK === undefined || square ? {} : { seqlenK }),
    ...(wish.and ? { and: { mask: wish.and.mask, ...wish.and.given } } : {}),
  };
}

let timer = 0;
function askSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => ask(sourceOf()), OFTEN);
}

function choose(name) {
  wish = { mask: name, given: {}, lengths: wish ? wish.lengths : {}, and: wish ? wish.and : null };
  renderForm();
  ask(sourceOf());
}

/* ---- the form ---- */

function renderGallery() {
  const gallery = $('gallery');
  let family = '';
  for (const kind of kinds) {
    if (kind.family !== family) gallery.append(make('h3', { textContent: kind.family }));
    family = kind.family;
    const button = make('button', { type: 'button', title: kind.says }, make('canvas', { width: 60, height: 60 }), kind.name);
    button.dataset.name = kind.name;
    button.addEventListener('click', () => choose(kind.name));
    gallery.append(button);
  }
  paintGallery();
}

function paintGallery() {
  for (const button of document.querySelectorAll('#gallery button')) {
    const { picture } = kindOf(button.dataset.name);
    const canvas = button.querySelector('canvas');
    const context = canvas.getContext('2d');
    const cell = canvas.width / picture.length;
    picture.forEach((line, i) => [...line].forEach((bit, j) => {
      context.fillStyle = tint(bit === '1' ? 'full' : 'empty');
      context.fillRect(j * cell, i * cell, cell, cell);
    }));
  }
}

/** One labelled field; what is written into it is given. */
function field(parameter, given) {
  const options = parameter.choices.map((choice) => make('option', { value: choice, textContent: choice }));
  const input = options.length ? make('select', { name: parameter.name }, ...options)
    : make('input', { type: 'text', name: parameter.name, placeholder: parameter.hint, title: parameter.hint, spellcheck: false });
  input.addEventListener('input', () => {
    if (input.value.trim() === '') delete given[parameter.name]; else given[parameter.name] = input.value;
    askSoon();
  });
  return make('label', {}, parameter.label + ' ', input);
}

function renderForm() {
  const kind = kindOf(wish.mask);
  $('own').replaceChildren(...kind.parameters.map((each) => field(each, wish.given)));
  const second = wish.and ? kindOf(wish.and.mask).parameters.map((each) => field(each, wish.and.given)) : [];
  $('second').replaceChildren(...second);
  $('and').value = wish.and ? wish.and.mask : '';
  $('keys').hidden = !kind.oblong || (wish.and && !kindOf(wish.and.mask).oblong);
}

/** Shows what the library made of the wish, but leaves alone what is being written. */
function fillForm(next) {
  $('which').hidden = !captured;
  $('parameters').hidden = Boolean(captured);
  for (const button of document.querySelectorAll('#gallery button')) {
    button.setAttribute('aria-pressed', String(!captured && button.dataset.name === wish.mask));
  }
  if (captured) {
    const { sequence, head } = $('which').elements;
    sequence.max = next.capture.sequences - 1;
    head.max = next.capture.heads - 1;
    sequence.value = next.capture.sequence;
    head.value = next.capture.head;
    $('attrs').textContent = `${next.capture.op} ${next.capture.attrs}`;
    return;
  }
  const write = (input, value) => { if (input && document.activeElement !== input && value !== undefined) input.value = value; };
  for (const [box, values] of [['own', next.source], ['second', next.source.and || {}]]) {
    for (const input of $(box).querySelectorAll('input, select')) write(input, values[input.name]);
  }
  for (const name of LENGTHS) write($('parameters').elements[name], next.source[name]);
}

/* ---- files ---- */

async function open(file) {
  if (file.name.endsWith('.json')) {
    let source;
    try {
      source = JSON.parse(await file.text());
    } catch {
      return complain({ argument: 'json', expected: 'one JSON object', came: 'something else' });
    }
    if (!known(source)) return ask(source);
    wish = wishOf(source);
    renderForm();
    return ask(source);
  }
  const source = await send('/api/capture?name=' + encodeURIComponent(file.name.replace(/\.safetensors$/, '')),
    { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: file });
  if (source) ask(source);
}

async function save() {
  const answer = await post('/api/html', view.source);
  if (!answer) return;
  const link = make('a', { download: view.title.replaceAll(' ', '-') + '.html' });
  link.href = URL.createObjectURL(new Blob([answer.html], { type: 'text/html' }));
  link.click();
  URL.revokeObjectURL(link.href);
  say('saved as one file');
}

/* ---- begin ---- */

function listenForm() {
  const drop = $('drop');
  $('parameters').addEventListener('submit', (event) => event.preventDefault());
  for (const name of LENGTHS) {
    $('parameters').elements[name].addEventListener('input', (event) => {
      const text = event.target.value.trim();
      if (text === '') delete wish.lengths[name]; else wish.lengths[name] = text;
      askSoon();
    });
  }
  $('and').append(make('option', { value: '', textContent: '—' }),
    ...kinds.filter((kind) => kind.name !== 'columns').map((kind) => make('option', { value: kind.name, textContent: kind.name })));
  $('and').addEventListener('change', () => {
    wish.and = $('and').value ? { mask: $('and').value, given: {} } : null;
    renderForm();
    ask(sourceOf());
  });
  $('which').addEventListener('submit', (event) => event.preventDefault());
  $('which').addEventListener('input', () => {
    const { sequence, head } = $('which').elements;
    ask({ ...captured, sequence: sequence.value, head: head.value });
  });
  $('file').addEventListener('change', (event) => { if (event.target.files[0]) open(event.target.files[0]); event.target.value = ''; });
  drop.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); $('file').click(); } });
  for (const name of ['dragover', 'drop']) document.addEventListener(name, (event) => event.preventDefault());
  document.addEventListener('dragover', () => drop.classList.add('over'));
  document.addEventListener('dragleave', () => drop.classList.remove('over'));
  document.addEventListener('drop', (event) => {
    drop.classList.remove('over');
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  $('save').addEventListener('click', save);
  new MutationObserver(paintGallery).observe(root, { attributeFilter: ['data-theme'] });
}

async function begin() {
  const told = await send('/api/start');
  if (!told) return;
  kinds = told.kinds;
  renderGallery();
  listenForm();
  let source = told.start;
  try {
    // The address says what was shown last, so that a reload shows it again.
    if (location.hash) source = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  } catch {
    history.replaceState(null, '', '#');
  }
  if (!source?.capture && !known(source)) source = told.start;
  wish = source.capture ? wishOf({ mask: 'causal-document' }) : wishOf(source);
  renderForm();
  ask(source);
}

begin();
