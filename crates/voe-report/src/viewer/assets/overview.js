"use strict";
// Arms, figures, and every task in every arm, with filters.
(() => {
  const { el, badge } = voe;
  const SIGNS = { resolved: "✓", unresolved: "·", "empty patch": "∅", error: "!", skipped: "–", ungraded: "?" };

  const filters = [
    ["arm", "arm", (a) => a.arm],
    ["outcome", "outcome", (a) => a.verdict],
    ["repo", "repository", (a, task) => task.repo],
    ["difficulty", "difficulty", (a, task) => task.difficulty],
    ["evidence", "evidence", (a) => a.level],
    ["reason", "finish reason", (a) => (a.id === null ? null : a.reason ?? "running")],
  ];

  const cell = (attempt) => {
    const kind = attempt.verdict.replace(" ", "_");
    // From a report alone: there is nothing to open.
    if (attempt.id === null) return el("span", { class: `cell ${kind}`, title: `${attempt.arm} · ${attempt.verdict}` }, SIGNS[attempt.verdict]);
    const running = attempt.reason === null;
    const title = [attempt.arm, `trial ${attempt.trial}`, attempt.verdict, attempt.reason ?? "running or cut off",
      attempt.level ? `evidence: ${attempt.level}` : "", `${attempt.steps} steps`, `${attempt.edits} edits`, voe.duration(attempt.seconds)];
    const sign = running && attempt.verdict === "ungraded" ? "…" : SIGNS[attempt.verdict];
    const mark = attempt.level === "proven" ? "proven" : "";
    return el("a", {
      class: `cell ${kind} ${running ? "running" : ""} ${mark}`,
      href: `#/attempt/${attempt.id}`, title: title.filter(Boolean).join(" · "), dataset: { id: attempt.id },
      attrs: { "aria-label": title.filter(Boolean).join(", ") },
    }, sign, el("span", { class: "steps" }, String(attempt.steps)));
  };

  const matrix = (data, query) => {
    const tasks = new Map(data.tasks.map((task) => [task.task, task]));
    const columns = [...new Map(data.attempts.map((a) => [`${a.arm}\u0000${a.trial}`, a])).values()]
      .sort((a, b) => data.arms.indexOf(a.arm) - data.arms.indexOf(b.arm) || a.trial - b.trial);
    const many = new Set(columns.map((c) => c.trial)).size > 1;
    const words = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (attempt, task) => filters.every(([key, , of]) => !query.get(key) || of(attempt, task) === query.get(key));
    const byTask = new Map();
    for (const attempt of data.attempts) {
      const task = tasks.get(attempt.task) ?? { task: attempt.task, repo: "", difficulty: "" };
      if (!words.every((word) => attempt.task.toLowerCase().includes(word)) || !fits(attempt, task)) continue;
      if (!byTask.has(attempt.task)) byTask.set(attempt.task, new Map());
      byTask.get(attempt.task).set(`${attempt.arm}\u0000${attempt.trial}`, attempt);
    }
    const graded = data.tasks.some((task) => task.difficulty);
    const shown = columns.filter((c) => !query.get("arm") || c.arm === query.get("arm"));
    const count = [...byTask.values()].reduce((sum, row) => sum + row.size, 0);
    const rows = [...byTask.keys()].sort().map((name) => {
      const task = tasks.get(name);
      const cells = shown.map((c) => {
        const attempt = byTask.get(name).get(`${c.arm}\u0000${c.trial}`);
        return el("td", {}, attempt ? cell(attempt) : "");
      });
      return el("tr", {}, el("th", { attrs: { scope: "row" } }, name), graded && el("td", { class: "quiet wide" }, task?.difficulty ?? ""), cells);
    });
    const head = shown.map((c) => el("th", { attrs: { scope: "col" } }, many ? `${c.arm} ${c.trial}` : c.arm));
    return [
      el("p", { class: "quiet", id: "count" }, `${count} of ${data.attempts.length} attempts, ${byTask.size} tasks. ✓ resolved · not ∅ empty ! error – skipped ? ungraded … running; underlined: proven. The numbers are steps.`),
      el("div", { class: "scroll tall" }, el("table", { class: "matrix" }, el("thead", {}, el("tr", {}, el("th", {}, "task"), graded && el("th", { class: "wide" }, "difficulty"), head)), el("tbody", {}, rows))),
    ];
  };

  voe.overview = async (main, query) => {
    const data = await voe.get("overview");
    const tasks = new Map(data.tasks.map((task) => [task.task, task]));
    const change = (key, value) => {
      if (value) query.set(key, value); else query.delete(key);
      history.replaceState(null, "", "#/" + (query.size ? "?" + query : ""));
      fill();
    };
    const selects = filters.map(([key, label, of]) => {
      const values = [...new Set(data.attempts.map((a) => of(a, tasks.get(a.task) ?? {})).filter(Boolean))].sort();
      if (values.length < 2 && !query.get(key)) return null;
      const options = [el("option", { value: "" }, `any ${label}`), ...values.map((v) => el("option", { value: v, selected: query.get(key) === v }, v))];
      return el("select", { id: `filter-${key}`, attrs: { "aria-label": label }, on: { change: (event) => change(key, event.target.value) } }, options);
    });
    const text = el("input", { type: "search", id: "filter-q", placeholder: "task", value: query.get("q") ?? "", attrs: { "aria-label": "task" },
      on: { input: (event) => change("q", event.target.value) } });
    const holder = el("div", {});
    const fill = () => holder.replaceChildren(...matrix(data, query));
    fill();
    const tables = data.tables.map((t) => el("details", { open: t.id === "arms", id: `table-${t.id}` }, el("summary", {}, t.title),
      voe.table(t), el("p", { class: "quiet" }, t.note)));
    const figures = data.figures.map((f) => el("figure", {},
      el("a", { href: `figures/${f.id}.svg` }, el("img", { src: `figures/${f.id}.svg?${data.version}`, alt: f.title, loading: "lazy" })),
      el("figcaption", {}, el("b", {}, f.title + ". "), f.caption + " ", el("a", { href: `figures/${f.id}.svg`, download: `${f.id}.svg` }, "SVG"), " ", el("a", { href: `figures/${f.id}.csv`, download: `${f.id}.csv` }, "CSV"))));
    if (voe.exported) figures.forEach((f) => { const img = f.querySelector("img"); img.src = img.getAttribute("src").split("?")[0]; });
    main.replaceChildren(
      el("p", { class: "quiet" }, `${data.tasks.length} tasks: ${data.denominator}`),
      data.notes.length ? el("ul", { class: "quiet notes" }, data.notes.map((note) => el("li", {}, note))) : "",
      el("section", {}, el("h2", {}, "Attempts"), el("div", { class: "filters" }, selects, text), holder),
      el("section", {}, el("h2", {}, "Arms"), tables),
      el("section", { class: "figures" }, el("h2", {}, "Figures"), figures));
    document.title = voe.visible("voe: " + data.arms.join(", "));
    voe.where(`${data.attempts.length} attempts`);
    voe.items = () => [...main.querySelectorAll(".matrix a.cell")];
  };
})();
