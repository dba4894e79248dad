// The dialog opens when its HTML has arrived, and gives the focus back when it closes.
let opener = null;
watch("value", () => {
  const dialog = element.querySelector("dialog");
  if (!dialog) return;
  opener = document.activeElement;
  dialog.addEventListener("close", () => {
    if (opener) opener.focus();
    // The same sprite, chosen again, is news then: what does not change is not shown anew.
    props.value = "";
  });
  // A click on what is behind the dialog closes it, as people expect.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
});
// The ways that lead on to other tabs, each an event that its tab listens to.
const moves = ["fuse_first", "fuse_second", "recolour"];
element.addEventListener("click", (event) => {
  const move = event.target.closest("[data-goto]")?.dataset.goto;
  if (!moves.includes(move)) return;
  const dialog = element.querySelector("dialog");
  const sprite = JSON.parse(dialog.dataset.sprite);
  const image = sprite.model ? null : dialog.querySelector(".pg-enlarged").src;
  dialog.close();
  trigger(move, { sprite, image });
});
