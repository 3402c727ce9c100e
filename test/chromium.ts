/** Finds Chromium for the browser tests: CHROMIUM, or the usual names on PATH; as root on Debian it is installed. */
export async function findChromium(): Promise<string> {
  const found = installed();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && Bun.which("apt-get") !== null) {
    console.log("Installing Chromium for the browser tests ...");
    for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"]]) {
      const child = Bun.spawn(["apt-get", "-qq", ...args], {
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
        stdout: "ignore",
        stderr: "inherit",
      });
      if ((await child.exited) !== 0) console.error(`apt-get ${args[0]} failed`);
    }
    const now = installed();
    if (now !== undefined) return now;
  }
  throw new Error("The browser tests need Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM.");
}

function installed(): string | undefined {
  const named = process.env.CHROMIUM;
  if (named !== undefined && named !== "") return named;
  for (const name of ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]) {
    const path = Bun.which(name);
    if (path !== null) return path;
  }
  return undefined;
}
