"use strict";
// Live pages: the server names what changed, this fetches the changed parts and swaps them whole.
// Without it every page can be read and every form works.
(function () {
  const PACE = 1000, STALE = 60000;
  const waiting = new Map();
  let lost = false;

  function parts() {
    return Array.from(document.querySelectorAll("[data-live][data-topic]"));
  }

  function say(text) {
    const line = document.getElementById("as-of");
    if (line) line.textContent = text;
  }

  let asOf = (document.querySelector("#as-of time") || {}).textContent || "";

  function told(response) {
    const at = response.headers.get("x-fleetloop-as-of");
    if (!at) return;
    asOf = at;
    if (!lost) say("Page as of " + at + ".");
  }

  // A part waits while somebody is in the middle of it: text selected, a field in use, a table under the pointer.
  function busy(part) {
    const chosen = document.getSelection();
    if (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode)) return true;
    const at = document.activeElement;
    if (at && part.contains(at) && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName)) return true;
    return part.querySelector("table") !== null && part.matches(":hover");
  }

  function path(node, top) {
    const steps = [];
    for (; node && node !== top; node = node.parentElement) steps.unshift(Array.prototype.indexOf.call(node.parentElement.children, node));
    return steps;
  }

  function follow(steps, top) {
    return steps.reduce((node, step) => node && node.children[step], top);
  }

  // What stays over a swap: open details, the focus, how far tables are scrolled.
  function keep(old, fresh) {
    const opened = Array.from(old.querySelectorAll("details"), (d) => d.open);
    fresh.querySelectorAll("details").forEach((d, n) => { if (opened[n]) d.open = true; });
    const scrolled = Array.from(old.querySelectorAll(".scroll"), (s) => s.scrollLeft);
    const focus = old.contains(document.activeElement) ? path(document.activeElement, old) : null;
    return function () {
      fresh.querySelectorAll(".scroll").forEach((s, n) => { s.scrollLeft = scrolled[n] || 0; });
      const target = focus && follow(focus, fresh);
      if (target && target.focus) target.focus({ preventScroll: true });
    };
  }

  function newer(old, fresh) {
    const shown = Array.from(old.querySelectorAll("li[data-at]"), (li) => Number(li.dataset.at));
    if (!shown.length) return 0;
    const last = Math.max.apply(null, shown);
    return Array.from(fresh.querySelectorAll("li[data-at]")).filter((li) => Number(li.dataset.at) > last).length;
  }

  function mark(old, fresh) {
    fresh.querySelectorAll("dd, tbody tr, .waves > li").forEach(function (now) {
      const before = follow(path(now, fresh), old);
      if (before && before.textContent !== now.textContent) now.classList.add("fresh");
    });
    setTimeout(() => fresh.querySelectorAll(".fresh").forEach((n) => n.classList.remove("fresh")), 2000);
  }

  function said(node) {
    const copy = node.cloneNode(true);
    copy.querySelectorAll("time").forEach((time) => { time.textContent = ""; });
    return copy.textContent;
  }

  function swap(old, fresh) {
    if (old.outerHTML === fresh.outerHTML) return;
    if (old.getAttribute("role") === "status") {
      // the same node stays, so that a screen reader reads the change once; a clock that moved on is not read at all
      if (said(old) === said(fresh)) {
        old.setAttribute("aria-live", "off");
        setTimeout(() => old.removeAttribute("aria-live"), PACE);
      }
      old.replaceChildren(...fresh.childNodes);
      return;
    }
    const after = keep(old, fresh);
    mark(old, fresh);
    old.replaceWith(fresh);
    after();
  }

  // New lines of a list wait behind a button, so that nothing moves under the eyes.
  function offer(old, fresh, count) {
    const button = old.querySelector("button[data-newer]");
    if (!button) return swap(old, fresh);
    button.hidden = false;
    button.textContent = count + " newer";
    button.onclick = () => swap(old, fresh);
  }

  function whole() {
    fetch(location.href, { credentials: "same-origin" }).then(function (response) {
      if (!response.ok || response.redirected) return location.reload();
      told(response);
      return response.text().then(function (text) {
        const page = new DOMParser().parseFromString(text, "text/html");
        const old = document.getElementById("main");
        keep(old, page.getElementById("main"));
        old.replaceChildren(...page.getElementById("main").childNodes);
        const nav = document.querySelector("nav.loop"), now = page.querySelector("nav.loop");
        if (nav && now) nav.replaceWith(now);
      });
    }).catch(() => {});
  }

  function refresh(part) {
    if (busy(part)) return later(part);
    fetch(part.dataset.live, { credentials: "same-origin" }).then(function (response) {
      if (!response.ok || response.redirected) return undefined;
      told(response);
      return response.text().then(function (text) {
        const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
        const old = document.getElementById(part.id);
        if (!fresh || !old || fresh.id !== old.id) return;
        // another phase has other buttons: they live outside the parts, so the whole page is needed
        if (old.dataset.phase !== fresh.dataset.phase) return whole();
        const count = newer(old, fresh);
        if (count) offer(old, fresh, count); else swap(old, fresh);
      });
    }).catch(() => {});
  }

  function later(part) {
    if (waiting.has(part.id)) return;
    waiting.set(part.id, setTimeout(function () {
      waiting.delete(part.id);
      const now = document.getElementById(part.id);
      if (now) refresh(now);
    }, PACE));
  }

  function listen() {
    const topics = Array.from(new Set(parts().map((p) => p.dataset.topic)));
    if (!topics.length || !window.EventSource) return;
    const source = new EventSource("/live?" + topics.map((t) => "topic=" + encodeURIComponent(t)).join("&"));
    source.onmessage = function (event) {
      const changed = event.data.split("\n");
      parts().filter((p) => changed.includes(p.dataset.topic)).forEach(later);
    };
    source.onopen = function () {
      if (!lost) return;
      lost = false;
      parts().forEach(later);
    };
    source.onerror = function () {
      lost = true;
      say("As of " + (asOf.match(/\d\d:\d\d:\d\d/) || [asOf])[0] + ", not live.");
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 10000);
    };
    window.addEventListener("pagehide", () => source.close());
  }

  listen();
  setInterval(() => { if (!document.hidden && !lost) parts().forEach(later); }, STALE);
})();
