import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes an authority and a certificate of it for this machine by loopback address, by openssl. For tests. */
export async function makeTlsFiles(dir: string): Promise<TlsFiles> {
  await mkdir(dir, { recursive: true });
  const at = (name: string): string => join(dir, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const authority = ["-days", "2", "-subj", "/CN=gochat test authority"];
  await openssl(["req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), ...authority]);
  await openssl(["req", ...key, "-keyout", at("key.pem"), "-out", at("request.pem"), "-subj", "/CN=gochat service"]);
  await writeFile(at("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  const signing = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2"];
  const request = ["-req", "-in", at("request.pem"), "-out", at("cert.pem"), "-extfile", at("names")];
  await openssl(["x509", ...request, ...signing]);
  return { ca: at("ca.pem"), cert: at("cert.pem"), key: at("key.pem") };
}

async function openssl(args: readonly string[]): Promise<void> {
  const child = Bun.spawn(["openssl", ...args], { stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`openssl ${args.join(" ")}: ${said}`);
}
