// The page of the service. It asks for pictures with fetch and reads the events of the answer.

const $ = id => document.getElementById(id);
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};

const MOST_KEPT = 60;
const FRAMES = 13;
const COUNTS = [1, 4, 9, 16];
const TEXTS = ['grinning face', 'japan flag', 'red apple', 'large blue circle', 'evergreen tree'];
const MASK = 255;
const HOW_TO_BLEND = 'Choose an end, then a picture from those below for it. Blend draws the way between the two.';
const NO_ANSWER = 'The service does not answer. Is it running?';

let catalogue;
let running = null; // the AbortController of a request
let mode = 'draw';
let kept = []; // pictures made so far, the newest first
let chosen = null; // the picture to repaint
let ends = [null, null]; // the pictures to blend
let end = 0; // the end that the next chosen picture becomes
let frames = [];
let shown = null; // the picture of the dialog
let playing = null;

// ---------------------------------------------------------------- what to draw

const model = () => catalogue.models.find(m => m.name === picked('model')) ?? catalogue.models[0];
const picked = name => document.querySelector(`input[name="${name}"]:checked`)?.value;

function radios(parent, name, values, selected) {
  parent.replaceChildren(...values.map(([value, text]) =>
    make('label', {},
      make('input', { type: 'radio', name, value, checked: String(value) === String(selected) }),
      make('span', { textContent: text }))));
}

function showModel() {
  const m = model();
  const pixels = `${m.width} × ${m.height} pixels`;
  $('model-hint').textContent = m.kind === 'classes' ? `${m.classes.length} classes, ${pixels}`
    : m.kind === 'text' ? `Draws texts, ${pixels}` : `One kind of pictures, ${pixels}`;
  showFields();
  radios($('classes'), 'class', m.classes.map((name, i) => [i, name]), picked('class') ?? Math.min(7, m.classes.length - 1));
  $('guidance-field').hidden = !m.guided;
  $('guidance').max = Math.min(10, catalogue.limits.guidance);
  $('guidance').value = m.defaults.guidance;
  $('steps').max = Math.min(100, m.maxSteps);
  $('steps').value = m.defaults.steps;
  $('sampler').value = m.defaults.sampler;
  document.documentElement.style.setProperty('--ratio', m.width / m.height);
  showValues();
}

/** Shows the fields that matter for the tab: a picture that is repainted or blended brings the rest. */
function showFields() {
  const m = model();
  $('model-field').hidden = mode !== 'draw';
  $('class-field').hidden = mode === 'blend' || m.kind !== 'classes';
  $('prompt-field').hidden = mode === 'blend' || m.kind !== 'text';
  $('count-field').hidden = mode !== 'draw';
  $('sampler-field').hidden = mode === 'repaint';
  $('seed-field').hidden = mode === 'blend';
}

function showValues() {
  $('steps-value').textContent = $('steps').value;
  const g = Number($('guidance').value);
  $('guidance-value').textContent = g === 1 ? '1, none' : g.toLocaleString('en');
}

/** What the form says, as a request. */
function wanted() {
  const m = model();
  const body = { model: m.name, steps: Number($('steps').value) };
  if (mode !== 'repaint') body.sampler = $('sampler').value;
  if (m.kind === 'classes') body.class = Number(picked('class'));
  if (m.kind === 'text') body.prompt = $('prompt').value.trim();
  if (m.guided) body.guidance = Number($('guidance').value);
  return body;
}

function withSeed(body) {
  const seed = $('seed').value.trim();
  if (seed) body.seed = /^\d{1,16}$/.test(seed) ? Number(seed) : seed;
  return body;
}

// ---------------------------------------------------------------- asking for it

/** Posts a request and calls a function for each event, until the last one. */
async function ask(path, body, onEvent) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
    body: JSON.stringify(body),
    signal: running.signal,
  });
  if (!response.ok) {
    const why = await response.json().catch(() => ({}));
    throw new Error(why.error ?? `the service answered with status ${response.status}`);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('the answer ended before the pictures came');
    text += value;
    for (let i = text.indexOf('\n\n'); i >= 0; i = text.indexOf('\n\n')) {
      const event = text.slice(0, i);
      text = text.slice(i + 2);
      const name = /^event: (.*)$/m.exec(event)?.[1];
      if (!name) continue;
      const data = JSON.parse(/^data: (.*)$/m.exec(event)[1]);
      if (name === 'failed') throw new Error(data.error);
      onEvent(name, data);
      if (name === 'done') return data;
    }
  }
}

