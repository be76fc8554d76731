/** Have the keyboard reach what scrolls sideways, as long as it does. */
export function scrolls(node: HTMLElement): { destroy: () => void } {
  const look = (): void => {
    if (node.scrollWidth > node.clientWidth) node.tabIndex = 0;
    else node.removeAttribute("tabindex");
  };
  const sizes = new ResizeObserver(look);
  const contents = new MutationObserver(look);
  sizes.observe(node);
  contents.observe(node, { childList: true, subtree: true, characterData: true });
  return {
    destroy() {
      sizes.disconnect();
      contents.disconnect();
    },
  };
}
