// What the pages do by themselves: times in the reader's zone, countdowns by the server's clock, keys.
// Everything else works without it. Only text is written into a page here, never markup.
"use strict";
(() => {
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  // The server's clock may have been moved on: what counts is how far it was from ours when it answered.
  const ahead = () => {
    const now = document.querySelector("[data-now]");
    return now ? Number(now.dataset.ahead ?? 0) : 0;
  };
  const noteClock = () => {
    for (const now of document.querySelectorAll("[data-now]")) {
      if (now.dataset.noted === now.dataset.now) continue;
      now.dataset.noted = now.dataset.now;
      now.dataset.ahead = String(Date.parse(now.dataset.now) - Date.now());
    }
  };

  const localise = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = time.getAttribute("datetime");
      if (time.dataset.shown === at && time.title) continue;
      const instant = new Date(at);
      if (Number.isNaN(instant.getTime())) continue;
      time.title = at + " (UTC)";
      time.dataset.shown = at;
      time.textContent = zoned.format(instant);
    }
  };

  const span = (seconds) => {
    const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60, rest = seconds % 60;
    if (days) return `${days} d ${hours} h`;
    if (hours) return `${hours} h ${minutes} min`;
    if (minutes) return `${minutes} min ${rest} s`;
    return `${rest} s`;
  };
  const countDown = () => {
    for (const countdown of document.querySelectorAll("[data-until]")) {
      const left = Date.parse(countdown.dataset.until) - Date.now() - ahead();
      countdown.textContent = span(Math.max(0, Math.ceil(left / 1000)));
    }
  };

  const refresh = () => { noteClock(); localise(); countDown(); };

  // Nobody looks at a hidden page, and whoever has switched it off wants to read in peace.
  document.addEventListener("htmx:before:request", (event) => {
    const polls = event.target instanceof Element && event.target.hasAttribute("data-live");
    const live = document.getElementById("live-switch");
    if (polls && (document.hidden || (live && !live.checked))) event.preventDefault();
  });

  // A command that is to be copied.
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    const source = button && document.getElementById(button.dataset.copy);
    if (source) navigator.clipboard.writeText(source.textContent).then(() => { button.textContent = "Copied"; });
  });

  // An act that cannot be taken back is asked about once more.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  let waiting = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea, dialog")) return;
    if (waiting) {
      waiting = false;
      const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) link.click();
      return;
    }
    if (event.key === "g") { waiting = true; setTimeout(() => { waiting = false; }, 1500); }
    if (event.key === "/") {
      const search = document.getElementById("search");
      if (search) { event.preventDefault(); search.focus(); }
    }
    if (event.key === "?") document.getElementById("keys")?.showModal();
    if (event.key === "j" || event.key === "k") {
      const links = [...document.querySelectorAll(".rows tbody tr a:first-of-type")];
      const at = links.indexOf(document.activeElement);
      const next = links[event.key === "j" ? at + 1 : Math.max(0, at - 1)];
      if (next) next.focus();
    }
  });

  const begin = () => {
    refresh();
    new MutationObserver(refresh).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["datetime", "data-now"] });
    setInterval(countDown, 1000);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
