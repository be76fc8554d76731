/** Have something done once a writer pauses. */
export function soon(does: (text: string) => void, pauseMs = 200): (text: string) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => does(text), pauseMs);
  };
}
