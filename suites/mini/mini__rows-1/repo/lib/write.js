"use strict";

// CSV from rows of cells, each line ended by \n.
function write(rows) {
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}

function cell(value) {
  const text = String(value);
  if (!/[",]/.test(text)) {
    return text;
  }
  return '"' + text.replace(/"/g, '""') + '"';
}

module.exports = { write };
