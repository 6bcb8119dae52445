"use strict";

const assert = require("node:assert");
const test = require("node:test");
const { write } = require("../lib/index.js");

test("write plain cells without quotes", () => {
  assert.strictEqual(write([["a", 1], ["b c", ""]]), "a,1\nb c,\n");
});

test("write comma and quote in quotes", () => {
  assert.strictEqual(write([["a, b", 'say "hi"']]), '"a, b","say ""hi"""\n');
});
