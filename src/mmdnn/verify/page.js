"use strict";
const table = document.getElementById("layers"), body = table.tBodies[0];
const rows = Array.from(body.rows), heads = Array.from(table.tHead.rows[0].cells);
const search = document.getElementById("search"), order = document.getElementById("order");
const count = document.getElementById("count");

function key(row, column) {
  const text = row.cells[column].dataset.key, number = Number(text);
  return text === "" || Number.isNaN(number) ? text : number;
}

function sort(column, falling) {
  const sign = falling ? -1 : 1;
  rows.sort((a, b) => {
    const x = key(a, column), y = key(b, column);
    if (typeof x !== typeof y) return typeof x === "number" ? sign : -sign;
    return x < y ? -sign : x > y ? sign : a.dataset.place - b.dataset.place;
  });
  body.append(...rows);
  heads.forEach((head, place) => {
    if (place === column) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  order.value = String(column);
}

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.dataset.text;
    row.hidden = !words.every(word => text.includes(word));
    shown += !row.hidden;
  }
  count.textContent = shown + " of " + rows.length;
}

function begins(column) {
  return heads[column].dataset.first === "descending";
}

heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
  const now = head.getAttribute("aria-sort");
  sort(column, now ? now === "ascending" : begins(column));
}));
order.addEventListener("change", () => sort(Number(order.value), begins(Number(order.value))));
search.addEventListener("input", filter);
window.addEventListener("hashchange", () => {
  const row = document.getElementById(location.hash.slice(1));
  if (row) { search.value = ""; filter(); row.scrollIntoView({block: "center"}); }
});
filter();
