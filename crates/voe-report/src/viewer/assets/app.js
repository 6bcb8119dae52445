"use strict";
// Pages, keys and updates.
(() => {
  const main = document.getElementById("main");
  const search = document.getElementById("search");
  const help = document.getElementById("help");
  voe.items = () => [];
  voe.up = "#/";
  voe.where = (text) => { document.getElementById("where").textContent = voe.visible(text); };

  voe.select = (item) => {
    document.querySelector(".selected")?.classList.remove("selected");
    if (!item) return;
    item.classList.add("selected");
    (item.matches("details") ? item.querySelector("summary") : item).focus({ preventScroll: true });
    item.scrollIntoView({ block: item.open ? "start" : "nearest" });
  };

  const at = () => {
    const [path, query] = location.hash.replace(/^#/, "").split("?");
    const parts = path.split("/").filter(Boolean);
    return { parts, query: new URLSearchParams(query ?? "") };
  };
  const attempt = () => { const { parts } = at(); return parts[0] === "attempt" ? Number(parts[1]) : null; };

  const show = async (fresh = false) => {
    const { parts, query } = at();
    voe.up = "#/";
    try {
      if (parts[0] === "attempt") await voe.attempt(main, Number(parts[1]), Number(parts[3]) || null, fresh);
      else if (parts[0] === "search") await voe.search(main, query.get("q") ?? "");
      else await voe.overview(main, query);
    } catch (error) {
      main.replaceChildren(voe.el("p", { class: "fail" }, String(error.message ?? error)));
    }
    main.dataset.ready = location.hash || "#/";
  };

  let last = null;
  window.addEventListener("hashchange", () => {
    const { parts } = at();
    const same = parts[0] === "attempt" && parts[1] === last;
    last = parts[0] === "attempt" ? parts[1] : null;
    if (same && parts[3]) voe.goto(Number(parts[3])); else { search.value = parts[0] === "search" ? search.value : ""; show(); }
  });

  const chosen = (items) => items.findIndex((item) => item.classList.contains("selected"));
  const choose = (item) => {
    if (!item) return;
    voe.select(item);
    if (item.dataset.place) history.replaceState(null, "", `#/attempt/${attempt()}/step/${item.dataset.place}`);
  };
  const step = (by) => {
    const items = voe.items();
    const now = chosen(items);
    choose(items[now < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(Math.max(now + by, 0), items.length - 1)]);
  };
  const jump = (fits) => {
    const items = voe.items();
    const now = chosen(items);
    choose(items.find((item, i) => i > now && fits(item)));
  };
  const OF_NOTE = ["proven", "refuted", "vacuous", "kept", "ran", "inconclusive", "nudge", "gate", "verify", "compaction"];

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { search.blur(); document.activeElement?.blur?.(); return; }
    if (event.target.matches("input, select, textarea")) {
      return;
    }
    const keys = {
      j: () => step(1), k: () => step(-1),
      e: () => jump((item) => item.classList.contains("edit")),
      n: () => jump((item) => OF_NOTE.some((kind) => item.classList.contains(kind))),
      o: () => document.querySelector(".selected summary, a.selected")?.click(),
      u: () => { location.hash = voe.up; },
      "/": () => { search.focus(); search.select(); },
      "?": () => (help.open ? help.close() : help.showModal()),
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  document.getElementById("help-button").addEventListener("click", () => help.showModal());

  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const text = search.value.trim();
    if (attempt() !== null) voe.searchIn(attempt(), text);
    else if (text) location.hash = "#/search?q=" + encodeURIComponent(text);
    search.blur();
  });

  // Asks for new data once a second while the page is visible.
  let version = null;
  const versions = new Map();
  const beat = async () => {
    try {
      if (document.visibilityState === "visible") {
        const news = await voe.get("version", true);
        const changed = version !== null && news.version !== version;
        version = news.version;
        document.getElementById("live").hidden = !news.running;
        if (changed) {
          voe.forget("overview");
          const id = attempt();
          const mine = news.attempts.find(([other, v]) => other === id && versions.get(id) !== v);
          if (id === null && at().parts[0] !== "search") await show(true);
          else if (mine) { voe.forget(`steps-${id}/`); await show(true); }
        }
        news.attempts.forEach(([id, v]) => versions.set(id, v));
      }
    } catch {
      document.getElementById("live").hidden = true;
    }
    setTimeout(beat, 1000);
  };

  last = at().parts[0] === "attempt" ? at().parts[1] : null;
  show();
  if (!voe.exported) beat();
})();
