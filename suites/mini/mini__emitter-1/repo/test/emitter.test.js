"use strict";

const assert = require("node:assert");
const test = require("node:test");
const { Emitter } = require("../lib/emitter.js");

test("listeners are called in order with the arguments", () => {
  const bus = new Emitter();
  const calls = [];
  bus.on("saved", (name) => calls.push("first " + name));
  bus.on("saved", (name) => calls.push("second " + name));
  bus.emit("saved", "a.txt");
  assert.deepStrictEqual(calls, ["first a.txt", "second a.txt"]);
});

test("emit tells whether anybody listens", () => {
  const bus = new Emitter();
  assert.strictEqual(bus.emit("saved"), false);
  bus.once("saved", () => {});
  assert.strictEqual(bus.emit("saved"), true);
  assert.strictEqual(bus.emit("saved"), false);
});

test("once is called once", () => {
  const bus = new Emitter();
  let calls = 0;
  bus.once("saved", () => calls++);
  bus.emit("saved");
  bus.emit("saved");
  assert.strictEqual(calls, 1);
});

test("off takes one listener off", () => {
  const bus = new Emitter();
  const calls = [];
  const first = () => calls.push("first");
  bus.on("saved", first);
  bus.on("saved", () => calls.push("second"));
  bus.off("saved", first);
  bus.emit("saved");
  assert.deepStrictEqual(calls, ["second"]);
});

test("listener taken off by an earlier one is not called", () => {
  const bus = new Emitter();
  const calls = [];
  const second = () => calls.push("second");
  bus.on("saved", () => bus.off("saved", second));
  bus.on("saved", second);
  bus.emit("saved");
  assert.deepStrictEqual(calls, []);
});

test("clear by a listener silences the rest", () => {
  const bus = new Emitter();
  const calls = [];
  bus.on("saved", () => bus.clear("saved"));
  bus.on("saved", () => calls.push("second"));
  bus.emit("saved");
  assert.deepStrictEqual(calls, []);
});
