"use strict";

const assert = require("node:assert");
const test = require("node:test");
const { retry } = require("../lib/retry.js");

// Runs work that always fails and tells how it was treated.
async function failing(options) {
  const seen = { calls: 0, waits: [] };
  const sleep = async (milliseconds) => {
    seen.waits.push(milliseconds);
  };
  await assert.rejects(
    retry(async () => {
      seen.calls += 1;
      throw new Error("no " + seen.calls);
    }, { ...options, sleep }),
    (error) => error.message === "no " + seen.calls,
  );
  return seen;
}

test("result of the first success", async () => {
  const result = await retry(async (attempt) => {
    if (attempt < 2) throw new Error("not yet");
    return attempt;
  }, { sleep: async () => {} });
  assert.strictEqual(result, 2);
});

test("defaults", async () => {
  assert.deepStrictEqual(await failing({}), { calls: 4, waits: [100, 200, 400] });
});

test("times and delay given", async () => {
  assert.deepStrictEqual(await failing({ times: 2, delay: 5 }), { calls: 3, waits: [5, 10] });
});

test("null is the same as leaving it out", async () => {
  assert.deepStrictEqual(await failing({ times: null, delay: null }), { calls: 4, waits: [100, 200, 400] });
});
