"use strict";

const assert = require("node:assert");
const test = require("node:test");
const { read } = require("../lib/index.js");

test("read plain cells", () => {
  assert.deepStrictEqual(read("a,b\nc,d\n"), [["a", "b"], ["c", "d"]]);
});

test("read lines that end in CRLF", () => {
  assert.deepStrictEqual(read("a,b\r\nc,d\r\n"), [["a", "b"], ["c", "d"]]);
});

test("read last line without end", () => {
  assert.deepStrictEqual(read("a,b\nc,d"), [["a", "b"], ["c", "d"]]);
});

test("read comma and quote in quotes", () => {
  assert.deepStrictEqual(read('"a, b","say ""hi"""\n'), [["a, b", 'say "hi"']]);
});

test("read empty cells", () => {
  assert.deepStrictEqual(read(',"",x,\n'), [["", "", "x", ""]]);
});

test("read blank line as a row of one empty cell", () => {
  assert.deepStrictEqual(read("a\n\nb\n"), [["a"], [""], ["b"]]);
});

test("read nothing", () => {
  assert.deepStrictEqual(read(""), []);
});
