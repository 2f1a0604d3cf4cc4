// The page of the view "Session". It draws the cards it is sent and counts with a clock of its own, which the
// extension sets right again now and then; every word but the running figure is made by the extension.
'use strict';

const two = (n) => String(n).padStart(2, '0');
const count = (n, unit) => `${n} ${unit}${n === 1 ? '' : 's'}`;

function partsOf(remainingMs) {
  const seconds = Math.max(0, Math.ceil(remainingMs / 1000));
  return { h: Math.floor(seconds / 3600), m: Math.floor((seconds % 3600) / 60), s: seconds % 60 };
}

function digits(remainingMs) {
  const { h, m, s } = partsOf(remainingMs);
  return h ? `${h} h ${m} min` : `${m}:${two(s)}`;
}

/** A figure that grows: a second counts once it is over. */
function grown(ageMs) {
  return digits(Math.floor(ageMs / 1000) * 1000);
}

function spokenTime(remainingMs) {
  const { h, m, s } = partsOf(remainingMs);
  if (h) return m ? `${count(h, 'hour')} ${count(m, 'minute')}` : count(h, 'hour');
  return m ? count(m, 'minute') : count(s, 'second');
}

function levelOf(remainingMs, card) {
  if (remainingMs <= 0) return 'over';
  if (remainingMs <= card.lastMs) return 'last';
  return remainingMs <= card.soonMs ? 'soon' : 'calm';
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function drawn(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A ring that empties clockwise, its figure in the middle: one element to a screen reader. */
function ring() {
  const circle = { cx: '60', cy: '60', r: '54', pathLength: '1' };
  const left = drawn('circle', { ...circle, class: 'left' });
  const figure = element('div', { class: 'figure' });
  const word = element('div', { class: 'word' });
  const node = element(
    'div',
    { class: 'ring', role: 'img' },
    drawn(
      'svg',
      { viewBox: '0 0 120 120', 'aria-hidden': 'true' },
      drawn('circle', { ...circle, class: 'track' }),
      left,
    ),
    element('div', { class: 'middle', 'aria-hidden': 'true' }, figure, word),
  );
  return { node, left, figure, word };
}

function start(send, memory) {
  const list = document.getElementById('cards');
  const trouble = document.getElementById('trouble');
  const said = document.getElementById('said');
  let shown = '';
  let running = [];
  let ages = [];
  let timer;

  const button = (label, what, id, kind = 'secondary', about = undefined) => {
    const node = element('button', { type: 'button', class: kind, 'data-do': what, 'data-id': id }, label);
    // Several cards have buttons of the same name; who hears them one by one must know which is whose.
    if (about) node.setAttribute('aria-label', `${label}: ${about.title}, ${about.target}`);
    node.addEventListener('click', () => send({ do: what, id }));
    return node;
  };

  const head = (card) => [
    element('h2', { class: 'title' }, card.title),
    element('p', { class: 'where' }, card.until ? `${card.target} · until ${card.until}` : card.target),
  ];
  const facts = (card) => (card.facts ?? []).map((fact) => element('p', { class: 'fact' }, fact));

  /** Facts on one line; where they need two, each stays whole. */
  const together = (facts) =>
    facts.flatMap((fact, n) => [...(n ? [' · '] : []), element('span', { class: 'whole' }, fact)]);

  const age = (card) => {
    const figure = element('span', { class: 'age' });
    ages.push({ card, figure });
    return element('span', { class: 'growing' }, `${card.age.words} `, figure);
  };

  const draw = {
    running(card) {
      const parts = ring();
      running.push({ card, ...parts, level: undefined, spoken: '' });
      const connections = card.connections ?? [];
      return [
        ...(card.glassBroken ? [element('p', { class: 'glass' }, 'Break glass: not approved')] : []),
        parts.node,
        ...head(card),
        element('p', { class: 'fact' }, ...together(card.facts)),
        ...(card.warning ? [element('p', { class: 'fact warning' }, card.warning)] : []),
        ...(connections.length
          ? [
              element(
                'ul',
                { class: 'connections', 'aria-label': 'Live connections' },
                ...connections.map((text) => element('li', {}, text)),
              ),
            ]
          : []),
        ...(card.connections && !connections.length && !card.unknown.length
          ? [element('p', { class: 'fact' }, 'no connection at the moment')]
          : []),
        ...card.unknown.map((text) => element('p', { class: 'fact warning' }, text)),
        element(
          'div',
          { class: 'actions' },
          button('End now', 'end', card.id, 'secondary', card),
          ...(card.mayOpen ? [button('Open terminal', 'open', card.id, 'secondary', card)] : []),
          ...(card.documented ? [button('Documentation', 'document', card.id, 'link', card)] : []),
        ),
      ];
    },
    ready(card) {
      return [
        ...head(card),
        ...facts(card),
        element(
          'div',
          { class: 'actions' },
          button('Open terminal', 'open', card.id, 'primary', card),
          button('Give back', 'end', card.id, 'secondary', card),
          ...(card.documented ? [button('Documentation', 'document', card.id, 'link', card)] : []),
        ),
      ];
    },
    waiting(card) {
      return [
        element('p', { class: 'headline' }, card.headline),
        ...card.told.map((piece) => element('p', { class: 'fact' }, piece)),
        ...head(card),
        ...facts(card),
        element(
          'div',
          { class: 'actions' },
          button(
            card.asked ? 'Answer' : 'Show',
            'answer',
            card.id,
            card.asked ? 'primary' : 'secondary',
            card,
          ),
          button('Withdraw', 'withdraw', card.id, 'secondary', card),
          ...(card.breakable ? [button('Break the glass…', 'break', card.id, 'link', card)] : []),
        ),
      ];
    },
    over(card) {
      return [
        element('p', { class: 'headline' }, card.headline),
        ...head(card),
        element('p', { class: `proof ${card.state}` }, card.proof, ...(card.age ? [' ', age(card)] : [])),
        ...card.receipts.map((lines, n, { length }) =>
          element(
            'details',
            { id: `${card.id} ${n}` },
            element('summary', {}, length > 1 ? `Receipt ${n + 1} of ${length}` : 'Receipt'),
            ...lines.map((line) => element('p', { class: 'fact' }, line)),
          ),
        ),
        element('div', { class: 'actions' }, button('Dismiss', 'dismiss', card.id, 'link', card)),
      ];
    },
  };

  function nothing({ cards, nothing: words, mayRequest }) {
    return element(
      'section',
      { class: 'card nothing' },
      ...(cards.length ? [] : [element('p', {}, words)]),
      ...(mayRequest
        ? [
            element(
              'div',
              { class: 'actions' },
              button('Request production access', 'request', '', 'primary'),
            ),
          ]
        : []),
    );
  }

  /** What has the focus, in words that outlive its drawing. */
  function focused() {
    const node = document.activeElement;
    if (!node || !list.contains(node)) return undefined;
    return { what: node.dataset.do ?? node.tagName, card: node.closest('.card')?.id };
  }

  /** The same again; where it is gone, what comes first in its card, so that the keyboard is not sent to the start. */
  function refocus(focus) {
    if (!focus) return;
    const card = focus.card ? document.getElementById(focus.card) : list.querySelector('.nothing');
    const nodes = [...(card ?? list).querySelectorAll('button, summary')];
    (nodes.find((node) => (node.dataset.do ?? node.tagName) === focus.what) ?? nodes[0])?.focus();
  }

  /** Only what is really different is drawn anew, so that focus, selection and open receipts stay. */
  function show(model) {
    trouble.textContent = model.trouble ?? '';
    trouble.hidden = !model.trouble;
    const key = JSON.stringify([model.cards, model.nothing, model.mayRequest], (name, value) =>
      name === 'remainingMs' || name === 'ageMs' ? undefined : value,
    );
    const heard = performance.now();
    if (key !== shown) {
      shown = key;
      const levels = new Map(running.map((item) => [item.card.id, item.level]));
      const focus = focused();
      const open = new Set([...list.querySelectorAll('details[open]')].map((node) => node.id));
      running = [];
      ages = [];
      const cards = model.cards.map((card) =>
        element(
          'article',
          {
            class: `card ${card.is}${card.glassBroken ? ' broken' : ''}`,
            id: card.id,
            'aria-label': card.title,
          },
          ...draw[card.is](card),
        ),
      );
      const busy = model.cards.some((card) => card.is !== 'over');
      list.replaceChildren(...cards, ...(busy ? [] : [nothing(model)]));
      for (const item of running) item.level = levels.get(item.card.id);
      for (const id of open) document.getElementById(id)?.setAttribute('open', '');
      refocus(focus);
    }
    for (const item of running) {
      const card = model.cards.find((other) => other.id === item.card.id);
      item.endsAt = heard + card.remainingMs;
    }
    for (const item of ages) {
      const card = model.cards.find((other) => other.id === item.card.id);
      item.beganAt = heard - card.age.ageMs;
    }
    tick();
  }

  function tick() {
    clearTimeout(timer);
    const now = performance.now();
    for (const item of running) paint(item, item.endsAt - now);
    for (const { figure, beganAt } of ages) {
      const text = grown(now - beganAt);
      if (figure.textContent !== text) figure.textContent = text;
    }
    const next = [
      ...running.filter((item) => item.endsAt > now).map((item) => (item.endsAt - now) % 1000 || 1000),
      ...ages.map(({ beganAt }) => 1000 - ((now - beganAt) % 1000)),
    ];
    if (next.length) timer = setTimeout(tick, Math.min(...next) + 5);
  }

  function paint(item, remainingMs) {
    const { card } = item;
    const level = levelOf(remainingMs, card);
    const text = digits(remainingMs);
    if (item.figure.textContent !== text) item.figure.textContent = text;
    item.left.style.strokeDashoffset = String(1 - Math.min(1, Math.max(0, remainingMs / card.totalMs)));
    const spoken = spokenTime(remainingMs);
    if (item.spoken !== spoken) {
      item.spoken = spoken;
      item.node.setAttribute(
        'aria-label',
        level === 'over' ? `${card.task}, ended` : `${card.task}, ${spoken} left, until ${card.until}`,
      );
    }
    const look = `ring ${level}${text.length > 5 ? ' long' : ''}`;
    if (item.node.className !== look) {
      item.node.className = look;
      item.word.textContent = { calm: 'left', soon: 'ending soon', last: 'ending now', over: 'ended' }[level];
    }
    if (level === item.level) return;
    if (item.level !== undefined)
      said.textContent = level === 'over' ? `${card.task} has ended` : `${card.task}: ${spoken} left`;
    item.level = level;
  }

  addEventListener('message', ({ data }) => {
    if (!data?.show) return;
    memory.keep({ page, at: Date.now(), model: data.show });
    show(data.show);
  });
  // A page that was throttled or slept asks anew instead of trusting what it counted.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) send({ do: 'look', id: '' });
  });
  // A view that was hidden gets its first page again: what was drawn last is nearer to what holds, for the moment until
  // the extension says what does.
  const { page } = document.body.dataset;
  const kept = memory.last();
  if (kept?.page === page) show(later(kept.model, Date.now() - kept.at));
  send({ do: 'look', id: '' });
}

function later(model, ms) {
  const passedMs = Math.max(0, ms);
  const cards = model.cards.map((card) => {
    if (card.is === 'running') return { ...card, remainingMs: card.remainingMs - passedMs };
    return card.age ? { ...card, age: { ...card.age, ageMs: card.age.ageMs + passedMs } } : card;
  });
  return { ...model, cards };
}

if (typeof acquireVsCodeApi === 'function') {
  const vscode = acquireVsCodeApi();
  start((message) => vscode.postMessage(message), {
    keep: (state) => vscode.setState(state),
    last: () => vscode.getState(),
  });
}
