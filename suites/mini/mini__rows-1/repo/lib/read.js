"use strict";

// Rows of cells from CSV. Lines end in \n or \r\n, the last one may go without.
function read(text) {
  const lines = text.split(/\r?\n/);
  if (lines[lines.length - 1] === "") {
    lines.pop();
  }
  return lines.map(cells);
}

function cells(line) {
  const found = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const char = line[i];
    if (quoted) {
      if (char !== '"') {
        cell += char;
      } else if (line[i + 1] === '"') {
        cell += '"';
        i++;
      } else {
        quoted = false;
      }
    } else if (char === '"') {
      quoted = true;
    } else if (char === ",") {
      found.push(cell);
      cell = "";
    } else {
      cell += char;
    }
  }
  found.push(cell);
  return found;
}

module.exports = { read };