/** Runs a request with all that shows it: button, progress, errors. */
async function run(path, body, onPreviews, onDone) {
  stop();
  clearErrors();
  running = new AbortController();
  const mine = running;
  busy(true);
  progress(0, 'Waiting');
  if ($('stage').getBoundingClientRect().top < 0) $('stage').scrollIntoView();
  try {
    const result = await ask(path, body, (name, data) => {
      if (name === 'waiting') progress(0, data.ahead ? `${data.ahead} before this` : 'Waiting');
      if (name === 'step') {
        progress(data.step / data.steps, `Step ${data.step} of ${data.steps}`);
        if (data.previews.length) onPreviews(data.previews);
      }
    });
    progress(1, `Done in ${result.seconds.toFixed(1)} s`);
    onDone(result.pictures);
    return true;
  } catch (error) {
    if (mine === running || !mine.signal.aborted) {
      progress(null);
      if (error.name !== 'AbortError') showError(error instanceof TypeError ? NO_ANSWER : error.message);
    }
    return false;
  } finally {
    if (mine === running) {
      running = null;
      busy(false);
    }
  }
}

function stop() {
  running?.abort();
}

function busy(is) {
  $('go').textContent = is ? 'Stop' : { draw: 'Draw', repaint: 'Repaint', blend: 'Blend' }[mode];
  $('go').classList.toggle('stop', is);
  state(is ? 'busy' : 'ready', is ? 'Drawing' : 'Ready');
}

function state(kind, text) {
  $('state').dataset.state = kind;
  $('state-text').textContent = text;
}

function progress(part, text = '') {
  $('progress').hidden = part === null;
  $('bar').style.width = `${(part ?? 0) * 100}%`;
  $('progress-text').textContent = text;
}

// ---------------------------------------------------------------- errors, where they belong

