// The dialog opens when its HTML has arrived, and gives the focus back when it closes.
let opener = null;
watch("value", () => {
  const dialog = element.querySelector("dialog");
  if (!dialog) return;
  opener = document.activeElement;
  dialog.addEventListener("close", () => opener && opener.focus());
  // A click on what is behind the dialog closes it, as people expect.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
});
element.addEventListener("click", (event) => {
  const move = event.target.closest("[data-goto]");
  if (!move) return;
  element.querySelector("dialog").close();
  trigger("apply", { tab: move.dataset.goto });
});
