// Heads of tables sort the models below them; the address of the page follows the first table.
const rankOf = (cell) => (cell?.dataset.rank === undefined ? null : Number(cell.dataset.rank));

function sort(table, head, reverse) {
  const body = table.querySelector("[data-models]");
  const heads = [...table.querySelectorAll("thead th")];
  const column = heads.indexOf(head);
  const byName = head.dataset.better === "names";
  const rows = [...body.rows].sort((one, other) => {
    const [a, b] = [one.cells[column], other.cells[column]];
    if (byName) return a.textContent.localeCompare(b.textContent) * (reverse ? -1 : 1);
    const [rankA, rankB] = [rankOf(a), rankOf(b)];
    // Without a value, a model stands last in either order.
    if (rankA === null || rankB === null) return (rankA === null) - (rankB === null);
    return (rankB - rankA) * (reverse ? -1 : 1);
  });
  body.append(...rows);
  heads.forEach((each) => each.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", orderOf(head.dataset.better, reverse));
  head.toggleAttribute("data-reversed", reverse);
}

// How the values run where the best stand first.
function orderOf(better, reverse) {
  if (better === "real") return "other";
  return (better === "higher") !== reverse ? "descending" : "ascending";
}

function link() {
  const shown = element.querySelector("[data-query]");
  if (!shown) return;
  const { sort: key, reverse } = shown.dataset;
  const order = key ? `&sort=${encodeURIComponent(key)}${reverse === undefined ? "" : "&reverse=1"}` : "";
  window.pokeganLink?.(shown.dataset.query + order, element);
}

element.addEventListener("click", (event) => {
  const head = event.target.closest("th[data-key] button")?.parentElement;
  if (!head) return;
  const sorted = head.getAttribute("aria-sort") !== "none";
  const reverse = sorted && !head.hasAttribute("data-reversed");
  sort(head.closest("table"), head, reverse);
  if (head.closest("details")) return;
  const shown = element.querySelector("[data-query]");
  shown.dataset.sort = head.dataset.key;
  if (reverse) shown.dataset.reverse = "";
  else delete shown.dataset.reverse;
  link();
});
watch("value", () => {
  const { sort: key, reverse } = element.querySelector("[data-query]")?.dataset ?? {};
  for (const head of key ? element.querySelectorAll("th[data-key]") : []) {
    const table = head.closest("table");
    if (head.dataset.key === key && !head.closest("details")) sort(table, head, reverse !== undefined);
  }
  link();
});
