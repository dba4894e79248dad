// What the server has packed is saved as soon as it is there.
watch("value", () => element.querySelector("a")?.click());
