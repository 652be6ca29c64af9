// Faults of a page's layout that can be found without looking: each of them was seen on a page once.
// `faults` runs in the page and returns a line for each.
export function faults({ touch }) {
  const found = [];
  const shown = element => { const { width, height } = element.getBoundingClientRect(); return width > 0 && height > 0 && getComputedStyle(element).visibility !== 'hidden'; };
  const told = element => `${element.tagName.toLowerCase()}${element.className && typeof element.className === 'string' ? `.${element.className.trim().replace(/\s+/g, '.')}` : ''} “${(element.innerText ?? '').trim().replace(/\s+/g, ' ').slice(0, 60)}”`;
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} px wide on ${width} px`);
  const unseen = element => element.closest('.unseen, [hidden], svg, option, script, style') || (element.closest('details:not([open])') && !element.closest('summary'));
  // A container that scrolls sideways on purpose may be wider inside; nothing else may.
  const scrolls = element => { for (let at = element; at && at !== document.body; at = at.parentElement) if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return true; return false; };
  for (const element of document.querySelectorAll('main *, nav *, header *, aside *')) {
    if (unseen(element) || !shown(element)) continue;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (box.right > width + 1 && !scrolls(element)) found.push(`${told(element)} ends at ${Math.round(box.right)} of ${width} px`);
    // A text that is cut off without a sign of it.
    if (style.overflowX === 'hidden' && element.clientWidth > 1 && style.textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1 && !['pre', 'table'].includes(element.localName)) found.push(`${told(element)} is cut off at ${element.clientWidth} of ${element.scrollWidth} px`);
    // Badges, buttons and times stay in one line.
    if (element.matches('.badge, time, .chip') && box.height > 1.9 * parseFloat(style.lineHeight)) found.push(`${told(element)} breaks over lines`);
    const cell = element.matches('.badge') && element.closest('td');
    if (cell && box.right > cell.getBoundingClientRect().right + 1) found.push(`${told(element)} is cut off by its cell`);
    if (element.matches('.button, button') && element.children.length === 0 && box.height > 2.9 * parseFloat(style.lineHeight)) found.push(`${told(element)} is ${Math.round(box.height)} px high`);
    // A control is large enough for a finger; a link within a sentence is as high as its line (WCAG 2.5.8).
    if (touch && element.matches('button, .button, select, input:not([type=hidden]):not([type=checkbox]):not([type=radio]), summary, nav a, .pager a, .chip') && box.height < 24) found.push(`${told(element)} is ${Math.round(box.height)} px high for a finger`);
  }
  // Cells of a head that a table breaks within a word.
  for (const head of document.querySelectorAll('main thead th')) {
    if (!shown(head) || unseen(head) || head.closest('thead').clientWidth <= 1) continue;
    if (head.scrollWidth > head.clientWidth + 1) found.push(`the head ${told(head)} is ${head.scrollWidth} px wide in ${head.clientWidth} px`);
  }
  return [...new Set(found)].slice(0, 12);
}