function clearErrors() {
  for (const error of document.querySelectorAll('.error')) error.textContent = '';
  for (const field of document.querySelectorAll('.bad')) field.classList.remove('bad');
  for (const input of document.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
}

/** A sentence of the service begins with the field that it is about. */
function showError(sentence) {
  const name = /^(\w+)/.exec(sentence)?.[1];
  const place = $(`error-${name}`);
  const visible = place && place.offsetParent !== null || place?.parentElement?.offsetParent;
  const target = visible ? place : $('error-all');
  target.textContent = sentence;
  target.closest('.field')?.classList.add('bad');
  const input = $(name);
  if (visible && input?.matches('input, select, textarea')) {
    input.setAttribute('aria-invalid', 'true');
    input.focus({ preventScroll: true });
  }
  target.scrollIntoView({ block: 'nearest' });
}

// ---------------------------------------------------------------- pictures

const url = png => `data:image/png;base64,${png}`;

function title(p) {
  const m = catalogue.models.find(other => other.name === p.model);
  return p.prompt ?? (p.class === undefined ? p.model : m?.classes[p.class] ?? `Class ${p.class}`);
}

function tile(p, onClick) {
  const image = make('img', { src: url(p.png), alt: `${title(p)}, seed ${p.seed}` });
  const button = make('button', { type: 'button', className: 'tile', onclick: onClick }, image);
  button.dataset.seed = `seed ${p.seed}`;
  return button;
}

function keep(pictures) {
  kept = [...pictures, ...kept].slice(0, MOST_KEPT);
  chosen ??= kept[0];
  showKept();
}

function showKept() {
  const offered = mode === 'blend' ? kept.filter(canBlend) : kept;
  $('earlier').hidden = offered.length === 0;
  $('strip').replaceChildren(...offered.map(p => {
    const button = tile(p, () => choose(p));
    const current = mode === 'repaint' ? p === chosen : mode === 'blend' && ends.includes(p);
    button.setAttribute('aria-current', String(current));
    return button;
  }));
}

/** Whether a picture follows from its seed alone; a repainted one has another picture's pixels. */
const canBlend = p => p.sampler !== 'repaint';

/** What a click on an earlier picture does depends on the tab. */
function choose(p) {
  if (mode === 'draw') return open(p);
  if (mode === 'repaint') return setChosen(p);
  setEnd(end, p);
  end = 1 - end;
  showBlend();
}

async function draw() {
  const body = { ...withSeed(wanted()), count: Number(picked('count')) };
  const grid = $('grid');
  $('draw-empty').hidden = true;
  grid.dataset.count = body.count;
  grid.style.setProperty('--columns', Math.ceil(Math.sqrt(body.count)));
  grid.replaceChildren(...Array.from({ length: body.count }, () =>
    make('button', { type: 'button', className: 'tile waits', disabled: true, ariaLabel: 'Waiting' })));
  const made = await run('api/generate', body,
    previews => previews.forEach((png, i) => preview(grid.children[i], png)),
    pictures => {
      grid.replaceChildren(...pictures.map(p => tile(p, () => open(p))));
      keep(pictures);
    });
  if (!made && grid.querySelector('.tile[disabled]')) {
    grid.replaceChildren();
    $('draw-empty').hidden = false;
  }
}

function preview(place, png) {
  place.classList.remove('waits');
  const image = place.querySelector('img') ?? place.appendChild(make('img', { alt: 'A picture that is being drawn' }));
  image.src = url(png);
  return image;
}

// ---------------------------------------------------------------- one picture

function open(p) {
  shown = p;
  $('detail-picture').src = url(p.png);
  $('detail-picture').alt = title(p);
  $('detail-title').textContent = title(p);
  const facts = [['Seed', p.seed], ['Model', p.model], ['Sampler', p.sampler], ['Steps', p.steps], ['Guidance', p.guidance]];
  $('detail-facts').replaceChildren(...facts.flatMap(([name, value]) =>
    [make('dt', { textContent: name }), make('dd', { textContent: value })]));
  $('download').href = url(p.png);
  $('download').download = `${p.model}-${p.seed}.png`;
  $('copy').textContent = 'Copy as curl';
  for (const id of ['use-seed', 'to-blend', 'copy']) $(id).hidden = !canBlend(p);
  $('detail').showModal();
}

function useSeed() {
  const p = shown;
  $('detail').close();
  setMode('draw');
  showSubject(p);
  $('seed').value = p.seed;
  $('steps').value = p.steps;
  $('guidance').value = p.guidance;
  $('sampler').value = p.sampler;
  select('count', 1);
  showValues();
  $('go').focus();
}

/** Sets the model, and what the picture shows. */
function showSubject(p) {
  select('model', p.model);
  showModel();
  if (p.class !== undefined) select('class', p.class);
  if (p.prompt !== undefined) $('prompt').value = p.prompt;
}

function select(name, value) {
  const input = [...document.querySelectorAll(`input[name="${name}"]`)].find(i => i.value === String(value));
  if (input) input.checked = true;
}

async function copyCurl() {
  const { png, ...body } = shown;
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  const command = `curl ${location.origin}/api/generate -H 'Content-Type: application/json' -H 'Accept: image/png' -o picture.png -d '${quoted}'`;
  await navigator.clipboard.writeText(command);
  $('copy').textContent = 'Copied';
}

// ---------------------------------------------------------------- repainting

const mask = $('mask');
const brush = { x: 0, y: 0, down: false, keys: false };

function setChosen(p) {
  chosen = p;
  showSubject(p);
  $('repainted').replaceChildren();
  showRepaint();
  clearMask();
}

function showRepaint() {
  $('repaint-empty').hidden = chosen !== null;
  $('repaint-work').hidden = chosen === null;
  if (chosen) {
    $('canvas-picture').src = url(chosen.png);
    const m = catalogue.models.find(other => other.name === chosen.model);
    if (mask.width !== m.width || mask.height !== m.height) {
      mask.width = m.width;
      mask.height = m.height;
      brush.x = m.width / 2;
      brush.y = m.height / 2;
    }
  }
  showKept();
}

function clearMask() {
  mask.getContext('2d').clearRect(0, 0, mask.width, mask.height);
}

/** Marks the pixels whose centres are under the brush. */
function paint(x, y) {
  const context = mask.getContext('2d');
  const r = Number($('brush').value);
  context.fillStyle = 'rgb(255 90 60 / 80%)';
  for (let py = Math.floor(y - r); py <= y + r; py++) {
    for (let px = Math.floor(x - r); px <= x + r; px++) {
      if ((px + 0.5 - x) ** 2 + (py + 0.5 - y) ** 2 <= r * r) {
        context.clearRect(px, py, 1, 1);
        context.fillRect(px, py, 1, 1);
      }
    }
  }
}

/** Where a pointer is, in pixels of the mask. */
function pointAt(event) {
  const box = mask.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * mask.width, (event.clientY - box.top) / box.height * mask.height];
}

