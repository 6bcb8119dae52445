"use strict";
// Searches all attempts: the server searches its files; from disk, the browser reads them one by one.
(() => {
  const { el, badge } = voe;
  let round = 0;

  const fromDisk = async (text, overview, tell) => {
    const mine = ++round;
    const wanted = text.toLowerCase();
    const hits = [];
    for (const { id } of [...overview.attempts, ...overview.parts].filter((a) => a.id !== null)) {
      const a = await voe.get(`attempt-${id}`);
      const chunks = Math.max(1, Math.ceil(a.steps.length / a.chunk));
      for (let c = 0; c < chunks && hits.length < 200; c++) {
        const data = await voe.get(`steps-${id}/${c}`);
        data.steps.forEach((records, i) => records.forEach((record) => {
          const found = texts(record).find((t) => t.toLowerCase().includes(wanted));
          if (found === undefined || hits.length >= 200) return;
          const at = found.toLowerCase().indexOf(wanted);
          const place = data.first + i + (data.before ? 0 : 1);
          hits.push({ id, place, step: a.steps[place - 1]?.step ?? 0, event: record.event, snippet: found.slice(Math.max(0, at - 70), at + wanted.length + 70) });
        }));
        if (mine !== round) return null;
      }
      tell(hits.length);
    }
    return { hits, more: hits.length >= 200 };
  };

  const texts = (value) => {
    if (typeof value === "string") return [value];
    return value && typeof value === "object" ? Object.values(value).flatMap(texts) : [];
  };

  /** A snippet with the text in it marked. */
  const marked = (snippet, text) => {
    const at = snippet.toLowerCase().indexOf(text.toLowerCase());
    return at < 0 ? snippet : [snippet.slice(0, at), el("mark", {}, snippet.slice(at, at + text.length)), snippet.slice(at + text.length)];
  };

  voe.search = async (main, text) => {
    const overview = await voe.get("overview");
    const say = el("p", { class: "quiet", id: "count" }, "Searching …");
    main.replaceChildren(el("h1", {}, "Hits"), say);
    voe.where(`“${text}”`);
    const tell = (n) => { say.textContent = voe.visible(`Searching … ${n}`); };
    const found = voe.exported ? await fromDisk(text, overview, tell) : await voe.get("search?q=" + encodeURIComponent(text), true);
    if (!found) return;
    const attempts = new Map([...overview.attempts, ...overview.parts].map((a) => [a.id, a]));
    say.textContent = voe.visible(`${found.hits.length}${found.more ? " or more" : ""} hits for “${text}”, at most five per attempt`);
    main.append(el("ul", { class: "hits" }, found.hits.map((hit) => {
      const a = attempts.get(hit.id);
      const href = hit.place ? `#/attempt/${hit.id}/step/${hit.place}` : `#/attempt/${hit.id}`;
      return el("li", {}, el("a", { class: "find", href }, el("b", {}, a ? `${a.task}, ${a.arm} ${a.trial}` : ""), ` step ${hit.step} `, badge(hit.event, "tool"), el("span", { class: "snippet" }, marked(hit.snippet, text))));
    })));
    voe.items = () => [...main.querySelectorAll("a.find")];
  };
})();
