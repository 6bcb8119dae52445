"use strict";

const { wait } = require("./wait.js");

async function retry(work, options = {}) {
  const times = options.times || 3;
  const sleep = options.sleep || wait;
  let delay = options.delay || 100;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= times) {
        throw error;
      }
    }
    await sleep(delay);
    delay *= 2;
  }
}

module.exports = { retry };
