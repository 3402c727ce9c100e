import { exitCodes, StartError } from "../host/start-error.ts";

/** Mutual TLS between services: each shows a certificate of the authority and asks for one. PEM texts. */
export interface RpcTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RpcTlsFiles {
  readonly enabled: boolean;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** The texts of the configured files; undefined when it is switched off. Throws StartError (78) for a file that cannot be
 *  read or holds no PEM. */
export function readRpcTls(files: RpcTlsFiles, readFile: (path: string) => string): RpcTls | undefined {
  if (!files.enabled) return undefined;
  const text = (name: "ca" | "cert" | "key"): string => {
    const path = files[name] ?? "";
    let pem: string;
    try {
      pem = readFile(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StartError(`rpc.tls.${name}: ${path} cannot be read (${reason}).`, exitCodes.config, { cause: error });
    }
    if (!pem.includes("-----BEGIN "))
      throw new StartError(`rpc.tls.${name}: ${path} is no PEM file.`, exitCodes.config);
    return pem;
  };
  return { ca: text("ca"), cert: text("cert"), key: text("key") };
}
