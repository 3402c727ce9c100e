/** A port `distance` above the public one, so that a second installation needs only another PORT; 0, or a sum that is no
 *  port, stays any free one (docs/adr/0005-ports-of-one-process.md). */
export function beside(port: number, distance: number): number {
  return port === 0 || port + distance > 65_535 ? 0 : port + distance;
}

/** The port of a service for services: the known one beside the default public port, else one beside the public port. */
export function rpcPortBeside(publicPort: number, known: number, distance: number): number {
  return publicPort === 8080 ? known : beside(publicPort, distance);
}
