// A picture as large as the window; Escape or a click closes it.

import { element } from "./dom.js";

/** Open it; `address` is one of this page, or the promise of one. */
export function openPicture(address, name) {
  const picture = element("img", { alt: name });
  const shown = element("dialog", { className: "lightbox", ariaLabel: name }, picture);
  shown.append(element("p", {}, name));
  shown.onclick = () => shown.close();
  shown.onclose = () => shown.remove();
  document.body.append(shown);
  shown.showModal();
  Promise.resolve(address).then(
    (found) => {
      picture.src = found;
    },
    () => shown.close(),
  );
}
