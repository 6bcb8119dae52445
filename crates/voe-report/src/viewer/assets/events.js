"use strict";
// Shows one record of a trajectory.
(() => {
  const { el, badge } = voe;

  const pretty = (text) => {
    try {
      return JSON.stringify(typeof text === "string" ? JSON.parse(text) : text, null, 2);
    } catch {
      return String(text);
    }
  };

  const exit = (outcome) => {
    if (!outcome) return "not run";
    if (outcome.ended_by) return outcome.ended_by;
    return outcome.exit === null || outcome.exit === undefined ? "did not start" : `exit ${outcome.exit}`;
  };

  /** With and without the edits, side by side. */
  voe.check = (check) => {
    const side = (name, outcome) => el("div", { class: "side" },
      el("h4", {}, name, " ", el("span", { class: outcome?.exit === 0 ? "pass" : "fail" }, exit(outcome)), outcome ? el("span", { class: "quiet" }, " " + voe.duration(outcome.seconds)) : null),
      outcome?.tail ? voe.text(outcome.tail, "", 10) : null);
    return el("div", { class: "check" },
      el("p", {}, badge(check.level), " ", el("code", {}, check.command), check.why ? el("span", { class: "quiet" }, " " + check.why) : null),
      el("div", { class: "sides" }, side("without the edits", check.without), side("with the edits", check.with)));
  };

  const call = (c) => {
    let args;
    try { args = JSON.parse(c.arguments); } catch { args = null; }
    if (args && typeof args.command === "string") return el("div", { class: "call" }, badge(c.name, "tool"), voe.text(args.command, "command", 14));
    if (args && typeof args.old_string === "string" && typeof args.new_string === "string") {
      const part = (text, sign) => (text ? text.split("\n").map((line) => sign + line).join("\n") + "\n" : "");
      return el("div", { class: "call" }, badge(c.name, "tool"), " ", el("code", {}, String(args.path ?? "")), voe.diff(part(args.old_string, "-") + part(args.new_string, "+")));
    }
    return el("div", { class: "call" }, badge(c.name, "tool"), voe.text(pretty(c.arguments), "command", 14));
  };

  const said = (kind, title, text) => el("div", { class: "said " + kind }, el("b", {}, title), text ? voe.text(text, "", 14) : null);

  const shown = {
    reply: (r) => [
      r.message.reasoning ? el("div", { class: "thought" }, voe.text(r.message.reasoning, "", 16)) : null,
      r.message.content ? el("div", { class: "content" }, voe.text(r.message.content, "", 24)) : null,
      (r.message.tool_calls ?? []).map(call),
      r.malformed ? said("warn", "Malformed call", r.malformed) : null,
      r.repairs?.length ? said("", "Repaired", r.repairs.join("\n")) : null,
    ],
    result: (r) => el("div", { class: "result" },
      el("p", { class: "quiet" }, `${r.tool} `, r.ended_by ? el("span", { class: "fail" }, r.ended_by) : r.exit !== null && r.exit !== undefined ? el("span", { class: r.exit === 0 ? "pass" : "fail" }, `exit ${r.exit}`) : r.ok ? "" : el("span", { class: "fail" }, "failed"),
        ` ${voe.duration(r.seconds)}`, (r.changes ?? []).map((c) => el("span", { class: "change" }, ` ${c.kind} ${c.path} +${c.added} −${c.removed}`))),
      voe.text(r.text, "", 18), r.diff ? voe.diff(r.diff) : null),
    nudge: (n) => said("voe", `voe: ${n.kind}`, n.text),
    check: (c) => voe.check(c),
    gate: (g) => said(g.accepted ? "voe good" : "voe warn", g.accepted ? `Done accepted (${g.level})` : `Done refused (${g.level})`, g.text),
    verify: (v) => said("voe", `${v.method}: ${v.passed === null ? "unknown" : v.passed ? "passed" : "failed"}`, v.text),
    conversation_rewritten: (c) => said("voe", `Conversation rewritten (${c.kind}): ${voe.number(c.before)} to ${voe.number(c.after)} tokens, ${c.messages} messages kept`),
    message: (m) => el("details", { class: "said" }, el("summary", {}, `${m.message.role}: ${m.origin}`), voe.text(m.message.content, "", 40)),
    retry: (r) => said("warn", `Retried after ${voe.duration(r.wait)}: ${r.kind}`, r.error),
    resume: (r) => said("voe", `Resumed after step ${r.step}`, r.from),
    toolbox_restarted: (r) => said("warn", "Tools restarted", r.why),
    note: (n) => said("voe", "note", n.text),
    node: (n) => said("voe", `node ${n.id}: ${n.kind}`, pretty(n)),
    start: () => null, finish: () => null, patch: () => null, step_end: () => null,
  };

  voe.event = (record) => {
    try {
      return (shown[record.event] ?? ((r) => said("", String(r.event), pretty(r))))(record);
    } catch {
      // A record of a newer version may lack what this one expects.
      return said("", String(record.event), pretty(record));
    }
  };
})();
