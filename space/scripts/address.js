// The address of the page follows what this element shows, once it is seen.
const link = () => {
  const query = element.querySelector("[data-query]")?.dataset.query;
  if (query) window.pokeganLink?.(query, element);
};
watch("value", link);
new IntersectionObserver(link).observe(element);
