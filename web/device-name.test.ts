import { expect, test } from "bun:test";
import { deviceName } from "./device-name.ts";

test("browsers that name others in their user agent are called by their own name", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
  expect(deviceName(chrome)).toBe("Chrome on Linux");
  expect(deviceName(`${chrome} Edg/140.0.0.0`)).toBe("Edge on Linux");
  const iphone =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1";
  expect(deviceName(iphone)).toBe("Safari on iPhone");
  expect(deviceName("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0")).toBe("Firefox on Android");
  expect(deviceName("curl/8")).toBe("Browser");
});
