// Copy buttons: a comfort that needs a script. Without one the text is there to be selected, and the buttons stay hidden.
"use strict";
for (const button of document.querySelectorAll("button.copier")) {
  const source = button.parentElement.querySelector("code, pre");
  if (!source || !navigator.clipboard) continue;
  button.hidden = false;
  button.type = "button";
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
