"use strict";

class Emitter {
  constructor() {
    this.entries = new Map(); // name of the event to [{ listener, once }]
  }

  on(name, listener) {
    this.add(name, { listener, once: false });
  }

  // Like `on`, for the next event only.
  once(name, listener) {
    this.add(name, { listener, once: true });
  }

  add(name, entry) {
    if (!this.entries.has(name)) {
      this.entries.set(name, []);
    }
    this.entries.get(name).push(entry);
  }

  off(name, listener) {
    const list = this.entries.get(name) || [];
    const index = list.findIndex((entry) => entry.listener === listener);
    if (index >= 0) {
      list.splice(index, 1);
    }
  }

  // Takes all listeners of an event off.
  clear(name) {
    const list = this.entries.get(name) || [];
    list.length = 0;
  }

  emit(name, ...args) {
    const list = this.entries.get(name) || [];
    const heard = list.length > 0;
    for (const entry of list) {
      if (entry.once) {
        this.off(name, entry.listener);
      }
      entry.listener(...args);
    }
    return heard;
  }
}

module.exports = { Emitter };
