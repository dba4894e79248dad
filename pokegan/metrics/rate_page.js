// Marks by keys. Gradio runs this function once, when the page is there.
() => {
  const ARROWS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  const groups = () => [...document.querySelectorAll("#questions fieldset")];
  const isMarked = (group) => group.querySelector("input:checked") !== null;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const focused = document.activeElement;
    if (/^[1-5]$/.test(event.key)) {
      // The question that the person went to with Tab, else the first that is open.
      const group =
        groups().find((one) => one.contains(focused)) ?? groups().find((one) => !isMarked(one));
      if (!group) return;
      group.querySelector(`input[value="${event.key}"]`).click();
      // The next key is for the next question.
      document.activeElement.blur();
    } else if (focused.matches("#questions input") && event.key in ARROWS) {
      // Gradio gives each button of a question a name of its own, so the browser cannot do this.
      const inputs = [...focused.closest("fieldset").querySelectorAll("input")];
      const next = inputs[inputs.indexOf(focused) + ARROWS[event.key]];
      next?.focus();
      next?.click();
      event.preventDefault();
    } else if (event.key === "Enter" && !focused.matches("button, a")) {
      document.querySelector("#next:not([disabled])")?.click();
    }
  });
}
