// Copy and print buttons: a comfort that needs a script. Without one the text is there to be selected, and the buttons stay hidden.
"use strict";
for (const button of document.querySelectorAll("button.copier")) {
  const all = button.dataset.all;
  const sources = all ? [...document.querySelectorAll(all)] : [...button.parentElement.querySelectorAll("code, pre")].slice(0, 1);
  if (sources.length === 0 || !navigator.clipboard) continue;
  button.hidden = false;
  button.type = "button";
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(sources.map(source => source.textContent).join("\n"));
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
for (const button of document.querySelectorAll("button.printer")) {
  button.hidden = false;
  button.type = "button";
  button.addEventListener("click", () => window.print());
}
