"use strict";

const { read } = require("./read.js");
const { write } = require("./write.js");

module.exports = { read, write };
