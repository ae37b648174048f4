'use strict';
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  document.querySelector('.tools').hidden = false;

  // The theme follows the system until the reader chooses one. Some browsers
  // keep nothing for local files, so the choice may last as long as the page.
  const theme = document.getElementById('theme');
  const system = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => (root.dataset.theme || (system.matches ? 'dark' : 'light')) === 'dark';
  const show = () => {
    theme.textContent = dark() ? 'Light' : 'Dark';
    theme.setAttribute('aria-pressed', dark());
  };
  const keep = (value) => { try { localStorage.setItem('edgebed-theme', value); } catch { /* not kept */ } };
  try {
    const kept = localStorage.getItem('edgebed-theme');
    if (kept === 'dark' || kept === 'light') root.dataset.theme = kept;
  } catch { /* nothing kept */ }
  theme.addEventListener('click', () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
    keep(root.dataset.theme);
    show();
  });
  system.addEventListener('change', show);
  show();

  const open = document.getElementById('open');
  open.addEventListener('click', () => {
    const opening = open.dataset.open !== 'yes';
    for (const d of all('main details')) d.open = opening;
    open.dataset.open = opening ? 'yes' : 'no';
    open.textContent = opening ? 'Close all tables' : 'Open all tables';
  });

  // Values of marks, on hover and on focus.
  const tip = document.getElementById('tip');
  const reveal = (mark) => {
    const [head, ...rest] = mark.getAttribute('aria-label').split(': ');
    const bold = document.createElement('b');
    bold.textContent = head;
    tip.replaceChildren(bold, rest.join(': '));
    tip.hidden = false;
    const at = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - own.width / 2), innerWidth - own.width - 8);
    const above = at.top - own.height - 8;
    tip.style.left = left + 'px';
    tip.style.top = (above > 8 ? above : Math.min(at.bottom + 8, innerHeight - own.height - 8)) + 'px';
  };
  const conceal = () => { tip.hidden = true; };
  for (const figure of all('.interactive')) {
    figure.addEventListener('pointermove', (e) => {
      // Of marks that overlap, the one whose middle is nearest.
      const distance = (m) => {
        const r = (m.querySelector('.sym') || m).getBoundingClientRect();
        return Math.hypot(r.left + r.width / 2 - e.clientX, r.top + r.height / 2 - e.clientY);
      };
      const marks = new Set(document.elementsFromPoint(e.clientX, e.clientY).map((x) => x.closest('.mark')).filter(Boolean));
      const mark = [...marks].sort((a, b) => distance(a) - distance(b))[0];
      if (mark) reveal(mark); else conceal();
    });
    figure.addEventListener('pointerleave', conceal);
    figure.addEventListener('focusin', (e) => {
      const mark = e.target.closest('.mark');
      if (mark) reveal(mark); else conceal();
    });
    figure.addEventListener('focusout', conceal);
    for (const key of all('button.key', figure)) {
      key.addEventListener('click', () => {
        const on = key.getAttribute('aria-pressed') !== 'true';
        key.setAttribute('aria-pressed', on);
        for (const part of all(`.plot [data-k="${key.dataset.k}"]`, figure)) part.classList.toggle('off', !on);
      });
    }
  }
  addEventListener('scroll', () => {
    const mark = document.activeElement.closest('.mark');
    if (mark) reveal(mark); else conceal();
  }, { passive: true });

  // One mark of an image is in the tab order; arrows move along a series and
  // between series, Home and End to its ends.
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  for (const plot of all('svg.plot')) {
    plot.addEventListener('keydown', (e) => {
      const from = e.target.closest('.mark');
      if (!from) return;
      if (e.key === 'Escape') return conceal();
      const k = +from.dataset.k, x = +from.dataset.x;
      const marks = all('.mark:not(.off)', plot);
      const own = marks.filter((m) => +m.dataset.k === k).sort((a, b) => a.dataset.x - b.dataset.x);
      let to;
      if (e.key === 'Home') to = own[0];
      else if (e.key === 'End') to = own[own.length - 1];
      else if (steps[e.key]) {
        const [dk, dx] = steps[e.key];
        if (dx) to = own[own.indexOf(from) + dx];
        else {
          const rows = marks.filter((m) => (+m.dataset.k - k) * dk > 0);
          const nearest = Math.min(...rows.map((m) => Math.abs(m.dataset.k - k)));
          to = rows.filter((m) => Math.abs(m.dataset.k - k) === nearest)
            .sort((a, b) => Math.abs(a.dataset.x - x) - Math.abs(b.dataset.x - x))[0];
        }
      } else return;
      e.preventDefault();
      if (!to) return;
      from.tabIndex = -1;
      to.tabIndex = 0;
      to.focus();
    });
  }

  // Where the reader is, in the contents.
  const links = new Map(all('nav a').map((a) => [a.getAttribute('href').slice(1), a]));
  const watch = new IntersectionObserver((entries) => {
    for (const e of entries) {
      if (!e.isIntersecting) continue;
      for (const a of links.values()) a.removeAttribute('aria-current');
      links.get(e.target.id)?.setAttribute('aria-current', 'true');
    }
  }, { rootMargin: '-15% 0px -75% 0px' });
  for (const s of all('main section')) if (links.has(s.id)) watch.observe(s);
})();
