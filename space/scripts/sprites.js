// Sprite buttons open the dialog: what a button stands for goes to the server with its picture,
// where the server could not draw it again.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-sprite]");
  if (!button) return;
  const sprite = JSON.parse(button.dataset.sprite);
  const image = sprite.model ? null : button.querySelector("img").src;
  trigger("select", { sprite, image });
});
