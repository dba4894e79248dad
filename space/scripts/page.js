// For the whole page: buttons that copy, and the address that restores what is seen.
() => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-link]");
    if (!button) return;
    const text = button.dataset.copy ?? window.location.href;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages without https have no clipboard but this old way.
      const field = document.createElement("textarea");
      field.value = text;
      (button.closest("dialog") ?? document.body).append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    const caption = button.textContent;
    button.textContent = "Copied";
    window.setTimeout(() => (button.textContent = caption), 1500);
  });
  // A tab that shows something new gives the page's address the query that restores it. Tabs that are
  // not seen are filled as well; the address is that of the one that is.
  window.pokeganLink = (query, element) => {
    if (!element.offsetParent) return;
    window.history.replaceState(null, "", query);
    // The Hub shows Spaces in a frame, and takes the address of the frame's page from it.
    if (window.parent !== window) {
      window.parent.postMessage({ queryString: query.slice(1) }, "https://huggingface.co");
    }
  };
}
