"use strict";
// Data by key: requested from the server, or, from disk, loaded as scripts that call voeData.
voe.exported = document.documentElement.dataset.mode === "export";
const waiting = new Map();

window.voeData = (key, value) => {
  waiting.get(key)?.(value);
  waiting.delete(key);
};

const load = (key) => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  waiting.set(key, resolve);
  script.src = `data/${key.replace("/", "-")}.js`;
  script.onerror = () => reject(new Error(`data/${key} is missing`));
  script.onload = () => script.remove();
  document.head.append(script);
});

const ask = async (key) => {
  const answer = await fetch(`data/${key}`);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};

// The last few responses: enough for going back and forth, not a whole run.
const kept = new Map();
voe.get = (key, fresh = false) => {
  if (fresh) kept.delete(key);
  if (!kept.has(key)) {
    const promise = voe.exported ? load(key) : ask(key);
    promise.catch(() => kept.delete(key));
    kept.set(key, promise);
    if (kept.size > 40) kept.delete(kept.keys().next().value);
  }
  return kept.get(key);
};
voe.forget = (prefix) => [...kept.keys()].filter((key) => key.startsWith(prefix)).forEach((key) => kept.delete(key));
