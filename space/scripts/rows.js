// Rows: buttons have files packed, and the game is handed in.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-save]");
  if (button) trigger("download", JSON.parse(button.dataset.save));
});
element.addEventListener("submit", (event) => {
  event.preventDefault();
  const guesses = [...element.querySelectorAll("[data-guess]")].map((choice) => choice.value);
  trigger("submit", { guesses });
});
