// A tab is filled when it is first seen, unless the page's link, which names it, fills it.
const tab = element.closest(".block").id;
let asked = new URLSearchParams(window.location.search).get("tab") === tab;
new IntersectionObserver((entries) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  if (!asked) trigger("focus");
  asked = true;
  link();
}).observe(element);
