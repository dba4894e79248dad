// Rows: sprites open the dialog, buttons have files packed, the game is handed in, and the
// address of the page follows what is seen.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-sprite], [data-save]");
  if (!button) return;
  if (button.dataset.save) return trigger("download", JSON.parse(button.dataset.save));
  trigger("select", { sprite: JSON.parse(button.dataset.sprite), image: null });
});
element.addEventListener("submit", (event) => {
  event.preventDefault();
  const guesses = [...element.querySelectorAll("[data-guess]")].map((choice) => choice.value);
  trigger("submit", { guesses });
});
// Tabs that are not seen are filled as well; the address is that of the one that is.
function link() {
  const query = element.querySelector("[data-query]")?.dataset.query;
  if (query && element.offsetParent) window.pokeganLink?.(query);
}
watch("value", link);
new IntersectionObserver(link).observe(element);
