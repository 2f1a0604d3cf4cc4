// The page of a review. It draws what it is sent and says what was pressed, with the digest of what it showed then;
// every word but its buttons' is made by the extension, and whatever people wrote is text, never markup.
'use strict';

/** What is pressed sooner was not meant for what is shown: somebody was typing, or it changed under their hands. */
const tooSoonMs = 600;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== undefined));
  return node;
}

function start(send, memory) {
  const root = document.getElementById('review');
  const said = document.getElementById('said');
  const urgent = document.getElementById('urgent');
  let model;
  let busy;
  let armedAt = Infinity;
  let drafts = memory.last()?.drafts ?? {};

  // What is read: each part is drawn anew only when it says something else, so that a selection and what is open stay.
  const parts = {};
  const part = (name, tag, attributes) => (parts[name] = { node: element(tag, attributes), shown: null });
  const article = element(
    'article',
    {},
    part('head', 'header').node,
    part('changed', 'section', { class: 'changed', 'aria-labelledby': 'changed' }).node,
    element('div', { class: 'columns' }, part('why', 'section').node, part('what', 'section').node),
    part('facts', 'dl', { class: 'facts' }).node,
    part('exchange', 'section', { class: 'exchange', 'aria-labelledby': 'exchange' }).node,
  );
  const fill = (name, about, draw) => {
    const { node, shown } = parts[name];
    const key = JSON.stringify(about);
    if (key === shown) return;
    parts[name].shown = key;
    const opened = new Set([...node.querySelectorAll('details[open]')].map((one) => one.id));
    const children = about === undefined ? [] : draw(about);
    node.replaceChildren(...children.filter((child) => child !== undefined));
    node.hidden = children.length === 0;
    for (const id of opened) document.getElementById(id)?.setAttribute('open', '');
  };

  // What is done: the buttons stay the same ones as long as the page lives, so that the focus stays on them.
  const brief = element('p', { class: 'unseen', id: 'brief' });
  const forms = element('div', { class: 'forms' });
  const bar = element('div', { class: 'buttons' });
  const footer = element('footer', { 'aria-label': 'What you can do', role: 'group' }, brief, forms, bar);

  const press = (act) => {
    if (busy || !model) return;
    if (act.do === 'approve' && performance.now() < armedAt) {
      said.textContent = 'This has just changed. Look again.';
      return;
    }
    busy = act.do;
    mark();
    send({ ...act, digest: model.digest });
  };
  /** A button that is not for now is still there to be found, and says so. */
  const mark = () => {
    const early = performance.now() < armedAt;
    for (const node of footer.querySelectorAll('button[data-do]')) {
      const off = busy !== undefined || (early && node.dataset.do === 'approve');
      node.setAttribute('aria-disabled', String(off));
    }
  };
  const button = (label, kind, attributes, on) => {
    const node = element('button', { type: 'button', class: kind, ...attributes }, label);
    node.addEventListener('click', on);
    return node;
  };
  const approve = button('', 'primary', { 'data-do': 'approve', 'aria-describedby': 'brief' }, () =>
    press({ do: 'approve' }),
  );
  const claim = button('', 'secondary', { 'data-do': 'claim' }, () =>
    press({ do: 'claim', ...(model.actions.claim?.from ? { from: model.actions.claim.from } : {}) }),
  );
  const release = button('Stop looking', 'secondary', { 'data-do': 'release' }, () =>
    press({ do: 'release' }),
  );
  const withdraw = button('Withdraw', 'secondary', { 'data-do': 'withdraw' }, () =>
    press({ do: 'withdraw' }),
  );

  /** A button that opens a form above the buttons, one at a time; Escape closes it. */
  const opener = (name, label, content) => {
    const form = element('form', { class: 'form', id: `form-${name}`, hidden: '' }, ...content.nodes);
    const node = button(
      label,
      'secondary',
      { 'aria-expanded': 'false', 'aria-controls': form.id, 'data-opens': name },
      () => (form.hidden ? open(name) : close(name)),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      content.submit?.();
    });
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      close(name);
      node.focus();
    });
    forms.append(form);
    return { name, form, node, focus: content.focus };
  };
  const open = (name, focus = true) => {
    for (const one of openers) {
      one.form.hidden = one.name !== name;
      one.node.setAttribute('aria-expanded', String(one.name === name));
    }
    keep({ open: name });
    look();
    // What is answered is read while it is.
    if (name === 'write') parts.exchange.node.scrollIntoView({ block: 'end' });
    if (focus) openers.find((one) => one.name === name)?.focus();
  };
  const close = (name) => {
    const one = openers.find((other) => other.name === name);
    if (!one || one.form.hidden) return;
    one.form.hidden = true;
    one.node.setAttribute('aria-expanded', 'false');
    keep({ open: undefined });
    look();
  };
  /** Whoever decides has one first thing to do; whoever asked, to answer, until that is begun. */
  const look = () => {
    write.node.className = model?.actions.approve || !write.form.hidden ? 'secondary' : 'primary';
  };
  const keep = (more) => {
    drafts = { ...drafts, ...more };
    memory.keep({ drafts });
  };

  /** A text that others will read: one line, however it is wrapped. */
  const writing = (name, what, least) => {
    const label = element('label', { for: `text-${name}` });
    const text = element('textarea', {
      id: `text-${name}`,
      rows: '2',
      maxlength: '500',
      'aria-describedby': `wrong-${name}`,
    });
    const wrong = element('p', { class: 'wrong', id: `wrong-${name}`, role: 'status' });
    const submit = element('button', { type: 'submit', class: 'primary', 'data-do': what });
    text.value = drafts[name] ?? '';
    text.addEventListener('input', () => {
      const line = text.value.replace(/\s*[\r\n]+\s*/g, ' ');
      if (line !== text.value) text.value = line;
      wrong.textContent = '';
      keep({ [name]: text.value });
    });
    text.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing) return;
      event.preventDefault();
      sendIt();
    });
    const sendIt = () => {
      if (text.value.trim().length < least) {
        wrong.textContent = 'A few words, please.';
        text.focus();
        return;
      }
      press({ do: what, text: text.value.trim() });
    };
    return {
      label,
      text,
      submit,
      nodes: [label, text, element('div', { class: 'buttons' }, submit, wrong)],
      sendIt,
      focus: () => text.focus(),
      clear() {
        text.value = '';
        keep({ [name]: undefined });
      },
    };
  };
  const denial = writing('deny', 'deny', 3);
  const message = writing('write', 'write', 1);
  const choices = element('div', { class: 'buttons', role: 'group', 'aria-label': 'Approve for less time' });
  const openers = [
    opener('deny', 'Deny…', { nodes: denial.nodes, submit: denial.sendIt, focus: denial.focus }),
    opener('shorten', 'Shorten…', {
      nodes: [element('p', { class: 'hint' }, 'Approve, but for less time:'), choices],
      focus: () => choices.querySelector('button')?.focus(),
    }),
    opener('write', 'Ask…', { nodes: message.nodes, submit: message.sendIt, focus: message.focus }),
  ];
  const [deny, shorten, write] = openers;
  bar.append(approve, deny.node, shorten.node, write.node, claim, release, withdraw);

  function drawHead({ heading, inShort, outcome, looking, decided }) {
    return [
      element('h1', { tabindex: '-1' }, heading),
      element(
        'p',
        { class: 'inshort' },
        ...inShort.map((text, n) => element('span', { class: n ? '' : 'first' }, text)),
      ),
      outcome && element('p', { class: `banner ${outcome.look}` }, outcome.words),
      looking && element('p', { class: `banner looking${looking.mine ? ' mine' : ''}` }, looking.words),
      ...decided.map((text) => element('p', { class: 'banner calm' }, text)),
    ];
  }

  function drawChanged({ headline, lines, meaning }) {
    return [
      element('h2', { id: 'changed' }, headline),
      ...(lines.length ? [element('ul', {}, ...lines.map((line) => element('li', {}, line)))] : []),
      element('p', {}, meaning),
    ];
  }

  function drawWhy({ why, ticket }) {
    return [
      element('h2', {}, 'Why'),
      element('blockquote', {}, why),
      ticket &&
        element(
          'p',
          { class: 'ticket' },
          'Ticket ',
          ticket.link
            ? element('a', { href: ticket.link, title: ticket.link }, ticket.text)
            : element('b', {}, ticket.text),
        ),
    ];
  }

  function drawWhat({ access, summary, allows, terms, careful, documented }) {
    const document_ = button('How this task is done', 'link', {}, () => send({ do: 'document' }));
    return [
      element('h2', {}, 'What exactly ', element('span', { class: 'access' }, access)),
      element('p', {}, summary),
      element('ul', { class: 'allows' }, ...allows.map((line) => element('li', {}, line))),
      ...careful.map((line) => element('p', { class: 'careful' }, line)),
      terms.length
        ? element(
            'details',
            { id: 'terms' },
            element('summary', {}, 'In the target’s own terms'),
            element('pre', { tabindex: '0', 'aria-label': 'In the target’s own terms' }, terms.join('\n')),
          )
        : undefined,
      documented ? document_ : undefined,
    ];
  }

  function drawExchange({ exchange }) {
    return exchange.length
      ? [
          element('h2', { id: 'exchange' }, 'Questions and answers'),
          element(
            'ol',
            {},
            ...exchange.map(({ who, at, text, mine }) =>
              element(
                'li',
                mine ? { class: 'mine' } : {},
                element('p', { class: 'who' }, who, ' ', element('span', { class: 'at' }, at)),
                element('p', { class: 'text' }, text),
              ),
            ),
          ),
        ]
      : [];
  }

  function drawActions({ actions, spoken }) {
    const { write: writes } = actions;
    brief.textContent = spoken;
    approve.textContent = actions.approve?.label ?? '';
    claim.textContent = actions.claim?.label ?? '';
    write.node.textContent = writes ? `${writes.label}…` : '';
    denial.label.textContent = actions.deny?.prompt ?? '';
    denial.submit.textContent = 'Deny';
    message.label.textContent = writes?.prompt ?? '';
    message.submit.textContent = writes?.label ?? '';
    const key = JSON.stringify(actions.shorten ?? []);
    if (choices.dataset.key !== key) {
      choices.dataset.key = key;
      choices.replaceChildren(
        ...(actions.shorten ?? []).map(({ duration, label, spoken: words }) =>
          button(label, 'secondary', { 'data-do': 'approve', 'aria-label': words }, () =>
            press({ do: 'approve', duration }),
          ),
        ),
      );
    }
    const offered = [
      [approve, actions.approve],
      [deny.node, actions.deny],
      [shorten.node, actions.shorten?.length],
      [write.node, writes],
      [claim, actions.claim],
      [release, actions.release],
      [withdraw, actions.withdraw],
    ];
    const had = document.activeElement;
    for (const [node, is] of offered) node.hidden = !is;
    for (const one of openers) if (one.node.hidden) close(one.name);
    look();
    footer.hidden = offered.every(([, is]) => !is);
    if (had instanceof HTMLElement && footer.contains(had) && had.closest('[hidden]')) neighbour(had).focus();
  }

  /** Where the focus goes from a button that is gone. Never to what approves: that would be a key away from nobody's wish. */
  const neighbour = (gone) => {
    const all = [...bar.querySelectorAll('button')];
    const at = all.indexOf(gone);
    const there = (node) => !node.hidden && node !== approve;
    return (
      all.slice(at + 1).find(there) ??
      all.slice(0, Math.max(0, at)).findLast(there) ??
      parts.head.node.querySelector('h1')
    );
  };

  const first = () =>
    [...bar.querySelectorAll('button')].find((node) => !node.hidden) ?? parts.head.node.querySelector('h1');

  /** What is new, for whoever hears it. */
  function announce(before, after) {
    if (!before) return;
    const news = after.exchange.filter(
      ({ id, mine }) => !mine && !before.exchange.some((one) => one.id === id),
    );
    const words = [
      ...(before.outcome?.words !== after.outcome?.words && after.outcome ? [after.outcome.words] : []),
      ...(before.looking?.words !== after.looking?.words
        ? [after.looking ? after.looking.words : 'Nobody is looking any more']
        : []),
      ...news.map(({ who, text }) => `${who}: ${text}`),
    ];
    if (words.length) said.textContent = words.join('. ');
    if (JSON.stringify(before.changed) !== JSON.stringify(after.changed))
      urgent.textContent = after.changed
        ? `${after.changed.headline}. Look again.`
        : 'The template is as it was again.';
  }

  function show(now, purpose, afresh) {
    const before = model;
    model = now;
    if (before?.digest !== now.digest) {
      armedAt = performance.now() + tooSoonMs;
      setTimeout(mark, tooSoonMs + 20);
    }
    fill(
      'head',
      {
        heading: now.heading,
        inShort: now.inShort,
        outcome: now.outcome,
        looking: now.looking,
        decided: now.decided,
      },
      drawHead,
    );
    fill('changed', now.changed, drawChanged);
    fill('why', { why: now.why, ticket: now.ticket }, drawWhy);
    const { access, summary, allows, terms, careful, documented } = now;
    fill('what', { access, summary, allows, terms, careful, documented }, drawWhat);
    fill('facts', now.facts, (facts) =>
      facts.map(([label, words]) => element('div', {}, element('dt', {}, label), element('dd', {}, words))),
    );
    fill('exchange', { exchange: now.exchange }, drawExchange);
    if (!article.isConnected) root.append(article, footer);
    drawActions(now);
    announce(before, now);
    mark();
    if (!afresh) return;
    if (drafts.open && !openers.find(({ name }) => name === drafts.open)?.node.hidden) open(drafts.open);
    else if (purpose === 'write' && now.actions.write) open('write');
    else first()?.focus({ preventScroll: true });
  }

  addEventListener('message', ({ data }) => {
    if (data?.show) show(data.show, data.purpose, data.afresh);
    if (data?.done && busy === data.done) {
      busy = undefined;
      mark();
    }
    if (data?.wrote) {
      message.clear();
      close('write');
      write.node.focus();
    }
  });
  send({ do: 'look' });
}

if (typeof acquireVsCodeApi === 'function') {
  const vscode = acquireVsCodeApi();
  start((message) => vscode.postMessage(message), {
    keep: (state) => vscode.setState(state),
    last: () => vscode.getState(),
  });
}