/** Shows what the brush covers. */
function showBrush(is) {
  const ring = $('ring');
  const r = Number($('brush').value);
  ring.hidden = !is;
  ring.style.left = `${(brush.x - r) / mask.width * 100}%`;
  ring.style.top = `${(brush.y - r) / mask.height * 100}%`;
  ring.style.width = `${2 * r / mask.width * 100}%`;
  ring.style.height = `${2 * r / mask.height * 100}%`;
}

function paintTo(event) {
  const [x, y] = pointAt(event);
  const n = Math.max(1, Math.ceil(Math.hypot(x - brush.x, y - brush.y)));
  for (let i = 1; i <= n; i++) paint(brush.x + (x - brush.x) * i / n, brush.y + (y - brush.y) * i / n);
  brush.x = x;
  brush.y = y;
}

function invertMask() {
  const context = mask.getContext('2d');
  const pixels = context.getImageData(0, 0, mask.width, mask.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    pixels.data.set(pixels.data[i + 3] ? [0, 0, 0, 0] : [255, 90, 60, 204], i);
  }
  context.putImageData(pixels, 0, 0);
}

/** The mask as a PNG, white where to repaint; null if nothing is marked. */
function maskPng() {
  const pixels = mask.getContext('2d').getImageData(0, 0, mask.width, mask.height);
  let marked = false;
  for (let i = 0; i < pixels.data.length; i += 4) {
    const on = pixels.data[i + 3] > 0;
    marked ||= on;
    pixels.data.set(on ? [MASK, MASK, MASK, MASK] : [0, 0, 0, MASK], i);
  }
  if (!marked) return null;
  const copy = make('canvas', { width: mask.width, height: mask.height });
  copy.getContext('2d').putImageData(pixels, 0, 0);
  return copy.toDataURL('image/png').replace(/^.*,/, '');
}

function moveByKey(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = moves[event.key];
  if (move) {
    brush.x = Math.min(mask.width, Math.max(0, brush.x + move[0]));
    brush.y = Math.min(mask.height, Math.max(0, brush.y + move[1]));
    if (brush.keys) paint(brush.x, brush.y);
  } else if (event.key === ' ') {
    brush.keys = true;
    paint(brush.x, brush.y);
  } else if (event.key === 'Delete' || event.key === 'Backspace') {
    clearMask();
  } else {
    return;
  }
  showBrush(true);
  event.preventDefault();
}

async function repaint() {
  clearErrors();
  if (!chosen) return showError('There is no picture to repaint: draw one first.');
  const marked = maskPng();
  if (!marked) return showError('mask must mark something: draw over what should be painted anew');
  const place = $('repainted');
  place.replaceChildren();
  await run('api/repaint', { ...withSeed(wanted()), picture: chosen.png, mask: marked },
    previews => preview(place, previews[0]),
    pictures => {
      place.replaceChildren(tile(pictures[0], () => open(pictures[0])));
      keep(pictures);
    });
}

// ---------------------------------------------------------------- blending

function setEnd(which, p) {
  ends[which] = p;
  frames = [];
  const other = ends[1 - which];
  if (other && other.model !== p.model) ends[1 - which] = null;
}

function showBlend() {
  for (const i of [0, 1]) {
    const other = ends[1 - i];
    ends[i] ??= kept.find(p => canBlend(p) && p !== other && p.model === (other ?? p).model) ?? null;
  }
  const possible = ends[0] !== null && ends[1] !== null;
  if (possible && ends[0].model !== model().name) showSubject(ends[0]);
  $('blend-empty').hidden = possible;
  $('blend-work').hidden = !possible;
  [$('blend-from'), $('blend-to')].forEach((button, i) => {
    button.setAttribute('aria-pressed', String(end === i));
    button.ariaLabel = `${i ? 'To' : 'From'}: ${ends[i] ? `${title(ends[i])}, seed ${ends[i].seed}` : 'choose a picture'}`;
    button.replaceChildren(...(ends[i] ? [make('img', { src: url(ends[i].png), alt: '' })] : []));
  });
  $('slide').disabled = $('play').disabled = frames.length === 0;
  if (frames.length === 0) {
    $('between').replaceChildren();
    $('blend-hint').textContent = HOW_TO_BLEND;
  }
  showKept();
}

