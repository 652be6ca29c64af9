// The key "/" leads to the search, as a comfort; without a script the field is reached by Tab.
"use strict";
document.addEventListener("keydown", event => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  for (const field of document.querySelectorAll("input[type=search]")) {
    if (field.offsetParent === null) continue;
    field.focus();
    event.preventDefault();
    return;
  }
});
