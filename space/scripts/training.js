// A timeline's slider shows its picture and moves the marks of the curves, all in the browser.
const PAUSE = 700;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const timers = new Map();

const timelineOf = (child) => child.closest(".pg-training").querySelector(".pg-timeline");
const stagesOf = (timeline) => JSON.parse(timeline.dataset.stages);
const sliderOf = (timeline) => timeline.querySelector("input");

function show(timeline, place) {
  const stage = stagesOf(timeline)[place];
  const slider = sliderOf(timeline);
  slider.value = place;
  slider.setAttribute("aria-valuetext", stage.label);
  timeline.querySelector("[data-label]").textContent = stage.label;
  timeline.querySelectorAll("img").forEach((image, i) => (image.hidden = i !== place));
  for (const mark of timeline.closest(".pg-training").querySelectorAll("[data-mark]")) {
    const kimg = Number(mark.closest("svg").dataset.kimg);
    mark.setAttribute("d", `M${Math.min((1000 * stage.kimg) / kimg, 1000).toFixed(1)} 0V1000`);
  }
}

// Others go to their picture next to the same number of images seen.
function go(timeline, place) {
  show(timeline, place);
  const kimg = stagesOf(timeline)[place].kimg;
  if (kimg === null || !element.querySelector("[data-together]")?.checked) return;
  for (const other of element.querySelectorAll(".pg-timeline")) {
    if (other === timeline) continue;
    const far = stagesOf(other).map((stage) => Math.abs(Math.log((stage.kimg + 0.01) / (kimg + 0.01))));
    show(other, far.indexOf(Math.min(...far)));
  }
}

function stop(timeline) {
  window.clearInterval(timers.get(timeline));
  timers.delete(timeline);
  const button = timeline.querySelector("[data-play]");
  button.textContent = calm.matches ? "Next" : "Play";
}

function play(timeline) {
  const slider = sliderOf(timeline);
  const last = Number(slider.max);
  const next = () => (Number(slider.value) >= last ? 0 : Number(slider.value) + 1);
  if (calm.matches) {
    go(timeline, next());
    return link();
  }
  if (timers.has(timeline)) {
    stop(timeline);
    return link();
  }
  timeline.querySelector("[data-play]").textContent = "Stop";
  go(timeline, next());
  const timer = window.setInterval(() => {
    if (!timeline.isConnected) return window.clearInterval(timer);
    go(timeline, next());
    if (Number(slider.value) === last) {
      stop(timeline);
      link();
    }
  }, PAUSE);
  timers.set(timeline, timer);
}

// The page's address follows while this tab is seen.
function link() {
  const query = element.querySelector("[data-query]")?.dataset.query;
  if (!query) return;
  const timeline = element.querySelector(".pg-timeline");
  const step = timeline ? `&step=${stagesOf(timeline)[sliderOf(timeline).value].step}` : "";
  window.pokeganLink?.(query + step, element);
}

element.addEventListener("input", (event) => {
  if (event.target.type !== "range") return;
  const timeline = timelineOf(event.target);
  if (timers.has(timeline)) stop(timeline);
  go(timeline, Number(event.target.value));
});
element.addEventListener("change", (event) => {
  if (event.target.type === "range") link();
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play], button[data-part]");
  if (!button) return;
  if (button.dataset.play !== undefined) return play(timelineOf(button));
  const parts = {};
  for (const section of element.querySelectorAll("[data-model]")) {
    parts[section.dataset.model] = section.dataset.part;
  }
  parts[button.closest("[data-model]").dataset.model] = button.dataset.part;
  trigger("select", { parts });
});
watch("value", () => {
  element.querySelectorAll(".pg-timeline").forEach(stop);
  link();
});