function endOf(p) {
  const body = { seed: p.seed };
  if (p.class !== undefined) body.class = p.class;
  if (p.prompt !== undefined) body.prompt = p.prompt;
  return body;
}

async function blend() {
  clearErrors();
  pause();
  if (!ends[0] || !ends[1]) return showError('Two pictures of one model are needed: choose them from those below.');
  const { class: label, prompt, ...how } = wanted();
  const body = { ...how, frames: FRAMES, from: endOf(ends[0]), to: endOf(ends[1]) };
  await run('api/blend', body,
    previews => preview($('between'), previews[Math.floor(previews.length / 2)]),
    pictures => {
      frames = pictures;
      $('slide').max = frames.length - 1;
      $('slide').value = Math.floor(frames.length / 2);
      showBlend();
      slideTo();
    });
}

function slideTo() {
  const i = Number($('slide').value);
  if (!frames[i]) return;
  const part = `${Math.round(i / (frames.length - 1) * 100)} % of the way`;
  preview($('between'), frames[i].png).alt = part;
  $('slide').setAttribute('aria-valuetext', part);
  $('blend-hint').textContent = `From seed ${ends[0].seed} to seed ${ends[1].seed}: ${part}`;
}

function play() {
  if (playing) return pause();
  let step = 1;
  playing = setInterval(() => {
    const slide = $('slide');
    const at = Number(slide.value);
    if (at + step > frames.length - 1 || at + step < 0) step = -step;
    slide.value = at + step;
    slideTo();
  }, 120);
  $('play').ariaLabel = 'Pause';
}

function pause() {
  clearInterval(playing);
  playing = null;
  $('play').ariaLabel = 'Play';
}

// ---------------------------------------------------------------- tabs, keys, colours

const MODES = ['draw', 'repaint', 'blend'];

function setMode(next, focus = false) {
  if (running && next !== mode) stop();
  mode = next;
  pause();
  clearErrors();
  progress(null);
  for (const name of MODES) {
    const tab = $(`tab-${name}`);
    tab.setAttribute('aria-selected', String(name === mode));
    tab.tabIndex = name === mode ? 0 : -1;
    $(name).hidden = name !== mode;
    if (focus && name === mode) tab.focus();
  }
  showFields();
  busy(false);
  if (mode === 'repaint') {
    if (chosen) showSubject(chosen);
    showRepaint();
  }
  if (mode === 'blend') showBlend();
  showKept();
}

function go() {
  if (running) return stop();
  return { draw, repaint, blend }[mode]();
}

