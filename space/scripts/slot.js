// A place for a picture: chosen or dropped, it is read here and sent as text, never as a file.
const take = (file) => {
  const input = element.querySelector("input[type=file]");
  const tell = (line) => (element.querySelector(".pg-drop-note").textContent = line);
  if (!file) return;
  tell("");
  if (file.size > Number(input.dataset.limit)) return tell(input.dataset.tooLarge);
  const reader = new FileReader();
  reader.addEventListener("load", () => trigger("upload", { uri: reader.result }));
  reader.addEventListener("error", () => tell("That file cannot be read."));
  reader.readAsDataURL(file);
};
element.addEventListener("change", (event) => {
  if (!event.target.matches("input[type=file]")) return;
  take(event.target.files[0]);
  // So that the same file can be chosen again.
  event.target.value = "";
});
const zone = (event) => event.target.closest?.(".pg-drop");
element.addEventListener("dragover", (event) => {
  if (!zone(event)) return;
  event.preventDefault();
  zone(event).classList.add("pg-over");
});
element.addEventListener("dragleave", (event) => zone(event)?.classList.remove("pg-over"));
element.addEventListener("drop", (event) => {
  if (!zone(event)) return;
  event.preventDefault();
  zone(event).classList.remove("pg-over");
  take(event.dataTransfer.files[0]);
});
