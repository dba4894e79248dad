// Rows: sprites open the dialog, buttons have files packed, and the game is handed in.
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