function nextTheme() {
  const order = ['', 'light', 'dark'];
  const root = document.documentElement;
  const next = order[(order.indexOf(root.dataset.theme ?? '') + 1) % order.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  $('theme').ariaLabel = `Colours: ${next || 'as the system'}`;
  try { localStorage.setItem('theme', next); } catch { /* private windows */ }
}

/** A disc that comes out of noise and goes back, until there is something better to see. */
function idle() {
  const canvas = $('idle');
  const context = canvas.getContext('2d');
  const n = 28;
  canvas.width = canvas.height = n;
  const noise = Float32Array.from({ length: n * n }, () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const pixels = context.createImageData(n, n);
  const frame = time => {
    if ($('draw-empty').hidden || $('draw').hidden) return void setTimeout(() => requestAnimationFrame(frame), 400);
    const signal = still ? 0.75 : 0.5 - 0.5 * Math.cos(time / 2200);
    for (let i = 0; i < n * n; i++) {
      const r = Math.hypot(i % n - 13.5, Math.floor(i / n) - 13.5);
      const clean = 1 - 2 / (1 + Math.exp(8.5 - r));
      const value = Math.sqrt(signal) * clean + Math.sqrt(1 - signal) * noise[i];
      const v = Math.max(0, Math.min(1, value / 2 + 0.5));
      pixels.data.set([14 + 200 * v, 60 + 180 * v, 62 + 160 * v, 255], 4 * i);
    }
    context.putImageData(pixels, 0, 0);
    if (!still) setTimeout(() => requestAnimationFrame(frame), 60);
  };
  requestAnimationFrame(frame);
}

function listen() {
  $('form').addEventListener('submit', event => { event.preventDefault(); go(); });
  $('models').addEventListener('change', showModel);
  $('steps').addEventListener('input', showValues);
  $('guidance').addEventListener('input', showValues);
  $('dice').addEventListener('click', () => { $('seed').value = ''; $('seed').focus(); });
  $('theme').addEventListener('click', nextTheme);
  $('use-seed').addEventListener('click', useSeed);
  $('copy').addEventListener('click', copyCurl);
  $('to-repaint').addEventListener('click', () => { $('detail').close(); setMode('repaint'); setChosen(shown); });
  $('to-blend').addEventListener('click', () => { $('detail').close(); setEnd(0, shown); end = 1; setMode('blend'); });
  $('detail').addEventListener('click', event => { if (event.target === $('detail')) $('detail').close(); });
  for (const name of MODES) $(`tab-${name}`).addEventListener('click', () => setMode(name));
  $('tabs').addEventListener('keydown', event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const offered = MODES.filter(name => !$(`tab-${name}`).hidden);
    if (step) setMode(offered[(offered.indexOf(mode) + step + offered.length) % offered.length], true);
  });
  document.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !running) { event.preventDefault(); go(); }
    if (event.key === 'Escape' && running && !$('detail').open) stop();
  });
  // Browsers may keep a page that one leaves, with its requests.
  addEventListener('pagehide', stop);
  mask.addEventListener('pointerdown', event => {
    mask.setPointerCapture(event.pointerId);
    [brush.x, brush.y] = pointAt(event);
    brush.down = true;
    paint(brush.x, brush.y);
    showBrush(true);
  });
  mask.addEventListener('pointermove', event => {
    if (brush.down) paintTo(event);
    else [brush.x, brush.y] = pointAt(event);
    showBrush(true);
  });
  mask.addEventListener('pointerleave', () => showBrush(false));
  mask.addEventListener('focus', () => showBrush(true));
  mask.addEventListener('blur', () => { brush.keys = false; showBrush(false); });
  $('brush').addEventListener('input', () => showBrush(true));
  $('brush').addEventListener('change', () => showBrush(false));
  for (const name of ['pointerup', 'pointercancel']) mask.addEventListener(name, () => { brush.down = false; });
  mask.addEventListener('keydown', moveByKey);
  mask.addEventListener('keyup', event => { if (event.key === ' ') brush.keys = false; });
  $('mask-clear').addEventListener('click', clearMask);
  $('mask-invert').addEventListener('click', invertMask);
  $('blend-from').addEventListener('click', () => { end = 0; showBlend(); });
  $('blend-to').addEventListener('click', () => { end = 1; showBlend(); });
  $('slide').addEventListener('input', () => { pause(); slideTo(); });
  $('play').addEventListener('click', play);
}

async function start() {
  try {
    const theme = localStorage.getItem('theme');
    if (theme) document.documentElement.dataset.theme = theme;
  } catch { /* private windows */ }
  idle();
  try {
    const response = await fetch('api/models');
    catalogue = await response.json();
  } catch {
    state('bad', 'No connection');
    $('error-all').textContent = NO_ANSWER;
    return;
  }
  radios($('models'), 'model', catalogue.models.map(m => [m.name, m.name]), catalogue.models[0].name);
  radios($('counts'), 'count', COUNTS.filter(n => n <= catalogue.limits.count).map(n => [n, n]), 4);
  $('sampler').replaceChildren(...catalogue.samplers.map(name => make('option', { textContent: name })));
  $('examples').replaceChildren(...TEXTS.map(text =>
    make('button', { type: 'button', textContent: text, onclick: () => { $('prompt').value = text; } })));
  $('prompt').value = TEXTS[0];
  $('prompt').maxLength = catalogue.limits.prompt;
  for (const name of MODES) $(`tab-${name}`).hidden = !catalogue.tasks.includes(name);
  showModel();
  listen();
  setMode('draw');
}

start();
