"use strict";
// One attempt: how it ended, then its steps.
(() => {
  const { el, badge } = voe;
  let open = new Set();
  let current = null;

  const facts = (a) => {
    const f = a.facts;
    const by = (map, of) => Object.entries(map).map(of).join(", ") || "0";
    const pairs = [
      ["finish", a.reason ?? "running or cut off"],
      ...a.metrics.map((m) => [m.label, m.text, m.about]),
      ["edits by tool", by(f.edits, ([tool, n]) => `${n} by ${tool}`)],
      ["nudges by kind", by(f.nudges, ([kind, n]) => `${n.given} ${kind}` + (n.heeded === null ? "" : `, ${n.heeded} heeded`))],
    ];
    return el("dl", { class: "facts" }, pairs.map(([name, value, about]) => el("div", about ? { title: about } : {}, el("dt", {}, name), el("dd", {}, value))));
  };

  const tests = (grade) => {
    if (!grade || !grade.tests_status) return null;
    const rows = Object.entries(grade.tests_status).flatMap(([kind, t]) => [
      ...t.failure.map((name) => [kind, "failed", name]), ...t.success.map((name) => [kind, "passed", name])]);
    if (!rows.length) return null;
    const failed = rows.filter((row) => row[1] === "failed").length;
    const shown = rows.slice(0, 400);
    return el("details", { open: failed > 0 && failed < 12 }, el("summary", {}, `Tests: ${failed} failed, ${rows.length - failed} passed`),
      voe.table({ columns: ["list", "verdict", "test"], rows: failed ? shown.filter((row) => row[1] === "failed") : shown }));
  };

  // The timeline: one bar per step, as wide as its time, with what happened in it.
  const line = (a) => {
    const total = Math.max(...a.steps.map((s) => s.at), 1);
    const bars = a.steps.map((s, i) => {
      const took = s.seconds + s.calls.reduce((sum, c) => sum + c.seconds, 0);
      const kinds = marks(s);
      const bar = el("a", { class: "bar " + kinds.join(" "), href: `#/attempt/${a.id}/step/${i + 1}`, title: `step ${s.step}: ${voe.duration(took)} ${kinds.join(", ")}`,
        attrs: { "aria-label": `step ${s.step}`, tabindex: "-1" } });
      // Parts of a thousand: flex values below one would leave a gap if they sum to less than one.
      bar.style.flexGrow = String(Math.max((1000 * took) / total, 2));
      return bar;
    });
    return el("div", { class: "timeline" }, bars);
  };

  const marks = (s) => {
    const kinds = new Set(s.marks.map((m) => (m.kind === "check" ? m.name : m.kind)));
    if (s.calls.some((c) => c.files.length)) kinds.add("edit");
    return [...kinds];
  };

  const row = (a, s, i) => {
    const edits = s.calls.filter((c) => c.files.length);
    const calls = s.calls.map((c) => el("span", { class: "callline" }, badge(c.tool, "tool"), " ", el("code", {}, c.line),
      c.ended_by ? el("span", { class: "fail" }, " " + c.ended_by) : c.exit ? el("span", { class: "fail" }, ` exit ${c.exit}`) : c.ok ? null : el("span", { class: "fail" }, " failed")));
    const told = s.marks.map((m) => el("span", { class: "mark" }, badge(m.kind === "check" ? m.name : m.kind === "gate" ? m.name : m.kind, m.kind === "check" ? m.name : m.kind),
      m.kind === "check" && m.without ? el("span", { class: "quiet" }, ` ${m.without.exit ?? "–"} → ${m.with.exit ?? "–"}`) : null,
      // The run without the edits overlaps with the next reply: its outcome comes a step later.
      m.kind === "check" && m.step !== s.step ? el("span", { class: "quiet" }, ` of step ${m.step}`) : null,
      m.kind === "nudge" && m.name !== "verify" ? ` ${m.name}` : null));
    const summary = el("summary", {},
      el("span", { class: "no" }, String(s.step)),
      el("span", { class: "what" }, s.thought ? el("span", { class: "thoughtline" }, s.thought) : null, calls,
        edits.length ? el("span", { class: "editline" }, edits.flatMap((c) => c.files).slice(0, 4).join(", "), ` +${edits.reduce((n, c) => n + c.added, 0)} −${edits.reduce((n, c) => n + c.removed, 0)}`) : null,
        told),
      el("span", { class: "cost quiet" }, voe.duration(s.seconds + s.calls.reduce((sum, c) => sum + c.seconds, 0)), el("br", {}), voe.short(s.output)));
    const body = el("div", { class: "body" });
    const details = el("details", { class: "step " + marks(s).join(" "), id: `step-${i + 1}`, dataset: { place: String(i + 1) } }, summary, body);
    details.addEventListener("toggle", () => {
      if (details.open) open.add(i + 1); else open.delete(i + 1);
      if (details.open && !body.childNodes.length) fill(a, i, body);
    });
    if (open.has(i + 1)) details.open = true;
    return details;
  };

  /** A search's nodes, each with the way to its attempt. */
  const tree = async (a) => {
    const parts = new Map((await voe.get("overview")).parts.filter((p) => p.part_of === a.id).map((p) => [p.part, p]));
    const whole = (n) => {
      const part = parts.get(n.trajectory);
      return part ? el("a", { href: `#/attempt/${part.id}` }, `${part.steps} steps`) : n.trajectory ?? "";
    };
    return voe.table({ columns: ["node", "parent", "kind", "from step", "value", "level", "attempt"], numeric: [true, true, false, true, true],
      rows: a.nodes.map((n) => [String(n.id), String(n.parent ?? ""), n.kind, String(n.step), n.value === null ? "" : n.value.toFixed(2), parts.get(n.trajectory)?.level ?? "", whole(n)]) });
  };

  const records = async (a, i) => {
    const chunk = Math.floor(i / a.chunk);
    const data = await voe.get(`steps-${a.id}/${chunk}`);
    return data.steps[i - data.first + (data.before ? 1 : 0)] ?? [];
  };

  const fill = async (a, i, body) => {
    body.replaceChildren("…");
    try {
      const list = await records(a, i);
      body.replaceChildren(...list.map(voe.event).flat(3).filter(Boolean));
    } catch (error) {
      body.textContent = voe.visible(error.message ?? error);
    }
  };

  voe.attempt = async (main, id, place, fresh) => {
    if (current !== id) { open = new Set(); current = id; }
    const a = await voe.get(`attempt-${id}`, fresh);
    const scroll = window.scrollY;
    const f = a.finish;
    const head = el("section", {},
      el("h1", {}, a.task),
      a.part_of !== null ? el("p", {}, "Part of ", el("a", { href: `#/attempt/${a.part_of}` }, "a search")) : null,
      el("p", { class: "verdict" }, badge(a.verdict), " ", a.cause ? [el("span", { class: "quiet" }, a.cause), " "] : null, a.gold_fails ? [el("span", { class: "quiet" }, `gold fails here: ${a.gold_fails}`), " "] : null, badge(a.reason ?? "running", a.reason ?? "running"), " ", a.level ? [badge(a.level), " "] : null,
        `${a.arm}, trial ${a.trial}`, a.start ? el("span", { class: "quiet" }, ` ${a.start.model.name}, ${a.start.sandbox.backend}, ${a.start.time.slice(0, 16).replace("T", " ")}`) : null),
      a.damage ? el("p", { class: "fail" }, a.damage) : null,
      f?.error ? el("p", { class: "fail" }, f.error) : null,
      a.start?.statement ? el("details", {}, el("summary", {}, "Task"), voe.text(a.start.statement, "", 40)) : null,
      facts(a));
    const checks = f?.checks?.length ? el("section", {}, el("h2", {}, "Evidence of the patch"), f.checks.map(voe.check),
      f.unchecked?.length ? el("p", { class: "quiet" }, "Not checked after their last edit: " + f.unchecked.join(", ")) : null) : null;
    const patch = el("section", {}, el("h2", {}, f ? "Patch" : "Patch so far"), a.patch ? voe.diff(a.patch) : el("p", { class: "quiet" }, "No changes."));
    const nodes = a.nodes?.length ? el("section", { id: "nodes" }, el("h2", {}, "Search"), await tree(a)) : null;
    const before = el("details", {}, el("summary", {}, "Before the first step"));
    before.addEventListener("toggle", async () => {
      if (before.open && before.childNodes.length === 1) {
        const data = await voe.get(`steps-${id}/0`);
        before.append(...(data.steps[0] ?? []).map(voe.event).flat(3).filter(Boolean));
      }
    });
    const legend = el("p", { class: "quiet legend" }, ["edit", "proven", "refuted", "nudge", "gate", "compaction"].map((k) => [el("span", { class: "bar " + k }), " ", k, " "]));
    const steps = el("section", { id: "steps" }, el("h2", {}, "Steps"), line(a), legend, before, a.steps.map((s, i) => row(a, s, i)));
    main.replaceChildren(...[head, checks, patch, tests(a.grade), nodes, steps].filter(Boolean));
    document.title = voe.visible(`${a.task}, ${a.arm} ${a.trial}`);
    voe.where(`${a.arm} ${a.trial} · ${a.task}`);
    voe.up = a.part_of === null ? "#/" : `#/attempt/${a.part_of}`;
    voe.items = () => [...steps.querySelectorAll("details.step:not([hidden])")];
    if (fresh) window.scrollTo(0, scroll);
    else if (place) voe.goto(place); else window.scrollTo(0, 0);
  };

  /** Opens a step and brings it into view. */
  voe.goto = (place) => {
    const step = document.getElementById(`step-${place}`);
    if (!step) return;
    step.open = true;
    voe.select(step);
  };

  /** Leaves only the steps that hold a text. */
  voe.searchIn = async (id, text) => {
    const a = await voe.get(`attempt-${id}`);
    const wanted = text.toLowerCase();
    const steps = [...document.querySelectorAll("details.step")];
    let found = 0;
    for (const [i, step] of steps.entries()) {
      const holds = !wanted || JSON.stringify(await records(a, i)).toLowerCase().includes(JSON.stringify(wanted).slice(1, -1));
      step.hidden = !holds;
      found += holds ? 1 : 0;
    }
    voe.where(wanted ? `${found} of ${steps.length} steps contain “${text}”` : `${a.arm} ${a.trial} · ${a.task}`);
  };
})();
