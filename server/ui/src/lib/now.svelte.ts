/** The present, once a second, while somebody looks at the page. */

export const now = $state({ at: new Date() });

setInterval(() => {
  if (!document.hidden) now.at = new Date();
}, 1000);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) now.at = new Date();
});
